"""Which vzdump tasks covered which guest: task ids name a guest or nobody, never the job (pbs.md §3.5)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from .model import Outcome, Run
from .part import EARLY, Activity, Plan
from .report import Guest, Task

#: How long after a due time a task may begin and still be the job's own: PVE's scheduler looks once a minute.
STARTS_WITHIN = timedelta(minutes=30)

_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Night:
    """The tasks on one node that began for one due time. Jobs due at the same minute share them (design §6 rule 5).

    Attributes:
        start: when the first of them began.
        end: when the last of them ended; None while one runs.
    """

    tasks: tuple[Task, ...]
    start: datetime
    end: datetime | None

    @classmethod
    def of(cls, tasks: Sequence[Task]) -> Self:
        """The night of these tasks, one at least."""
        ends = [task.end for task in tasks if task.end is not None]
        return cls(tuple(tasks), min(task.start for task in tasks), max(ends) if len(ends) == len(tasks) else None)

    def text(self) -> str:
        """What the tasks said of themselves, the bad ones first."""
        words = dict.fromkeys(task.status or "" for task in self.tasks if task.status != "OK")
        return ", ".join(word for word in words if word) or "its task ended OK"


def nights(tasks: Iterable[Task], plans: Sequence[Plan]) -> tuple[Night, ...]:
    """The due times for which tasks began, newest first, with the tasks that handle several guests.

    Args:
        plans: one job's plan, and those that were in force before.
    """
    by_due: dict[datetime, list[Task]] = defaultdict(list)
    for task in tasks:
        found = [due for plan in plans if (due := plan.due_before(task.start + EARLY))] if not task.id else []
        due = max(found, default=None)
        if due is not None and task.start - due <= (plans[0].grace or STARTS_WITHIN):
            by_due[due].append(task)
    return tuple(Night.of(by_due[due]) for due in sorted(by_due, reverse=True))


class NodeTasks:
    """The vzdump tasks on a node that may concern some guests, looked up instead of searched."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._by_id: dict[str, list[Task]] = defaultdict(list)
        for task in tasks:
            self._by_id[task.id].append(task)
        self._shared = sorted(self._by_id[""], key=_end)

    def single(self, guest: Guest) -> tuple[Night, ...]:
        """The tasks that handled just this guest, each by itself."""
        return tuple(Night.of([task]) for task in self._by_id.get(str(guest.vmid), ()))

    def open_ended(self, guest: Guest, seen_until: datetime | None) -> list[Task]:
        """Tasks for the guest or for several that run, or ended after the backups were listed."""
        own = self._by_id.get(str(guest.vmid), ())
        if seen_until is None:
            return [*self._shared, *own]
        shared = self._shared[bisect_right(self._shared, seen_until, key=_end) :]
        return [*shared, *(task for task in own if _end(task) > seen_until)]


def fruitless(guest: Guest, found: Iterable[Night], backups: list[datetime], seen_until: datetime) -> list[Run]:
    """A failed run for every night that ended without a snapshot of the guest (design §2, "failed").

    Only nights that ended before ``seen_until``, the moment the backups were listed: a later look may still find one.
    """
    label = f"{'VM' if guest.type == 'qemu' else 'CT'} {guest.vmid}"
    times = sorted(backups)
    return [
        Run(night.start, night.end, Outcome.FAILED, text=f"{label} got no snapshot, {night.text()}")
        for night in found
        if night.end is not None
        and night.end <= seen_until
        and bisect_right(times, night.end + EARLY) == bisect_left(times, night.start - EARLY)
    ]


def may_still_reach(
    open_ended: Iterable[Task], backups: list[datetime], usual: timedelta | None
) -> tuple[Activity, ...]:
    """Of tasks that may not be over for a guest those that left no snapshot of it so far."""
    newest = max(backups, default=None)
    left = (task for task in open_ended if newest is None or newest < task.start - EARLY)
    return tuple(Activity(task.start, usual) for task in left)


def longest(found: Iterable[Night], most: int = 10) -> timedelta | None:
    """The longest of the newest ``most`` nights that ended."""
    lengths = [night.end - night.start for night in found if night.end]
    return max(lengths[:most], default=None)


def owners(tasks: Iterable[Task], begun: Sequence[tuple[datetime, str]]) -> dict[str, str]:
    """By UPID the job that a task which handles several guests must belong to, where that is proved.

    Tasks on one node work one after another (vzdump's lock). What began to be saved after every other task that shares
    the start had ended was saved by this one, so it belongs to the only job which that guest is in.

    Args:
        begun: when something of a guest that is in one job only began to be saved, and that job; oldest first.
    """
    shared = sorted((task for task in tasks if not task.id), key=_start)
    return {task.upid: job for task in shared if (job := _owner(task, _rivals(task, shared), begun)) is not None}


def _rivals(task: Task, shared: Sequence[Task]) -> list[Task]:
    first = bisect_left(shared, task.start - EARLY, key=_start)
    last = bisect_right(shared, task.start + EARLY, key=_start)
    return [one for one in shared[first:last] if one is not task]


def _owner(task: Task, rivals: Sequence[Task], begun: Sequence[tuple[datetime, str]]) -> str | None:
    ends = [one.end for one in rivals if one.end is not None]
    if len(ends) < len(rivals):
        return None
    place = bisect_right(begun, max(ends, default=task.start), key=lambda pair: pair[0])
    if place == len(begun) or (task.end is not None and begun[place][0] > task.end):
        return None
    return begun[place][1]


def _start(task: Task) -> datetime:
    return task.start


def _end(task: Task) -> datetime:
    """When it ended; far in the future while it runs."""
    return task.end or _NEVER
