"""What a new report says again is the same object as before: 50,000 snapshots are kept once, and compared in a moment.

A source that keeps long lists from one refresh to the next does the same with them (``shared_facts``). Without that it would
keep the new ones, and the board the old ones.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from . import cached, group_index
from .facts import Archive, BackupGroup, Dump, Fact, FactT, Snapshot, Task
from .report import Reading, Report


def shared(new: Report, previous: Report | None) -> Report:
    """``new``, with the facts of ``previous`` where they are equal."""
    if previous is None:
        return new
    old = {reading.scope: reading for reading in previous.readings}
    same = replace(new, readings=tuple(_reading(reading, old.get(reading.scope)) for reading in new.readings))
    cached.hand_on(previous, same)
    group_index.hand_on(previous, same)
    return same


def _reading(new: Reading, old: Reading | None) -> Reading:
    if old is None or new.facts is old.facts:
        return new
    return replace(new, facts=shared_facts(new.facts, old.facts))


def shared_facts(new: tuple[FactT, ...], old: tuple[Fact, ...]) -> tuple[FactT, ...]:
    """``new``, with the objects of ``old`` where they are equal; ``old`` itself where all of them are, in the same order."""
    if new and _name(new[0]) is None and new == old:
        # Jobs, storages and guests: they have no name here, so each is looked for in its place.
        return cast("tuple[FactT, ...]", old)
    known = {_name(fact): fact for fact in old}
    facts = tuple([cast("FactT", _fact(fact, known.get(_name(fact)))) for fact in new])
    same = len(facts) == len(old) and all(map(_is, facts, old))
    return cast("tuple[FactT, ...]", old) if same else facts


class KnownFacts:
    """What was said before, for rows that are read one by one: what is said again is the known object at once.

    Else a list of 50,000 rows would be in memory twice until it is complete. What is kept for long would lie between what is
    freed soon, and the process would not get smaller again.
    """

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._facts = {name: fact for fact in facts if (name := _name(fact)) is not None}
        self._snapshots: dict[tuple[str, str], Mapping[datetime, Snapshot]] = {}

    def same(self, new: FactT) -> FactT:
        """The known fact where it is equal, else the new one."""
        old = self._facts.get(_name(new))
        return cast("FactT", old) if old == new else new

    def snapshot(self, group: tuple[str, str], new: Snapshot) -> Snapshot:
        """The same for a snapshot of a group, which is called by its type and id."""
        old = self._of_group(group).get(new.time)
        return old if old is not None and old == new else new

    def _of_group(self, name: tuple[str, str]) -> Mapping[datetime, Snapshot]:
        group = self._facts.get(name)
        if not isinstance(group, BackupGroup):
            return {}
        if name not in self._snapshots:
            self._snapshots[name] = _by_time(group.snapshots)
        return self._snapshots[name]


def _is(one: Fact, other: Fact) -> bool:
    return one is other


def _name(fact: Fact) -> Hashable:
    """What a fact of a long list is called; None for any other fact."""
    if isinstance(fact, Task):
        return fact.upid
    if isinstance(fact, BackupGroup):
        return fact.type, fact.id
    if isinstance(fact, Dump):
        return fact.id
    if isinstance(fact, Archive):
        return fact.vmid, fact.time
    return None


def _fact(new: Fact, old: Fact | None) -> Fact:
    if type(new) is not type(old) or old is None:
        return new
    if new == old:
        return old
    if isinstance(new, BackupGroup) and isinstance(old, BackupGroup):
        return replace(new, snapshots=_snapshots(new.snapshots, old.snapshots))
    return new


def _snapshots(new: Sequence[Snapshot], old: Sequence[Snapshot]) -> tuple[Snapshot, ...]:
    known = _by_time(old)
    return tuple(same if (same := known.get(each.time)) == each and same is not None else each for each in new)


def _by_time(snapshots: Iterable[Snapshot]) -> dict[datetime, Snapshot]:
    return {snapshot.time: snapshot for snapshot in snapshots}
