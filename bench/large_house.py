"""A large installation over real HTTPS, as a process of its own: what it needs is not counted among what the sidecar needs.

1,000 guests with 50 snapshots each, 50,000 tasks, 5,000 rows of dumps, 1,000 services. The simulators of the tests answer,
each question once; then their answers are kept, so that they take no time from the sidecar.

Writes the configuration, prints a line when everything can be asked, and runs until its standard input ends.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.simulators import HOMELAB, Rack
from tests.simulators.homelab import BackupJob, DatabaseServer, Guest, Homelab, Service
from tests.simulators.timetable import Timetable
from tests.simulators.upstream_site import SOURCES

GUESTS, JOBS, NODES = 1_000, 40, 4
SNAPSHOTS_EACH = 50
SERVERS, DATABASES_EACH = 10, 18
TASKS = 50_000

_TASK_LIST = "/nodes/localhost/tasks"


def house() -> Homelab:
    """Everything is backed up at 04:00 and is well."""
    nodes = tuple(f"pve{number}" for number in range(NODES))
    guests = tuple(
        Guest(
            vmid=1000 + number,
            name=f"guest{number}",
            node=nodes[number % NODES],
            size=2**30,
            takes=timedelta(seconds=15),
        )
        for number in range(GUESTS)
    )
    jobs = tuple(
        BackupJob(
            id=f"backup-{number}",
            timetable=Timetable(4),
            guests=tuple(guest.vmid for guest in guests[number::JOBS]),
            comment=f"Backup {number}",
        )
        for number in range(JOBS)
    )
    servers = tuple(
        DatabaseServer(
            name=f"postgres{server}",
            type="postgres",
            host="10.0.10.22",
            port=5432,
            databases=tuple(f"db{server}x{number}" for number in range(DATABASES_EACH)),
        )
        for server in range(SERVERS)
    )
    databases = [f"{server.name}/{database}" for server in servers for database in server.databases]
    services = tuple(
        Service(name=guest.name, guests=(guest.vmid,), databases=tuple(databases[number : number + 1]))
        for number, guest in enumerate(guests)
    )
    return replace(
        HOMELAB,
        nodes=nodes,
        guests=guests,
        former=(),
        jobs=jobs,
        datastore=replace(HOMELAB.datastore, namespaces=("",), keep_last=SNAPSHOTS_EACH),
        dumps=replace(HOMELAB.dumps, servers=servers),
        repository=replace(HOMELAB.repository, plans=HOMELAB.repository.plans[:1]),
        services=services,
    )


class Kept:
    """An upstream whose answers are kept, by path and query but for the time since when; of tasks those since then are told.

    Each answer leaves its moment in ``asked``.
    """

    def __init__(self, upstream: ASGIApp, asked: Path) -> None:
        self._upstream = upstream
        self._asked = asked
        self._answers: dict[tuple[str, bytes, bytes], list[Message]] = {}
        self._tasks: Tasks | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = b"&".join(part for part in scope["query_string"].split(b"&") if not part.startswith(b"since="))
        received = await _body(receive)
        key = (scope["path"], query, received)
        if key not in self._answers:
            messages: list[Message] = []

            async def collect(message: Message) -> None:
                messages.append(message)

            waiting = iter([{"type": "http.request", "body": received, "more_body": False}])

            async def again() -> Message:
                for message in waiting:
                    return message
                return await receive()

            await self._upstream(scope, again, collect)
            self._answers[key] = messages
        for message in self._of_tasks(scope, key) if scope["path"].endswith(_TASK_LIST) else self._answers[key]:
            await send(message)
        with self._asked.open("a") as file:
            file.write(f"{time.time()}\n")

    def _of_tasks(self, scope: Scope, key: tuple[str, bytes, bytes]) -> list[Message]:
        self._tasks = self._tasks or Tasks(self._answers[key])
        return self._tasks.since(int(parse_qs(scope["query_string"])[b"since"][0]))


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body.extend(message.get("body", b""))
        if not message.get("more_body"):
            return bytes(body)


class Tasks:
    """As many tasks as a server with hourly syncs, restores and prunes by Proxmox VE lists, all of them well.

    A prune job has always just ended: what the datastore keeps must be listed again.
    """

    def __init__(self, messages: list[Message]) -> None:
        """``messages``: the list that is made longer."""
        rows = json.loads(b"".join(message.get("body", b"") for message in messages))["data"]
        self._start = {**messages[0], "headers": [(b"content-type", b"application/json;charset=UTF-8")]}
        self._model = next(row for row in rows if row["worker_type"] == "backup" and row.get("status") == "OK")
        self._number = 0
        while len(rows) < TASKS:
            kind, guest = ("reader", "prunegroup")[self._number % 2], self._number % GUESTS
            start = self._model["starttime"] - self._number * 20
            rows.append(self._task(kind, f"main\\x3act-{guest}", f"main:ct/{1000 + guest}", start))
        self._rows = [(row["starttime"], _text(row)) for row in rows]

    def since(self, moment: int) -> list[Message]:
        """The answer with those that began since then, newest first."""
        now = int(time.time())
        self._rows.insert(0, (now, _text(self._task("prunejob", "main", "main", now))))
        rows = [text for start, text in self._rows if start >= moment]
        text = b'{"data":[%s],"total":%d}' % (b",".join(rows), len(rows))
        pieces = [text[place : place + 65536] for place in range(0, len(text), 65536)]
        return [
            self._start,
            *({"type": "http.response.body", "body": piece, "more_body": True} for piece in pieces),
            {"type": "http.response.body", "body": b"", "more_body": False},
        ]

    def _task(self, kind: str, worker: str, id_: str, start: int) -> dict[str, Any]:
        """``worker``: the id as it stands in the UPID."""
        self._number += 1
        upid = f"UPID:pbs:00000B29:0000217F:{self._number:08X}:{start:08X}:{kind}:{worker}:a@pbs:"
        names = {"upid": upid, "worker_type": kind, "worker_id": id_}
        return {**self._model, **names, "starttime": start, "endtime": start + 3}


def _text(row: dict[str, Any]) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode()


def main() -> None:
    """``python -m bench.large_house FOLDER POLL_INTERVAL``."""
    folder, interval = Path(sys.argv[1]), sys.argv[2]
    now = datetime.now(UTC)
    rack = Rack(house(), lambda: now, folder / "upstreams")
    story = rack.site.moment()
    assert len(story.backups) >= GUESTS * SNAPSHOTS_EACH
    assert story.dump_rows
    assert story.queue_runs
    for source in SOURCES:
        rack.stand_before(source, lambda upstream: Kept(upstream, folder / "asked"))
    with rack:
        rack.write_config(folder / "config.yaml", {"poll_interval": interval})
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
