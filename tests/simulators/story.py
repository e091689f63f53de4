"""What has happened in the homelab up to some moment. Pure: the same homelab, faults and moment give the same story."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from itertools import chain
from typing import TypeVar

from tests.simulators.clients import ClientRun, client_runs_of
from tests.simulators.dumps import DumpRow, dumps
from tests.simulators.faults import (
    BackupCorrupt,
    BackupShrinks,
    Fault,
    QueueStands,
    SnapshotRemoved,
    UploadLost,
    holds,
    of_kind,
)
from tests.simulators.homelab import BackupJob, Client, FormerGuest, Guest, Homelab
from tests.simulators.operations import QueuedTask, QueueRun, queue_runs, queued_tasks
from tests.simulators.restores import RestoreRow, restores
from tests.simulators.timetable import Timetable, following, go, laravel, proxmox
from tests.simulators.upkeep import UpkeepRun, upkeep_runs, upkeep_timetables
from tests.simulators.vzdump import GuestRun, VzdumpTask, vzdump_tasks_of

_BACKUP_DAYS = 70
"""How far back backups are looked for: seven weeks of a weekly job, and some that failed."""
_TASK_DAYS = 31
_QUEUE_DAYS = 100
_RESTORE_DAYS = 100

_BEGINS_LATER = timedelta(seconds=1)
"""From the start of a guest's task to the time of its snapshot."""

_CLEANUP = Timetable(4)
"""When Databasement removes what its retention no longer covers (DB-11)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A snapshot as it lies on the PBS. Without ``size`` it is still being uploaded.

    ``found_corrupt``: when a verification found that it is.
    """

    guest: Guest | FormerGuest | Client
    namespace: str
    time: datetime
    size: int | None
    found_corrupt: datetime | None = None
    protected: bool = False

    @property
    def group(self) -> tuple[str, str]:
        """Backup type and id."""
        return self.guest.backup_type, str(self.guest.vmid)


class Story:
    """Keeps the days it has computed, so that asking again is cheap. Not thread-safe.

    Attributes:
        queued: everything that Backrest repeats.
    """

    def __init__(self, homelab: Homelab, faults: Iterable[Fault] = ()) -> None:
        self.homelab = homelab
        self.faults = tuple(faults)
        self.queued = queued_tasks(homelab)
        self._days: dict[tuple[str, date], tuple[object, ...]] = {}
        self._stretches: dict[tuple[str, date, int], tuple[object, ...]] = {}
        self._last: Moment | None = None

    def at(self, now: datetime) -> Moment:
        """The homelab at ``now``; the same object as long as nobody asks for another time."""
        if self._last is None or self._last.now != now:
            self._last = Moment(self, now.astimezone(UTC))
        return self._last

    def days(
        self, events_of: Callable[[Homelab, tuple[Fault, ...], date], tuple[T, ...]], now: datetime, back: int
    ) -> tuple[T, ...]:
        """What ``events_of`` returns for each local day up to today, oldest first; the rest of today is included."""
        today = now.astimezone(self.homelab.zone).date()
        key = (events_of.__name__, today, back)
        if key not in self._stretches:
            days = (today - timedelta(days=ago) for ago in range(back, -1, -1))
            self._stretches[key] = tuple(event for day in days for event in self._day(events_of, day))
        return self._stretches[key]  # type: ignore[return-value]  # the key names the function

    def _day(self, events_of: Callable[[Homelab, tuple[Fault, ...], date], tuple[T, ...]], day: date) -> tuple[T, ...]:
        key = (events_of.__name__, day)
        if key not in self._days:
            self._days[key] = events_of(self.homelab, self.faults, day)
        return self._days[key]  # type: ignore[return-value]

    def is_busy(self, start: datetime, end: datetime) -> bool:
        """Whether anything is due, waits or is under way between these moments."""
        return any(begins <= end and start <= ends for begins, ends in self.days(_spans, end, 1))

    def has_changed(self, since: datetime, now: datetime) -> bool:
        """Whether anything has begun or ended after ``since`` up to ``now``, or a change or fault of that time began."""
        begun_or_ended = (moment for span in self.days(_spans, now, 1) for moment in span)
        return any(since < moment <= now for moment in chain(begun_or_ended, self._moments_of_faults))

    @cached_property
    def _moments_of_faults(self) -> tuple[datetime, ...]:
        return tuple(value for fault in self.faults for value in astuple(fault) if isinstance(value, datetime))


