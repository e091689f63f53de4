"""What vzdump did in one night: a task per job and node, guests one after another, tasks behind the node's lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from tests.simulators import changes, seeded
from tests.simulators.faults import (
    BackupNow,
    Fault,
    GuestFails,
    GuestTakes,
    GuestWarns,
    JobDisabled,
    Maintenance,
    NodeDown,
    holds,
    of_kind,
)
from tests.simulators.homelab import BackupJob, Guest, Homelab
from tests.simulators.timetable import proxmox

_LOCK_WAIT = timedelta(minutes=180)
"""vzdump gives up on the node's lock after this long (its default ``lockwait``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestRun:
    """One guest within a task. Without ``error`` it left a backup; ``uploaded`` means that PBS saw something of it."""

    guest: Guest
    due: date
    start: datetime
    end: datetime
    error: str | None = None
    uploaded: bool = True
    warning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VzdumpTask:
    """A task on one node. ``status`` is what it ends with; ``storage`` None is where the jobs write to."""

    job: BackupJob
    node: str
    guests: tuple[Guest, ...]
    start: datetime
    end: datetime
    status: str
    runs: tuple[GuestRun, ...]
    by_hand: bool = False
    storage: str | None = None


def vzdump_tasks_of(homelab: Homelab, faults: tuple[Fault, ...], day: date) -> tuple[VzdumpTask, ...]:
    """All tasks that were due on a local day. What is left of the day before still holds the lock, nothing older."""
    free = _free_from(_unhindered(homelab, faults, day - timedelta(days=1)), {})
    tasks = _unhindered(homelab, faults, day)
    if any(task.start < free.get(task.node, task.start) for task in tasks):
        return _tasks(homelab, faults, day, free)
    return tasks


@lru_cache(maxsize=2)
def _unhindered(homelab: Homelab, faults: tuple[Fault, ...], day: date) -> tuple[VzdumpTask, ...]:
    """As if nothing of the day before held a lock. Kept, because it is asked for that day and for the next one."""
    return _tasks(homelab, faults, day, {})


def _tasks(homelab: Homelab, faults: tuple[Fault, ...], day: date, free: dict[str, datetime]) -> tuple[VzdumpTask, ...]:
    tasks: list[VzdumpTask] = []
    for place, job in enumerate(homelab.jobs):
        for due in _due(homelab, faults, job, day):
            covered = _covered(homelab, faults, job, due)
            for node in homelab.nodes:
                start = due + timedelta(seconds=1 + place) + seeded.seconds(0, 2, "vzdump", node, day)
                guests = tuple(guest for guest in covered if guest.node == node)
                if guests and not node_is_down(faults, node, start):
                    lock = _free_from(tasks, free).get(node, start)
                    tasks.append(_task(homelab, faults, job, node, guests, day, start, max(start, lock)))
    tasks += (_by_hand(homelab, faults, now, day) for now in of_kind(faults, BackupNow) if _day(homelab, now) == day)
    return tuple(tasks)


def _day(homelab: Homelab, now: BackupNow) -> date:
    return now.at.astimezone(homelab.zone).date()


def _by_hand(homelab: Homelab, faults: tuple[Fault, ...], now: BackupNow, day: date) -> VzdumpTask:
    """What somebody starts finds no lock: nothing else runs then."""
    guests = tuple(guest for guest in changes.guests(homelab, faults, now.at) if guest.vmid in now.vmids)
    runs, at = [], now.at + timedelta(seconds=1)
    elsewhere = now.storage is not None
    for guest in guests:
        end = at + (timedelta(minutes=1) if now.error else seeded.vary(guest.takes, guest.name, now.at))
        runs.append(
            GuestRun(guest=guest, due=day, start=at, end=end, error=now.error, uploaded=not now.error and not elsewhere)
        )
        at = end + timedelta(seconds=1)
    job, status = homelab.jobs[0], "job errors" if now.error else "OK"
    return VzdumpTask(
        job=job,
        node=guests[0].node,
        guests=guests,
        start=now.at,
        end=at,
        status=status,
        runs=tuple(runs),
        by_hand=True,
        storage=now.storage,
    )


def _covered(homelab: Homelab, faults: tuple[Fault, ...], job: BackupJob, due: datetime) -> tuple[Guest, ...]:
    """The guests that the job covers when it is due, in its order; none once it is deleted."""
    there = {guest.vmid: guest for guest in changes.guests(homelab, faults, due)}
    current = next((candidate for candidate in changes.jobs(homelab, faults, due) if candidate.id == job.id), None)
    return tuple(there[vmid] for vmid in current.guests) if current else ()


