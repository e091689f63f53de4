"""What Backrest's one queue did on one day: plans, and the repository's prune and check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tests.simulators import seeded
from tests.simulators.faults import (
    Fault,
    PlanEnds,
    PlanFails,
    PlanShrinks,
    PlanTakes,
    QueueStands,
    UpkeepFails,
    holds,
    of_kind,
)
from tests.simulators.homelab import Homelab, Plan
from tests.simulators.timetable import Timetable, go

_PRUNE_TAKES = timedelta(minutes=30)
_CHECK_TAKES = timedelta(minutes=50)


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """Something that Backrest repeats: a plan's backup, or ``prune`` or ``check`` of the repository.

    ``place``: where it stands in the configuration.
    """

    place: int
    kind: str
    timetable: Timetable
    takes: timedelta
    plan: Plan | None = None

    @property
    def name(self) -> str:
        """The plan's id, or the kind of upkeep."""
        return self.plan.id if self.plan else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRun:
    """One run of it. ``status`` is what it ends with, as Backrest writes it; ``snapshot`` and ``dry`` as in PlanEnds.

    ``share``: of its usual bytes.
    """

    task: QueuedTask
    due: datetime
    start: datetime
    end: datetime
    status: str = "STATUS_SUCCESS"
    message: str | None = None
    snapshot: bool = False
    dry: bool = False
    share: float = 1

    def __hash__(self) -> int:
        """By little of it: answers are kept by their runs."""
        return hash(self.due)


def queued_tasks(homelab: Homelab) -> tuple[QueuedTask, ...]:
    """Everything that Backrest repeats, in the order of its configuration."""
    repository, number = homelab.repository, len(homelab.repository.plans)
    return (
        *(QueuedTask(place, "backup", plan.timetable, plan.takes, plan) for place, plan in enumerate(repository.plans)),
        QueuedTask(number, "prune", repository.prune, _PRUNE_TAKES),
        QueuedTask(number + 1, "check", repository.check, _CHECK_TAKES),
    )


def queue_runs(homelab: Homelab, faults: tuple[Fault, ...], day: date) -> tuple[QueueRun, ...]:
    """All runs due on a local day, one at a time, in order of their due times."""
    due = sorted(
        (
            (at, task)
            for task in queued_tasks(homelab)
            for at in go(task.timetable, day, homelab.zone)
            if not any(f.plan == task.name and holds(f, at) for f in of_kind(faults, QueueStands))
        ),
        key=lambda pair: pair[0],
    )
    runs: list[QueueRun] = []
    for at, task in due:
        start = at + timedelta(seconds=4)
        if runs:
            start = max(start, runs[-1].end + timedelta(seconds=1))
        runs.append(_run(faults, task, day, at, start))
    return tuple(runs)


def _run(faults: tuple[Fault, ...], task: QueuedTask, day: date, due: datetime, start: datetime) -> QueueRun:
    slow = [f.takes for f in of_kind(faults, PlanTakes) if (f.plan, f.due) == (task.name, day)]
    end = start + (slow[0] if slow else seeded.vary(task.takes, task.name, day))
    for failure in of_kind(faults, PlanFails):
        if task.plan and (failure.plan, failure.due) == (task.plan.id, day):
            status = "STATUS_WARNING" if failure.partial else "STATUS_ERROR"
            return QueueRun(task=task, due=due, start=start, end=end, status=status, message=failure.error)
    for ends in of_kind(faults, PlanEnds):
        if task.plan and (ends.plan, ends.due) == (task.plan.id, day):
            return QueueRun(
                task=task,
                due=due,
                start=start,
                end=end,
                status=ends.status,
                message=ends.message,
                snapshot=ends.snapshot,
                dry=ends.dry,
            )
    for upkeep in of_kind(faults, UpkeepFails):
        if (upkeep.system, upkeep.kind, upkeep.due) == ("backrest", task.kind, day):
            return QueueRun(task=task, due=due, start=start, end=end, status="STATUS_ERROR", message=upkeep.state)
    shares = (f.share for f in of_kind(faults, PlanShrinks) if (f.plan, f.due) == (task.name, day))
    return QueueRun(task=task, due=due, start=start, end=end, share=next(shares, 1))
