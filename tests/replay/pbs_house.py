"""The house around the recorded backup server: a cluster of one node that writes to it, and what its owner wants to know."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

_NIGHTLY = {"schedule": "02:00", "timezone": "Europe/Vienna", "grace": "2h"}

#: Every group of the server that says something, by what it is. Those of cluster A belong to guests.
GROUPS = {
    "other cluster": ("store1/clusterB/vm/100", {**_NIGHTLY, "schedule": "02:30"}),
    "mail": ("store1/clusterB/ct/300", {**_NIGHTLY, "schedule": "02:30"}),
    "sub": ("store1/clusterA/sub/vm/100", {**_NIGHTLY, "schedule": "sun 02:00"}),
    "web01": ("store1/host/web01", {**_NIGHTLY, "schedule": "2/6:00"}),
    "db01": ("store1/host/db01", _NIGHTLY),
    "nas": ("store1/host/nas.example_1-x", _NIGHTLY),
    "orphan": ("store1/host/orphan", _NIGHTLY),
    "nobody": ("store1/empty/host/nobody", _NIGHTLY),
    "copy of dns1": ("store2/fromA/ct/200", _NIGHTLY),
    "s3a": ("store3/host/s3a", _NIGHTLY),
    "fresh": ("store4/host/fresh", _NIGHTLY),
}

#: The guests of cluster A.
GUESTS = {100: "web-frontend", 101: "win11", 103: "appliance", 104: "builder", 200: "dns1", 201: "vault"}

CONFIG: dict[str, Any] = {
    "timezone": "Europe/Vienna",
    "sources": {
        "pve": {
            "kind": "pve",
            "url": "https://pve.lan:8006",
            "token_id": "audit@pve!full",
            "secret": {"credential": "x"},
        },
        "pbs": {
            "kind": "pbs",
            "url": "https://pbs.lan:8007",
            "token_id": "audit@pbs!full",
            "secret": {"credential": "x"},
        },
    },
    "services": [
        *({"name": name, "guests": [number]} for number, name in GUESTS.items()),
        *({"name": name, "guests": [{"ref": f"pbs:{ref}", "expect": due}]} for name, (ref, due) in GROUPS.items()),
    ],
}

_AUDIT = {"Sys.Audit": 1, "VM.Audit": 1, "Datastore.Audit": 1, "Pool.Audit": 1}


def pve(now: datetime, *, ran: bool = True) -> dict[str, Any]:
    """What Proxmox VE answers: one job at 02:00 for all guests; ``ran`` False: it never did anything."""
    rows = [
        {
            "id": f"{kind}/{number}",
            "type": kind,
            "vmid": number,
            "node": "pve1",
            "name": name,
            "status": "running",
            "template": 0,
        }
        for number, name, kind in _guests()
    ]
    covered = [{"id": number, "name": name, "type": kind, "children": []} for number, name, kind in _guests()]
    answers: dict[str, Any] = {
        "/access/permissions": dict.fromkeys(("/", "/nodes", "/vms", "/storage", "/pool", "/access"), _AUDIT),
        "/version": {"version": "9.2.11", "release": "9.2", "repoid": "x"},
        "/cluster/resources?type=vm": rows,
        "/cluster/backup": [
            {
                "id": "a",
                "type": "vzdump",
                "enabled": 1,
                "schedule": "02:00",
                "storage": "pbs",
                "mode": "snapshot",
                "all": 1,
            }
        ],
        "/cluster/backup/a/included_volumes": {"children": covered},
        "/storage": [
            {"storage": "pbs", "type": "pbs", "server": "pbs.lan", "datastore": "store1", "namespace": "clusterA"}
        ],
        "/nodes": [{"node": "pve1", "status": "online", "type": "node", "id": "node/pve1"}],
        "/nodes/pve1/time": {"timezone": "Europe/Vienna", "time": 0, "localtime": 0},
        "/nodes/pve1/tasks?limit=500&source=all&typefilter=vzdump": list(_tasks(now)) if ran else [],
    }
    return {f"GET /api2/json{request}": {"data": data} for request, data in answers.items()}


def _guests() -> Iterator[tuple[int, str, str]]:
    for number, name in GUESTS.items():
        yield number, name, "lxc" if number >= 200 else "qemu"


def _tasks(now: datetime) -> Iterator[dict[str, Any]]:
    """A week of nights. Guest 103 was made today, 104 has its first backup under way: no task covered them yet."""
    begun = now.replace(hour=1, minute=0, second=2, microsecond=0)
    for night in (begun - timedelta(days=days) for days in range(7)):
        if night < now:
            start = int(night.timestamp())
            yield {
                "upid": f"UPID:pve1:00000AD4:00012345:{start:08X}:vzdump::root@pam:",
                "node": "pve1",
                "pid": 1,
                "pstart": 1,
                "starttime": start,
                "endtime": start + 900,
                "type": "vzdump",
                "id": "",
                "user": "root@pam",
                "status": "OK",
            }
