"""Ours beside others that do the same, in one run: a page beside a file, our refreshes beside a plain exporter's."""

from __future__ import annotations

import asyncio
import http.client
import ssl
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bench.figures import Measure
from sidecar.config import load
from sidecar.config.model import Config
from sidecar.credentials import Credentials
from sidecar.sources import Source
from sidecar.web.app import create_app
from sidecar.web.rendered import rendered
from sidecar.wiring import make_sources
from tests.caddy import BINARY, running_caddy, sidecar
from tests.processes import free_port, running
from tests.simulators import HOMELAB, Rack
from tests.web import calendars
from tests.web.boards import NOW, many

#: Services on the page that is asked for, and how often it is asked, in turn with the file.
SERVICES, TURNS, REQUESTS = 15, 9, 100

#: How much longer a page takes than the same bytes from a file, both from Caddy: the sidecar is asked each time.
PAGE_BESIDE_FILE = 8.0

#: What a refresh of the homelab's backup server takes beside a plain exporter's calls, which look at no right, no task and no
#: job: calls, bytes, and time although it reads a few at a time.
CALLS_BESIDE_EXPORTER, BYTES_BESIDE_EXPORTER, TIME_BESIDE_EXPORTER = 4.0, 3.0, 6.0

#: The same for an hour in which nothing runs: light rounds and full ones, beside an exporter that is asked once a minute.
CALLS_OF_AN_HOUR, BYTES_OF_AN_HOUR, TIME_OF_AN_HOUR = 0.8, 0.3, 1.0


def page_beside_file(folder: Path) -> list[Measure]:
    """A page through Caddy, beside Caddy with the same bytes in a file; each packed, and with a connection that stays open."""
    board = many(SERVICES)
    app = create_app(
        timeline=lambda: calendars.month(NOW),
        board=lambda: board,
        ready=lambda: True,
        keys=["right"],
        clock=lambda: NOW,
    )
    with running_caddy(folder) as caddy, sidecar(app, caddy.upstream):
        page = caddy.client.get("/widget").content
        files = folder / "files"
        files.mkdir()
        (files / "widget").write_bytes(page)
        (files / "widget.gz").write_bytes(rendered(page, "text/html").packed)
        with _file_server(files, folder) as port:
            ours, theirs = _in_turn([caddy.port, port])
    return [Measure("a page through Caddy, beside the same bytes from a file", ours / theirs, PAGE_BESIDE_FILE)]


@contextmanager
def _file_server(files: Path, folder: Path) -> Iterator[int]:
    port = free_port()
    site = (
        f"http://:{port} {{\n\tbind 127.0.0.1\n\troot * {files}\n\tfile_server {{\n\t\tprecompressed gzip\n\t}}\n}}\n"
    )
    text = f"{{\n\tadmin off\n}}\n{site}"
    (folder / "Files").write_text(text)
    command: list[str | Path] = [BINARY, "run", "--adapter", "caddyfile", "--config", folder / "Files"]
    with running("files", command, port=port, folder=folder):
        yield port


def _in_turn(ports: list[int]) -> list[float]:
    """The seconds of one request to each port: of some turns the one that was disturbed least."""
    clients = [http.client.HTTPConnection("127.0.0.1", port, timeout=10) for port in ports]
    times: list[list[float]] = [[] for _ in ports]
    for _ in range(TURNS):
        for client, mine in zip(clients, times, strict=True):
            mine.append(statistics.median(_asked(client) for _ in range(REQUESTS)))
    for client in clients:
        client.close()
    return [min(mine) for mine in times]


def _asked(client: http.client.HTTPConnection) -> float:
    began = time.perf_counter()
    client.request("GET", "/widget", headers={"Accept-Encoding": "gzip"})
    answer = client.getresponse()
    body = answer.read()
    took = time.perf_counter() - began
    assert (answer.status, answer.headers["Content-Encoding"], body[:2]) == (200, "gzip", b"\x1f\x8b")
    return took


# --- a refresh beside an exporter's -----------------------------------------------------------------------------------------


