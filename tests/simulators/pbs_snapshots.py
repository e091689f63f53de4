"""Snapshots and groups as PBS lists them."""

from __future__ import annotations

from collections.abc import Sequence

from tests.simulators.calls import Json, epoch
from tests.simulators.homelab import Client
from tests.simulators.pbs_tasks import UPLOADER, verify_upid
from tests.simulators.story import Backup, Moment

_INDEX = "index.json.blob"


def snapshot_row(moment: Moment, backup: Backup) -> dict[str, Json]:
    """A snapshot. While it is uploaded it has neither size nor comment: PVE sets notes afterwards (PBS-16, PBS-18)."""
    kind, backup_id = backup.group
    row: dict[str, Json] = {"backup-type": kind, "backup-id": backup_id, "backup-time": epoch(backup.time)}
    if backup.size is None:
        return row | {"files": [{"filename": _config(kind)}], "owner": _owner(backup), "protected": False}
    if backup.guest.name is not None:
        row["comment"] = backup.guest.name
    if backup.found_corrupt is not None:
        upid = verify_upid(moment.homelab.datastore.name, backup.group, backup.time, backup.found_corrupt)
        row["verification"] = {"upid": upid, "state": "failed"}
    encrypted = isinstance(backup.guest, Client) and backup.guest.encrypted
    files: list[Json] = [_file(name, size, encrypted=encrypted) for name, size in _archives(kind, backup.size)]
    return row | {
        "files": [*files, {"filename": "client.log.blob"}],
        "size": sum(size for _, size in _archives(kind, backup.size)),
        "owner": _owner(backup),
        "protected": backup.protected,
    }


def group_row(backups: Sequence[Backup]) -> dict[str, Json]:
    """A group of 3.2.4. Its last backup may be an upload under way (PBS-14)."""
    newest = max(backups, key=lambda backup: backup.time)
    kind, backup_id = newest.group
    finished: list[Json] = [_INDEX, *(name for name, _ in _archives(kind, 0)[:-1])]
    return {
        "backup-type": kind,
        "backup-id": backup_id,
        "last-backup": epoch(newest.time),
        "backup-count": len(backups),
        "files": finished if newest.size is not None else [_config(kind)],
        "owner": _owner(newest),
    }


def _owner(backup: Backup) -> str:
    return backup.guest.owner if isinstance(backup.guest, Client) else UPLOADER


def _archives(kind: str, size: int) -> list[tuple[str, int]]:
    data = [("drive-scsi0.img.fidx", size)]
    if kind == "host":
        return [("root.pxar.didx", size), ("catalog.pcat1.didx", size // 4000), (_INDEX, 520)]
    if kind == "ct":
        data = [("root.pxar.didx", size), ("catalog.pcat1.didx", size // 4000)]
    return [(_config(kind), 412), *data, (_INDEX, 520)]


def _config(kind: str) -> str:
    return "qemu-server.conf.blob" if kind == "vm" else "pct.conf.blob"


def _file(name: str, size: int, *, encrypted: bool) -> dict[str, Json]:
    """The manifest is signed at most (PBS-32)."""
    mode = ("sign-only" if name == _INDEX else "encrypt") if encrypted else "none"
    return {"filename": name, "crypt-mode": mode, "size": size}
