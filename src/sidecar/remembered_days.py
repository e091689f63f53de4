"""The days that the ledger remembers, counted: read once, and afterwards only the days on which something was decided since.

A year of 1,000 services is read in some seconds, month by month, and kept in some megabytes for as long as somebody asks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from .core.history.verdict_log import ExpectationKey, FinalOccurrence, ObservationGap
from .core.past.days import RECENT, Past
from .core.past.past_day import PastDay, past_days
from .core.past.records import Records
from .core.schedules.local_day import midnight

#: So many days are told of.
DAYS = 365

#: So many days are read at once.
_AT_ONCE = 31

#: What nobody asked for meanwhile is forgotten.
_KEPT_FOR = timedelta(hours=1)

_DAY = timedelta(days=1)


class RememberedDays:
    """One thread tells what is decided, others may ask.

    Args:
        records: reads the ledger; None when it can't be read.
        is_written: everything that was decided so far stands in the ledger.
        zone: whose days are meant.
    """

    def __init__(
        self, records: Callable[[datetime, datetime], Records | None], is_written: Callable[[], bool], zone: ZoneInfo
    ) -> None:
        self._records = records
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

    def records(self, start: datetime, end: datetime) -> Records | None:
        """See BoardKeeper.records. Reads the disk."""
        return self._records(start, end)

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
        for begin, end in _stretches(wanted):
            records = self._records(
                midnight(begin, self._zone).astimezone(UTC), midnight(end + _DAY, self._zone).astimezone(UTC)
            )
            if records is None:
                return False
            self._take(records, begin, end, midnight(first, self._zone))
        self._read_until = today
        self._leave_out(first, today)
        if is_written:
            with self._deciding:
                self._changed -= changed
        return True

    def _take(self, records: Records, begin: date, end: date, oldest: datetime) -> None:
        days = {day: found for day, found in self._days.items() if not begin <= day <= end}
        self._days = days | past_days(records, self._zone)
        self._gaps |= {(gap.source, gap.start): gap for gap in records.gaps}
        self._complete_since = records.complete_since
        # Those of the days that were read, so that days and these fit together whatever is written meanwhile.
        for final in records.finals:
            key = final.expectation
            self._decided[key] = max(final.due, self._decided.get(key, final.due))
        older = {key: due for key, due in records.decided.items() if due < oldest}
        self._decided = older | {key: due for key, due in self._decided.items() if key in records.decided}

    def _leave_out(self, first: date, today: date) -> None:
        """What is too long ago; of other days only what is asked of them."""
        begins, recent = midnight(first, self._zone), today - RECENT * _DAY
        self._days = {
            day: found if day > recent else found.counted_only() for day, found in self._days.items() if day >= first
        }
        self._gaps = {key: gap for key, gap in self._gaps.items() if gap.until is None or gap.until > begins}


def _stretches(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """The first and the last of days that follow each other, _AT_ONCE at most."""
    begin: date | None = None
    for day, following in zip(days, [*days[1:], None], strict=True):
        begin = begin or day
        if following != day + _DAY or (day - begin).days + 1 == _AT_ONCE:
            yield begin, day
            begin = None
