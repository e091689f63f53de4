"""Which vzdump tasks covered which guest: task ids name a guest or nobody, never the job (pbs.md §3.5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .model import Outcome, Run
from .part import EARLY, Activity, Plan
from .report import Guest, Task

#: How long after a due time a task may begin and still be the job's own: PVE's scheduler looks once a minute.
STARTS_WITHIN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Night:
    """The tasks on one node that began for one due time. Jobs due at the same minute share them (design §6 rule 5)."""

    due: datetime
    tasks: tuple[Task, ...]

    @property
    def start(self) -> datetime:
        return min(task.start for task in self.tasks)

    @property
    def end(self) -> datetime | None:
        """When the last of them ended; None while one runs."""
        ends = [task.end for task in self.tasks]
        return max((end for end in ends if end), default=None) if all(ends) else None

    def text(self) -> str:
        """What the tasks said of themselves, the bad ones first."""
        words = dict.fromkeys(task.status or "" for task in self.tasks if task.status != "OK")
        return ", ".join(word for word in words if word) or "its task ended OK"


def nights(tasks: Iterable[Task], plan: Plan) -> tuple[Night, ...]:
    """The due times of ``plan`` for which tasks began, newest first, with the tasks that handle several guests."""
    if plan.schedule is None:
        return ()
    by_due: dict[datetime, list[Task]] = defaultdict(list)
    for task in tasks:
        due = plan.schedule.last_at_or_before(task.start + EARLY) if not task.id else None
        if due is not None and task.start - due <= (plan.grace or STARTS_WITHIN):
            by_due[due].append(task)
    return tuple(Night(due, tuple(by_due[due])) for due in sorted(by_due, reverse=True))


def single(tasks: Iterable[Task], guest: Guest) -> tuple[Night, ...]:
    """The tasks that handled just this guest, each by itself."""
    return tuple(Night(task.start, (task,)) for task in tasks if task.id == str(guest.vmid))


def fruitless(guest: Guest, found: Iterable[Night], backups: list[datetime], seen_until: datetime) -> list[Run]:
    """A failed run for every night that ended without a snapshot of the guest (design §2, "failed").

    Only nights that ended before ``seen_until``, the moment the backups were listed: a later look may still find one.
    """
    runs = []
    for night in found:
        end = night.end
        if end is None or end > seen_until or any(night.start - EARLY <= when <= end + EARLY for when in backups):
            continue
        label = f"{'VM' if guest.type == 'qemu' else 'CT'} {guest.vmid}"
        runs.append(Run(night.start, end, Outcome.FAILED, text=f"{label} got no snapshot, {night.text()}"))
    return runs


def may_still_reach(
    guest: Guest, tasks: Iterable[Task], backups: list[datetime], seen_until: datetime | None, usual: timedelta | None
) -> tuple[Activity, ...]:
    """Tasks on the guest's node that run, or ended after the backups were listed, and left no snapshot of it so far."""
    open_ended = (task for task in tasks if task.end is None or seen_until is None or task.end > seen_until)
    return tuple(
        Activity(task.start, usual)
        for task in open_ended
        if task.id in ("", str(guest.vmid)) and not any(when >= task.start - EARLY for when in backups)
    )


def longest(found: Iterable[Night], most: int = 10) -> timedelta | None:
    """The longest of the newest ``most`` nights that ended."""
    lengths = [night.end - night.start for night in found if night.end]
    return max(lengths[:most], default=None)


def proven_job(
    task: Task, tasks: Sequence[Task], members: Mapping[str, set[int]], backups: Mapping[int, list[datetime]]
) -> str | None:
    """The job that a task which handles several guests must belong to; None while that is not proved.

    Tasks on one node work one after another (vzdump's lock). What began to be saved after every other task that shares
    the start had ended was saved by this one, so it belongs to the only job which that guest is in.
    """
    rivals = [one for one in tasks if one is not task and not one.id and abs(one.start - task.start) <= EARLY]
    if task.id or any(one.end is None for one in rivals):
        return None
    alone_since = max((one.end for one in rivals if one.end), default=task.start)
    for vmid, times in backups.items():
        jobs = [job for job, guests in members.items() if vmid in guests]
        if len(jobs) == 1 and any(alone_since < when <= (task.end or when) for when in times):
            return jobs[0]
    return None
