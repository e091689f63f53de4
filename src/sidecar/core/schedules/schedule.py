"""Schedules: when something is due, in either dialect, in the zone of whoever evaluates it.

Everything is counted from the one question that both dialects answer, "what is the next due time after this moment?",
so that looking ahead, looking back and listing always agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from . import calendar_event, cron

#: Leap days are the rarest thing anybody schedules: eight years apart around 2100.
_LOOK_BACK = timedelta(days=3653)
_GAPS_IN_A_PERIOD = 8

#: A run may begin this much before its due time and still answers it, for clocks differ (rule 3).
EARLY = timedelta(minutes=5)
_FAR_ENOUGH = 2 * EARLY


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is due. All moments go in aware and come out in UTC, in whole seconds.

    Attributes:
        text: as the upstream or the owner wrote it, trimmed.
        zone: whose clocks it means, unless the text ends in "UTC".
    """

    text: str
    zone: ZoneInfo
    rule: calendar_event.CalendarEvent | cron.CronRule = field(repr=False, compare=False)

    def next_after(self, moment: datetime) -> datetime | None:
        """The first due time strictly after ``moment``; None when it is never due again."""
        return _next_after(self, moment)

    def last_at_or_before(self, moment: datetime) -> datetime | None:
        """The newest due time up to and including ``moment``; None when there was none in the ten years before."""
        return _last_at_or_before(self, moment)

    def between(self, start: datetime, end: datetime, limit: int = 5000) -> list[datetime]:
        """The due times from ``start`` up to, not including, ``end``: the first ``limit`` of them."""
        dues: list[datetime] = []
        for due in islice(self.after(start - datetime.resolution), limit):
            if due >= end:
                break
            dues.append(due)
        return dues

    def period(self, moment: datetime) -> timedelta | None:
        """The nominal period: the widest of the next eight gaps; None when fewer than two due times are left.

        Backrest's rule (BR-10): "mon..fri 22:00" has a period of three days, for its weekends.
        """
        return _period(self, moment)

    def early(self, due: datetime) -> timedelta:
        """Rule 3: how much before ``due`` a run may begin and still answer it."""
        return _early(self, due)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The due times strictly after ``moment``, one by one; endless for most schedules."""
        due = self.rule.next_after(moment, self.zone)
        while due is not None:
            yield due
            due = self.rule.next_after(due, self.zone)


def early_before(due: datetime, previous: datetime | None) -> timedelta:
    """Rule 3: five minutes, or half the way back to the due time before where that is less."""
    if previous is None or due - previous >= _FAR_ENOUGH:
        return EARLY
    return (due - previous) / 2


def parse(text: str, zone: ZoneInfo) -> Schedule:
    """Read a schedule: cron when it has five fields or a leading @, anything else is a Proxmox calendar event.

    Raises:
        ScheduleError: the text can't be read; the message quotes it and says what was expected.
    """
    return _parse(text.strip(), zone)


@lru_cache(maxsize=1024)
def _parse(text: str, zone: ZoneInfo) -> Schedule:
    # No calendar event has five words; six or more get cron's error, because somebody added seconds to a cron line.
    is_cron = text.startswith("@") or len(text.split()) >= len(cron.FIELDS)
    return Schedule(text, zone, cron.parse(text) if is_cron else calendar_event.parse(text))


@lru_cache(maxsize=4096)
def _next_after(schedule: Schedule, moment: datetime) -> datetime | None:
    return schedule.rule.next_after(moment, schedule.zone)


@lru_cache(maxsize=1024)
def _period(schedule: Schedule, moment: datetime) -> timedelta | None:
    dues = islice(schedule.after(moment), _GAPS_IN_A_PERIOD + 1)
    return max((later - earlier for earlier, later in pairwise(dues)), default=None)


@lru_cache(maxsize=4096)
def _early(schedule: Schedule, due: datetime) -> timedelta:
    return early_before(due, schedule.last_at_or_before(due - timedelta(seconds=1)))


@lru_cache(maxsize=4096)
def _last_at_or_before(schedule: Schedule, moment: datetime) -> datetime | None:
    oldest = moment - _LOOK_BACK
    if _due_within(schedule, oldest, moment) is None:
        return None
    span = timedelta(minutes=1)
    while (due := _due_within(schedule, max(oldest, moment - span), moment)) is None:
        span *= 8
    return _newest_until(schedule, due, moment)


def _newest_until(schedule: Schedule, newest: datetime, moment: datetime) -> datetime:
    """The newest due time up to ``moment``, known to be ``newest`` or later: the search halves what is left."""
    nothing_after = moment
    while (later := _due_within(schedule, newest, moment)) is not None:
        newest = later
        middle = newest + (nothing_after - newest) / 2
        probe = _due_within(schedule, middle, moment)
        if probe is None:
            nothing_after = middle
        else:
            newest = probe
    return newest


def _due_within(schedule: Schedule, after: datetime, until: datetime) -> datetime | None:
    due = schedule.rule.next_after(after, schedule.zone)
    return due if due is not None and due <= until else None
