"""How times, sizes and durations are written on the page: short, as Glance does, in the board's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from .views import timestamp

#: What stands where nothing is known.
NOTHING = "–"

_DAYS_OF_A_WEEK = 7
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_AGES = ((365 * _DAY, "y"), (30 * _DAY, "mo"), (_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m"))


@dataclass(frozen=True, slots=True)
class Moment:
    """A time on the page: as people read it, for machines, and to the second as a tooltip."""

    text: str
    iso: str
    exact: str


@dataclass(frozen=True, slots=True)
class TimedText:
    """Words with a time in them: "as of 07:26", "Nothing read since 04:20, 3h ago."."""

    before: str
    moment: Moment | None = None
    after: str = ""

    def __str__(self) -> str:
        return f"{self.before} {self.moment.text}{self.after}".lstrip() if self.moment else self.before


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """A moment and the zone in which people read times."""

    now: datetime
    zone: ZoneInfo

    @property
    def today(self) -> date:
        """The local date."""
        return self._local(self.now).date()

    def age(self, moment: datetime) -> str:
        """How long ago, as Glance writes it: 5m, 3h, 2d, 2mo, 1y. Anything below a minute is 1m."""
        return duration(self.now - moment)

    def when(self, moment: datetime) -> str:
        """A moment in the past inside a sentence: today 04:09, else Sun 22 Nov 04:09."""
        return f"today {self._time(moment)}" if self._is_today(moment) else self._dated(moment)

    def stamp(self, moment: datetime) -> str:
        """The same where "today" goes without saying: 04:09, else Sun 22 Nov 04:09."""
        return self._time(moment) if self._is_today(moment) else self._dated(moment)

    def due(self, moment: datetime) -> str:
        """A moment to come: 02:00 within a day, Mon 04:00 within a week, Mon 30 Nov a week from today, else 1 Dec 07:00."""
        ahead = moment - self.now
        if timedelta(0) <= ahead < timedelta(days=1):
            return self._time(moment)
        if (self._local(moment).date() - self._local(self.now).date()).days == _DAYS_OF_A_WEEK:
            return f"{self.weekday(moment)} {self._day(moment)}"
        if timedelta(0) <= ahead < timedelta(days=7):
            return f"{self._local(moment):%a %H:%M}"
        return f"{self._day(moment)}{self._year(moment)} {self._time(moment)}"

    def month(self, moment: datetime) -> str:
        """When something far away will be: Oct 2027, or 5 Dec when it is less than a month away."""
        near = moment - self.now < timedelta(days=31)
        return self._day(moment) if near else f"{self._local(moment):%b %Y}"

    def ahead(self, moment: datetime) -> str:
        """How far away a moment to come is: in 19h, in 5d; "now" when it has come."""
        return f"in {duration(moment - self.now)}" if moment > self.now else "now"

    def date(self, moment: datetime) -> str:
        """Mon 23 Nov, with the year when it is far away."""
        return f"{self.weekday(moment)} {self._day(moment)}{self._year(moment)}"

    def time(self, moment: datetime) -> str:
        """04:09."""
        return self._time(moment)

    def date_and_time(self, moment: datetime) -> str:
        """22 Nov 04:09."""
        return f"{self._day(moment)} {self._time(moment)}"

    def weekday(self, moment: datetime) -> str:
        """Sun."""
        return f"{self._local(moment):%a}"

    def moment(self, moment: datetime, text: str) -> Moment:
        """The moment as ``text``, with all that stands behind it."""
        return Moment(text, timestamp(moment) or "", self.exact(moment))

    def exact(self, moment: datetime) -> str:
        """Everything about a moment, for a tooltip: Mon 23 Nov 2026 04:09:12 CET."""
        return _exact(moment, self.zone)

    def _local(self, moment: datetime) -> datetime:
        return _local(moment, self.zone)

    def _is_today(self, moment: datetime) -> bool:
        return self._local(moment).date() == self._local(self.now).date()

    def _time(self, moment: datetime) -> str:
        return f"{self._local(moment):%H:%M}"

    def _day(self, moment: datetime) -> str:
        local = self._local(moment)
        return f"{local.day} {local:%b}"

    def _year(self, moment: datetime) -> str:
        return "" if abs(moment - self.now) < timedelta(days=300) else f" {self._local(moment):%Y}"

    def _dated(self, moment: datetime) -> str:
        return f"{self._local(moment):%a} {self._day(moment)}{self._year(moment)} {self._time(moment)}"


@lru_cache(maxsize=16_384)
def _exact(moment: datetime, zone: ZoneInfo) -> str:
    """Kept: rows show dozens of runs, many of them begun at the same moment, and the next board shows them again."""
    local = _local(moment, zone)
    return f"{local:%a} {local.day} {local:%b %Y %H:%M:%S %Z}"


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:  # an upstream's idea of "never": the last day of the calendar
        return moment


def duration(span: timedelta) -> str:
    """5m, 3h, 2d, 2mo, 1y; anything below a minute is 1m."""
    seconds = max(span.total_seconds(), _MINUTE)
    length, unit = next((length, unit) for length, unit in _AGES if seconds >= length)
    return f"{int(seconds // length)}{unit}"
