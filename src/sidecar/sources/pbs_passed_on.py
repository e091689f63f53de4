"""What of a Proxmox Backup Server may be passed on: no permissions, no logs, and not who started a task."""

from __future__ import annotations

from sidecar.proxy.passed_on import PassedOn
from sidecar.proxy.shape import Each, Leaf, Shape

from .pbs import DATASTORES, GC, NAMESPACES, PRUNE, SYNC, TASKS, TIME, USAGE, VERIFY
from .pbs_content import SNAPSHOTS
from .proxmox import VERSION

_VALUE, _WORDS, _UPID = Leaf.VALUE, Leaf.WORDS, Leaf.UPID

_LAST_RUN: dict[str, Shape] = {
    "last-run-endtime": _VALUE,
    "last-run-state": _WORDS,
    "last-run-upid": _UPID,
    "next-run": _VALUE,
    "schedule": _VALUE,
}
_JOB: dict[str, Shape] = {
    "comment": _WORDS,
    "disable": _VALUE,
    "id": _VALUE,
    "ns": _VALUE,
    "store": _VALUE,
    **_LAST_RUN,
}
#: What a garbage collection counted.
_COUNTED: dict[str, Shape] = dict.fromkeys(
    ("disk-bytes", "duration", "index-data-bytes", "index-file-count", "pending-bytes", "removed-bytes", "still-bad"),
    _VALUE,
)
_KEEPS = ("keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly")

PASSED_ON = (
    PassedOn(VERSION, {"data": {"version": _VALUE, "release": _VALUE}}),
    PassedOn(TIME, {"data": {"time": _VALUE, "localtime": _VALUE, "timezone": _VALUE}}),
    PassedOn(
        TASKS,
        {
            "data": Each(
                {
                    "endtime": _VALUE,
                    "node": _VALUE,
                    "starttime": _VALUE,
                    "status": _WORDS,
                    "upid": _UPID,
                    "worker_id": _VALUE,
                    "worker_type": _VALUE,
                }
            ),
            "total": _VALUE,
        },
    ),
    PassedOn(
        DATASTORES,
        {
            "data": Each(
                {
                    "backend-type": _VALUE,
                    "comment": _WORDS,
                    "maintenance": _WORDS,
                    "mount-status": _VALUE,
                    "store": _VALUE,
                }
            )
        },
    ),
    PassedOn(
        USAGE,
        {
            "data": Each(
                {
                    "avail": _VALUE,
                    "error": _WORDS,
                    "estimated-full-date": _VALUE,
                    "history": Each(_VALUE),
                    "history-delta": _VALUE,
                    "history-start": _VALUE,
                    "store": _VALUE,
                    "total": _VALUE,
                    "used": _VALUE,
                }
            )
        },
    ),
    PassedOn(PRUNE, {"data": Each({**_JOB, **dict.fromkeys(_KEEPS, _VALUE)})}),
    PassedOn(VERIFY, {"data": Each(_JOB)}),
    PassedOn(SYNC, {"data": Each({**_JOB, "owner": _VALUE, "sync-direction": _VALUE})}),
    PassedOn(GC, {"data": Each({**_LAST_RUN, **_COUNTED, "store": _VALUE, "upid": _UPID})}),
    PassedOn(NAMESPACES, {"data": Each({"comment": _WORDS, "ns": _VALUE})}),
    PassedOn(
        SNAPSHOTS,
        {
            "data": Each(
                {
                    "backup-id": _VALUE,
                    "backup-time": _VALUE,
                    "backup-type": _VALUE,
                    "comment": _WORDS,
                    "files": Each({"crypt-mode": _VALUE, "filename": _VALUE, "size": _VALUE}),
                    "owner": _VALUE,
                    "protected": _VALUE,
                    "size": _VALUE,
                    "verification": {"state": _VALUE, "upid": _UPID},
                }
            )
        },
    ),
)
