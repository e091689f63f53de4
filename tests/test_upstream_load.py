"""What reading costs the upstreams: requests and bytes of a day, counted where they arrive, beside reading everything every
five minutes as it was before there were light rounds."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import httpx
import pytest

from sidecar.sources.pbs import ALLOWED, PbsSource
from sidecar.sources.proxmox import ProxmoxOptions
from sidecar.sources.rounds import Pace, Rounds
from sidecar.upstream.tls import Trust
from tests.replies import arriving
from tests.simulators import HOMELAB
from tests.sources.recorded import any_secret, upstream
from tests.watch import MINUTE, POLL, Watch, not_well

pytestmark = pytest.mark.fortnight

BERLIN = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)
BEFORE = DAY // POLL
"""Refreshes of a day, as it was before."""


# --- the homelab --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [(date(2026, 11, 23), 3, 6), (date(2026, 11, 25), 12, 14)],
    ids=["two jobs in the night", "noon, and nothing runs"],
)
def test_the_homelab_is_asked_520_times_an_hour_at_most_for_no_more_bytes_than_before(
    day: date, first: int, last: int
) -> None:
    begin = datetime(day.year, day.month, day.day, first, tzinfo=BERLIN).astimezone(UTC)
    with Watch(HOMELAB, begin, lean=False) as watch:
        asked, sent = len(watch.rack.requests), watch.rack.sent
        for board in watch.walk(begin + timedelta(hours=last - first)):
            assert not_well(board) == {}
        by_hour = Counter(request.time.astimezone(BERLIN).hour for request in watch.rack.requests[asked:])
        bytes_of_an_hour = (watch.rack.sent - sent) / (last - first)

    assert max(by_hour.values()) <= 520
    assert bytes_of_an_hour <= sent * (timedelta(hours=1) // POLL)


# --- a backup server with 50,000 snapshots ------------------------------------------------------------------------------

_GROUPS, _KEPT = 1000, 50
MIDNIGHT = datetime(2026, 11, 24, 23, tzinfo=UTC)


@dataclass
class Large(httpx.AsyncBaseTransport):
    """A thousand groups of fifty backups, one a day, and their tasks of a fortnight. ``ordinary``: the day has uploads, a prune
    and a verification of everything.

    Attributes:
        now: its time.
        bytes: what it sent.
    """

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

    def _uploads(self, number: int) -> Iterator[datetime]:
        """The starts of a group's uploads, the newest first: one each night between eleven and three."""
        newest = MIDNIGHT + timedelta(seconds=14 * number) - (timedelta() if self.ordinary else DAY)
        for ago in range(_KEPT + 1):
            if (start := newest - ago * DAY) <= self.now:
                yield start

    def _snapshots(self, wanted: str | None) -> Iterator[dict[str, object]]:
        numbers = range(_GROUPS) if wanted is None else [int(wanted) - 100]
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

    def _tasks(self, since: int) -> Iterator[dict[str, object]]:
        runs = [
            (start, MINUTE / 2, "backup", f"main:ct/{number + 100}")
            for number in range(_GROUPS)
            for start in takewhile(lambda start: start.timestamp() >= since, self._uploads(number))
        ]
        if self.ordinary:
            runs.append((MIDNIGHT + timedelta(hours=5), timedelta(minutes=9), "prunejob", "main"))
            runs.append((MIDNIGHT + timedelta(hours=6), timedelta(hours=2), "verificationjob", "main:v1"))
        for start, took, kind, name in runs:
            if since <= start.timestamp() and start <= self.now:
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


class Nobody:
    """Nobody waits for anything, and all is well."""

    def awaited(self, source: str) -> datetime | None:  # noqa: ARG002
        return None

    def needs_care(self, source: str) -> bool:  # noqa: ARG002
        return False


@pytest.mark.parametrize(("ordinary", "share"), [(False, 0.03), (True, 0.15)], ids=["idle", "ordinary"])
def test_a_day_of_50_000_snapshots_takes_a_small_part_of_the_bytes_that_it_took(ordinary: bool, share: float) -> None:
    server = Large(ordinary)
    source = PbsSource(ProxmoxOptions("pbs", "https://lab.invalid", Trust(), any_secret, any_secret),
                       upstream=upstream(server, ALLOWED))  # fmt: skip
    pace = Pace(full=timedelta(minutes=15), unproven=timedelta(minutes=5), light=MINUTE)
    rounds = Rounds(source, lambda: server.now, pace, Nobody(), lambda: 0.0)

    async def live() -> int:
        first = await rounds.next()
        assert first.report is not None
        whole, server.bytes = server.bytes, 0
        while server.now < MIDNIGHT + DAY:
            server.now += MINUTE
            brought = await rounds.next()
            assert brought.report is None or brought.report.problem is None
        await source.close()
        return whole

    whole = asyncio.run(live())

    assert whole > 15_000_000
    assert server.bytes <= share * BEFORE * whole