def _due(homelab: Homelab, faults: tuple[Fault, ...], job: BackupJob, day: date) -> Iterator[datetime]:
    for due in proxmox(job.timetable, day, homelab.zone):
        if (job.since is None or day >= job.since) and not disabled(faults, job.id, due):
            yield due


def disabled(faults: Iterable[Fault], job: str, now: datetime) -> bool:
    """Whether somebody has switched the job off by ``now``."""
    return any(fault.job == job and holds(fault, now) for fault in of_kind(faults, JobDisabled))


def _free_from(tasks: Iterable[VzdumpTask], free: dict[str, datetime]) -> dict[str, datetime]:
    latest = dict(free)
    for task in tasks:
        latest[task.node] = max(task.end, latest.get(task.node, task.end))
    return latest


def _task(
    homelab: Homelab,
    faults: tuple[Fault, ...],
    job: BackupJob,
    node: str,
    guests: tuple[Guest, ...],
    day: date,
    start: datetime,
    lock: datetime,
) -> VzdumpTask:
    if lock - start > _LOCK_WAIT:
        status = "can't acquire lock '/var/run/vzdump.lock' - got timeout"
        return VzdumpTask(
            job=job, node=node, guests=guests, start=start, end=start + _LOCK_WAIT, status=status, runs=()
        )
    runs: list[GuestRun] = []
    at, cut = lock + timedelta(seconds=1), _next_cut(faults, node, start)
    for guest in guests:
        if not changes.is_there(homelab, faults, guest, at):
            continue  # It was moved away or deleted before its turn, and the task passes over it.
        run = _run(faults, guest, day, at)
        if run.end > cut:
            runs.append(
                GuestRun(
                    guest=guest,
                    due=day,
                    start=run.start,
                    end=max(cut, run.start),
                    error="connection error: connection reset",
                )
            )
            return VzdumpTask(
                job=job, node=node, guests=guests, start=start, end=cut, status="unexpected status", runs=tuple(runs)
            )
        runs.append(run)
        at = run.end + timedelta(seconds=1)
    warned = sum(run.warning is not None for run in runs)
    status = "job errors" if any(run.error for run in runs) else f"WARNINGS: {warned}" if warned else "OK"
    return VzdumpTask(job=job, node=node, guests=guests, start=start, end=at, status=status, runs=tuple(runs))


def _run(faults: tuple[Fault, ...], guest: Guest, day: date, start: datetime) -> GuestRun:
    offline = "backup write data failed: datastore is in offline maintenance mode"
    if is_in_maintenance(faults, start, "offline"):
        return GuestRun(
            guest=guest, due=day, start=start, end=start + timedelta(seconds=3), error=offline, uploaded=False
        )
    for failure in of_kind(faults, GuestFails):
        if (failure.vmid, failure.due) == (guest.vmid, day):
            return GuestRun(
                guest=guest,
                due=day,
                start=start,
                end=start + failure.after,
                error=failure.error,
                uploaded=failure.uploading,
            )
    for slow in of_kind(faults, GuestTakes):
        if (slow.vmid, slow.due) == (guest.vmid, day):
            return GuestRun(guest=guest, due=day, start=start, end=start + slow.takes)
    warnings = (warns.text for warns in of_kind(faults, GuestWarns) if (warns.vmid, warns.due) == (guest.vmid, day))
    end = start + seeded.vary(guest.takes, guest.name, day)
    return GuestRun(guest=guest, due=day, start=start, end=end, warning=next(warnings, None))


def is_in_maintenance(faults: Iterable[Fault], now: datetime, *modes: str) -> bool:
    """Whether the datastore is in one of these maintenance modes."""
    return any(fault.mode in modes and fault.start <= now < fault.end for fault in of_kind(faults, Maintenance))


def node_is_down(faults: Iterable[Fault], node: str, now: datetime) -> bool:
    """Whether a node is off at ``now``."""
    return any(fault.node == node and fault.start <= now < fault.end for fault in of_kind(faults, NodeDown))


def _next_cut(faults: Iterable[Fault], node: str, start: datetime) -> datetime:
    cuts = [fault.start for fault in of_kind(faults, NodeDown) if fault.node == node and fault.start > start]
    return min(cuts, default=datetime.max.replace(tzinfo=UTC))