class Moment:
    """The homelab at one moment. Everything in it has begun by then; what ends later is still under way."""

    def __init__(self, story: Story, now: datetime) -> None:
        self.homelab = story.homelab
        self.faults = story.faults
        self.now = now
        self._story = story

    @cached_property
    def vzdump_tasks(self) -> tuple[VzdumpTask, ...]:
        """Tasks of the last month, oldest first."""
        oldest = self.now - timedelta(days=_TASK_DAYS)
        return tuple(task for task in self._vzdump_tasks if oldest <= task.start)

    @cached_property
    def guest_runs(self) -> tuple[GuestRun, ...]:
        """Guests' parts of those tasks that have begun, oldest first."""
        return tuple(run for task in self.vzdump_tasks for run in task.runs if run.start <= self.now)

    @cached_property
    def locked(self) -> frozenset[int]:
        """The guests of which a backup is under way."""
        return frozenset(run.guest.vmid for run in self.guest_runs if run.end > self.now)

    @cached_property
    def backups(self) -> tuple[Backup, ...]:
        """All snapshots that the PBS holds, the newest of a group first."""
        guests = {guest.vmid for job in self.homelab.jobs for guest in map(self.homelab.guest, job.guests)}
        current = [backup for vmid in sorted(guests) for backup in self._of_guest(vmid)]
        current += [backup for client in self.homelab.clients for backup in self._of_client(client)]
        return (*current, *(backup for former in self.homelab.former for backup in self._of_former(former)))

    @cached_property
    def client_runs(self) -> tuple[ClientRun, ...]:
        """Uploads of clients that have begun, oldest first."""
        if not self.homelab.clients:
            return ()
        runs = self._story.days(client_runs_of, self.now, _BACKUP_DAYS)
        return tuple(run for run in runs if run.start <= self.now)

    @cached_property
    def upkeep(self) -> tuple[UpkeepRun, ...]:
        """PBS's runs of upkeep of the last month, oldest first."""
        return tuple(run for run in self._story.days(upkeep_runs, self.now, _TASK_DAYS) if run.start <= self.now)

    def upkeep_next(self, kind: str) -> datetime:
        """What PBS calls next-run: the first due time after the last run's end, or after the start of a running one."""
        runs = [run for run in self.upkeep if run.kind == kind]
        after = self.now - timedelta(days=_TASK_DAYS)
        if runs:
            after = runs[-1].end if runs[-1].end <= self.now else runs[-1].start
        return following(upkeep_timetables(self.homelab)[kind], proxmox, after, self.homelab.zone)

    @cached_property
    def dump_rows(self) -> tuple[DumpRow, ...]:
        """Databasement's rows, the newest first. The nightly cleanup never removes a failed one (DB-11)."""
        keep = self.homelab.dumps.keep_days
        oldest = self._last_cleanup() - timedelta(days=keep)
        rows = [row for row in self._story.days(dumps, self.now, keep + 5) if row.created <= self.now]
        return tuple(row for row in reversed(rows) if row.created >= oldest or _failed(row))

    @cached_property
    def restore_rows(self) -> tuple[RestoreRow, ...]:
        """Databasement's restores, the newest first. No cleanup removes them."""
        rows = [row for row in self._story.days(restores, self.now, _RESTORE_DAYS) if row.created <= self.now]
        return tuple(reversed(rows))

    @cached_property
    def queue_runs(self) -> tuple[QueueRun, ...]:
        """Backrest's runs that have begun, oldest first."""
        return tuple(run for run in self._story.days(queue_runs, self.now, _QUEUE_DAYS) if run.start <= self.now)

    def announced(self, task: QueuedTask) -> datetime | None:
        """The next run that Backrest has announced; none while one runs. In the past while the queue is busy."""
        stands = [f.since for f in of_kind(self.faults, QueueStands) if f.plan == task.name and holds(f, self.now)]
        if stands:
            return following(task.timetable, go, min(stands), self.homelab.zone)
        due = [run for run in self._story.days(queue_runs, self.now, 1) if run.task == task and run.due <= self.now]
        if due and due[-1].start > self.now:
            return due[-1].due
        if due and due[-1].end > self.now:
            return None
        return following(task.timetable, go, self.now, self.homelab.zone)

    def queued(self) -> tuple[QueuedTask, ...]:
        """Everything that Backrest repeats."""
        return self._story.queued

    def used(self) -> float:
        """How full the datastore is, as a fraction: it grows a little every day."""
        return self.used_at(self.now, timedelta(), 1)[0]

    def used_at(self, start: datetime, apart: timedelta, number: int) -> list[float]:
        """How full it was at so many moments from ``start`` on."""
        store, day = self.homelab.datastore, timedelta(days=1)
        noted = datetime.combine(store.used_on, time(), self.homelab.zone)
        first, more = store.used + store.growth * ((start - noted) / day), store.growth * (apart / day)
        return [min(max(first + more * place, 0.05), 0.98) for place in range(number)]

    @cached_property
    def _vzdump_tasks(self) -> tuple[VzdumpTask, ...]:
        return tuple(
            task for task in self._story.days(vzdump_tasks_of, self.now, _BACKUP_DAYS) if task.start <= self.now
        )

    @cached_property
    def _runs_by_guest(self) -> dict[int, list[tuple[BackupJob, GuestRun]]]:
        runs: dict[int, list[tuple[BackupJob, GuestRun]]] = {}
        for task in self._vzdump_tasks:
            for run in task.runs:
                if run.start <= self.now and run.uploaded:
                    runs.setdefault(run.guest.vmid, []).append((task.job, run))
        return runs

    @cached_property
    def _corrupt(self) -> dict[tuple[int | str, date], datetime]:
        corrupt = of_kind(self.faults, BackupCorrupt)
        return {(fault.vmid, fault.due): fault.verified for fault in corrupt if fault.verified <= self.now}

    def _of_guest(self, vmid: int) -> list[Backup]:
        runs = list(reversed(self._runs_by_guest.get(vmid, [])))
        under_way = [self._backup(run, None) for _, run in runs if run.end > self.now]
        removed = {(fault.vmid, fault.due) for fault in of_kind(self.faults, SnapshotRemoved) if fault.at <= self.now}
        done = [
            (job, run)
            for job, run in runs
            if run.end <= self.now and run.error is None and (vmid, run.due) not in removed
        ]
        kept = self._pruned([run for _, run in done[: self._keeps(done)]], lambda run: run.start + _BEGINS_LATER)
        lost = [fault for fault in of_kind(self.faults, UploadLost) if fault.vmid == vmid and fault.at <= self.now]
        guest = self.homelab.guest(vmid)
        return (
            under_way
            + [self._backup(run, self._size(run)) for run in kept]
            + [Backup(guest=guest, namespace="", time=fault.at, size=None) for fault in lost]
        )

    def _size(self, run: GuestRun) -> int:
        shares = (f.share for f in of_kind(self.faults, BackupShrinks) if (f.vmid, f.due) == (run.guest.vmid, run.due))
        return int(_size(run) * next(shares, 1))

    def _keeps(self, done: list[tuple[BackupJob, GuestRun]]) -> int | None:
        """How many PVE itself leaves after a guest's backup; None: it doesn't prune."""
        return done[0][0].keep_last if done else None

    def _pruned(self, backups: list[T], time_of: Callable[[T], datetime]) -> list[T]:
        last = self._last_prune
        if last is None:
            return backups
        newer = [backup for backup in backups if time_of(backup) > last]
        return newer + backups[len(newer) : len(newer) + self.homelab.datastore.keep_last]

    @cached_property
    def _last_prune(self) -> datetime | None:
        pruned = [run.start for run in self.upkeep if run.kind == "prune" and run.state == "OK" and run.end <= self.now]
        return pruned[-1] if pruned else None

    def _backup(self, run: GuestRun, size: int | None) -> Backup:
        corrupt = self._corrupt.get((run.guest.vmid, run.due))
        return Backup(guest=run.guest, namespace="", time=run.start + _BEGINS_LATER, size=size, found_corrupt=corrupt)

    def _of_client(self, client: Client) -> list[Backup]:
        runs = [run for run in reversed(self.client_runs) if run.client == client]
        under_way = [
            Backup(guest=client, namespace="", time=run.start, size=None) for run in runs if run.end > self.now
        ]
        done = [
            Backup(
                guest=client,
                namespace="",
                time=run.start,
                size=client.size,
                found_corrupt=self._corrupt.get((client.id, run.due)),
                protected=run.due in client.protected,
            )
            for run in runs
            if run.end <= self.now and run.error is None
        ]
        return under_way + self._pruned(done, lambda backup: backup.time)

    def _of_former(self, former: FormerGuest) -> Iterator[Backup]:
        for ago in range(former.backups):
            taken = datetime.combine(former.last - timedelta(days=ago), time(4, 20), self.homelab.zone).astimezone(UTC)
            if taken <= self.now:
                yield Backup(guest=former, namespace=former.namespace, time=taken, size=former.size)

    def _last_cleanup(self) -> datetime:
        today = self.now.astimezone(self.homelab.zone).date()
        runs = [at for ago in (1, 0) for at in laravel(_CLEANUP, today - timedelta(days=ago), self.homelab.zone)]
        return max(at for at in runs if at <= self.now)


