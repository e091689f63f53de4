"""What may go wrong between two refreshes, chosen by chance: at an upstream, at the ledger's file, at a reader."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import httpx

from sidecar.ledger.ledger import FILE
from tests.simulators import Rack, hostile
from tests.simulators.acl import PBS_FULL, PVE_FULL, Acl
from tests.simulators.calls import Json
from tests.simulators.upstream_site import SOURCES
from tests.simulators.wire import How

#: Where an answer is broken: everything, or one kind of answer.
_PATHS = {
    "pbs": ("/", "/api2/json/admin", "/api2/json/nodes", "/api2/json/access", "/api2/json/status"),
    "pve": ("/", "/api2/json/cluster", "/api2/json/nodes", "/api2/json/access", "/api2/json/storage"),
    "databasement": ("/", "/api/v1/snapshots", "/api/v1/jobs"),
    "backrest": ("/", "/v1.Backrest/GetOperations", "/v1.Backrest/GetSummaryDashboard"),
}


def _hows(chance: random.Random) -> tuple[How, ...]:
    """What ends soon; what is slow or hangs is for ``tests/hostile``, in real time."""
    return (
        *("garbage", "truncated", "cut", "redirect", "login-page", "busy", "wrong-type", "empty"),
        *(401, 403, 404, 429, 500, 502, 503),
        hostile.gzipped(3_000_000, times=chance.choice((1, 2))),
        hostile.filled("[" * 50 + "]" * 50, size=200_000),
        hostile.rows(_made_up_snapshot(chance), 300),
        hostile.rows(_made_up_task(chance), 300),
    )


def _made_up_snapshot(chance: random.Random) -> Callable[[int], Json]:
    """New names at every answer."""
    salt = chance.randrange(10**9)
    return lambda number: {
        "backup-type": "host",
        "backup-id": f"made-up-{salt}-{number}",
        "backup-time": 1_795_000_000 + number,
        "files": [],
        "size": number + 1,
    }


def _made_up_task(chance: random.Random) -> Callable[[int], Json]:
    salt = chance.randrange(2**31)
    return lambda number: {
        "upid": f"UPID:pbs:0000{number:04X}:00000000:{number:08X}:{salt:08X}:backup:main:root@pam:",
        "node": "pbs",
        "starttime": 1_795_000_000 + number,
        "endtime": 1_795_000_100 + number,
        "worker_type": "backup",
        "worker_id": f"main:ct/{salt}",
        "user": "root@pam",
        "status": chance.choice(("OK", "unknown", "connection error: " + "x" * 500)),
    }


class Troubles:
    """Everything that goes wrong, and how all of it is mended again."""

    def __init__(self, rack: Rack, state: Path, chance: random.Random) -> None:
        self._rack = rack
        self._state = state
        self._chance = chance
        self._closed: set[str] = set()

    def change(self) -> None:
        """Before a refresh: something begins or ends, or everything is mended."""
        drawn = self._chance.random()
        if drawn < 0.4:
            self._break_something()
        elif drawn < 0.6:
            self.mend()

    def make_up_names(self) -> None:
        """A backup server lists hundreds of new names, so that what is remembered of such names is as much as it may be."""
        rows = hostile.rows(_made_up_snapshot(self._chance), 300)
        self._rack.break_answer("pbs", "/api2/json/admin/datastore/main/snapshots", rows)

    def mend(self) -> None:
        """All upstreams are as they should be."""
        for source in SOURCES:
            self._rack.repair(source)
            self._rack.refuse_token(source, refused=False)
            self._rack.set_clock(source, timedelta())
        for source in self._closed:
            self._rack.open(source)
        self._closed.clear()
        self._rack.set_permissions("pbs", PBS_FULL)
        self._rack.set_permissions("pve", PVE_FULL)
        self._rack.requests.clear()

    def _break_something(self) -> None:
        source = self._chance.choice(SOURCES)
        match self._chance.randrange(8):
            case 0:
                self._rack.close(source)
                self._closed.add(source)
            case 1:
                self._rack.refuse_token(source)
            case 2:
                self._rack.rotate_token(source)
            case 3:
                self._rack.set_permissions(self._chance.choice(("pbs", "pve")), Acl({}))
            case 4:
                self._rack.set_clock(source, timedelta(hours=self._chance.choice((-30, 2, 400))))
            case _:
                path = self._chance.choice(_PATHS[source])
                self._rack.break_answer(source, path, self._chance.choice(_hows(self._chance)))

    def harm_ledger(self) -> str:
        """Something happens to the file while it is in use; returns what."""
        path = self._state / FILE
        what = self._chance.choice(("removed", "cut off", "made a directory", "overwritten", "locked for a moment"))
        match what:
            case "removed":
                path.unlink(missing_ok=True)
            case "cut off":
                with path.open("r+b") as file:
                    file.truncate(self._chance.randrange(path.stat().st_size))
            case "made a directory":
                path.unlink(missing_ok=True)
                path.mkdir()
            case "overwritten":
                with path.open("r+b") as file:
                    file.seek(self._chance.randrange(path.stat().st_size))
                    file.write(self._chance.randbytes(5000))
            case _:
                with suppress(sqlite3.Error), closing(sqlite3.connect(path, isolation_level=None)) as connection:
                    connection.execute("BEGIN IMMEDIATE")
        return what


_QUESTIONS = (
    *("/widget", "/widget?view=calendar", "/widget?view=calendar&month=2026-11", "/extension", "/api/v1/status"),
    *("/api/v1/calendar?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z", "/healthz", "/readyz", "/nothing"),
    *("/widget?theme=%ff%00&view=x", "/widget?service=vaultwarden"),
)


def ask(client: httpx.Client, chance: random.Random) -> None:
    """A reader asks; now and then one goes away in the middle of the answer."""
    question = chance.choice(_QUESTIONS) + (f"{'&x=' if chance.random() < 0.3 else '#'}{chance.randrange(10**9)}")
    with client.stream("GET", question) as answer:
        if chance.random() < 0.9:
            answer.read()
        assert answer.status_code < 500 or question.startswith("/readyz"), (question, answer.status_code)
