"""Parts that are called alike protect the same service: a guest, a database, a Backrest plan, a backup group.

Careful, for nobody confirms it: names must be equal but for case, separators, a last word such as "-db" and a number, and
of each kind there may be only one. Whatever is in doubt stays apart.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from sidecar.core.ids import GroupKey
from sidecar.core.model import PartKind
from sidecar.core.value import value

from .part import Part

#: What stands between the words of a name.
_SEPARATORS = re.compile(r"[-_. ]+")

#: Last words that say what something is and not what it is for.
_KINDS = frozenset({"db", "database", "vm", "ct", "lxc"})

#: A number at the end, as a word of its own: "nextcloud-01".
_NUMBER = re.compile(r"[0-9]{1,4}")

#: Whose name a service gets, the first first.
_LEADS = (PartKind.GUEST, PartKind.PLAN, PartKind.DATABASE)


@value()
class Named:
    """A name as it is compared. ``number``: what stood at its end, None where there is none."""

    word: str
    number: int | None = None


@value()
class Grouped:
    """Parts by their names.

    Attributes:
        together: each tuple is one service, its lead first.
        doubtful: parts that are called alike, and of which more than one could be meant; they are alone as well.
        alone: all that are in no tuple of ``together``.
    """

    together: tuple[tuple[Part, ...], ...]
    doubtful: tuple[tuple[Part, ...], ...]
    alone: tuple[Part, ...]


def grouped(parts: Iterable[Part]) -> Grouped:
    """Puts together what is called alike."""
    every = list(parts)
    together, doubtful = [], []
    for alike in _alike(every):
        if len({part.kind for part in alike}) == len(alike):
            together.append(tuple(sorted(alike, key=lambda part: _LEADS.index(part.kind))))
        else:
            doubtful.append(tuple(alike))
    taken = {(part.kind, part.full_ref) for group in together for part in group}
    alone = [part for part in every if (part.kind, part.full_ref) not in taken] if taken else every
    return Grouped(tuple(together), tuple(doubtful), tuple(alone))


def _alike(parts: Iterable[Part]) -> Iterable[list[Part]]:
    """Two at least that are called alike. A number may be missing, but two numbers are two things."""
    first: dict[str, Part] = {}
    several: dict[str, list[Part]] = {}  # nearly all words are those of one part
    for part in parts:
        named = name_of(part)
        if named is not None and (other := first.setdefault(named.word, part)) is not part:
            several.setdefault(named.word, [other]).append(part)
    for word in first if several else ():
        yield from (alike for alike in _without_doubt(several.get(word, ())) if len(alike) > 1)


def _without_doubt(parts: Iterable[Part]) -> Iterable[list[Part]]:
    by_number: dict[int | None, list[Part]] = defaultdict(list)
    for part in parts:
        named = name_of(part)
        by_number[named.number if named is not None else None].append(part)
    if len(by_number) == 1 or len(by_number.keys() - {None}) > 1:
        return by_number.values()
    return [[part for those in by_number.values() for part in those]]


def name_of(part: Part) -> Named | None:
    """What it is called by itself; None where nobody gave it a name."""
    match part.kind:
        case PartKind.DATABASE:
            return named(part.ref.partition("/")[2] or part.ref)
        case PartKind.PLAN:
            return named(part.ref)
        case PartKind.GUEST if "/" in part.ref:
            return _name_of_group(part)
        case _:
            return None if part.name == f"guest {part.ref}" else named(part.name)


def _name_of_group(part: Part) -> Named | None:
    """A host's group has its name; that of a guest has only a number, unless a comment tells more."""
    try:
        key = GroupKey.parse(part.ref)
    except ValueError:
        return named(part.name)
    if part.name != f"{key.type}/{key.id}":
        return named(part.name)
    return named(key.id) if key.type == "host" else None


@lru_cache(maxsize=32_768)
def named(text: str) -> Named | None:
    """The name as it is compared; None where nothing is left of it."""
    words = [word for word in _SEPARATORS.split(text.strip().casefold()) if word]
    number = int(words.pop()) if len(words) > 1 and _NUMBER.fullmatch(words[-1]) else None
    if len(words) > 1 and words[-1] in _KINDS:
        words.pop()
    return Named("".join(words), number) if words else None
