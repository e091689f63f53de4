"""The due times of some plans in a window of time, with as many before it as it takes to see what retention removed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter

from sidecar.core.model import Run
from sidecar.core.parts.part import EARLY, Plan
from sidecar.core.schedules.due_times import due_times
from sidecar.core.schedules.schedule import Schedule

#: How many periods before the window are looked at, and how many due times at most, to find those.
_LOOK_BACK = 8
_LONGEST_LOOK_BACK = timedelta(days=400)

_NEVER = datetime.max.replace(tzinfo=UTC)
_begun = attrgetter("start")


@dataclass(frozen=True, slots=True)
class Window:
    """Due times from a start up to, not including, an end, and some before it.

    Attributes:
        every: all of them in their order, whichever plan's they are.
        begins: when each of them begins to be answered: a run may begin 5 min early (rule 3).
        following: the first due time behind the window; runs from then on answer that one.
        due: those in the window itself by plan: the job, the due time and its place in ``every``.
    """

    every: tuple[datetime, ...]
    begins: tuple[datetime, ...]
    following: datetime | None
    due: tuple[tuple[str, datetime, int], ...]

    def answers(self, runs: Sequence[Run]) -> list[list[Run]]:
        """The runs that answer each due time (rule 3: the last one at or before the start). Both oldest first."""
        found: list[list[Run]] = [[] for _ in self.every]
        if not found:
            return found
        last = bisect_left(runs, self.following - EARLY, key=_begun) if self.following else len(runs)
        place, coming = -1, iter((*self.begins, _NEVER))
        next_begins = next(coming)
        for run in runs[bisect_left(runs, next_begins, key=_begun) : last]:
            while run.start >= next_begins:
                place, next_begins = place + 1, next(coming)
            found[place].append(run)
        return found


def window(plans: Sequence[Plan], runs: Sequence[Run], start: datetime, end: datetime, limit: int) -> Window:
    """The window of a member. Only plans without a schedule ask for its ``runs``: see ``depends_on_runs``."""
    promised = [(plan.job, _dues(plan, runs, start, end, limit)) for plan in plans]
    every = tuple(sorted({due for _, dues in promised for due in dues}))
    return Window(
        every=every,
        begins=tuple(due - EARLY for due in every),
        following=_following(plans, runs, end),
        due=tuple(_placed(promised, every, start)),
    )


def depends_on_runs(plans: Sequence[Plan]) -> bool:
    """Members with these plans have each its own window."""
    return any(plan.schedule is None for plan in plans)


def _dues(plan: Plan, runs: Sequence[Run], start: datetime, end: datetime, limit: int) -> tuple[datetime, ...]:
    """The due times of one plan while it was in force (rule 1), some before the window included."""
    if plan.schedule is None:
        return tuple(due for due in _announced(plan, runs) if start <= due < end)
    dues = _scheduled(plan.schedule, start, end, limit)
    if plan.valid_from is None and plan.valid_to is None:
        return dues
    return tuple(due for due in dues if plan.in_force(due))


def _announced(plan: Plan, runs: Sequence[Run]) -> list[datetime]:
    """Due times without a schedule: what was announced, and runs without an announcement were due when they began."""
    starts = {run.start for run in runs}
    # While a run is under way it stands in the place of the next one: plans.py.
    announced = sorted({*plan.kept, *({plan.announced} - starts if plan.announced else ())})
    answered, dues = set(), [*announced]
    for start in sorted(starts):
        place = bisect_right(announced, start + EARLY)
        if place == 0 or place in answered:
            dues.append(start)
        answered.add(place)
    return sorted(due for due in dues if plan.in_force(due))


@lru_cache(maxsize=512)
def _scheduled(schedule: Schedule, start: datetime, end: datetime, limit: int) -> tuple[datetime, ...]:
    """Kept, because the same month is asked for again with every new board."""
    back = min(_LOOK_BACK * (schedule.period(start) or timedelta(days=1)), _LONGEST_LOOK_BACK)
    return due_times(schedule, start - back, start, _LOOK_BACK) + due_times(schedule, start, end, limit)


def _following(plans: Sequence[Plan], runs: Sequence[Run], end: datetime) -> datetime | None:
    coming: list[datetime] = []
    for plan in plans:
        if plan.schedule is None:
            coming += _announced(plan, runs)
        elif (due := plan.due_after(end - EARLY.resolution)) is not None:
            coming.append(due)
    return min((due for due in coming if due >= end), default=None)


def _placed(
    promised: Sequence[tuple[str, tuple[datetime, ...]]], every: tuple[datetime, ...], start: datetime
) -> Iterator[tuple[str, datetime, int]]:
    for job, dues in promised:
        for due in dues[bisect_left(dues, start) :]:
            yield job, due, bisect_left(every, due)
