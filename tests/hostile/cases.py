"""Cases of too much, by the class of attack: which source sends it, in place of which answer, and what."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.simulators import hostile
from tests.simulators.calls import Json
from tests.simulators.wire import How

_SNAPSHOTS = "/api2/json/admin/datastore/main/snapshots"
_NOW = int(time.time())


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``broken`` gives what is broken: by source and path how. ``sample``: one of its class, for every run of all tests.

    ``ends``: the sources are all tried within a minute; otherwise the sidecar is ended while it waits.
    """

    name: str
    broken: Callable[[], dict[str, dict[str, How]]]
    sample: bool = False
    ends: bool = True


def _case(name: str, source: str, make: Callable[[], dict[str, How]], **more: bool) -> Case:
    return Case(name=name, broken=lambda: {source: make()}, **more)


def _snapshot(number: int, **changed: Json) -> Json:
    row: dict[str, Json] = {
        "backup-type": "ct",
        "backup-id": str(number % 400 + 100),
        "backup-time": _NOW - number,
        "files": [{"filename": "root.pxar.didx", "crypt-mode": "none", "size": 1}],
        "size": number + 1_000_000_000,
        "owner": "monitor@pbs!glance",
        "comment": f"guest {number}",
        "protected": False,
    }
    return {**row, **changed}


def _task(number: int, kind: str = "backup") -> Json:
    start = _NOW - number * 3
    upid = f"UPID:pbs:0000{number:04X}:00000000:{number:08X}:{start:08X}:{kind}:main\\x3act-{number}:root@pam:"
    return {
        "upid": upid,
        "node": "pbs",
        "pid": number,
        "pstart": 1,
        "starttime": start,
        "endtime": start + 2,
        "worker_type": kind,
        "worker_id": f"main:ct/{number}",
        "user": "root@pam",
        "status": "connection error: " + "x" * 150,
    }


def _guest(number: int, name: str = "guest") -> Json:
    return {
        "type": "lxc",
        "vmid": 100 + number,
        "name": f"{name}{number}",
        "node": "pve1",
        "status": "running",
        "template": 0,
    }


def _page(rows: list[Json], pages: int) -> Json:
    return {"data": rows, "meta": {"last_page": pages}}


def _server(number: int, databases: int, backups: int = 1) -> Json:
    backup: Json = {
        "id": f"b{number}",
        "database_selection_mode": "selected",
        "volume_ids": ["v1"],
        "database_names": [f"db{number}-{place}" for place in range(databases)],
        "backup_schedule": {"name": "Daily", "expression": "0 2 * * *"},
    }
    return {"id": f"s{number}", "name": f"server{number}", "database_type": "mysql", "backups": [backup] * backups}


def _plan(number: int, runs: int) -> Json:
    recent: dict[str, Json] = {
        "timestampMs": [str((_NOW - place * 60) * 1000) for place in range(runs)],
        "durationMs": ["1000"] * runs,
        "status": ["STATUS_SUCCESS"] * runs,
    }
    return {"id": f"plan{number}", "nextBackupTimeMs": "0", "recentBackups": recent}


def _log(line: str) -> dict[str, How]:
    body: Json = {"data": [{"n": number, "t": line} for number in range(500)], "total": 100_000}
    return {"/api2/json/nodes/localhost/tasks/": hostile.document(body)}


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _compressed()
    yield from _lists()
    yield from _documents()
    yield from _much_of_everything()
    yield from _slow()


def _compressed() -> Iterator[Case]:
    yield _case(
        "nested gzip",
        "pbs",
        sample=True,
        make=lambda: {_SNAPSHOTS: hostile.gzipped(500_000_000, 2, encoding="gzip, gzip")},
    )
    yield _case("nested gzip that is called one", "pbs", make=lambda: {_SNAPSHOTS: hostile.gzipped(500_000_000, 2)})
    yield _case("a gzip of 1 GB", "pbs", make=lambda: {_SNAPSHOTS: hostile.gzipped(1_000_000_000)})
    yield _case("a gzip as an error", "pbs", make=lambda: {_SNAPSHOTS: hostile.gzipped(500_000_000, status=403)})
    yield _case(
        "a gzip as permissions", "pbs", make=lambda: {"/api2/json/access/permissions": hostile.gzipped(500_000_000)}
    )
    yield _case(
        "a gzip as a login", "backrest", make=lambda: {"/v1.Authentication/Login": hostile.gzipped(500_000_000)}
    )


