"""What the rows of a Proxmox Backup Server mean (PBS-15, PBS-24): JSON → facts. Everything here raises UnreadableError only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sidecar.core.model import Run
from sidecar.core.reports.facts import (
    BackupGroup,
    Datastore,
    Namespace,
    Push,
    Snapshot,
    Task,
    TaskResult,
    UpkeepJob,
    Zone,
)
from sidecar.core.reports.shared import KnownFacts

from .fields import (
    Row,
    UnreadableError,
    begun,
    clock_ahead,
    first_line,
    flag,
    list_of,
    moment,
    name,
    row_of,
    step,
    text,
    whole,
    words,
)
from .pbs_upkeep_runs import TASK_TYPES, upkeep_run
from .upid import parse_upid
from .verification import parse_verification

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_KEEPS = ("keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly")

_MANIFEST = "index.json.blob"

#: Files of a snapshot that hold none of the client's data, and are never encrypted (PBS-32).
_NO_DATA = (_MANIFEST, "client.log.blob")

#: How far back an estimate must look.
_HISTORY = timedelta(days=7)

#: Of finished tasks these are kept: uploads, and runs of upkeep jobs.
_TASK_TYPES = ("backup", *TASK_TYPES.values())


def parse_version(data: Any) -> str:
    """ "3.2.4": PBS tells the last part apart (PBS-10)."""
    row = row_of(data)
    return ".".join(filter(None, (name(row, "version"), text(row, "release"))))


def version_of(version: str | None) -> tuple[int, ...]:
    """The numbers of a version for comparing, () when it isn't known."""
    return tuple(int(part) for part in re.findall(r"[0-9]{1,9}", version or ""))


def parse_zone(data: Any, now: datetime | None = None) -> Zone:
    """The zone of all schedules of the server, and its clock as it was read at ``now``."""
    row = row_of(data)
    return Zone(None, name(row, "timezone"), clock_ahead(row, "time", now))


# --- datastores -----------------------------------------------------------------------------------------------------------


def parse_datastore(row: Any) -> Datastore:
    """A row of /admin/datastore; since 3.3 it tells whether a removable one is plugged in."""
    row = row_of(row)
    status = text(row, "mount-status")
    mounted = status != "notmounted"
    return Datastore(
        name=step(row, "store"),
        maintenance=_maintenance(text(row, "maintenance")),
        error=None if mounted else "it is not mounted",
        removable=status in ("mounted", "notmounted"),
        mounted=mounted,
        object_store=text(row, "backend-type") == "s3",
    )


def _maintenance(setting: str | None) -> str | None:
    """The type in "offline", "offline,message=x" or 'type=offline,message="a, b"' (PBS-21)."""
    for part in _QUOTED.sub("", setting or "").split(","):
        key, equals, value = part.strip().partition("=")
        if not equals or key == "type":
            return (value if equals else key) or None
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """A row of /status/datastore-usage; a token that sees only a namespace gets no figures (PBS-6)."""

    store: str
    total: int | None
    used: int | None
    avail: int | None
    full_at: datetime | None
    error: str | None


def parse_usage(row: Any) -> Usage:
    """Room of one datastore; ``full_at`` as the server estimates it, sentinels and all."""
    row = row_of(row)
    return Usage(
        store=name(row, "store"),
        total=whole(row, "total"),
        used=whole(row, "used"),
        avail=whole(row, "avail"),
        full_at=moment(row, "estimated-full-date") if _reaches_back(row) else None,
        error=words(row, "error"),
    )


def _reaches_back(row: Row) -> bool:
    """The estimate rests on a week of the history, which has gaps; where none is told nobody knows (PBS-22)."""
    history, step_ = row.get("history"), whole(row, "history-delta")
    if not isinstance(history, list):
        return True
    first = next((place for place, share in enumerate(history) if share is not None), len(history))
    return (len(history) - first) * timedelta(seconds=min(step_ or 1800, 86400)) >= _HISTORY


def with_usage(stores: Iterable[Datastore], usages: Iterable[Usage], now: datetime) -> tuple[Datastore, ...]:
    """The datastores with their room; an estimate in the past means that use is flat or falling (PBS-22)."""
    room = {usage.store: usage for usage in usages}
    return tuple(_with_usage(store, room[store.name], now) if store.name in room else store for store in stores)


