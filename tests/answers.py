"""Answers of a backup server and a cluster, made from a few words: what a test does not say is ordinary and fine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")

#: By path of the API, as tests.sources.recorded.Answering takes them.
Answers = dict[str, Any]

_ALL = {"Datastore.Audit": 1, "Sys.Audit": 1, "Remote.Audit": 1, "VM.Audit": 1}
_EVERYWHERE = dict.fromkeys(
    ("/", "/datastore", "/remote", "/system", "/nodes", "/vms", "/storage", "/access", "/tape"), _ALL
)
_GB = 10**9


def when(text: str) -> datetime:
    """``28 04:00`` is a day of November 2026 in Berlin."""
    return datetime.strptime(f"2026 11 {text}", "%Y %m %d %H:%M").replace(tzinfo=BERLIN)


def epoch(text: str | datetime) -> int:
    """Unix seconds."""
    return int((when(text) if isinstance(text, str) else text).timestamp())


def nights(last: str, count: int = 8) -> list[datetime]:
    """The same time on that day and the days before, oldest first."""
    return [when(last) - timedelta(days=days) for days in reversed(range(count))]


def refused(status: int, text: str) -> dict[str, Any]:
    """An answer that is a refusal."""
    return {"status": status, "body": text}


# --- Proxmox Backup Server --------------------------------------------------------------------------------------------


def backup_server(
    content: Mapping[tuple[str, str], Iterable[Any]],
    *,
    stores: Sequence[Mapping[str, Any]] = ({"store": "main"},),
    upkeep: Mapping[str, Iterable[Any]] | None = None,
    tasks: Iterable[Any] = (),
    permissions: Mapping[str, Any] | None = None,
    clock: datetime | None = None,
    **changed: Any,
) -> Answers:
    """``content`` holds snapshots by datastore and namespace. ``changed``: answers by path, its "/" written as "__"."""
    jobs = {"gc": (), "prune": (), "verify": (), "sync": (), **(upkeep or {})}
    usage = [{"total": 1000 * _GB, "used": 100 * _GB, "avail": 900 * _GB, **store} for store in stores]
    answers: Answers = {
        "/access/permissions": permissions if permissions is not None else _EVERYWHERE,
        "/version": {"version": "3.2", "release": "4", "repoid": "x"},
        "/nodes/localhost/time": {"timezone": "Europe/Berlin", "time": epoch(clock) if clock else 0, "localtime": 0},
        "/nodes/localhost/tasks": list(tasks),
        "/admin/datastore": [*stores],
        "/status/datastore-usage": usage,
        **{f"/admin/{kind}": list(rows) for kind, rows in jobs.items()},
    }
    for store in (str(row["store"]) for row in stores):
        namespaces = sorted({"", *(namespace for where, namespace in content if where == store)})
        answers[f"/admin/datastore/{store}/namespace"] = [{"ns": namespace} for namespace in namespaces]
        for namespace in namespaces:
            query = f"?ns={namespace}" if namespace else ""
            rows = list(content.get((store, namespace), ()))
            answers[f"/admin/datastore/{store}/snapshots{query}"] = rows
    return answers | {f"/{path.replace('__', '/')}": answer for path, answer in changed.items()}


def snapshot(time: str | datetime, id_: str = "101", type_: str = "vm", **more: Any) -> dict[str, Any]:
    """A finished one; ``size=None`` for one that is not."""
    row = {"backup-type": type_, "backup-id": id_, "backup-time": epoch(time), "size": _GB, **more}
    return {name: field for name, field in row.items() if field is not None}


def upid(start: str | datetime, kind: str, id_: str) -> str:
    """Of a task on a backup server; the id is escaped already."""
    return f"UPID:pbs:00000AD4:00012345:00000001:{epoch(start):08X}:{kind}:{id_}:root@pam:"


def upkeep_job(start: str, end: str, task: str, state: str = "OK", **fields: Any) -> dict[str, Any]:
    """A job of datastore main, with its last run. ``task``: type and id as in a UPID, "prunejob:main"."""
    kind, _, id_ = task.partition(":")
    last = {"last-run-upid": upid(start, kind, id_), "last-run-state": state, "last-run-endtime": epoch(end)}
    return {"store": "main", **last, **fields}


# --- Proxmox VE -------------------------------------------------------------------------------------------------------


def cluster(tasks: Iterable[Any], **changed: Any) -> Answers:
    """VM 101 "web" on pve1, saved by job "a" at 22:00 to datastore main. ``changed``: see backup_server."""
    job = {"id": "a", "type": "vzdump", "enabled": 1, "schedule": "22:00", "storage": "pbs", "all": 1}
    storage = {"storage": "pbs", "type": "pbs", "server": "lab.invalid", "datastore": "main", "content": "backup"}
    guest = {"id": "qemu/101", "type": "qemu", "vmid": 101, "node": "pve1", "name": "web", "template": 0}
    answers: Answers = {
        "/access/permissions": _EVERYWHERE,
        "/version": {"version": "9.0.3", "release": "9.0", "repoid": "x"},
        "/cluster/resources?type=vm": [guest],
        "/cluster/backup": [job],
        "/cluster/backup/a/included_volumes": {
            "children": [{"id": 101, "name": "web", "type": "qemu", "children": []}]
        },
        "/storage": [storage],
        "/nodes": [{"node": "pve1", "status": "online", "type": "node", "id": "node/pve1"}],
        "/nodes/pve1/time": {"timezone": "Europe/Berlin", "time": 0, "localtime": 0},
        "/nodes/pve1/tasks": list(tasks),
    }
    return answers | {f"/{path.replace('__', '/')}": answer for path, answer in changed.items()}


def vzdump(start: datetime, status: str = "OK", minutes: int = 15) -> dict[str, Any]:
    """A finished backup task on pve1."""
    return {
        "upid": f"UPID:pve1:00000AD4:00012345:{epoch(start):08X}:vzdump::root@pam:",
        "node": "pve1",
        "type": "vzdump",
        "id": "",
        "starttime": epoch(start),
        "endtime": epoch(start) + 60 * minutes,
        "status": status,
    }
