"""What the rows of Proxmox VE mean (docs/upstreams.md): JSON → facts. Everything here raises UnreadableError only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sidecar.core.reports.facts import (
    Archive,
    BackupGroup,
    BackupJob,
    Guest,
    LeftOutVolume,
    Node,
    Snapshot,
    Storage,
    Task,
    Zone,
)
from sidecar.upstream.error_text import clean

from .fields import (
    LONGEST_LIST,
    Row,
    UnreadableError,
    begun,
    clock_ahead,
    first_line,
    flag,
    label,
    moment,
    name,
    row_of,
    text,
    whole,
    words,
)
from .verification import parse_verification

#: So many volumes that a job leaves out are told of.
MOST_LEFT_OUT = 500

_GUEST_TYPES = ("qemu", "lxc")

#: What else a cluster lists among its resources.
_NO_GUESTS = ("node", "storage", "pool", "sdn", "network")

#: Types of storage that every node sees alike; others are when they say "shared".
_SHARED_TYPES = ("nfs", "cifs", "cephfs", "glusterfs", "pbs")

#: How PBS calls what PVE calls the subtype of a backup.
_BACKUP_TYPES = {"qemu": "vm", "lxc": "ct"}


def parse_version(data: Any) -> str:
    """ "9.2.11": unlike PBS the whole package version (PVE-2)."""
    return name(row_of(data), "version")


def major_of(version: str | None) -> int | None:
    """The first number of a version; None when it isn't known."""
    digits = re.match(r"[0-9]{1,9}", version or "")
    return int(digits[0]) if digits else None


def parse_guest(row: Any) -> Guest | None:
    """A row of /cluster/resources. Name and template flag are missing while the node is off (PVE-9)."""
    row = row_of(row)
    kind = name(row, "type")
    if kind in _NO_GUESTS:
        return None
    if kind not in _GUEST_TYPES:
        raise UnreadableError("type")  # a later version may have more: such a guest is not gone
    return Guest(
        vmid=_vmid(row, "vmid"),
        type=kind,
        name=label(row, "name"),
        node=name(row, "node"),
        template=flag(row, "template"),
        pool=label(row, "pool"),
        tags=tuple(filter(None, re.split(r"[;, ]+", label(row, "tags", LONGEST_LIST) or ""))),
        locked_for_backup=text(row, "lock") == "backup",
    )


# --- jobs ------------------------------------------------------------------------------------------------------------------


def parse_job(row: Any) -> BackupJob:
    """A row of /cluster/backup, its guests not known yet. ``enabled`` is left out when it is set (PVE-10)."""
    row = row_of(row)
    return BackupJob(
        id=name(row, "id"),
        schedule=label(row, "schedule") or "",
        enabled=flag(row, "enabled", default=True),
        storage=label(row, "storage") or None,
        node=label(row, "node") or None,
        guests=None,
        comment=first_line(row, "comment"),
    )


@dataclass(frozen=True, slots=True)
class Members:
    """Whom a job covers, and the volumes of them that it leaves out. ``untold``: how many volumes could not be read."""

    guests: tuple[int, ...]
    left_out: tuple[LeftOutVolume, ...] = ()
    untold: int = 0


def parse_members(data: Any) -> Members:
    """The answer of included_volumes, but for guests that are gone (type "unknown", PVE-11)."""
    every = (row_of(child) for child in _list(row_of(data), "children"))
    guests = {_vmid(guest, "id"): guest for guest in every if text(guest, "type") != "unknown"}
    left_out, untold = [], 0
    for vmid in sorted(guests):
        for row in _volumes(guests[vmid]):
            try:
                volume = _left_out(vmid, row_of(row))
            except UnreadableError:
                untold += 1
                continue
            left_out += [volume] if volume is not None else []
    kept = left_out[:MOST_LEFT_OUT]
    return Members(tuple(sorted(guests)), tuple(kept), untold + len(left_out) - len(kept))


def _volumes(guest: Row) -> list[Any]:
    """No volumes are no reason to forget the guest."""
    rows = guest.get("children")
    return rows if isinstance(rows, list) else []


def _left_out(vmid: int, row: Row) -> LeftOutVolume | None:
    """None for a volume that is saved (PVE-11)."""
    if flag(row, "included", default=True):
        return None
    name_, reason = label(row, "name"), words(row, "reason")
    return LeftOutVolume(vmid, clean(name(row, "id")), clean(name_) if name_ else None, reason or None)


def _list(row: Row, key: str) -> list[Any]:
    rows = row.get(key)
    if not isinstance(rows, list):
        raise UnreadableError(key)
    return rows


# --- storages and archives ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """A storage and where it can be asked: ``nodes`` is empty for all of them."""

    storage: Storage
    nodes: frozenset[str]


