"""The days that the ledger remembers, counted: read once, and afterwards only the days on which something was decided since.

A year of 1,000 services is read in seconds, and kept in some megabytes for as long as somebody asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from .core.history.verdict_log import ExpectationKey, FinalOccurrence, ObservationGap
from .core.past.days import RECENT, Past
from .core.past.past_day import CountedDays, PastDay
from .core.schedules.local_day import midnight

#: So many days are told of.
DAYS = 365

#: What nobody asked for meanwhile is forgotten.
_KEPT_FOR = timedelta(hours=1)

_DAY = timedelta(days=1)

#: Reads the days of some stretches, each from its first to its last; good runs and sizes only from a day on. None when
#: the disk can't be read.
Read = Callable[[Sequence[tuple[date, date]], date], CountedDays | None]


class RememberedDays:
    """One thread tells what is decided, others may ask.

    Args:
        read: reads the ledger.
        is_written: everything that was decided so far stands in the ledger.
        zone: whose days are meant.
    """

    def __init__(self, read: Read, is_written: Callable[[], bool], zone: ZoneInfo) -> None:
        self._read = read
        self._is_written = is_written
        self._zone = zone
        self._reading = threading.Lock()
        self._deciding = threading.Lock()
        self._changed: set[date] = set()
        self._forget()

    def _forget(self) -> None:
        self._asked: datetime | None = None
        self._read_until: date | None = None
        self._days: dict[date, PastDay] = {}
        self._gaps: dict[tuple[str, datetime], ObservationGap] = {}
        self._decided: dict[ExpectationKey, datetime] = {}
        self._complete_since: datetime | None = None

    def decided(self, finals: Iterable[FinalOccurrence], now: datetime) -> None:
        """These occurrences were decided: their days are read again when somebody asks. Waits for nobody."""
        with self._deciding:
            self._changed |= {final.due.astimezone(self._zone).date() for final in finals}
        # Whoever reads at this moment has asked.
        if self._asked is not None and now - self._asked > _KEPT_FOR and self._reading.acquire(blocking=False):
            self._forget()
            self._reading.release()

    def past(self, now: datetime) -> Past | None:
        """The last DAYS days. Reads the disk; None when it can't be read."""
        with self._reading:
            today = now.astimezone(self._zone).date()
            first = today - (DAYS - 1) * _DAY
            if not self._bring_up_to_date(first, today):
                self._forget()
                return None
            self._asked = now
            return Past(
                zone=self._zone,
                first=first,
                today=today,
                days=dict(self._days),
                gaps=tuple(self._gaps.values()),
                decided=dict(self._decided),
                complete_since=self._complete_since,
                now=now,
            )

    def _bring_up_to_date(self, first: date, today: date) -> bool:
        is_written = self._is_written()
        with self._deciding:
            changed = frozenset(self._changed)
        every = (first + place * _DAY for place in range((today - first).days + 1))
        wanted = [day for day in every if self._read_until is None or day >= self._read_until or day in changed]
        counted = self._read(tuple(_stretches(wanted)), _first_recent(today))
        if counted is None:
            return False
        self._take(counted, wanted, first, today)
        if is_written:
            with self._deciding:
                self._changed -= changed
        return True

    def _take(self, counted: CountedDays, read: Iterable[date], first: date, today: date) -> None:
        begins, again = midnight(first, self._zone), frozenset(read)
        days = {day: found for day, found in self._days.items() if day not in again} | dict(counted.days)
        recent = _first_recent(today)
        self._days = {
            day: found if day >= recent else found.counted_only() for day, found in days.items() if day >= first
        }
        gaps = self._gaps | {(gap.source, gap.start): gap for gap in counted.gaps}
        self._gaps = {key: gap for key, gap in gaps.items() if gap.until is None or gap.until > begins}
        # Of the days that were read, so that both fit together whatever was written meanwhile.
        known = {key: max(due, self._decided.get(key, due)) for key, due in counted.decided.items()}
        known = {key: due for key, due in (self._decided | known).items() if key in counted.newest}
        self._decided = {key: due for key, due in counted.newest.items() if due < begins} | known
        self._complete_since = counted.complete_since
        self._read_until = today


def _first_recent(today: date) -> date:
    return today - (RECENT - 1) * _DAY


def _stretches(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """The first and the last of days that follow each other."""
    begin: date | None = None
    for day, following in zip(days, [*days[1:], None], strict=True):
        begin = begin or day
        if following != day + _DAY:
            yield begin, day
            begin = None
