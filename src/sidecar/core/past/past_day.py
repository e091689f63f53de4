"""What is left of the records of a local day once they are counted: little enough to keep a year of a large house."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.history.verdict_log import ExpectationKey, FinalState, ObservationGap
from sidecar.core.schedules.local_day import midnight
from sidecar.core.value import value

from .tally import NOTHING, Tally, decided

_DAY = timedelta(days=1)


@value(kw_only=True)
class PastDay:
    """A local day, as it was judged then.

    Attributes:
        tallies: what became of all that was due then, by member.
        looked: the house was judged on that day.
        good: when good runs ended then, by member; only of the newest days.
        sizes: bytes of the newest good backups at its end, by service; only of the newest days.
    """

    tallies: Mapping[str, Tally]
    looked: bool
    good: Mapping[str, tuple[datetime, ...]]
    sizes: Mapping[str, int]

    def counted_only(self) -> PastDay:
        """Without what is only asked of the newest days."""
        return PastDay(tallies=self.tallies, looked=self.looked, good={}, sizes={})


@value(kw_only=True)
class CountedDays:
    """Some days, read at one moment.

    Attributes:
        days: those on which something was due, judged or saved.
        gaps: when sources could not be read, of which a part lies in these days.
        decided: the newest due time of each expectation, among what was due on these days.
        newest: the same among all that is remembered.
        complete_since: what was before may have been dropped from the memory.
    """

    days: Mapping[date, PastDay]
    gaps: tuple[ObservationGap, ...]
    decided: Mapping[ExpectationKey, datetime]
    newest: Mapping[ExpectationKey, datetime]
    complete_since: datetime | None = None


class DayCounter:
    """Counts records, one by one, into the local days from ``first`` to ``last``."""

    def __init__(self, first: date, last: date, zone: ZoneInfo) -> None:
        every = [first + place * _DAY for place in range((last - first).days + 1)]
        self._every = every
        self._begins = [midnight(day, zone).astimezone(UTC) for day in (*every, last + _DAY)]
        self._tallies: dict[date, dict[str, Tally]] = defaultdict(dict)
        self._good: dict[date, dict[str, tuple[datetime, ...]]] = defaultdict(dict)
        self._sizes: dict[date, dict[str, int]] = defaultdict(dict)
        self._looked: set[date] = set()

    @property
    def start(self) -> datetime:
        """The beginning of the first day."""
        return self._begins[0]

    @property
    def end(self) -> datetime:
        """The end of the last day."""
        return self._begins[-1]

    def due(self, member: str, due: datetime, state: FinalState) -> None:
        """An occurrence from ``start`` up to, not including, ``end``, with what became of it."""
        tallies = self._tallies[self._day(due)]
        tallies[member] = tallies.get(member, NOTHING) + decided(state)

    def saved(self, member: str, end: datetime) -> None:
        """A good run that ended from ``start`` up to, not including, ``end``."""
        good = self._good[self._day(end)]
        good[member] = (*good.get(member, ()), end)

    def judged(self, day: date) -> None:
        """The house was judged on that day."""
        self._looked.add(day)

    def weighed(self, service: str, day: date, size: int) -> None:
        """The size of a service at the end of a day."""
        self._sizes[day][service] = size

    def days(self) -> dict[date, PastDay]:
        """All that is not empty."""
        return {
            day: PastDay(
                tallies=self._tallies.get(day, {}),
                looked=day in self._looked,
                good=self._good.get(day, {}),
                sizes=self._sizes.get(day, {}),
            )
            for day in self._every
            if day in self._tallies or day in self._looked or day in self._good
        }

    def _day(self, moment: datetime) -> date:
        return self._every[bisect_right(self._begins, moment) - 1]