def _with_usage(store: Datastore, usage: Usage, now: datetime) -> Datastore:
    return replace(
        store,
        total=usage.total,
        used=usage.used,
        avail=usage.avail,
        full_at=usage.full_at if usage.full_at is not None and usage.full_at > now else None,
        error=store.error or usage.error,
    )


def parse_namespace(row: Any) -> str:
    """The name of a namespace; the root is ""."""
    namespace = text(row_of(row), "ns")
    if namespace is None or (namespace and not all(namespace.split("/"))):
        raise UnreadableError("ns")
    return namespace


# --- snapshots -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """A snapshot and the group that it belongs to.

    ``unknown_state``: the state of its verification where that is neither "ok" nor "failed", so that nothing is known.
    """

    type: str
    id: str
    owner: str | None
    snapshot: Snapshot
    unknown_state: str | None = None


def parse_snapshot(row: Any, store: str, known: KnownFacts | None = None) -> SnapshotRow:
    """A row of /snapshots. Without ``size`` the manifest can't be read: unfinished or broken (PBS-16).

    ``known``: what was listed before.
    """
    row = row_of(row)
    group = step(row, "backup-type"), step(row, "backup-id")
    verification, unknown = parse_verification(row.get("verification"), store)
    size = whole(row, "size")
    snapshot = Snapshot(
        time=begun(row, "backup-time"),
        size=size,
        verification=verification,
        comment=first_line(row, "comment"),
        protected=flag(row, "protected"),
        damaged=size is None and _has_cut_manifest(row.get("files")),
        encrypted=_is_encrypted(row.get("files")),
    )
    same = known.snapshot(group, snapshot) if known else snapshot
    return SnapshotRow(*group, text(row, "owner"), same, unknown)


def _has_cut_manifest(files: Any) -> bool:
    """The manifest is the last file of an upload; the sizes of all files stand in it, so none is told of a cut one."""
    if not isinstance(files, list):
        return False
    manifests = (file for file in files if isinstance(file, dict) and file.get("filename") == _MANIFEST)
    return any("size" not in manifest for manifest in manifests)


def _is_encrypted(files: Any) -> bool | None:
    """The client encrypted every file with data; None where the files do not tell, as those of an unfinished upload."""
    if not isinstance(files, list):
        return None
    named = (file for file in files if isinstance(file, dict) and isinstance(file.get("filename"), str))
    told = [file.get("crypt-mode") for file in named if file["filename"] not in _NO_DATA]
    modes = {mode if isinstance(mode, str) else None for mode in told}
    return None if not modes or None in modes else modes == {"encrypt"}


def unknown_states(rows: Iterable[SnapshotRow]) -> tuple[str, ...]:
    """The states of verifications that are neither "ok" nor "failed", one for each such snapshot."""
    return tuple(row.unknown_state for row in rows if row.unknown_state is not None)


def groups_of(rows: Iterable[SnapshotRow], store: str, namespace: str) -> tuple[BackupGroup, ...]:
    """The rows of one namespace by group, each group's snapshots newest first."""
    members: dict[tuple[str, str], list[SnapshotRow]] = {}
    for row in rows:
        members.setdefault((row.type, row.id), []).append(row)
    return tuple(_group(store, namespace, members[group]) for group in sorted(members))


def _group(store: str, namespace: str, rows: list[SnapshotRow]) -> BackupGroup:
    newest_first = sorted((row.snapshot for row in rows), key=lambda snapshot: snapshot.time, reverse=True)
    return BackupGroup(
        datastore=store,
        namespace=namespace,
        type=rows[0].type,
        id=rows[0].id,
        snapshots=tuple(newest_first),
        owner=rows[0].owner,
    )


def namespaces_of(names: Iterable[str], store: str) -> tuple[Namespace, ...]:
    """The namespaces of a datastore."""
    return tuple(Namespace(store, name) for name in names)


# --- upkeep ----------------------------------------------------------------------------------------------------------------


