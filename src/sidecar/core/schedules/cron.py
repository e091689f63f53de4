"""Cron schedules: the five fields of Laravel (Databasement) and Backrest, and names such as @daily.

croniter only counts on the clock on the wall here: given a zone it would fire twice in the night when the clocks go
back. The zone is applied in ``wall_clock.py``, the same for both dialects.
"""

from __future__ import annotations

import calendar
import copy
import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

from .wall_clock import LONGEST, ScheduleError, Wall, due_after

#: What the fields of a cron line mean, in their order.
FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_STARS = ["*"] * len(FIELDS)

_NAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
#: croniter reads "h" (hashed) and "r" (random) as values of its own choice: no upstream of ours knows them.
_CHOSEN_BY_CRONITER = re.compile(r"[hr](?:\(|/|$)", re.IGNORECASE)
#: "5L" and "FRIL" are the last Friday of the month for the upstreams; croniter writes L5.
_LAST_WEEKDAY_OF_ITS_KIND = re.compile(r"([0-7]|sun|mon|tue|wed|thu|fri|sat)L", re.IGNORECASE | re.ASCII)
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
#: The last day from Monday to Friday of a month is one of these.
_LAST_DAYS = "26-31"
_FRIDAY = 4
_SAME_ENDS = re.compile(r"(?:0*(\d+)-0*\1|([a-z]+)-\2)(?:/\d+)?", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class CronRule:
    """A cron schedule. Days count when the day of month *or* the day of week fits, where both are restricted.

    ``_on_last_working_day``: of the days that the clock finds only the last one from Monday to Friday of its month counts
    ("LW", which croniter does not know).
    """

    _clock: croniter
    _on_last_working_day: bool = False

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The first due time strictly after ``moment``, in UTC; None when it is never due again ("0 0 31 2 *").

        Args:
            moment: an aware datetime.
            zone: the zone its evaluator counts in.
        """
        return due_after(self._next_wall, moment, zone)

    def _next_wall(self, wall: Wall) -> Wall | None:
        clock = copy.copy(self._clock)  # it keeps its place in itself, and two threads may ask at once
        try:
            due: Wall = clock.get_next(datetime, start_time=wall)
            while self._on_last_working_day and due.day != _last_working_day(due):
                last_minute = due.replace(hour=23, minute=59)
                due = clock.get_next(datetime, start_time=last_minute)
        except CroniterBadDateError:
            return None
        return due


def _last_working_day(day: datetime) -> int:
    last = calendar.monthrange(day.year, day.month)[1]
    return last - max(0, day.replace(day=last).weekday() - _FRIDAY)


def parse(text: str) -> CronRule:
    """Read a cron schedule.

    Raises:
        ScheduleError: ``text`` has not five fields, is a name without a time (@reboot), or a field is out of range.
    """
    if len(text) > LONGEST:
        raise ScheduleError(text, f"at most {LONGEST} characters")
    spelled_out = _NAMES.get(text.lower(), text)
    fields = spelled_out.split()
    if spelled_out.startswith("@"):
        raise ScheduleError(text, f"five fields or one of {', '.join(_NAMES)}")
    if len(fields) != len(FIELDS):
        raise ScheduleError(text, f"five fields ({', '.join(FIELDS)}), got {len(fields)}")
    plain = [_plain(text, field) for field in fields]
    plain[4] = ",".join(_last_of_its_kind(entry) for entry in plain[4].split(","))
    on_last_working_day = plain[2].upper() == "LW" and plain[4] in ("*", "?")
    if on_last_working_day:
        plain[2] = _LAST_DAYS
    # One field more each time, so that the first one that can't be read is told; the last clock has them all.
    *_, clock = (
        _read(text, plain[: place + 1] + _STARS[place + 1 :], fields[place], meaning)
        for place, meaning in enumerate(FIELDS)
    )
    return CronRule(clock, on_last_working_day)


def _plain(text: str, field: str) -> str:
    """The field as croniter should read it: "5-5" means 5, which croniter takes for the whole range."""
    entries = field.split(",")
    for entry in entries:
        if _CHOSEN_BY_CRONITER.match(entry):
            raise ScheduleError(text, "a value, not one chosen by hash or at random", entry)
    return ",".join(entry.split("-")[0] if _SAME_ENDS.fullmatch(entry) else entry for entry in entries)


def _last_of_its_kind(entry: str) -> str:
    match = _LAST_WEEKDAY_OF_ITS_KIND.fullmatch(entry)
    if match is None:
        return entry
    day = match[1].lower()
    return f"L{_WEEKDAYS.index(day) if day in _WEEKDAYS else day}"


def _read(text: str, fields: list[str], rest: str, meaning: str) -> croniter:
    """The clock of these fields. ``rest``: the last one that is no star, as it is written in ``text``; what it means."""
    try:
        return croniter(" ".join(fields), 0.0)
    except ValueError as error:
        raise ScheduleError(text, f"a valid {meaning}", rest) from error
