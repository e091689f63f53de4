"""What of Proxmox VE may be passed on: no permissions, no logs, not who started a task, and not how a storage is reached."""

from __future__ import annotations

from sidecar.proxy.passed_on import PassedOn
from sidecar.proxy.shape import Each, Leaf

from .proxmox import VERSION
from .pve import GUESTS, JOBS, MEMBERS, NODES, STORAGES, TASKS, TIME
from .pve_content import CONTENT, PRUNE_PREVIEW

_VALUE, _WORDS, _UPID = Leaf.VALUE, Leaf.WORDS, Leaf.UPID

PASSED_ON = (
    PassedOn(VERSION, {"data": {"version": _VALUE, "release": _VALUE}}),
    PassedOn(
        GUESTS,
        {
            "data": Each(
                {
                    "id": _VALUE,
                    "lock": _VALUE,
                    "name": _VALUE,
                    "node": _VALUE,
                    "pool": _VALUE,
                    "status": _VALUE,
                    "tags": _VALUE,
                    "template": _VALUE,
                    "type": _VALUE,
                    "vmid": _VALUE,
                }
            )
        },
    ),
    PassedOn(
        JOBS,
        {
            "data": Each(
                {
                    "all": _VALUE,
                    "comment": _WORDS,
                    "enabled": _VALUE,
                    "exclude": _VALUE,
                    "id": _VALUE,
                    "next-run": _VALUE,
                    "node": _VALUE,
                    "pool": _VALUE,
                    "schedule": _VALUE,
                    "storage": _VALUE,
                    "type": _VALUE,
                    "vmid": _VALUE,
                }
            )
        },
    ),
    PassedOn(
        MEMBERS,
        {
            "data": {
                "children": Each(
                    {
                        "children": Each({"id": _VALUE, "included": _VALUE, "name": _VALUE, "reason": _WORDS}),
                        "id": _VALUE,
                        "name": _VALUE,
                        "type": _VALUE,
                    }
                )
            }
        },
    ),
    PassedOn(
        STORAGES,
        {
            "data": Each(
                {
                    "content": _VALUE,
                    "datastore": _VALUE,
                    "disable": _VALUE,
                    "namespace": _VALUE,
                    "nodes": _VALUE,
                    "shared": _VALUE,
                    "storage": _VALUE,
                    "type": _VALUE,
                }
            )
        },
    ),
    PassedOn(NODES, {"data": Each({"node": _VALUE, "status": _VALUE, "type": _VALUE})}),
    PassedOn(TIME, {"data": {"time": _VALUE, "localtime": _VALUE, "timezone": _VALUE}}),
    PassedOn(
        TASKS,
        {
            "data": Each(
                {
                    "endtime": _VALUE,
                    "id": _VALUE,
                    "node": _VALUE,
                    "starttime": _VALUE,
                    "status": _WORDS,
                    "type": _VALUE,
                    "upid": _UPID,
                }
            ),
            "total": _VALUE,
        },
    ),
    PassedOn(
        CONTENT,
        {
            "data": Each(
                {
                    "content": _VALUE,
                    "ctime": _VALUE,
                    "encrypted": _VALUE,
                    "format": _VALUE,
                    "notes": _WORDS,
                    "protected": _VALUE,
                    "size": _VALUE,
                    "subtype": _VALUE,
                    "verification": {"state": _VALUE, "upid": _UPID},
                    "vmid": _VALUE,
                    "volid": _VALUE,
                }
            )
        },
    ),
    PassedOn(
        PRUNE_PREVIEW,
        {"data": Each({"ctime": _VALUE, "mark": _VALUE, "type": _VALUE, "vmid": _VALUE, "volid": _VALUE})},
    ),
)