def _lists() -> Iterator[Case]:
    small = '{"backup-type":"ct","backup-id":"101","backup-time":1795395602,"size":1}'
    yield _case(
        "pieces of 1 byte", "pbs", sample=True, make=lambda: {_SNAPSHOTS: hostile.same_rows(small, 1_000, piece=1)}
    )
    yield _case("pieces of 64 bytes", "pbs", make=lambda: {_SNAPSHOTS: hostile.same_rows(small, 100_000, piece=64)})
    yield _case(
        "strings of a megabyte",
        "pbs",
        make=lambda: {_SNAPSHOTS: hostile.rows(lambda number: _snapshot(number, comment="x" * 1_000_000), 60)},
    )
    yield _case(
        "strings of a megabyte in pieces of 64 bytes",
        "pbs",
        make=lambda: {
            _SNAPSHOTS: hostile.rows(lambda number: _snapshot(number, comment="x" * 1_000_000), 10, piece=64)
        },
    )
    yield _case(
        "a row that never ends",
        "pbs",
        make=lambda: {_SNAPSHOTS: hostile.endless(b'{"data":[' + b"[" * 60_000)},
    )
    yield _case(
        "rows full of lists",
        "pbs",
        make=lambda: {_SNAPSHOTS: hostile.same_rows('{"files":[' + ",".join(["[]"] * 300_000) + "]}", 60)},
    )
    yield _case("10^6 rows", "pbs", sample=True, make=lambda: {_SNAPSHOTS: hostile.same_rows("{}", 1_000_000)})
    yield _case("200,000 rows in 400 groups", "pbs", make=lambda: {_SNAPSHOTS: hostile.rows(_snapshot, 200_000)})
    yield _case(
        "200,000 groups",
        "pbs",
        sample=True,
        make=lambda: {
            _SNAPSHOTS: hostile.rows(lambda number: _snapshot(number, **{"backup-id": f"id{number}"}), 200_000)
        },
    )
    yield _case(
        "9,000 groups with long names",
        "pbs",
        make=lambda: {
            _SNAPSHOTS: hostile.rows(
                lambda number: _snapshot(
                    number, **{"backup-id": f"{number}\U0001f4a3" + "x" * 490, "comment": "\U0001f4a3" + "y" * 250}
                ),
                9_000,
            )
        },
    )
    yield _case(
        "names of 900 kB",
        "pbs",
        make=lambda: {
            _SNAPSHOTS: hostile.rows(lambda number: _snapshot(number, **{"backup-id": f"{number}" + "x" * 900_000}), 60)
        },
    )
    yield _case(
        "schedules of 900 kB",
        "pbs",
        make=lambda: {
            f"/api2/json/admin/{kind}": hostile.rows(
                lambda number: {"id": f"j{number}", "store": "main", "schedule": f"{number}" + " *" * 450_000}, 60
            )
            for kind in ("prune", "verify", "sync")
        },
    )
    yield _case(
        "200,000 tasks",
        "pbs",
        make=lambda: {"/api2/json/nodes/localhost/tasks": hostile.rows(_task, 200_000)},
    )
    yield _case(
        "200,000 failed prunes",
        "pbs",
        make=lambda: {
            "/api2/json/nodes/localhost/tasks": hostile.rows(lambda number: _task(number, "prunejob"), 200_000)
        },
    )
    yield _case(
        "200,000 guests",
        "pve",
        make=lambda: {"/api2/json/cluster/resources": hostile.rows(_guest, 200_000)},
    )
    yield _case("9,000 guests", "pve", make=lambda: {"/api2/json/cluster/resources": hostile.rows(_guest, 9_000)})


