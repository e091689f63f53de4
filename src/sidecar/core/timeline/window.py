"""The due times of an expectation in a window of time, with as many before it as it takes to see what retention removed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter

from sidecar.core.model import Run
from sidecar.core.parts.expectation import ScheduleInForce
from sidecar.core.schedules.due_times import due_times
from sidecar.core.schedules.schedule import EARLY, Schedule, early_before

#: How many periods before the window are looked at, and how many due times at most, to find those.
_LOOK_BACK = 8
_LONGEST_LOOK_BACK = timedelta(days=400)

_NEVER = datetime.max.replace(tzinfo=UTC)
_begun = attrgetter("start")


@dataclass(frozen=True, slots=True)
class Window:
    """Due times from a start up to, not including, an end, and some before it.

    Attributes:
        every: all of them in their order.
        begins: when each of them begins to be answered: a run may begin a little early (rule 3).
        answered_until: runs from then on answer the first due time behind the window.
        first: the place of the first one in the window itself.
    """

    every: tuple[datetime, ...]
    begins: tuple[datetime, ...]
    answered_until: datetime | None
    first: int

    def answers(self, runs: Sequence[Run]) -> list[list[Run]]:
        """The runs that answer each due time (rule 3: the last one at or before the start). Both oldest first."""
        answers: list[list[Run]] = [[] for _ in self.every]
        if not answers:
            return answers
        last = bisect_left(runs, self.answered_until, key=_begun) if self.answered_until else len(runs)
        place, coming = -1, iter((*self.begins, _NEVER))
        next_begins = next(coming)
        for run in runs[bisect_left(runs, next_begins, key=_begun) : last]:
            while run.start >= next_begins:
                place, next_begins = place + 1, next(coming)
            answers[place].append(run)
        return answers


def window(
    schedules: Sequence[ScheduleInForce], runs: Sequence[Run], start: datetime, end: datetime, limit: int
) -> Window:
    """The window of an expectation. Only schedules that are announced ask for its ``runs``: see ``depends_on_runs``."""
    every = tuple(sorted({due for schedule in schedules for due in _dues(schedule, runs, start, end, limit)}))
    following = _following(schedules, runs, end)
    early = [EARLY, *(early_before(due, previous) for previous, due in pairwise(every))]
    return Window(
        every=every,
        begins=tuple(due - ahead for due, ahead in zip(every, early, strict=False)),
        answered_until=following - early_before(following, every[-1] if every else None) if following else None,
        first=bisect_left(every, start),
    )


def depends_on_runs(schedules: Sequence[ScheduleInForce]) -> bool:
    """Members with these schedules have each their own window."""
    return any(schedule.schedule is None for schedule in schedules)


def _dues(
    schedule: ScheduleInForce, runs: Sequence[Run], start: datetime, end: datetime, limit: int
) -> tuple[datetime, ...]:
    """The due times of one schedule while it was in force (rule 1), some before the window included."""
    if schedule.schedule is None:
        announced = _announced(schedule, runs)
        # The one before the window tells how early a run for the first one may begin.
        return tuple(announced[max(bisect_left(announced, start) - 1, 0) : bisect_left(announced, end)])
    # Only from when it was in force: what another schedule was for would use up the limit.
    begin = start if schedule.valid_from is None else min(max(start, schedule.valid_from), end)
    dues = _scheduled(schedule.schedule, begin, end, limit)
    if schedule.valid_from is None and schedule.valid_to is None:
        return dues
    return tuple(due for due in dues if schedule.in_force(due))


def _announced(schedule: ScheduleInForce, runs: Sequence[Run]) -> list[datetime]:
    """Due times without a schedule: what was announced, and runs without an announcement were due when they began."""
    starts = {run.start for run in runs}
    # While a run is under way it stands in the place of the next one: parts/backrest_plans.py.
    next_run = {schedule.announced} - starts if schedule.announced else set()
    announced = sorted({*schedule.announced_before, *next_run})
    answered, dues = set(), [*announced]
    for start in sorted(starts):
        place = bisect_right(announced, start + EARLY)
        if place == 0 or place in answered:
            dues.append(start)
        answered.add(place)
    return sorted(due for due in dues if schedule.in_force(due))


@lru_cache(maxsize=512)
def _scheduled(schedule: Schedule, start: datetime, end: datetime, limit: int) -> tuple[datetime, ...]:
    """Kept, because the same month is asked for again with every new board."""
    back = min(_LOOK_BACK * (schedule.period(start) or timedelta(days=1)), _LONGEST_LOOK_BACK)
    return due_times(schedule, start - back, start, _LOOK_BACK) + due_times(schedule, start, end, limit)


def _following(schedules: Sequence[ScheduleInForce], runs: Sequence[Run], end: datetime) -> datetime | None:
    coming: list[datetime] = []
    for schedule in schedules:
        if schedule.schedule is None:
            coming += _announced(schedule, runs)
        elif (due := schedule.due_after(end - datetime.resolution)) is not None:
            coming.append(due)
    return min((due for due in coming if due >= end), default=None)
