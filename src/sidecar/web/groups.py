"""More rows than a page shows: what needs attention stays in sight, the rest is in groups that open. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

from sidecar.core.model import State

from .rows import MOST_ROWS, Row, is_calm
from .words import TimedText

T = TypeVar("T")

#: The longest piece of a name that stands in the name of a range.
LONGEST_NAME = 40

#: Nothing is wrong and nothing is to do, but it is worth a line while the page has room for it.
_UNDER_WAY = frozenset({State.LATE, State.RUNNING})


@dataclass(frozen=True, slots=True)
class Range(Generic[T]):
    """Neighbours by name, and the names of the first and the last of them, cut where they are long."""

    first: str
    last: str
    members: tuple[T, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All rows of one state that are not in sight.

    Attributes:
        more: other rows of this state are in sight.
        words: what is true of all its rows.
        ranges: no longer than a page; several are by name, one alone is in the order of the board.
    """

    state: State
    more: bool
    words: TimedText | None
    ranges: tuple[Range[Row], ...]

    @property
    def count(self) -> int:
        """The number of its rows."""
        return sum(len(each.members) for each in self.ranges)


@dataclass(frozen=True, slots=True)
class Grouped:
    """Every row once: those in sight, worst first, and the others in groups, worst first."""

    in_sight: tuple[Row, ...]
    groups: tuple[Group, ...] = ()


def grouped(rows: Sequence[Row], *, stale: bool = False, calm_first: bool = False) -> Grouped:
    """What a page of ``rows``, worst first, shows of them; all of them when it has room.

    Args:
        stale: the page says at its top why everything is unknown, so nothing of that is a row's own.
        calm_first: rows without a problem are in sight too, as far as there is room.
    """
    if len(rows) <= MOST_ROWS:
        return Grouped(tuple(rows))
    under_way = sum(row.state in _UNDER_WAY for row in rows)
    urgent = {place for place, row in enumerate(rows) if not _is_quiet(row, stale=stale)}
    room = MOST_ROWS - len(urgent)
    seen = urgent
    if under_way <= room:
        seen = seen | {place for place, row in enumerate(rows) if row.state in _UNDER_WAY}
        room -= under_way
    if calm_first and room > 0:
        seen = seen | set([place for place in range(len(rows)) if place not in seen][:room])
    in_sight = tuple(row for place, row in enumerate(rows) if place in seen)
    others = [row for place, row in enumerate(rows) if place not in seen]
    return Grouped(in_sight, tuple(_groups(others, {row.state for row in in_sight}, stale=stale)))


def ranges(items: Sequence[T], name: Callable[[T], str], most: int = MOST_ROWS) -> tuple[Range[T], ...]:
    """All items in as few ranges of at most ``most`` as it takes, equally long: by name where there are several."""
    if not items:
        return ()
    number = -(-len(items) // most)
    ordered = sorted(items, key=lambda item: name(item).casefold()) if number > 1 else items
    edges = [place * len(ordered) // number for place in range(number + 1)]
    parts = [tuple(ordered[start:end]) for start, end in pairwise(edges)]
    return tuple(Range(_cut(name(part[0])), _cut(name(part[-1])), part) for part in parts)


def _is_quiet(row: Row, *, stale: bool) -> bool:
    return is_calm(row) or row.state in _UNDER_WAY or (stale and row.state is State.UNKNOWN)


def _groups(rows: Sequence[Row], in_sight: set[State], *, stale: bool) -> Iterator[Group]:
    for state in State:
        mine = [row for row in rows if row.state is state]
        if mine:
            words = _true_of_all(mine, stale=stale)
            yield Group(state=state, more=state in in_sight, words=words, ranges=ranges(mine, lambda row: row.name))


def _true_of_all(rows: Sequence[Row], *, stale: bool) -> TimedText | None:
    """Why all of them are unknown; for other states how long ago the oldest of their last backups was."""
    if rows[0].state is State.UNKNOWN:
        reasons = {row.reason for row in rows}
        return TimedText(reason) if not stale and len(reasons) == 1 and (reason := reasons.pop()) else None
    known = [row.last for row in rows if row.last is not None]
    if not known:
        return None
    oldest = min(known, key=lambda moment: moment.iso)
    return TimedText("oldest last backup" if len(known) == len(rows) else "oldest last backup that is known", oldest)


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
