"""Facts: what upstreams tell, in their own meaning (a PBS snapshot without a size is a Snapshot without a size).

A source turns answers into these and judges nothing; what a fact is worth is for the judgement to say. Each says in which scope
of a report it comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self, TypeVar

from sidecar.core.ids import GroupKey
from sidecar.core.model import Outcome, Run

from .vzdump_log import VzdumpLog

# --- facts of any source ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Zone:
    """The time zone that schedules are evaluated in, and how wrong the clock there is.

    Attributes:
        node: None for a whole server (PBS).
        ahead: by how many seconds its clock is ahead of ours (negative: behind), in whole minutes; None where it is right.
    """

    node: str | None
    timezone: str
    ahead: int | None = None


@dataclass(frozen=True, slots=True)
class ReadingGap:
    """A scope could not be read from ``start``, when it was read last, to ``end``, when it was read again (rule 6)."""

    start: datetime
    end: datetime


class TaskResult(StrEnum):
    """How a task of PBS or PVE ended. UNKNOWN: its worker died before it could say so."""

    RUNNING = "running"
    OK = "ok"
    WARNINGS = "warnings"
    UNKNOWN = "unknown"
    FAILED = "failed"

    @classmethod
    def of(cls, status: str | None) -> Self:
        """What a status means: none while the task runs, else "OK", "WARNINGS: n", "unknown" or a bare error text."""
        if status is None:
            return cls(cls.RUNNING)
        if status.startswith("WARNINGS:"):
            return cls(cls.WARNINGS)
        return cls({"OK": cls.OK, "unknown": cls.UNKNOWN}.get(status, cls.FAILED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task of PBS or PVE. ``status`` is in the server's words, None while it runs: see ``result`` for what it means.

    ``id`` is the worker id ("main:vm/101"); for a vzdump task the vmid, or "" when it handles several guests (PVE-14).
    ``log``: what the log of a vzdump task tells; None where it was not read, or can't be.
    """

    node: str
    type: str
    id: str
    start: datetime
    end: datetime | None
    status: str | None
    upid: str
    log: VzdumpLog | None = None

    @property
    def result(self) -> TaskResult:
        """How it ended."""
        return TaskResult.of(self.status)


