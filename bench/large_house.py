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
    """An upstream whose answers are kept, by path and query but for the time since when. Each leaves its moment in ``asked``."""

    def __init__(self, upstream: ASGIApp, asked: Path) -> None:
        self._upstream = upstream
        self._asked = asked
        self._answers: dict[tuple[str, bytes, bytes], list[Message]] = {}

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
            self._answers[key] = _with_more_tasks(messages) if scope["path"].endswith(_TASK_LIST) else messages
        for message in self._answers[key]:
            await send(message)
        with self._asked.open("a") as file:
            file.write(f"{time.time()}\n")


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body.extend(message.get("body", b""))
        if not message.get("more_body"):
            return bytes(body)


def _with_more_tasks(messages: list[Message]) -> list[Message]:
    """As many tasks as a server with hourly syncs, restores and prunes by Proxmox VE lists, all of them well."""
    body = b"".join(message.get("body", b"") for message in messages)
    document: dict[str, Any] = json.loads(body)
    rows = document["data"]
    model = next(row for row in rows if row["worker_type"] == "backup" and row.get("status") == "OK")
    for number in range(TASKS - len(rows)):
        start = model["starttime"] - number * 20
        serial = f"{number:08X}"
        kind = ("reader", "prunegroup")[number % 2]
        rows.append(
            {
                **model,
                "upid": f"UPID:pbs:00000B29:0000217F:{serial}:{start:08X}:{kind}:main\\x3act-{number % GUESTS}:a@pbs:",
                "worker_type": kind,
                "worker_id": f"main:ct/{1000 + number % GUESTS}",
                "starttime": start,
                "endtime": start + 3,
            }
        )
    document["total"] = len(rows)
    text = json.dumps(document, separators=(",", ":")).encode()
    start_message = {**messages[0], "headers": [(b"content-type", b"application/json;charset=UTF-8")]}
    pieces = [text[place : place + 65536] for place in range(0, len(text), 65536)]
    return [
        start_message,
        *({"type": "http.response.body", "body": piece, "more_body": True} for piece in pieces),
        {"type": "http.response.body", "body": b"", "more_body": False},
    ]


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
