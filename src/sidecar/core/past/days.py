"""Day by day, what became of all that a service was promised: from records and from what is not decided yet. Pure.

Nothing is judged here: what was decided stands in the records, and what is open stands as it was judged last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from sidecar.core.history.verdict_log import ExpectationKey, ObservationGap
from sidecar.core.schedules.local_day import midnight
from sidecar.core.value import value

from .longest_gap import LongestGap, longest_gap
from .members import ServiceMembers
from .past_day import PastDay
from .tally import NOTHING, Tally, still_open, total
from .undecided import Undecided

#: So many days are told of a service in one line of words.
RECENT = 30

_DAY = timedelta(days=1)

#: No day is shorter, also where clocks change.
_MOST_OF_A_DAY = timedelta(hours=22)


class NothingDue(Enum):
    """A day on which nothing was due, as far as it is known."""

    BEFORE = "before"
    """Nobody looked yet, or it is not remembered any more."""
    NOTHING_KNOWN = "nothing known"
    """Nobody looked on that day."""
    NOTHING_DUE = "nothing due"


#: A day of a service: what became of what was due, or why there is nothing.
Cell = Tally | NothingDue


@value(kw_only=True)
class Past:
    """What is remembered of the local days from ``first`` to ``today``, and what is due and not decided yet.

    Attributes:
        days: those on which something was due, judged or saved.
        gaps: when sources could not be read.
        decided: the newest due time of each expectation that was decided.
        complete_since: what was before may have been dropped from the memory.
        now: the moment until when all this is known.
    """

    zone: ZoneInfo
    first: date
    today: date
    days: Mapping[date, PastDay]
    gaps: tuple[ObservationGap, ...]
    decided: Mapping[ExpectationKey, datetime]
    complete_since: datetime | None
    now: datetime

    @property
    def start(self) -> datetime:
        """The beginning of the first day."""
        return midnight(self.first, self.zone).astimezone(UTC)

    @property
    def members(self) -> frozenset[str]:
        """Of which anything is remembered."""
        return frozenset[str]().union(*(day.tallies for day in self.days.values()))

    @property
    def every_day(self) -> tuple[date, ...]:
        """All of them, oldest first."""
        return tuple(self.first + place * _DAY for place in range((self.today - self.first).days + 1))


@value()
class SizeTrend:
    """Bytes of a service's newest good backups: ``before`` on ``since``, and ``now`` on the newest day."""

    since: date
    before: int
    now: int


@value(kw_only=True)
class ServiceFacts:
    """What the last RECENT days say of a service.

    Attributes:
        tally: what became of all that was due.
        longest_gap: the longest time in which no backup of one of its members was made; None where nobody looked, or
            nothing was decided.
        size: None where it is not known of two days.
    """

    tally: Tally
    longest_gap: LongestGap | None
    size: SizeTrend | None


class History:
    """The past of every service."""

    def __init__(self, past: Past, undecided: Iterable[Undecided]) -> None:
        self.past = past
        self._days = past.every_day
        self._open: dict[tuple[str, date], Tally] = {}
        for each in undecided:
            place = each.expectation.member, each.due.astimezone(past.zone).date()
            self._open[place] = self._open.get(place, NOTHING) + still_open(each.state)
        self._with_open = {day for _, day in self._open}
        self._long_gaps = [gap for gap in past.gaps if gap.until is None or gap.until - gap.start > _MOST_OF_A_DAY]

    def cells(self, service: ServiceMembers, number: int) -> tuple[Cell, ...]:
        """The last ``number`` days, oldest first, today the last."""
        begins = self.begins(service)
        return tuple(self._cell(service, day, begins) for day in self._days[-number:])

    def facts(self, service: ServiceMembers) -> ServiceFacts:
        """What is told of its last RECENT days."""
        recent = self._days[-RECENT:]
        return ServiceFacts(
            tally=total(self._tally(service, day) for day in recent),
            longest_gap=self._longest_gap(service, recent),
            size=self._size(service.service, recent),
        )

    def begins(self, service: ServiceMembers) -> date | None:
        """The first day of which anything could be remembered; None where nobody looked yet."""
        if service.looked_since is None:
            return None
        looked = service.looked_since.astimezone(self.past.zone).date()
        dropped = self.past.complete_since
        # Of the day in which the memory begins not all is remembered.
        return looked if dropped is None else max(looked, dropped.astimezone(self.past.zone).date() + _DAY)

    def _tally(self, service: ServiceMembers, day: date) -> Tally:
        past = self.past.days.get(day)
        found = NOTHING
        for member in service.members:
            if past is not None and (mine := past.tallies.get(member)) is not None:
                found = mine if found is NOTHING else found + mine
            if day in self._with_open and (open_ones := self._open.get((member, day))) is not None:
                found += open_ones
        return found

    def _cell(self, service: ServiceMembers, day: date, begins: date | None) -> Cell:
        tally = self._tally(service, day)
        if tally is not NOTHING:
            return tally
        if begins is None or day < begins:
            return NothingDue.BEFORE
        if not self._looked(day) or not service.sources.isdisjoint(self._silent_sources(day)):
            return NothingDue.NOTHING_KNOWN
        return NothingDue.NOTHING_DUE

    def _looked(self, day: date) -> bool:
        past = self.past.days.get(day)
        return day == self.past.today or (past is not None and past.looked)

    def _silent_sources(self, day: date) -> frozenset[str]:
        """Those that could not be read on that whole day. Of today nobody knows yet what else may be due."""
        if day == self.past.today:
            return frozenset(gap.source for gap in self.past.gaps if gap.until is None)
        if not self._long_gaps:
            return frozenset()
        begins, ends = midnight(day, self.past.zone), midnight(day + _DAY, self.past.zone)
        return frozenset(
            gap.source for gap in self._long_gaps if gap.start <= begins and (gap.until is None or gap.until >= ends)
        )

    def _longest_gap(self, service: ServiceMembers, days: Sequence[date]) -> LongestGap | None:
        known = [self.past.days[day] for day in days if day in self.past.days]
        start = midnight(days[0], self.past.zone)
        # Of what nothing was expected before today it says nothing that there was no backup.
        members = sorted(member for member in service.members if any(member in day.tallies for day in known))
        gaps = [
            longest_gap(sorted(_good(member, known)), start, self.past.now, _known_since(service, member))
            for member in members
        ]
        return max((gap for gap in gaps if gap is not None), key=lambda gap: gap.length, default=None)

    def _size(self, service: str, days: Sequence[date]) -> SizeTrend | None:
        known = [
            (day, size)
            for day in days
            if (past := self.past.days.get(day)) is not None and (size := past.sizes.get(service)) is not None
        ]
        return SizeTrend(known[0][0], known[0][1], known[-1][1]) if len(known) > 1 else None


def _known_since(service: ServiceMembers, member: str) -> datetime | None:
    """Of what was not there yet nothing is missing."""
    if service.looked_since is None:
        return None
    return max(service.looked_since, service.first_seen.get(member, service.looked_since))


def _good(member: str, days: Iterable[PastDay]) -> list[datetime]:
    return [moment for day in days for moment in day.good.get(member, ())]
