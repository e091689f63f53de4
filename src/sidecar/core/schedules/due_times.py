"""The due times of a schedule in a window, and the local times in it that a clock change skips (rule 7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from .calendar_event import CalendarEvent
from .schedule import Schedule

_UTC = ZoneInfo("UTC")
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A due time that no clock shows.

    Attributes:
        at: when it would have been, had the clocks not been put forward.
        wall: the local time that is missing, without a zone.
    """

    at: datetime
    wall: datetime


@lru_cache(maxsize=2048)
def due_times(schedule: Schedule, start: datetime, end: datetime, limit: int) -> tuple[datetime, ...]:
    """The due times from ``start`` up to, not including, ``end``: the first ``limit`` of them.

    Kept, because the same month is asked for again with every new board, and only what became of it changes.
    """
    return tuple(schedule.between(start, end, limit))


@lru_cache(maxsize=2048)
def skipped(schedule: Schedule, start: datetime, end: datetime) -> tuple[Skipped, ...]:
    """Rule 7: what would be due from ``start`` up to, not including, ``end`` at local times that don't exist."""
    if isinstance(schedule.rule, CalendarEvent) and schedule.rule.utc:
        return ()
    return tuple(
        skip for gap in _gaps(schedule.zone, start, end) for skip in _in_gap(schedule, gap) if start <= skip.at < end
    )


def clocks_skip(zone: ZoneInfo, start: datetime, end: datetime) -> bool:
    """Some local time between two moments doesn't exist; mostly none is skipped, and nothing else need be asked."""
    return bool(_gaps(zone, start, end))


def _in_gap(schedule: Schedule, gap: tuple[datetime, datetime]) -> Iterator[Skipped]:
    """The rule is asked as if in UTC, where every time of day exists."""
    first, end = (wall.replace(tzinfo=UTC) for wall in gap)
    due = schedule.rule.next_after(first - _SECOND, _UTC)
    while due is not None and due < end:
        wall = due.replace(tzinfo=None)
        yield Skipped(wall.replace(tzinfo=schedule.zone, fold=0).astimezone(UTC), wall)
        due = schedule.rule.next_after(due, _UTC)


@lru_cache(maxsize=256)
def _gaps(zone: ZoneInfo, start: datetime, end: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """The spans of local time that are missing: from the first missing time up to the first that exists again."""
    gaps, moment = [], start.astimezone(UTC) - _DAY
    while moment < end:
        before, after = _offset(moment, zone), _offset(moment + _DAY, zone)
        if after > before:
            change = _change(moment, moment + _DAY, zone)
            gaps.append(((change + before).replace(tzinfo=None), (change + after).replace(tzinfo=None)))
        moment += _DAY
    return tuple(gaps)


def _change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """When the offset of ``zone`` changes between two moments: the search halves what is left."""
    before = _offset(low, zone)
    while high - low > _SECOND:
        middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return high


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)