def _spans(homelab: Homelab, faults: tuple[Fault, ...], day: date) -> tuple[tuple[datetime, datetime], ...]:
    """From when it is due to its end: everything of a local day, guest by guest and try by try."""
    spans: list[tuple[datetime, datetime]] = []
    for task in vzdump_tasks_of(homelab, faults, day):
        spans.append((task.start, task.end))
        spans += ((run.start, run.end) for run in task.runs)
    for row in dumps(homelab, faults, day):
        due = laravel(row.backup.timetable, row.due, homelab.zone)
        spans.append((max(at for at in due if at <= row.created), row.end))
        spans += ((attempt.start, attempt.end) for attempt in row.attempts)
    spans += ((run.start, run.end) for run in client_runs_of(homelab, faults, day))
    spans += ((run.start, run.end) for run in upkeep_runs(homelab, faults, day))
    for run in queue_runs(homelab, faults, day):
        # When it exists twice it is due at the first, whatever Backrest takes.
        local = run.due.astimezone(homelab.zone)
        spans += ((local.replace(fold=0).astimezone(UTC), run.start), (run.start, run.end))
    return tuple(spans)


def _size(run: GuestRun) -> int:
    """A guest's backups grow by a thousandth in a year, so that no two are alike."""
    return run.guest.size + run.guest.size // 1000 * (run.due.toordinal() % 365) // 365


def _failed(row: DumpRow) -> bool:
    return row.preflight is not None or row.attempts[-1].error is not None
