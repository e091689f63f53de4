"""Proxmox calendar events: the schedules of PVE and PBS jobs, "mon..fri 22:00" or "*-*-01 07:00".

The grammar and its quirks are those of SCHED-1; the dialect only looks like systemd's. Text becomes sorted numbers
once, and due times are found by walking from field to field: where a field doesn't match, the clock is set to its next
listed value and all smaller fields to their beginning.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from .wall_clock import LONGEST, ScheduleError, Wall, due_after

_UTC = ZoneInfo("UTC")
_YEARS_END = 2200
_SECOND, _MINUTE, _HOUR, _DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

_KEYWORDS = {
    "minutely": "*:*:00",
    "hourly": "*:00:00",
    "daily": "00:00:00",
    "weekly": "mon 00:00:00",
    "monthly": "*-*-01",
    "quarterly": "*-01,04,07,10-01",
    "semiannually": "*-01,07-01",
    "semi-annually": "*-01,07-01",
    "yearly": "*-01-01",
    "annually": "*-01-01",
}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY_NUMBERS = {name[:length]: number for number, name in enumerate(_WEEKDAYS) for length in (3, len(name))}

_WEEKDAY_RANGE = r"[A-Za-z]+(?:\.\.[A-Za-z]+)?"
_VALUE = r"[0-9]+(?:\.\.[0-9]+)?(?:/[0-9]+)?"
_LIST = rf"(\*(?:/[0-9]+)?|{_VALUE}(?:,{_VALUE})*)"
_WEEKDAYS_TEXT = re.compile(rf"({_WEEKDAY_RANGE}(?:,{_WEEKDAY_RANGE})*)[ \t]*")
_DATE_TEXT = re.compile(rf"(?:{_LIST}-)?{_LIST}-{_LIST}[ \t]*")
_TIME_TEXT = re.compile(rf"{_LIST}(?::{_LIST})?(?::{_LIST})?")


def parse(text: str) -> CalendarEvent:
    """Read a calendar event. Nothing is trimmed here: to PBS "daily " is an error.

    Raises:
        ScheduleError: ``text`` is not in Proxmox's dialect.
    """
    if len(text) > LONGEST:
        raise ScheduleError(text, f"at most {LONGEST} characters")
    utc = text.endswith("UTC")
    body = text.removesuffix("UTC").rstrip(" ") if utc else text
    body = _KEYWORDS.get(body, body)
    if not body:
        raise ScheduleError(text, "a weekday, a date, a time or a word like daily")
    weekdays, rest = _read_weekdays(text, body)
    years, months, days, rest = _read_date(text, rest)
    hours, minutes, seconds = _read_time(text, rest)
    return CalendarEvent(
        weekdays=weekdays, years=years, months=months, days=days, hours=hours, minutes=minutes, seconds=seconds, utc=utc
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarEvent:
    """A schedule in Proxmox's dialect. ``utc``: it ends in "UTC" and so ignores the zone of its server."""

    weekdays: frozenset[int]
    years: _Values
    months: _Values
    days: _Values
    hours: _Values
    minutes: _Values
    seconds: _Values
    utc: bool

    def next_after(self, moment: datetime, zone: ZoneInfo) -> datetime | None:
        """The first due time strictly after ``moment``, in UTC and whole seconds; None when it is never due again.

        Args:
            moment: an aware datetime.
            zone: the zone of the server whose schedule it is.
        """
        return due_after(self._next_wall, moment, _UTC if self.utc else zone)

    def _next_wall(self, wall: Wall) -> Wall | None:
        match = self._first_match(wall + _SECOND)
        while match is not None:
            reached = self._reached(match)
            if reached == match:
                break
            match = reached
        return match

    def _first_match(self, at: Wall) -> Wall | None:
        """The first matching time from ``at`` on."""
        while at.year < _YEARS_END:
            onward = self._date_onward(at)
            if onward == at:
                onward = self._time_onward(at)
            if onward is None or onward == at:
                return onward
            at = onward
        return None

    def _date_onward(self, at: Wall) -> Wall | None:
        midnight = at.replace(hour=0, minute=0, second=0)
        year = self.years.at_or_after(at.year)
        if year != at.year:
            return None if year is None else midnight.replace(year=year, month=1, day=1)
        month = self.months.at_or_after(at.month)
        if month != at.month:
            return _first_of_month(midnight, 13 if month is None else month)
        day = self.days.at_or_after(at.day)
        if day is None:
            return _first_of_month(midnight, at.month + 1)
        if day != at.day:
            return midnight.replace(day=1) + _DAY * (day - 1)
        weekday = at.weekday()
        if weekday not in self.weekdays:
            return midnight + _DAY * next(ahead for ahead in range(1, 8) if (weekday + ahead) % 7 in self.weekdays)
        return at

    def _time_onward(self, at: Wall) -> Wall:
        hour = self.hours.at_or_after(at.hour)
        if hour != at.hour:
            return at.replace(hour=0, minute=0, second=0) + _HOUR * (24 if hour is None else hour)
        minute = self.minutes.at_or_after(at.minute)
        if minute != at.minute:
            return at.replace(minute=0, second=0) + _MINUTE * (60 if minute is None else minute)
        second = self.seconds.at_or_after(at.second)
        if second != at.second:
            return at.replace(second=0) + _SECOND * (60 if second is None else second)
        return at

    def _reached(self, match: Wall) -> Wall | None:
        """``match``, or the later time that a server comes to which goes from one due time to the next.

        "*/25" is due at :25 and :50; the third step leads to minute 75, which is :15 of the next hour: past its :00.
        So :00 matches but is not due, and a search that begins at :59:59 must not find it (SCHED-3). Where weekdays
        stand beside repeated days ("mon *-*-*/7") a search begun between two due times may still differ in some months.
        """
        for begin, end in self._before_the_leaps(match):
            reached = self._first_match(begin)
            if reached is not None and reached < end:
                reached = self._first_match(end)
            if reached is None or reached > match:
                return reached
        return match

    def _before_the_leaps(self, match: Wall) -> Iterator[tuple[Wall, Wall]]:
        """For each field that may leap: the span of its last listed value in the unit before the one of ``match``."""
        minute = match.replace(second=0)
        hour = minute.replace(minute=0)
        midnight = hour.replace(hour=0)
        for values, unit, step, size in (
            (self.seconds, minute - _MINUTE, _SECOND, 60),
            (self.minutes, hour - _HOUR, _MINUTE, 60),
            (self.hours, midnight - _DAY, _HOUR, 24),
        ):
            if values.leaps(size):
                begin = unit + step * values.last_before(size)
                yield begin, begin + step
        if self.days.leaps(28):
            before, month = _first_of_month(midnight, match.month - 1), _first_of_month(midnight, match.month)
            day = self.days.last_before((month - before).days + 1)
            yield before + _DAY * max(day - 1, 0), before + _DAY * day
        if self.months.leaps(12):
            last = self.months.last_before(13) - 12
            yield _first_of_month(midnight, last), _first_of_month(midnight, last + 1)


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of one field, ascending; none means any.

    The last one may lie past the end of the field: an open repetition ("*/25") goes on there, in the next unit.
    """

    listed: tuple[int, ...] = ()

    def at_or_after(self, value: int) -> int | None:
        if not self.listed:
            return value
        index = bisect_left(self.listed, value)
        return self.listed[index] if index < len(self.listed) else None

    def last_before(self, end: int) -> int:
        """The last value below ``end``, 0 when there is none."""
        return max((value for value in self.listed if value < end), default=0)

    def leaps(self, size: int) -> bool:
        """Whether going on in the next unit can miss its first value."""
        return bool(self.listed) and self.listed[-1] - size > self.listed[0]


_ANY, _ZERO = _Values(), _Values((0,))


def _first_of_month(midnight: Wall, month: int) -> Wall:
    """The first of ``month`` in the year of ``midnight``; 13 leads into the next year, 0 into the one before."""
    return midnight.replace(year=midnight.year + (month - 1) // 12, month=(month - 1) % 12 + 1, day=1)


def _read_weekdays(text: str, rest: str) -> tuple[frozenset[int], str]:
    match = _WEEKDAYS_TEXT.match(rest)
    if match is None:
        return frozenset(range(7)), rest
    numbers: set[int] = set()
    for entry in match[1].split(","):
        names = entry.lower().split("..")
        if any(name not in _WEEKDAY_NUMBERS for name in names):
            raise ScheduleError(text, "a weekday like mon or monday, or a word like daily standing alone", entry)
        first, last = _WEEKDAY_NUMBERS[names[0]], _WEEKDAY_NUMBERS[names[-1]]
        numbers.update((first + ahead) % 7 for ahead in range((last - first) % 7 + 1))
    return frozenset(numbers), rest[match.end() :]


def _read_date(text: str, rest: str) -> tuple[_Values, _Values, _Values, str]:
    """Year, month and day, and the text behind them; any year, month and day where no date stands."""
    match = _DATE_TEXT.match(rest)
    if match is None:
        return _ANY, _ANY, _ANY, rest
    year, month, day = match.groups(default="*")
    years, months, days = _read_list(year, 0, _YEARS_END), _read_list(month, 1, 13), _read_list(day, 1, 32)
    if years is None or months is None or days is None:
        raise ScheduleError(text, "years below 2200, months up to 12, days up to 31; no range backwards, no */0", rest)
    return years, months, days, rest[match.end() :]


def _read_time(text: str, rest: str) -> tuple[_Values, _Values, _Values]:
    """Hour, minute and second: midnight without a time, every hour where only minutes (and seconds) stand.

    Two numbers are hour and minute unless the first can't be an hour: "24:00" is minute 24, second 0 (SCHED-2).
    """
    if not rest:
        return _ZERO, _ZERO, _ZERO
    match = _TIME_TEXT.fullmatch(rest)
    if match is None:
        raise ScheduleError(text, "[weekdays] [year-month-day] [hour:minute[:second]]", rest)
    parts = [part for part in match.groups() if part is not None]
    if len(parts) == 1 or (len(parts) == 2 and _read_list(parts[0], 0, 24) is None):
        parts.insert(0, "*")
    hour, minute, second = (*parts, "0")[:3]
    hours, minutes, seconds = _read_list(hour, 0, 24), _read_list(minute, 0, 60), _read_list(second, 0, 60)
    if hours is None or minutes is None or seconds is None:
        raise ScheduleError(text, "hours up to 23, minutes and seconds up to 59; no range backwards, no */0", rest)
    return hours, minutes, seconds


def _read_list(text: str, first: int, end: int) -> _Values | None:
    """The values of a list that matched ``_LIST``; None when one of them is out of range."""
    if text == "*":
        return _ANY
    listed: set[int] = set()
    beyond: list[int] = []
    for entry in text.split(","):
        span, _, step_text = entry.partition("/")
        low_text, _, high_text = span.partition("..")
        low, step = (first if low_text == "*" else int(low_text)), int(step_text or 0)
        high = int(high_text or (end - 1 if step else low))
        if not low <= high < end or step >= end or (low_text == "*" and not step):
            return None
        listed.update(range(low, high + 1, step) if step else range(low, (low if step_text else high) + 1))
        if step and not high_text:
            beyond.append(range(low, end + step, step)[-1])
    return _Values((*sorted(listed), *sorted(beyond)[:1]))