def parse_storage(row: Any) -> Place | None:
    """A row of /storage; None for one that can't hold backups."""
    row = row_of(row)
    kind, content = name(row, "type"), text(row, "content", LONGEST_LIST)
    if content is not None and "backup" not in _listed(content):
        return None
    fingerprint = text(row, "fingerprint")
    storage = Storage(
        name=name(row, "storage"),
        type=kind,
        enabled=not flag(row, "disable"),
        server=text(row, "server"),
        port=whole(row, "port"),
        datastore=label(row, "datastore"),
        namespace=label(row, "namespace"),
        fingerprint=fingerprint.lower() if fingerprint else None,
        shared=kind in _SHARED_TYPES or flag(row, "shared"),
    )
    return Place(storage, frozenset(_listed(text(row, "nodes", LONGEST_LIST))))


def parse_archive(row: Any, storage: str) -> Archive | None:
    """A backup from a storage's content or from the prune preview, which tells no size; None without a guest's id."""
    row = row_of(row)
    if row.get("vmid") is None:
        return None
    protected = flag(row, "protected") or text(row, "mark") == "protected"
    told = (text(row, "subtype"), text(row, "type"))
    return Archive(
        storage=storage,
        vmid=_vmid(row, "vmid"),
        time=begun(row, "ctime"),
        size=whole(row, "size"),
        protected=protected,
        guest_type=next((kind for kind in told if kind in _GUEST_TYPES), None),
    )


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """A snapshot on a storage of type pbs, and whose it is."""

    type: str
    vmid: int
    snapshot: Snapshot


def parse_snapshot(row: Any, storage: Storage) -> SnapshotRow | None:
    """A row of such a storage's content; None without a guest's id. One that is not finished has a size of 1 (PVE-19)."""
    row = row_of(row)
    kind = _BACKUP_TYPES.get(name(row, "subtype"))
    if row.get("vmid") is None or kind is None:
        return None
    verification, _ = parse_verification(row.get("verification"), storage.datastore or "")
    size = whole(row, "size")
    snapshot = Snapshot(
        time=begun(row, "ctime"),
        size=size if size is not None and size > 1 else None,
        verification=verification,
        comment=first_line(row, "notes"),
        protected=flag(row, "protected"),
        encrypted=row.get("encrypted") not in (None, "", 0, "0"),
    )
    return SnapshotRow(kind, _vmid(row, "vmid"), snapshot)


def groups_of(rows: Iterable[SnapshotRow], storage: Storage) -> tuple[BackupGroup, ...]:
    """The rows of one storage by group, each group's snapshots newest first."""
    members: dict[tuple[str, int], list[Snapshot]] = {}
    for row in rows:
        members.setdefault((row.type, row.vmid), []).append(row.snapshot)
    return tuple(
        BackupGroup(
            datastore=storage.datastore or storage.name,
            namespace=storage.namespace or "",
            type=kind,
            id=str(vmid),
            snapshots=tuple(sorted(snapshots, key=lambda snapshot: snapshot.time, reverse=True)),
        )
        for (kind, vmid), snapshots in sorted(members.items())
    )


def newest_first(archives: Iterable[Archive]) -> tuple[Archive, ...]:
    """The archives in the order of their age."""
    return tuple(sorted(archives, key=lambda archive: archive.time, reverse=True))


# --- nodes -----------------------------------------------------------------------------------------------------------------


def parse_node(row: Any) -> Node:
    """A row of /nodes."""
    row = row_of(row)
    return Node(name(row, "node"), online=text(row, "status") == "online")


def parse_zone(data: Any, node: str, now: datetime | None = None) -> Zone:
    """The zone in which a node's scheduler works (PVE-17), and its clock as it was read at ``now``."""
    row = row_of(data)
    return Zone(node, name(row, "timezone"), clock_ahead(row, "time", now))


def parse_task(row: Any, node: str) -> Task:
    """A row of /nodes/{node}/tasks; "RUNNING" is no status but says that there is none yet (PVE-13)."""
    row = row_of(row)
    status = words(row, "status")
    runs = status in (None, "", "RUNNING")
    return Task(
        node=node,
        type=name(row, "type"),
        id=label(row, "id") or "",
        start=begun(row, "starttime"),
        end=None if runs else moment(row, "endtime"),
        status=None if runs else status,
        upid=name(row, "upid"),
    )


def once_each(tasks: Iterable[Task]) -> tuple[Task, ...]:
    """Each task once, newest first: one that just ended stands among the active ones and in the archive."""
    known: dict[str, Task] = {}
    for task in tasks:
        if task.upid not in known or known[task.upid].status is None:
            known[task.upid] = task
    return tuple(sorted(known.values(), key=lambda task: task.start, reverse=True))


def _vmid(row: Any, key: str) -> int:
    vmid = whole(row, key)
    if not vmid:
        raise UnreadableError(key)
    return vmid


def _listed(value: str | None) -> list[str]:
    return [part for part in re.split(r"[,; ]+", value or "") if part]
