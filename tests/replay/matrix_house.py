"""A small house in which all is well: one of each upstream, and nothing that would not be backed up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

#: Monday, 10:00 in Berlin: the night's backups are hours old, and the next are due at 02:00.
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
_NIGHTS = tuple(NOW.replace(hour=1) - timedelta(days=days) for days in range(8))

CONFIG: dict[str, Any] = {
    "timezone": "Europe/Berlin",
    "sources": {
        "pbs": {"kind": "pbs", "url": "https://pbs.lan:8007", "token_id": "m@pbs!g", "secret": {"credential": "x"}},
        "pve": {"kind": "pve", "url": "https://pve.lan:8006", "token_id": "m@pve!g", "secret": {"credential": "x"}},
        "databasement": {
            "kind": "databasement",
            "url": "https://db.lan",
            "token": {"credential": "x"},
            "timezone": "Europe/Berlin",
        },
        "backrest": {"kind": "backrest", "url": "https://backrest.lan:9898"},
    },
    "services": [
        {"name": "web", "guests": [101]},
        {"name": "files", "guests": [102]},
        {"name": "laptop", "guests": [{"ref": "pbs:main/host/laptop", "expect": {"schedule": "02:00"}}]},
        {"name": "shop", "databases": ["mysql/shop"]},
        {"name": "photos", "plans": ["photos"]},
    ],
}

_API = "/api2/json"
_PBS_AUDIT = {"Datastore.Audit": 1, "Sys.Audit": 1, "Remote.Audit": 1}
_PVE_AUDIT = {"Sys.Audit": 1, "VM.Audit": 1, "Datastore.Audit": 1, "Pool.Audit": 1}


#: Where the upstreams remember what ran: source and request.
MEMORIES = (
    ("pbs", f"GET {_API}/nodes/localhost/tasks?limit=0"),
    ("pve", f"GET {_API}/nodes/pve1/tasks?limit=500&source=all&typefilter=vzdump"),
    ("databasement", "GET /api/v1/jobs?filter[type]=backup&page=1&per_page=100&sort=-created_at"),
    ("databasement", "GET /api/v1/snapshots?page=1&per_page=100"),
    ("backrest", 'POST /v1.Backrest/GetOperations {"selector":{"planId":"photos"},"lastN":"200"}'),
    ("backrest", 'POST /v1.Backrest/GetOperations {"selector":{"planId":"_system_"},"lastN":"200"}'),
)


def pbs() -> dict[str, Any]:
    """A datastore with two namespaces, and upkeep every night."""
    ran = int(_NIGHTS[0].timestamp())
    upid = f"UPID:pbs:00000AD4:00012345:00000001:{ran:08X}"
    done = {"last-run-endtime": ran + 60, "last-run-state": "OK", "next-run": ran + 86400}
    answers: dict[str, Any] = {
        "/access/permissions": dict.fromkeys(("/", "/datastore", "/remote", "/system", "/access"), _PBS_AUDIT),
        "/version": {"version": "4.1", "release": "2", "repoid": "x"},
        "/nodes/localhost/time": {"timezone": "Europe/Berlin", "time": 0, "localtime": 0},
        "/nodes/localhost/tasks?limit=0": [],
        "/admin/datastore": [{"store": "main"}],
        "/status/datastore-usage": [{"store": "main", "total": 10**12, "used": 10**11, "avail": 9 * 10**11}],
        "/admin/gc": [
            {
                "store": "main",
                "schedule": "02:00",
                "upid": f"{upid}:garbage_collection:main:root@pam:",
                "index-file-count": 16,
                **done,
            }
        ],
        "/admin/prune": [
            {
                "id": "p1",
                "store": "main",
                "schedule": "02:00",
                "keep-last": 9,
                "last-run-upid": f"{upid}:prunejob:main:root@pam:",
                **done,
            }
        ],
        "/admin/verify": [],
        "/admin/sync?sync-direction=all": [],
        "/admin/datastore/main/namespace": [{"ns": ""}, {"ns": "a"}],
        "/admin/datastore/main/snapshots": _snapshots("host", "laptop"),
        "/admin/datastore/main/snapshots?ns=a": _snapshots("vm", "101"),
    }
    return {f"GET {_API}{request}": {"data": data} for request, data in answers.items()}


def _snapshots(kind: str, name: str) -> list[dict[str, Any]]:
    return [
        {
            "backup-type": kind,
            "backup-id": name,
            "backup-time": int(night.timestamp()) + 5,
            "files": [{"filename": "index.json.blob", "crypt-mode": "none", "size": 500}],
            "size": 10**9,
            "owner": "m@pbs",
            "protected": False,
        }
        for night in _NIGHTS
    ]


def pve() -> dict[str, Any]:
    """A node with two guests: one is saved to the backup server, one to a NAS."""
    start = int(_NIGHTS[0].timestamp())
    answers: dict[str, Any] = {
        "/access/permissions": {
            path: {**_PVE_AUDIT, "Datastore.Allocate": 1}
            for path in ("/", "/nodes", "/vms", "/storage", "/pool", "/access")
        },
        "/version": {"version": "9.2.11", "release": "9.2", "repoid": "x"},
        "/cluster/resources?type=vm": [
            {"id": "qemu/101", "type": "qemu", "vmid": 101, "node": "pve1", "name": "web", "status": "running"},
            {"id": "lxc/102", "type": "lxc", "vmid": 102, "node": "pve1", "name": "files", "status": "running"},
        ],
        "/cluster/backup": [
            {"id": "a", "type": "vzdump", "schedule": "02:00", "storage": "pbs-main", "vmid": "101"},
            {"id": "b", "type": "vzdump", "schedule": "02:00", "storage": "nas", "vmid": "102"},
        ],
        "/cluster/backup/a/included_volumes": {
            "children": [{"id": 101, "name": "web", "type": "qemu", "children": []}]
        },
        "/cluster/backup/b/included_volumes": {
            "children": [{"id": 102, "name": "files", "type": "lxc", "children": []}]
        },
        "/storage": [
            {"storage": "pbs-main", "type": "pbs", "server": "pbs.lan", "datastore": "main", "namespace": "a"},
            {"storage": "nas", "type": "nfs", "shared": 1, "content": "backup"},
        ],
        "/nodes": [{"node": "pve1", "status": "online", "type": "node", "id": "node/pve1"}],
        "/nodes/pve1/time": {"timezone": "Europe/Berlin", "time": 0, "localtime": 0},
        "/nodes/pve1/tasks?limit=500&source=all&typefilter=vzdump": [
            {
                "upid": f"UPID:pve1:00000AD4:00012345:{start:08X}:vzdump:{guest}:root@pam:",
                "node": "pve1",
                "pid": 1,
                "pstart": 1,
                "starttime": start,
                "endtime": start + 900,
                "type": "vzdump",
                "id": str(guest),
                "user": "root@pam",
                "status": "OK",
            }
            for guest in (101, 102)
        ],
        "/nodes/pve1/storage/nas/content?content=backup": [
            {
                "volid": f"nas:backup/vzdump-lxc-102-{night:%Y_%m_%d}-02_00_05.tar.zst",
                "content": "backup",
                "ctime": int(night.timestamp()) + 5,
                "size": 10**9,
                "vmid": 102,
                "format": "tar.zst",
                "subtype": "lxc",
            }
            for night in _NIGHTS
        ],
    }
    return {f"GET {_API}{request}": {"data": data} for request, data in answers.items()}


def databasement() -> dict[str, Any]:
    """A server with one database, dumped every night."""
    server = {
        "id": "srv1",
        "name": "mysql",
        "database_type": "mysql",
        "backups_enabled": True,
        "backups": [
            {
                "id": "b1",
                "backup_schedule": {"id": "s1", "name": "Daily", "expression": "0 2 * * *"},
                "volume_ids": ["nas"],
                "database_selection_mode": "selected",
                "database_names": ["shop"],
                "database_include_pattern": None,
            }
        ],
    }
    page = {"meta": {"current_page": 1, "last_page": 1, "per_page": 100}, "links": {}}
    jobs, snapshots = [], []
    for number, night in enumerate(_NIGHTS):
        when, done = f"{night:%Y-%m-%dT%H:%M:%S.000000Z}", f"{night:%Y-%m-%dT%H}:01:00.000000Z"
        times = {"created_at": when, "started_at": when}
        where = {"id": f"s{number}", "database_name": "shop", "server": {"id": "srv1", "name": "mysql"}}
        jobs.append(
            {
                "id": f"j{number}",
                "status": "completed",
                "type": "backup",
                "snapshot": where,
                "completed_at": done,
                **times,
            }
        )
        volumes = [{"id": "nas", "name": "nas", "type": "local", "status": "completed", "file_exists": True}]
        snapshots.append(
            {
                **where,
                "file_size": 10**6,
                "method": "scheduled",
                "volumes": volumes,
                "job": {"id": f"j{number}"},
                **times,
            }
        )
    return {
        "GET /health": {"success": True},
        "GET /api/v1/database-servers?page=1&per_page=100": {"data": [server], **page},
        "GET /api/v1/volumes?page=1&per_page=100": {"data": [{"id": "nas", "name": "nas", "type": "local"}], **page},
        "GET /api/v1/jobs?filter[type]=backup&page=1&per_page=100&sort=-created_at": {"data": jobs, **page},
        "GET /api/v1/snapshots?page=1&per_page=100": {"data": snapshots, **page},
        "GET /api/v1/scheduled-restores?page=1&per_page=100": {"data": [], **page},
    }


def backrest() -> dict[str, Any]:
    """A plan that runs every night, and a check of its repository."""
    due = NOW.replace(hour=1) + timedelta(days=1)
    recent = {
        "timestampMs": [_ms(night) for night in _NIGHTS],
        "durationMs": ["180000"] * len(_NIGHTS),
        "status": ["STATUS_SUCCESS"] * len(_NIGHTS),
    }
    runs = [_operation("Backup", "photos", night, "STATUS_SUCCESS") for night in _NIGHTS]
    checks = [_operation("Check", "_system_", night, "STATUS_SUCCESS") for night in _NIGHTS]
    return {
        "POST /v1.Backrest/GetSummaryDashboard {}": {
            "repoSummaries": [{"id": "r1"}],
            "planSummaries": [{"id": "photos", "recentBackups": recent, "nextBackupTimeMs": _ms(due)}],
        },
        asks("photos"): {"operations": [*runs, _operation("Backup", "photos", due, "STATUS_PENDING")]},
        asks("_system_"): {"operations": [*checks, _operation("Check", "_system_", due, "STATUS_PENDING")]},
    }


def asks(plan: str) -> str:
    """The request for the log of a plan."""
    return f'POST /v1.Backrest/GetOperations {{"selector":{{"planId":"{plan}"}},"lastN":"200"}}'


def _operation(kind: str, plan: str, start: datetime, status: str) -> dict[str, Any]:
    over = {"unixTimeEndMs": _ms(start + timedelta(minutes=3)), "logref": "x", "snapshotId": "ab" * 32}
    return {
        "id": str(int(start.timestamp())),
        "repoId": "r1",
        "planId": plan,
        "unixTimeStartMs": _ms(start),
        f"operation{kind}": {},
        "status": status,
        **(over if status == "STATUS_SUCCESS" else {}),
    }


def _ms(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))


def answers() -> dict[str, dict[str, Any]]:
    """What all of them answer."""
    return {"pbs": pbs(), "pve": pve(), "databasement": databasement(), "backrest": backrest()}