# --- Proxmox Backup Server ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verification:
    """``at`` comes from the UPID (PBS-17). ``own`` is False when it came along with a synced copy."""

    ok: bool
    at: datetime | None
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A snapshot. Without ``size`` it is no backup: an upload under way, or the remains of a failed one (PBS-16).

    ``damaged``: its upload had come to its end, for the manifest is there, but the manifest can't be read.
    ``encrypted``: the client encrypted all its data; None where that is not told.
    """

    time: datetime
    size: int | None
    verification: Verification | None = None
    comment: str | None = None
    protected: bool = False
    damaged: bool = False
    encrypted: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupGroup:
    """All snapshots of one thing in one namespace, newest first. ``type`` is vm, ct or host. Scope ("snapshots", store, ns).

    Proxmox VE tells the same of its guests on a storage of type pbs: scope ("archives", "shared", storage), without an owner.
    """

    datastore: str
    namespace: str
    type: str
    id: str
    snapshots: tuple[Snapshot, ...]
    owner: str | None = None

    @property
    def key(self) -> GroupKey:
        """Its name."""
        return GroupKey(self.datastore, self.namespace, self.type, self.id)

    @property
    def path(self) -> str:
        """How references name it: "main/host/nas", "main/ns/ct/101"."""
        return self.key.path


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace that exists; the root is "". Scope ("namespaces", store)."""

    datastore: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Datastore:
    """A datastore and its room. Scope ("datastores",).

    Attributes:
        maintenance: "offline", "read-only" …; None in normal operation.
        full_at: the server's estimate; None for its sentinels (0, or a date in the past: use is flat or falling, PBS-22).
        error: why the server itself can't use it.
        removable: its disk may be unplugged on purpose; False too where the version does not tell.
        mounted: False while the disk of a removable one is not there.
        object_store: it keeps its data in S3, so its sizes are those of a cache and say nothing of room.
        index_files: how many archives its last garbage collection counted; None where none tells.
    """

    name: str
    maintenance: str | None = None
    total: int | None = None
    used: int | None = None
    avail: int | None = None
    full_at: datetime | None = None
    error: str | None = None
    removable: bool = False
    mounted: bool = True
    object_store: bool = False
    index_files: int | None = None

    @property
    def away(self) -> bool:
        """Its disk was taken out: it may be gone on purpose."""
        return self.removable and not self.mounted

    @property
    def free(self) -> float | None:
        """The share that is free, as PBS counts it: of what is used and what is available; None where it does not tell."""
        if self.used is None or self.avail is None or self.used + self.avail <= 0:
            return None
        return self.avail / (self.used + self.avail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Where a sync job brings copies to, and of what (PBS-27).

    Attributes:
        remote, store: the other server as this one calls it, and the datastore there.
        filters: which groups are taken, in the server's own words; none: all.
        depth: how many levels of namespaces below its own it takes; None for all.
        picks: it takes only snapshots that are encrypted, or verified.
    """

    remote: str
    store: str
    filters: tuple[str, ...] = ()
    depth: int | None = None
    picks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepJob:
    """A prune, gc, verify or sync job of PBS; scope ("upkeep", kind). A prune or check of Backrest; scope ("upkeep",).

    Attributes:
        kind: prune, gc, verify, sync or check.
        id: the job's id; for gc the datastore, for Backrest the repository.
        datastore: for Backrest the repository.
        keeps: a prune job has a keep option; without one it never runs ("keeps everything", PBS-26). None for other kinds.
        next_run: may lie in the past: then the scheduler could not start it (PBS-25); for Backrest the announced run.
        owner: of a sync job that pulls, whom its copies belong to; None for any other job.
        push: of a sync job that pushes, where to; None for any other job.
        runs: newest first: the one that runs now or the last one, then earlier ones without gaps, as far back as the
            upstream reports them (Backrest's log, PBS's tasks). Where only the end of the last one is known, its end
            stands for its start too.
    """

    kind: str
    id: str
    datastore: str
    namespace: str = ""
    schedule: str | None = None
    disabled: bool = False
    keeps: bool | None = None
    next_run: datetime | None = None
    comment: str | None = None
    owner: str | None = None
    push: Push | None = None
    runs: tuple[Run, ...] = ()

    @property
    def last(self) -> Run | None:
        """The run that runs now, else the last one."""
        return self.runs[0] if self.runs else None

    @property
    def running(self) -> bool:
        """A run of it is under way."""
        return self.last is not None and self.last.outcome is Outcome.RUNNING


# --- Proxmox VE -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A guest. ``type`` is qemu or lxc; ``name`` is None while its node is off (PVE-9). Scope ("guests",)."""

    vmid: int
    type: str
    name: str | None
    node: str
    template: bool = False
    pool: str | None = None
    tags: tuple[str, ...] = ()
    locked_for_backup: bool = False

    @property
    def backup_type(self) -> str:
        """What PBS calls it: vm or ct."""
        return "vm" if self.type == "qemu" else "ct"


@dataclass(frozen=True, slots=True)
class LeftOutVolume:
    """A volume of a guest that a job covers without it (PVE-11).

    Attributes:
        volume: how the guest's configuration calls it: "scsi1", "mp0".
        name: where it is: "local-zfs:subvol-104-disk-1", for a bind mount a directory; None where that is not told.
        reason: why, in Proxmox's own words: "disabled", "not a volume".
        since: when it was first seen left out of a guest that the job covered before; None where it always was.
    """

    vmid: int
    volume: str
    name: str | None = None
    reason: str | None = None
    since: datetime | None = None

    def __str__(self) -> str:
        """As people read it: "mp0 /mnt/media (not a volume)"."""
        place = f"{self.volume} {self.name}" if self.name else self.volume
        return f"{place} ({self.reason})" if self.reason else place


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupJob:
    """A vzdump job. Scope ("jobs",).

    Attributes:
        node: the only node it runs on; None for all.
        guests: vmids of ``included_volumes``; None when that could not be read.
        left_out: the volumes that it leaves out; None when that could not be read.
    """

    id: str
    schedule: str
    enabled: bool
    storage: str | None
    node: str | None
    guests: tuple[int, ...] | None
    comment: str | None = None
    left_out: tuple[LeftOutVolume, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """A storage that may hold backups. The PBS fields are None for other types. Scope ("storages",).

    ``shared``: all nodes see the same content; else each node has its own, under the same name.
    """

    name: str
    type: str
    enabled: bool
    server: str | None = None
    port: int | None = None
    datastore: str | None = None
    namespace: str | None = None
    fingerprint: str | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the cluster. Scope ("nodes",)."""

    name: str
    online: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A backup archive on a storage that is not PBS. Scope ("archives", node, storage). ``protected``: no prune removes it.

    ``guest_type`` is qemu or lxc, None where that is not told: an id that was a virtual machine's may be a container's now.
    """

    storage: str
    vmid: int
    time: datetime
    size: int | None
    protected: bool = False
    guest_type: str | None = None


# --- Databasement -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpPlan:
    """One backup configuration of a database server. Scope ("plans",).

    Attributes:
        mode: all, selected, excluded or pattern; unknown for one that a newer version brings.
        databases: the names in the modes selected and excluded.
        pattern: the include pattern in mode pattern.
        enabled: the server's ``backups_enabled``.
        volumes: the names of the volumes that it writes to, as in DumpCopy; None where the answers do not tell.
    """

    server: str
    id: str
    schedule_name: str | None = None
    schedule: str | None = None
    mode: str = "all"
    databases: tuple[str, ...] = ()
    pattern: str | None = None
    enabled: bool = True
    server_type: str | None = None
    volumes: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class DumpCopy:
    """A copy of a dump on one volume. ``ok`` is None while it is not known (pending, being deleted)."""

    volume: str
    ok: bool | None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """One job of Databasement: one run for one database. Scope ("dumps",).

    Attributes:
        whole_server: a failure before the databases were known: it counts for every database of the server (DB-7).
        changed_at: when the row last changed; a failed one younger than 4 min may still be retried.
        file_size: bytes of the finished dump, 0 for an empty one, None where ``/snapshots`` does not tell.
        file_exists: False when the nightly check found the file gone; None where the version does not tell.
        copies: one for each volume that it was meant for; empty where ``/snapshots`` does not tell.
    """

    id: str
    server: str
    database: str
    run: Run
    whole_server: bool = False
    scheduled: bool | None = None
    changed_at: datetime | None = None
    file_size: int | None = None
    file_exists: bool | None = None
    copies: tuple[DumpCopy, ...] = ()

    @property
    def volumes(self) -> tuple[str, ...]:
        """The names of the volumes that it was meant for, whatever became of it there."""
        return tuple(copy.volume for copy in self.copies)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduledRestore:
    """A restore that Databasement repeats: what proves that a database's dumps can be read back. Scope ("restores",).

    Attributes:
        server, database: whose newest dump it restores.
        target: where to: "SERVER/DATABASE".
        schedule: a cron line; None where it is not told.
        skipped: Databasement's word for why the last one was left out.
        runs: newest first; only those that can be told to be its own (DB-14).
    """

    id: str
    name: str
    server: str
    database: str
    target: str
    schedule: str | None = None
    enabled: bool = True
    skipped: str | None = None
    runs: tuple[Run, ...] = ()


# --- Backrest -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BackrestPlan:
    """A Backrest plan and its runs, newest first. Scope ("plans",).

    Attributes:
        next_run: the run that Backrest announced (its own clock and zone, never computed by us); None when it is disabled.
        repo: the repository it saves to, as its log tells; None where that could not be read.
        overdue: Backrest itself misses a good run today, by the schedule that only it knows (BR-10).
    """

    id: str
    next_run: datetime | None
    runs: tuple[Run, ...]
    repo: str | None = None
    overdue: bool = False


@dataclass(frozen=True, slots=True)
class Repo:
    """A Backrest repository. Scope ("repos",)."""

    id: str


@dataclass(frozen=True, slots=True)
class QueueHolder:
    """Whatever Backrest does right now, while all that is due waits. Scopes ("operations", plan) and ("upkeep",).

    Attributes:
        name: its kind and the plan or repository it is for: "check b2", "backup photos", "restore b2".
        longest: seconds that the longest of its earlier runs took, as far as they are known.
    """

    name: str
    start: datetime
    longest: int | None = None


Fact = (
    Zone
    | ReadingGap
    | Task
    | BackupGroup
    | Namespace
    | Datastore
    | UpkeepJob
    | Guest
    | BackupJob
    | Storage
    | Node
    | Archive
    | DumpPlan
    | Dump
    | ScheduledRestore
    | BackrestPlan
    | Repo
    | QueueHolder
)
FactT = TypeVar("FactT", bound=Fact)