@dataclass
class _Counted:
    """An upstream whose answers are counted."""

    upstream: ASGIApp
    calls: int = 0
    bytes: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.calls += 1

        async def counted(message: Message) -> None:
            self.bytes += len(message.get("body", b""))
            await send(message)

        await self.upstream(scope, receive, counted)


Effort = tuple[float, float, float]
"""Calls, bytes and seconds."""


def rounds_beside_exporter(folder: Path) -> list[Measure]:
    """A whole refresh of the homelab's backup server, beside the calls of a plain exporter: what it keeps and its room.

    And an hour of both.
    """
    now = datetime.now(UTC)
    with Rack(HOMELAB, lambda: now, folder / "upstreams") as rack:
        counters: list[_Counted] = []

        def count(upstream: ASGIApp) -> ASGIApp:
            counters.append(_Counted(upstream))
            return counters[-1]

        rack.stand_before("pbs", count)
        config = load.load(rack.write_config(folder / "config.yaml"))
        refresh, hour = asyncio.run(_both(rack, counters[0], config, lambda: now))
    once = (CALLS_BESIDE_EXPORTER, BYTES_BESIDE_EXPORTER, TIME_BESIDE_EXPORTER)
    long = (CALLS_OF_AN_HOUR, BYTES_OF_AN_HOUR, TIME_OF_AN_HOUR)
    return [*_measures("a refresh", *refresh, once), *_measures("an hour without runs", *hour, long)]


def _measures(what: str, ours: Effort, theirs: Effort, limits: Effort) -> Iterator[Measure]:
    for name, mine, other, limit in zip(("calls", "bytes", "time"), ours, theirs, limits, strict=True):
        yield Measure(f"{name} of {what}, beside a plain exporter's", mine / other, limit)


async def _both(
    rack: Rack, counter: _Counted, config: Config, clock: Callable[[], datetime]
) -> tuple[tuple[Effort, Effort], tuple[Effort, Effort]]:
    """Ours and theirs: of a refresh, and of an hour."""
    headers = {"Authorization": f"PBSAPIToken={rack.token_id('pbs')}:{rack.token('pbs')}"}
    trust = ssl.create_default_context(cafile=str(rack.ca_file("pbs")))
    trust.check_hostname = False
    async with make_sources(config, Credentials(rack.ca_file("pbs").parent)) as sources:
        pbs = next(source for source in sources if source.name == "pbs")
        async with httpx.AsyncClient(base_url=rack.url("pbs"), headers=headers, verify=trust) as client:
            ours, theirs = [], []
            for _ in range(TURNS):
                ours.append(await _counted(counter, lambda: pbs.read(clock)))
                theirs.append(await _counted(counter, lambda: _exporter(client)))
            hour = await _counted(counter, lambda: _hour(pbs, clock)), await _counted(counter, lambda: _scraped(client))
    return (min(ours, key=lambda each: each[2]), min(theirs, key=lambda each: each[2])), hour


async def _hour(pbs: Source, clock: Callable[[], datetime]) -> None:
    for minute in range(60):
        if minute % 15 == 0:
            await pbs.read(clock, whole=False)
        else:
            await pbs.look(clock, wide=minute % 5 == 0)


async def _scraped(client: httpx.AsyncClient) -> None:
    for _ in range(60):
        await _exporter(client)


async def _counted(counter: _Counted, work: Callable[[], Awaitable[object]]) -> Effort:
    calls, size, began = counter.calls, counter.bytes, time.perf_counter()
    await work()
    return counter.calls - calls, counter.bytes - size, time.perf_counter() - began


async def _exporter(client: httpx.AsyncClient) -> None:
    """One after the other, as pbs-exporter asks: the version, the room, each datastore's namespaces and their snapshots."""
    await _data(client, "/version")
    for store in await _data(client, "/status/datastore-usage"):
        for namespace in await _data(client, f"/admin/datastore/{store['store']}/namespace"):
            name = namespace["ns"]
            await _data(client, f"/admin/datastore/{store['store']}/snapshots", {"ns": name} if name else {})


async def _data(client: httpx.AsyncClient, path: str, params: dict[str, str] | None = None) -> Any:
    answer = await client.get(f"/api2/json{path}", params=params)
    return answer.raise_for_status().json()["data"]