def parse_job(row: Any, kind: str) -> UpkeepJob:
    """A row of /admin/prune, /admin/verify or /admin/sync (PBS-24)."""
    row = row_of(row)
    return UpkeepJob(
        kind=kind,
        id=name(row, "id"),
        datastore=name(row, "store"),
        namespace=text(row, "ns") or "",
        schedule=text(row, "schedule") or None,
        disabled=flag(row, "disable"),
        keeps=any(whole(row, key) for key in _KEEPS) if kind == "prune" else None,
        next_run=moment(row, "next-run"),
        comment=first_line(row, "comment"),
        owner=_owner(row) if kind == "sync" else None,
        push=_push(row) if kind == "sync" else None,
        runs=_last_run(row, text(row, "last-run-upid")),
    )


def _owner(row: Row) -> str | None:
    """Whom the copies of a sync job belong to; None where it pushes, and makes none here (PBS-27)."""
    if text(row, "sync-direction") == "push":
        return None
    return text(row, "owner") or "root@pam"


def _push(row: Row) -> Push | None:
    """Where a sync job that pushes brings its copies to; None where it pulls, or names no remote (PBS-27)."""
    remote, store = text(row, "remote"), text(row, "remote-store")
    if text(row, "sync-direction") != "push" or not remote or not store:
        return None
    filters = (text({"": each}, "") for each in list_of(row, "group-filter"))
    return Push(
        remote=remote,
        store=store,
        filters=tuple(each for each in filters if each),
        depth=whole(row, "max-depth"),
        picks=flag(row, "encrypted-only") or flag(row, "verified-only"),
    )


def _last_run(row: Row, upid: str | None, *, upid_is_older: bool = False) -> tuple[Run, ...]:
    """The run that is under way or the last one; none where the job never ran. A upid without a state runs now.

    ``upid_is_older``: it is that of an earlier run, so only the end is known, which then stands for the start.
    """
    state, end = words(row, "last-run-state"), moment(row, "last-run-endtime")
    if upid is None and state is None:
        return ()
    begun_as = None if upid_is_older else parse_upid(upid)
    start = begun_as.start if begun_as else end
    if start is None or (begun_as is None and state is None):
        raise UnreadableError("last-run-upid")
    return (upkeep_run(start, end, state),)


@dataclass(frozen=True, slots=True)
class GcRow:
    """A datastore's garbage collection, and how many index files (archives) it counted last."""

    job: UpkeepJob
    index_files: int | None


def parse_gc(row: Any) -> GcRow:
    """A row of /admin/gc (PBS-23). After a failure the UPID is still that of the last success (PBS-23).

    Before the first success it says nothing of runs; the task list does.
    """
    row = row_of(row)
    store, result = name(row, "store"), TaskResult.of(words(row, "last-run-state"))
    job = UpkeepJob(
        kind="gc",
        id=store,
        datastore=store,
        schedule=text(row, "schedule") or None,
        next_run=moment(row, "next-run"),
        runs=_last_run(row, text(row, "upid"), upid_is_older=result in (TaskResult.FAILED, TaskResult.UNKNOWN)),
    )
    return GcRow(job, whole(row, "index-file-count"))


# --- tasks -----------------------------------------------------------------------------------------------------------------


def parse_task(row: Any) -> Task | None:
    """A row of /nodes/localhost/tasks; None for a finished task that is neither an upload nor upkeep."""
    row = row_of(row)
    if words(row, "status") is not None and name(row, "worker_type") not in _TASK_TYPES:
        return None
    return _task(row)


def parse_any_task(row: Any) -> Task | None:
    """A row of /nodes/localhost/tasks, whatever it is of; None where ``parse_task`` would not even look at it."""
    try:
        return _task(row_of(row))
    except UnreadableError:
        return parse_task(row)


def is_of_interest(task: Task) -> bool:
    """An upload, upkeep, or whatever runs now."""
    return task.status is None or task.type in _TASK_TYPES


def _task(row: Row) -> Task:
    return Task(
        node="localhost",
        type=name(row, "worker_type"),
        id=text(row, "worker_id") or "",
        start=begun(row, "starttime"),
        end=moment(row, "endtime"),
        status=words(row, "status"),
        upid=name(row, "upid"),
    )


def is_upload_or_runs(task: Task) -> bool:
    """A task that tells something about backups: an upload, or what runs now."""
    return task.type == "backup" or task.status is None
