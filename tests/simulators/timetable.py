"""When something of the homelab is due, and how each scheduler reads the same wall clock when the clocks change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class Timetable:
    """One local time of day, every day, or on one weekday (0 = Monday), or on one day of the month."""

    hour: int
    minute: int = 0
    weekday: int | None = None
    monthday: int | None = None

    def on(self, day: date) -> bool:
        """Whether it is due on ``day``."""
        return self.weekday in (None, day.weekday()) and self.monthday in (None, day.day)

    def calendar_event(self) -> str:
        """The schedule as PBS and PVE write it."""
        at = f"{self.hour:02}:{self.minute:02}"
        return at if self.weekday is None else f"{_WEEKDAYS[self.weekday]} {at}"

    def cron(self) -> str:
        """The schedule as Databasement and Backrest write it."""
        weekday = "*" if self.weekday is None else str((self.weekday + 1) % 7)
        return f"{self.minute} {self.hour} {self.monthday or '*'} * {weekday}"


Dialect = Callable[[Timetable, date, ZoneInfo], tuple[datetime, ...]]
"""How a scheduler turns a timetable and a local day into due times in UTC."""


def proxmox(timetable: Timetable, day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    """PBS and PVE: a time that doesn't exist is skipped, one that exists twice comes at the first (SCHED-4)."""
    local = _local(timetable, day)
    return (_utc(local, zone, fold=0),) if timetable.on(day) and _exists(local, zone) else ()


def laravel(timetable: Timetable, day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Databasement: Laravel compares the wall clock once a minute, so a time that exists twice comes twice."""
    local = _local(timetable, day)
    if not timetable.on(day) or not _exists(local, zone):
        return ()
    first, second = _utc(local, zone, fold=0), _utc(local, zone, fold=1)
    return (first,) if first == second else (first, second)


def go(timetable: Timetable, day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    """Backrest: Go's ``time.Date`` moves a time that doesn't exist an hour on, and takes the second of two.

    Derived from how ``time.Date`` looks up the offset, not seen at a running Backrest.
    """
    local = _local(timetable, day)
    fold = 1 if _exists(local, zone) else 0
    return (_utc(local, zone, fold=fold),) if timetable.on(day) else ()


def following(timetable: Timetable, dialect: Dialect, after: datetime, zone: ZoneInfo) -> datetime:
    """The first due time after ``after``."""
    day = after.astimezone(zone).date()
    while True:
        for due in dialect(timetable, day, zone):
            if due > after:
                return due
        day += timedelta(days=1)


def _local(timetable: Timetable, day: date) -> datetime:
    return datetime.combine(day, time(timetable.hour, timetable.minute))


def _utc(local: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _exists(local: datetime, zone: ZoneInfo) -> bool:
    return _utc(local, zone, fold=0).astimezone(zone).replace(tzinfo=None) == local
