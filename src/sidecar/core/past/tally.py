"""How many of what was due became what: the occurrences of a stretch of time, counted by what became of each."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from operator import add

from sidecar.core.history.verdict_log import FinalState
from sidecar.core.model import State, worst
from sidecar.core.value import value


class OccurrenceState(StrEnum):
    """What became of something that was due. Every occurrence is exactly one of these."""

    KEPT = "kept"
    KEPT_LATE = "kept_late"
    MISSED = "missed"
    FAILED = "failed"
    PAUSED = "paused"
    SKIPPED = "skipped"
    NOT_OBSERVED = "not_observed"
    OPEN = "open"
    """It is due, and not decided yet: another run may still answer it."""


_ORDER = tuple(OccurrenceState)
_PLACES = {state: place for place, state in enumerate(_ORDER)}

#: Worst first. What is open ranks by how it stands at present.
_RANK: dict[OccurrenceState, int] = {
    OccurrenceState.FAILED: 0,
    OccurrenceState.MISSED: 2,
    OccurrenceState.NOT_OBSERVED: 4,
    OccurrenceState.KEPT_LATE: 9,
    OccurrenceState.KEPT: 10,
    OccurrenceState.SKIPPED: 12,
    OccurrenceState.PAUSED: 13,
}
_RANK_OF_OPEN: dict[State | None, int] = {
    State.FAILED: 1,
    State.MISSED: 3,
    State.NEVER: 3,
    State.UNKNOWN: 5,
    State.WARNING: 6,
    State.LATE: 7,
    State.RUNNING: 8,
    None: 8,
    State.OK: 11,
    State.DISABLED: 14,
}


@value()
class Tally:
    """The occurrences of a day or of more, by what became of them.

    Attributes:
        counts: how many of each state, in the order of OccurrenceState.
        present: how those that are open stand, the worst of it; None where none is open, or nothing is known of them.
    """

    counts: tuple[int, ...] = (0,) * len(_ORDER)
    present: State | None = None

    def of(self, state: OccurrenceState) -> int:
        """How many became that."""
        return self.counts[_PLACES[state]]

    @property
    def due(self) -> int:
        """All of them."""
        return sum(self.counts)

    @property
    def promised(self) -> int:
        """All but what the owner paused and what a clock change skipped."""
        return self.due - self.of(OccurrenceState.PAUSED) - self.of(OccurrenceState.SKIPPED)

    @property
    def decided(self) -> int:
        """Those promised that nothing can change any more."""
        return self.promised - self.of(OccurrenceState.OPEN)

    @property
    def kept(self) -> int:
        """Those that have their good run, in time or late."""
        return self.of(OccurrenceState.KEPT) + self.of(OccurrenceState.KEPT_LATE)

    @property
    def worst(self) -> OccurrenceState | None:
        """The worst that became of any; None where nothing was due."""
        there = (state for state, count in zip(_ORDER, self.counts, strict=True) if count)
        return min(there, key=self._rank, default=None)

    def _rank(self, state: OccurrenceState) -> int:
        return _RANK_OF_OPEN[self.present] if state is OccurrenceState.OPEN else _RANK[state]

    def __add__(self, other: Tally) -> Tally:
        present = [state for state in (self.present, other.present) if state is not None]
        counts = tuple(map(add, self.counts, other.counts))
        return _tally(counts, worst(present) if present else None)


NOTHING = Tally()


def decided(state: FinalState) -> Tally:
    """One occurrence that became that."""
    return _single(OccurrenceState(state.value), None)


def still_open(present: State | None) -> Tally:
    """One occurrence that is not decided yet, and stands like that."""
    return _single(OccurrenceState.OPEN, present)


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    return sum(tallies, NOTHING)


@lru_cache(maxsize=64)
def _single(state: OccurrenceState, present: State | None) -> Tally:
    return _tally(tuple(int(each is state) for each in _ORDER), present)


@lru_cache(maxsize=4096)
def _tally(counts: tuple[int, ...], present: State | None) -> Tally:
    """Kept: a year of a house consists of few different days."""
    return Tally(counts, present)