def _documents() -> Iterator[Case]:
    page = "/api/v1/database-servers"
    keys = ",".join(f'"{number:x}":0' for number in range(380_000))
    yield _case("4 MB of empty lists", "databasement", sample=True, make=lambda: {page: hostile.filled("[]")})
    yield _case("399,000 parts", "databasement", make=lambda: {page: hostile.filled('{"":0}', 900_000)})
    yield _case(
        "380,000 keys",
        "databasement",
        make=lambda: {page: hostile.sends(f'{{"data":{{{keys}}}}}'.encode())},
    )
    yield _case("numbers of 4,300 digits", "databasement", make=lambda: {page: hostile.filled("1" * 4300)})
    yield _case(
        "a number of 10^6 digits",
        "databasement",
        make=lambda: {page: hostile.sends(b'{"data":' + b"1" * 1_000_000 + b"}")},
    )
    yield _case("a list in a list in a list", "databasement", make=lambda: {page: hostile.sends(b"[" * 2_000_000)})
    yield _case(
        "a string of escapes",
        "databasement",
        make=lambda: {page: hostile.sends(b'{"data":"' + b"\\n" * 1_900_000 + b'"}')},
    )
    yield _case(
        "permissions on 100,000 paths",
        "pbs",
        make=lambda: {
            "/api2/json/access/permissions": hostile.document(
                {"data": {f"/datastore/s{number}": {"Datastore.Audit": 1} for number in range(80_000)}}
            )
        },
    )
    yield _case(
        "a cluster's job with 100,000 guests",
        "pve",
        make=lambda: {
            "/api2/json/cluster/backup/": hostile.document(
                {
                    "data": {
                        "children": [{"id": number + 100, "type": "lxc", "children": []} for number in range(60_000)]
                    }
                }
            )
        },
    )
    yield _case(
        "plans with 5,000 runs",
        "backrest",
        make=lambda: {
            "/v1.Backrest/GetSummaryDashboard": hostile.document(
                {"planSummaries": [_plan(number, 5_000) for number in range(20)], "configPath": "x"}
            )
        },
    )
    yield _case(
        "4 MB of operations",
        "backrest",
        make=lambda: {
            "/v1.Backrest/GetOperations": hostile.document(
                {
                    "operations": [
                        {
                            "id": str(number),
                            "planId": "vault",
                            "repoId": "b2",
                            "status": "STATUS_ERROR",
                            "unixTimeStartMs": str(_NOW * 1000 - number),
                            "operationBackup": {},
                            "displayMessage": "x" * 4000,
                        }
                        for number in range(390)
                    ]
                }
            )
        },
    )
    yield _case(
        "logs of long lines",
        "pbs",
        make=lambda: {
            "/api2/json/nodes/localhost/tasks": hostile.rows(lambda number: _task(number, "syncjob"), 100),
            **_log("sync group " + "a/" * 4_000 + " failed - " + "mysql " * 50),
        },
    )


