"""What follows from a report alone, made once for it: the board is judged every minute, mostly from the same reports."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import wraps
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

from .report import BY_KIND, BY_PREFIX, BY_SCOPE, FactsByKind, Reading, Report, Scope

V = TypeVar("V")
K = TypeVar("K", bound=Hashable)

_NOT_MADE = object()

#: What follows from the times of readings too, by how it is made.
_WITH_TIMES: set[object] = set()

#: What follows from the facts of some scopes alone, by how it is made.
_OF_SCOPES: dict[object, frozenset[str]] = {}

#: What was made last of single members (see LastMade), by how it is made.
_LAST_MADE: set[object] = set()


class LastMade(Generic[K, V]):
    """What was made last of each of many, by name; whoever takes it looks whether it still holds.

    What no board of a report kept, made anew or as it was, is forgotten with the next report.
    """

    def __init__(self, before: Mapping[K, V] = MappingProxyType({})) -> None:
        self._before = dict(before)
        self._made: dict[K, V] = {}

    def get(self, name: K) -> V | None:
        """What was made of it last; None where nothing was."""
        made = self._made.get(name)
        return self._before.get(name) if made is None else made

    def keep(self, name: K, made: V) -> V:
        """Keeps what was made of it now."""
        self._before.pop(name, None)
        self._made[name] = made
        return made

    def next(self) -> LastMade[K, V]:
        """The same for the next report."""
        return LastMade(self._made or self._before)


def cached(make: Callable[[Report], V]) -> Callable[[Report], V]:
    """Keeps in the report what ``make`` gives for it.

    It is never out of date: a report doesn't change. What is made of it may depend on nothing else, and nobody may
    change it.
    """

    @wraps(make)
    def look_up(report: Report) -> V:
        made = report.derived.get(make, _NOT_MADE)
        if made is _NOT_MADE:
            made = report.derived[make] = make(report)
        return cast("V", made)

    return look_up


def cached_with_times(make: Callable[[Report], V]) -> Callable[[Report], V]:
    """The same for what follows from the times of readings too: made anew for a report that says the same, only later."""
    _WITH_TIMES.add(make)
    return cached(make)


def cached_of(*scopes: str) -> Callable[[Callable[[Report], V]], Callable[[Report], V]]:
    """The same for what follows from the facts of some scopes alone (their first words): the next report's, where they say
    the same again, whatever else it says.
    """

    def register(make: Callable[[Report], V]) -> Callable[[Report], V]:
        _OF_SCOPES[make] = frozenset(scopes)
        return cached(make)

    return register


def last_made(make: Callable[[Report], LastMade[K, V]]) -> Callable[[Report], LastMade[K, V]]:
    """The same for what was made last of single members: handed on to the next report, whatever that one says."""
    _LAST_MADE.add(make)
    return cached(make)


def hand_on(before: Report, after: Report) -> None:
    """What was made for a report from the facts of some scopes is taken for the next one, where those say the same.

    Facts that are the same are the same objects (shared.py). The order of the scopes counts: of two that say something of
    one thing, the first may be asked.
    """
    _hand_on_kinds(before, after)
    for key in _LAST_MADE & before.derived.keys():
        after.derived[key] = cast("LastMade[Any, Any]", before.derived[key]).next()
    made = [(key, scopes) for key, scopes in _OF_SCOPES.items() if key in before.derived]
    if not made:
        return
    old, new = _by_first_word(before), _by_first_word(after)
    other = {word for word in old.keys() | new.keys() if not _same(old.get(word, ()), new.get(word, ()))}
    after.derived.update({key: before.derived[key] for key, scopes in made if scopes.isdisjoint(other)})


def _hand_on_kinds(before: Report, after: Report) -> None:
    """The facts by kind of the readings that say the same. A copy: each report adds to its own."""
    known = dict(cast("dict[Scope, FactsByKind]", before.derived.get(BY_KIND, {})))
    facts = {reading.scope: reading.facts for reading in after.readings}
    after.derived[BY_KIND] = {scope: kinds for scope, kinds in known.items() if facts.get(scope) is kinds[0]}


def _by_first_word(report: Report) -> dict[str, list[Reading]]:
    by_word: dict[str, list[Reading]] = {}
    for reading in report.readings:
        by_word.setdefault(reading.scope[0], []).append(reading)
    return by_word


def _same(old: Sequence[Reading], new: Sequence[Reading]) -> bool:
    if len(old) != len(new):
        return False
    return all(one.scope == other.scope and one.facts is other.facts for one, other in zip(old, new, strict=True))


def carry_over(before: Report, after: Report) -> None:
    """What was made for a report is taken for one that says the same, only later."""
    _hand_on_kinds(before, after)
    others = _WITH_TIMES | {BY_SCOPE, BY_PREFIX, BY_KIND}
    after.derived.update({key: made for key, made in before.derived.items() if key not in others})
