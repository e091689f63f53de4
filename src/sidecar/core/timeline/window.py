"""The due times of an expectation in a window of time, with as many before it as it takes to see what retention removed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
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

#: By first due time of a later schedule how much before it a run may begin.
Firsts = Mapping[datetime, timedelta]


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
    firsts = dict(_firsts(schedules))
    dues = {due for schedule in schedules for due in _dues(schedule, runs, start, end, limit, firsts)}
    every = tuple(sorted(dues))
    following = _following(schedules, runs, end, firsts)
    last = every[-1] if every else None
    return Window(
        every=every,
        begins=tuple(due - _early(due, previous, firsts) for previous, due in pairwise((None, *every)) if due),
        answered_until=following - _early(following, last, firsts) if following else None,
        first=bisect_left(every, start),
    )


def depends_on_runs(schedules: Sequence[ScheduleInForce]) -> bool:
    """Members with these schedules have each their own window."""
    return any(schedule.schedule is None for schedule in schedules)


def _firsts(schedules: Sequence[ScheduleInForce]) -> Iterator[tuple[datetime, timedelta]]:
    """The first due time of each schedule that took the place of another, with how much before it a run may begin.

    Such a run begins while the schedule before was in force; by rule 3 it answers the coming due time all the same.
    """
    for schedule in schedules:
        if schedule.schedule is not None and schedule.valid_from is not None:
            due = schedule.due_after(schedule.valid_from - datetime.resolution)
            if due is not None:
                yield due, schedule.early(due)


def _early(due: datetime, previous: datetime | None, firsts: Firsts) -> timedelta:
    """How much before ``due`` a run may begin and still answer it (rule 3)."""
    own = firsts.get(due)
    return early_before(due, previous) if own is None else own


def _dues(
    schedule: ScheduleInForce, runs: Sequence[Run], start: datetime, end: datetime, limit: int, firsts: Firsts
) -> tuple[datetime, ...]:
    """The due times of one schedule while it was in force (rule 1), some before the window included."""
    if schedule.schedule is None:
        announced = _announced(schedule, runs, firsts)
        # The one before the window tells how early a run for the first one may begin.
        return tuple(announced[max(bisect_left(announced, start) - 1, 0) : bisect_left(announced, end)])
    # Only from when it was in force: what another schedule was for would use up the limit.
    begin = start if schedule.valid_from is None else min(max(start, schedule.valid_from), end)
    dues = _scheduled(schedule.schedule, begin, end, limit)
    if schedule.valid_from is None and schedule.valid_to is None:
        return dues
    return tuple(due for due in dues if schedule.in_force(due))


def _announced(schedule: ScheduleInForce, runs: Sequence[Run], firsts: Firsts) -> list[datetime]:
    """Due times without a schedule: what was announced, and runs without an announcement were due when they began.

    But for those that begin a little before the first due time of a later schedule: that is what they answer.
    """
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
    own = (
        due
        for due in dues
        if due in announced or not any(first - ahead <= due < first for first, ahead in firsts.items())
    )
    return sorted(due for due in own if schedule.in_force(due))


@lru_cache(maxsize=512)
def _scheduled(schedule: Schedule, start: datetime, end: datetime, limit: int) -> tuple[datetime, ...]:
    """Kept, because the same month is asked for again with every new board."""
    back = min(_LOOK_BACK * (schedule.period(start) or timedelta(days=1)), _LONGEST_LOOK_BACK)
    return due_times(schedule, start - back, start, _LOOK_BACK) + due_times(schedule, start, end, limit)


def _following(
    schedules: Sequence[ScheduleInForce], runs: Sequence[Run], end: datetime, firsts: Firsts
) -> datetime | None:
    coming: list[datetime] = []
    for schedule in schedules:
        if schedule.schedule is None:
            coming += _announced(schedule, runs, firsts)
        elif (due := schedule.due_after(end - datetime.resolution)) is not None:
            coming.append(due)
    return min((due for due in coming if due >= end), default=None)