def _much_of_everything() -> Iterator[Case]:
    yield _case(
        "9,000 namespaces",
        "pbs",
        make=lambda: {
            "/api2/json/admin/datastore/main/namespace": hostile.rows(lambda number: {"ns": f"n{number}"}, 9_000),
            _SNAPSHOTS: hostile.same_rows("{}", 0),
        },
    )
    yield _case(
        "1,000 namespaces of 2,000 snapshots",
        "pbs",
        make=lambda: {
            "/api2/json/admin/datastore/main/namespace": hostile.rows(lambda number: {"ns": f"n{number}"}, 1_000),
            _SNAPSHOTS: hostile.rows(_snapshot, 2_000),
        },
    )
    yield _case(
        "9,000 datastores",
        "pbs",
        make=lambda: {"/api2/json/admin/datastore": hostile.rows(lambda number: {"store": f"s{number}"}, 9_000)},
    )
    yield _case(
        "5,000 jobs of a cluster",
        "pve",
        make=lambda: {
            "/api2/json/cluster/backup": hostile.rows(
                lambda number: {"id": f"backup-{number}", "schedule": "04:00", "storage": "pbs", "enabled": 1}, 5_000
            ),
            "/api2/json/cluster/backup/": hostile.document(
                {"data": {"children": [{"id": number + 100, "type": "lxc", "children": []} for number in range(500)]}}
            ),
        },
    )
    yield _case(
        "9,000 nodes",
        "pve",
        make=lambda: {
            "/api2/json/nodes": hostile.rows(lambda number: {"node": f"n{number}", "status": "online"}, 9_000)
        },
    )
    yield _case(
        "pages without an end",
        "databasement",
        sample=True,
        make=lambda: {"/api/v1/jobs": hostile.document(_page([_dump(number) for number in range(200)], 1_000_000))},
    )
    yield _case(
        "1,000 servers with 100 databases",
        "databasement",
        make=lambda: {
            "/api/v1/database-servers": hostile.document(_page([_server(number, 100) for number in range(1_000)], 1))
        },
    )
    yield _case(
        "5,000 plans",
        "backrest",
        make=lambda: {
            "/v1.Backrest/GetSummaryDashboard": hostile.document(
                {"planSummaries": [_plan(number, 1) for number in range(5_000)], "configPath": "x"}
            )
        },
    )
    yield _case(
        "4,000 repositories",
        "backrest",
        make=lambda: {
            "/v1.Backrest/GetSummaryDashboard": hostile.document(
                {"repoSummaries": [{"id": f"r{number}"} for number in range(4_000)], "configPath": "x"}
            ),
            "/v1.Backrest/GetOperations": hostile.document(
                {
                    "operations": [
                        {
                            "id": str(number),
                            "planId": "_system_",
                            "repoId": f"r{number}",
                            "repoGuid": f"{number:064x}",
                            "unixTimeStartMs": str(_NOW * 1000),
                            "operationPrune": {},
                            "displayMessage": "x" * 4_000,
                        }
                        for number in range(700)
                    ]
                }
            ),
        },
    )

    yield Case(name="all four at once", broken=_all_at_once)


def _all_at_once() -> dict[str, dict[str, How]]:
    """Each as much as it may."""
    return {
        "pbs": {
            _SNAPSHOTS: hostile.rows(lambda number: _snapshot(number, **{"backup-id": f"id{number % 4_900}"}), 70_000)
        },
        "pve": {"/api2/json/cluster/resources": hostile.rows(_guest, 4_900)},
        "databasement": {"/api/v1/jobs": hostile.document(_page([_dump(number) for number in range(200)], 1_000_000))},
        "backrest": {
            "/v1.Backrest/GetSummaryDashboard": hostile.document(
                {"planSummaries": [_plan(number, 90) for number in range(900)], "configPath": "x"}
            )
        },
    }


def _dump(number: int) -> Json:
    return {
        "id": f"j{number}",
        "status": "completed",
        "created_at": "2026-11-28T02:00:00+00:00",
        "completed_at": "2026-11-28T02:01:00+00:00",
        "snapshot": {"server": {"id": "s1", "name": "s"}, "database_name": f"db{number}" + "x" * 400},
    }


def _slow() -> Iterator[Case]:
    body = json.dumps({"data": [_snapshot(number) for number in range(1000)]}).encode()
    yield _case(
        "a drip",
        "pbs",
        sample=True,
        ends=False,
        make=lambda: {"/": hostile.sends(body, piece=1, every=0.2)},
    )
    yield _case("silence", "databasement", ends=False, make=lambda: {"/": hostile.silent()})
    yield _case("an endless list", "pbs", make=lambda: {_SNAPSHOTS: hostile.endless(b'{"data":[' + b" " * 60_000)})
    yield _case(
        "a rest of a million years",
        "pve",
        make=lambda: {"/": hostile.sends(b"no", status=503, headers={"retry-after": "9" * 400})},
    )
    yield _case(
        "a Location that is none",
        "pve",
        make=lambda: {"/": hostile.sends(b"no", status=302, headers={"location": "http://["})},
    )
