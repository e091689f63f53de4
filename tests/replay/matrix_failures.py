"""What may become unreadable, scope by scope, in the house of matrix_house.py: what rests on it, and what must be said."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import matrix_house

Answers = dict[str, Any]

_API = "GET /api2/json"
_SNAPSHOTS = f"{_API}/admin/datastore/main/snapshots"
_STORES = f"{_API}/admin/datastore"
_PERMISSIONS = f"{_API}/access/permissions"
_GC = f"{_API}/admin/gc"
_BACKREST = "POST /v1.Backrest/GetSummaryDashboard {}"
_SERVERS = "GET /api/v1/database-servers?page=1&per_page=100"
_RUNS = "GET /api/v1/jobs?filter[type]=backup&page=1&per_page=100&sort=-created_at"
_DUMPS = "GET /api/v1/snapshots?page=1&per_page=100"

_ALL_OF_PBS = ("web", "laptop", "pbs/gc/main", "pbs/prune/p1", "datastore main")
_ALL_OF_PVE = ("web", "files", "pve/backup/a", "pve/backup/b")

#: What the backup server keeps can be judged while Proxmox VE is away: the last plan stays in force.
_OF_PVE_ALONE = ("files", "pve/backup/b")
_ALL_OF_DATABASEMENT = ("shop", "databasement/dump/Daily")
_ALL_OF_BACKREST = ("photos", "backrest/plan/photos", "backrest/check/r1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """``change`` takes what the source answers when all is well. ``rows`` rest on what fails.

    ``after_good``: False where what is known of before goes on being enough: the last plan stays in force.
    ``says`` and ``cure``: words of the reason and of the action of each service among them. ``disabled``: rows that owe
    nothing meanwhile. ``at_start``: False where nothing could be noticed without a memory.
    """

    source: str
    change: Callable[[Answers], Answers]
    rows: tuple[str, ...]
    says: str
    cure: str
    disabled: tuple[str, ...] = ()
    at_start: bool = True
    after_good: bool = True


def _with(changes: Mapping[str, Any]) -> Callable[[Answers], Answers]:
    """These answers instead."""
    return lambda told: {**told, **changes}


def _refused(status: int, text: str, *requests: str) -> Callable[[Answers], Answers]:
    """These requests, or all, are refused."""
    return lambda told: {**told, **{key: {"!": status, "text": text} for key in requests or told}}


def _denied(**paths: dict[str, int]) -> Callable[[Answers], Answers]:
    """Without some privileges: paths are written with "_" for "/"; the other paths are as before."""

    def change(told: Answers) -> Answers:
        known = copy.deepcopy(told[_PERMISSIONS]["data"])
        return {
            **told,
            _PERMISSIONS: {"data": {**known, **{path.replace("_", "/"): has for path, has in paths.items()}}},
        }

    return change


def _both(first: Callable[[Answers], Answers], second: Callable[[Answers], Answers]) -> Callable[[Answers], Answers]:
    return lambda told: second(first(told))


def _gc(**changes: Any) -> dict[str, Any]:
    (row,) = matrix_house.pbs()[_GC]["data"]
    return {"data": [{key: value for key, value in {**row, **changes}.items() if value is not None}]}


_EMPTY: dict[str, Any] = {_SNAPSHOTS: {"data": []}, f"{_SNAPSHOTS}?ns=a": {"data": []}}
_CLOSED = "datastore 'main' is in offline maintenance mode: "
_PVE_WITHOUT_VMS = {"Sys.Audit": 1, "Datastore.Audit": 1}

FAILURES: dict[str, Failure] = {
    "pbs: away": Failure(
        source="pbs", change=_refused(502, "x"), rows=_ALL_OF_PBS, says="HTTP 502", cure="answers at https://"
    ),
    "pbs: token refused": Failure(
        source="pbs",
        change=_refused(401, "authentication failed - invalid credentials"),
        rows=_ALL_OF_PBS,
        says="HTTP 401",
        cure="Renew its token",
    ),
    "pbs: token without rights": Failure(
        source="pbs",
        change=_with({_PERMISSIONS: {"data": {}}}),
        rows=_ALL_OF_PBS,
        says="the token may not see any datastore",
        cure="acl update /datastore DatastoreAudit --auth-id 'm@pbs!g' &&",
    ),
    "pbs: store offline": Failure(
        source="pbs",
        change=_both(
            _with({_STORES: {"data": [{"store": "main", "maintenance": "offline"}]}, _GC: {"data": []}}),
            _refused(400, _CLOSED, _SNAPSHOTS, f"{_SNAPSHOTS}?ns=a"),
        ),
        rows=_ALL_OF_PBS,
        says="in maintenance: offline",
        cure="End the maintenance mode of main",
    ),
    "pbs: store not plugged in": Failure(
        source="pbs",
        change=_both(
            _with({_STORES: {"data": [{"store": "main", "mount-status": "notmounted"}]}, _GC: {"data": []}}),
            _refused(400, _CLOSED, _SNAPSHOTS, f"{_SNAPSHOTS}?ns=a"),
        ),
        rows=("web", "laptop", "datastore main"),
        disabled=("pbs/gc/main", "pbs/prune/p1"),
        says="is not mounted",
        cure="Plug in and mount the disk of main",
    ),
    "pbs: mount lost": Failure(
        source="pbs",
        change=_with(_EMPTY),
        rows=("web", "laptop", "datastore main"),
        says="datastore main looks empty, but its last garbage collection counted 16 archives",
        cure="Check on the server that the disk of main is mounted",
    ),
    "pbs: mount lost, never collected": Failure(
        source="pbs",
        change=_with({**_EMPTY, _GC: _gc(**{"index-file-count": None})}),
        rows=("web", "laptop", "datastore main"),
        says="datastore main lists nothing, although 2 backup groups are known there",
        cure="Check on the server that the disk of main is mounted",
        at_start=False,
    ),
    "pbs: mount lost, server restarted": Failure(
        source="pbs",
        change=_refused(
            400, "unable to open chunk store", _SNAPSHOTS, f"{_SNAPSHOTS}?ns=a", f"{_STORES}/main/namespace"
        ),
        rows=("web", "laptop"),
        says="main",
        cure="disk of main is mounted",
    ),
    "pbs: namespace refused": Failure(
        source="pbs",
        change=_both(_denied(_datastore_main_a={"Datastore.Backup": 1}), _with({f"{_SNAPSHOTS}?ns=a": {"data": []}})),
        rows=("web", "pve/backup/a"),
        says="the token may not see /datastore/main/a: Datastore.Audit is missing",
        cure="acl update /datastore/main/a DatastoreAudit --auth-id 'm@pbs!g' &&",
    ),
    "pbs: namespace 403": Failure(
        source="pbs",
        change=_refused(403, "permission check failed", f"{_SNAPSHOTS}?ns=a"),
        rows=("web", "pve/backup/a"),
        says="the token may not see /datastore/main/a: Datastore.Audit is missing",
        cure="acl update /datastore/main/a DatastoreAudit --auth-id 'm@pbs!g' &&",
    ),
    "pbs: namespace unreadable": Failure(
        source="pbs",
        change=_refused(400, "EACCES: Permission denied", f"{_SNAPSHOTS}?ns=a"),
        rows=("web", "pve/backup/a"),
        says="snapshots main/a: HTTP 400: EACCES",
        cure="disk of main is mounted and can be read",
    ),
    "pbs: namespaces unreadable": Failure(
        source="pbs",
        change=_both(
            _refused(500, "x", f"{_STORES}/main/namespace"), _refused(500, "x", f"{_SNAPSHOTS}?ns=a", _SNAPSHOTS)
        ),
        rows=("web", "laptop"),
        says="HTTP 500",
        cure="disk of main is mounted and can be read",
    ),
    "pbs: list of prune jobs refused": Failure(
        source="pbs",
        change=_refused(400, "could not open statefile for p1", f"{_API}/admin/prune"),
        rows=("pbs/prune/p1",),
        says="upkeep prune: HTTP 400: could not open statefile for p1",
        cure="Fix on the backup server what the message names",
    ),
    "pbs: list of datastores fails": Failure(
        source="pbs",
        change=_refused(500, "x", _STORES),
        rows=("web", "laptop", "datastore main"),
        says="HTTP 500",
        cure="answers at https://",
    ),
    "pbs: store not visible": Failure(
        source="pbs",
        change=_with({_PERMISSIONS: {"data": {"/datastore/other": {"Datastore.Audit": 1}}}, _STORES: {"data": []}}),
        rows=("web", "laptop"),
        says="the token may not see /datastore/main",
        cure="DatastoreAudit --auth-id 'm@pbs!g' &&",
    ),
    "pve: away": Failure(
        source="pve", change=_refused(502, "x"), rows=_OF_PVE_ALONE, says="HTTP 502", cure="answers at https://"
    ),
    "pve: token refused": Failure(
        source="pve", change=_refused(401, ""), rows=_ALL_OF_PVE, says="HTTP 401", cure="Renew its token"
    ),
    "pve: guests refused": Failure(
        source="pve",
        change=_both(_denied(_vms=_PVE_WITHOUT_VMS), _with({f"{_API}/cluster/resources?type=vm": {"data": []}})),
        rows=("web", "files"),
        says="the token may not see guests: VM.Audit is missing on /vms",
        cure="pveum acl modify /vms --roles PVEAuditor --tokens 'm@pve!g' &&",
    ),
    "pve: jobs refused": Failure(
        source="pve",
        change=_both(
            _with(
                {
                    _PERMISSIONS: {
                        "data": {
                            path: {"VM.Audit": 1, "Datastore.Audit": 1, "Datastore.Allocate": 1}
                            for path in ("/", "/vms", "/storage")
                        }
                    }
                }
            ),
            _refused(403, "", f"{_API}/cluster/backup"),
        ),
        rows=_ALL_OF_PVE,
        says="the token may not read backup jobs: Sys.Audit is missing on /",
        cure="pveum acl modify / --roles PVEAuditor --tokens 'm@pve!g' &&",
    ),
    "pve: list of jobs fails": Failure(
        source="pve",
        change=_refused(500, "x", f"{_API}/cluster/backup"),
        rows=("web", "files"),
        after_good=False,
        says="jobs: HTTP 500",
        cure="answers at https://",
    ),
    "pve: storages refused": Failure(
        source="pve",
        change=_both(_denied(_storage={"Sys.Audit": 1}), _with({f"{_API}/storage": {"data": []}})),
        rows=("web", "files"),
        says="storage",
        cure="pveum acl modify /storage",
    ),
    "pve: list of storages fails": Failure(
        source="pve",
        change=_refused(500, "x", f"{_API}/storage"),
        rows=("web", "files"),
        after_good=False,
        says="storages: HTTP 500",
        cure="answers at https://",
    ),
    "pve: archives fail": Failure(
        source="pve",
        change=_refused(596, "", f"{_API}/nodes/pve1/storage/nas/content?content=backup"),
        rows=("files", "pve/backup/b"),
        says="archives shared/nas: HTTP 596",
        cure="answers at https://",
    ),
    "pve: no node reaches the storage": Failure(
        source="pve",
        change=_with({f"{_API}/nodes": {"data": [{"node": "pve1", "status": "offline", "type": "node"}]}}),
        rows=("files", "pve/backup/b"),
        says="no node that reaches storage nas is online",
        cure="Start a node that reaches nas",
    ),
    "databasement: away": Failure(
        source="databasement",
        change=_refused(502, "x"),
        rows=_ALL_OF_DATABASEMENT,
        says="HTTP 502",
        cure="answers at https://",
    ),
    "databasement: token refused": Failure(
        source="databasement",
        change=_refused(401, '{"message":"Unauthenticated."}', _SERVERS, _RUNS, _DUMPS),
        rows=_ALL_OF_DATABASEMENT,
        says="HTTP 401",
        cure="token",
    ),
    "databasement: servers refused": Failure(
        source="databasement",
        change=_refused(403, '{"message":"This action is unauthorized."}', _SERVERS),
        rows=_ALL_OF_DATABASEMENT,
        says="HTTP 403",
        cure="viewer",
    ),
    "databasement: no server where some were": Failure(
        source="databasement",
        change=_with({_SERVERS: {"data": [], "meta": {"current_page": 1, "last_page": 1}, "links": {}}}),
        rows=_ALL_OF_DATABASEMENT,
        says="it lists no database server",
        cure="organization that has the servers",
    ),
    "databasement: list of servers fails": Failure(
        source="databasement",
        change=_refused(500, "x", _SERVERS),
        rows=_ALL_OF_DATABASEMENT,
        says="HTTP 500",
        cure="answers at https://",
    ),
    "databasement: runs fail": Failure(
        source="databasement",
        change=_refused(500, "x", _RUNS),
        rows=_ALL_OF_DATABASEMENT,
        says="dumps: HTTP 500",
        cure="answers at https://",
    ),
    "backrest: away": Failure(
        source="backrest",
        change=_refused(502, "x"),
        rows=_ALL_OF_BACKREST,
        says="HTTP 502",
        cure="answers at https://",
    ),
    "backrest: login asked for": Failure(
        source="backrest",
        change=_refused(401, "unauthenticated"),
        rows=_ALL_OF_BACKREST,
        says="it requires a login",
        cure="username",
    ),
    "backrest: log of the plan fails": Failure(
        source="backrest",
        change=_refused(500, "database is locked", matrix_house.asks("photos")),
        rows=("photos", "backrest/plan/photos"),
        says="operations photos: HTTP 500",
        cure="answers at https://",
    ),
    "backrest: log of the repositories fails": Failure(
        source="backrest",
        change=_refused(500, "database is locked", matrix_house.asks("_system_")),
        rows=("backrest/check/r1",),
        says="upkeep: HTTP 500",
        cure="answers at https://",
    ),
}
