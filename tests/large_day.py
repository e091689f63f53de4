"""A day of a large backup server: what light rounds and full ones take from it, counted where it arrives."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import dropwhile, takewhile
from urllib.parse import parse_qs

import httpx

from sidecar.sources.pbs import ALLOWED, PbsSource
from sidecar.sources.proxmox import ProxmoxOptions
from sidecar.sources.rounds import Pace, Rounds
from sidecar.upstream.tls import Trust
from tests.replies import arriving
from tests.sources.recorded import any_secret, upstream

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 24, 23, tzinfo=UTC)

BEFORE = DAY // timedelta(minutes=5)
"""Refreshes of a day, as it was before there were light rounds."""

_KEPT = 50


@dataclass(frozen=True, slots=True)
class Day:
    """What was sent: one reading of everything, and all of the day after it; and the calls of that day."""

    whole: int
    sent: int
    calls: int

    @property
    def share(self) -> float:
        """Of the bytes of a day in which everything is read every five minutes."""
        return self.sent / (BEFORE * self.whole)


def lived(*, groups: int, ordinary: bool) -> Day:
    """A day of a server with fifty backups of each group. ``ordinary``: with uploads, a prune and a verification of all."""
    return asyncio.run(_lived(_Large(groups, ordinary)))


async def _lived(server: _Large) -> Day:
    options = ProxmoxOptions("pbs", "https://lab.invalid", Trust(), any_secret, any_secret)
    source = PbsSource(options, upstream=upstream(server, ALLOWED))
    pace = Pace(full=timedelta(minutes=15), unproven=timedelta(minutes=5), light=MINUTE)
    rounds = Rounds(source, lambda: server.now, pace, _Nobody(), lambda: 0.0)
    first = await rounds.next()
    if first.report is None or first.report.problem is not None:
        raise RuntimeError("the server could not be read")
    whole, calls = server.bytes, server.asked.total()
    while server.now < MIDNIGHT + DAY:
        server.now += MINUTE
        brought = await rounds.next()
        if brought.report is not None and brought.report.problem is not None:
            raise RuntimeError(brought.report.problem.cause)
    await source.close()
    return Day(whole, server.bytes - whole, server.asked.total() - calls)


@dataclass
class _Large(httpx.AsyncBaseTransport):
    """Groups of fifty backups, one a day, and their tasks of a fortnight. ``ordinary``: the day has uploads, a prune and a
    verification of everything.

    Attributes:
        now: its time.
        bytes: what it sent.
    """

    groups: int
    ordinary: bool
    now: datetime = MIDNIGHT
    bytes: int = 0
    asked: Counter[str] = field(default_factory=Counter)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api2/json")
        self.asked[path] += 1
        query = {key: values[0] for key, values in parse_qs(request.url.query.decode()).items()}
        body = json.dumps({"data": self._data(path, query)}, separators=(",", ":")).encode()
        self.bytes += len(body)
        return arriving(httpx.Response(200, content=body))

    def _data(self, path: str, query: dict[str, str]) -> object:
        match path.split("/")[1:]:
            case ["access", "permissions"]:
                return {
                    "/datastore": {"Datastore.Audit": True},
                    "/remote": {"Remote.Audit": True},
                    "/system": {"Sys.Audit": True},
                }
            case ["version"]:
                return {"version": "4.2", "release": "0", "repoid": "x"}
            case ["nodes", _, "time"]:
                return {"time": int(self.now.timestamp()), "localtime": 0, "timezone": "Europe/Berlin"}
            case ["nodes", _, "tasks"]:
                return list(self._tasks(int(query["since"])))
            case ["admin", "datastore"]:
                return [{"store": "main", "comment": None}]
            case ["status", "datastore-usage"]:
                return [{"store": "main", "total": 10**13, "used": 10**12, "avail": 9 * 10**12}]
            case ["admin", "datastore", _, "namespace"]:
                return [{"ns": ""}]
            case ["admin", "datastore", _, "snapshots"]:
                return list(self._snapshots(query.get("backup-id")))
            case ["admin", "gc"]:
                return [{"store": "main", "upid": None, "index-file-count": 9}]
        return []

    @cached_property
    def _nights(self) -> list[list[datetime]]:
        """By group the starts of its uploads, the newest first: one each night between eleven and three."""
        newest = MIDNIGHT if self.ordinary else MIDNIGHT - DAY
        apart = timedelta(hours=4) / self.groups
        return [[newest + number * apart - ago * DAY for ago in range(_KEPT + 1)] for number in range(self.groups)]

    def _uploads(self, number: int) -> Iterator[datetime]:
        """Those of a group that have begun."""
        return dropwhile(lambda start: start > self.now, self._nights[number])

    def _snapshots(self, wanted: str | None) -> Iterator[dict[str, object]]:
        numbers = range(self.groups) if wanted is None else [int(wanted) - 100]
        for number in numbers:
            for start in self._uploads(number):
                row: dict[str, object] = {
                    "backup-type": "ct",
                    "backup-id": str(number + 100),
                    "backup-time": int(start.timestamp()),
                    "comment": f"a guest with number {number}",
                    "owner": "backup@pbs!cluster",
                    "protected": False,
                    "files": [
                        {"filename": "root.pxar.didx", "crypt-mode": "none", "size": 123_456_789},
                        {"filename": "index.json.blob", "crypt-mode": "none", "size": 520},
                    ],
                }
                yield row | {"size": 123_457_309} if start + MINUTE / 2 <= self.now else row

    def _tasks(self, from_: int) -> Iterator[dict[str, object]]:
        since = datetime.fromtimestamp(from_, UTC)
        runs = [
            (start, MINUTE / 2, "backup", f"main:ct/{number + 100}")
            for number in range(self.groups)
            for start in takewhile(lambda start: start >= since, self._uploads(number))
        ]
        if self.ordinary:
            runs.append((MIDNIGHT + timedelta(hours=5), timedelta(minutes=9), "prunejob", "main"))
            runs.append((MIDNIGHT + timedelta(hours=6), timedelta(hours=2), "verificationjob", "main:v1"))
        for start, took, kind, name in runs:
            if since <= start <= self.now:
                row: dict[str, object] = {
                    "upid": f"UPID:pbs:00000B29:0000217F:0000000A:{int(start.timestamp()):08X}:{kind}:{name}:root@pam:",
                    "node": "localhost",
                    "pid": 2857,
                    "pstart": 8575,
                    "starttime": int(start.timestamp()),
                    "worker_type": kind,
                    "worker_id": name,
                    "user": "root@pam",
                }
                over = start + took <= self.now
                yield row | ({"endtime": int((start + took).timestamp()), "status": "OK"} if over else {})


class _Nobody:
    """Nobody waits for anything, and all is well."""

    def awaited(self, source: str) -> datetime | None:  # noqa: ARG002
        return None

    def needs_care(self, source: str) -> bool:  # noqa: ARG002
        return False
