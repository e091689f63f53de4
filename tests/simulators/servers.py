"""Real HTTPS servers in one background thread, whose ports are really closed while they are not wanted."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from tests.simulators.certificates import Pair

_PATIENCE = 10.0
_LOOK_EVERY = 0.1


@dataclass(kw_only=True)
class _Place:
    """A server's place. The socket stays bound but does not listen while it is closed: nobody else takes the port."""

    app: ASGIApp
    pair: Pair
    reserved: socket.socket
    address: str
    port: int
    server: uvicorn.Server | None = None
    task: asyncio.Task[None] | None = None


class Servers:
    """Serves apps by name while ``wanted(name)``; looks ten times a second, and at once on ``settle``."""

    def __init__(self, wanted: Callable[[str], bool], address: str) -> None:
        self._wanted = wanted
        self._address = address
        self._places: dict[str, _Place] = {}
        self._settling = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, name: str, app: ASGIApp, pair: Pair, port: int = 0) -> None:
        """Give an app its place, before ``start``; port 0 is any free one."""
        reserved = bound(self._address, port)
        address, given = reserved.getsockname()
        self._places[name] = _Place(app=app, pair=pair, reserved=reserved, address=address, port=given)

    def start(self) -> None:
        """Start the thread; returns when everything that is wanted accepts connections."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="upstreams", daemon=True)
        self._thread.start()
        self.settle()
        self._looking = asyncio.run_coroutine_threadsafe(self._look(), self._loop)

    def settle(self) -> None:
        """Open and close ports as wanted now; nothing before ``start``. Not for the servers' own thread."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._settle(), self._loop).result(_PATIENCE)

    def port(self, name: str) -> int:
        """The port, also while it is closed."""
        return self._places[name].port

    def show(self, name: str, pair: Pair) -> None:
        """Serve with another certificate from now on, on the same port."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._show(self._places[name], pair), self._loop).result(_PATIENCE)

    async def _show(self, place: _Place, pair: Pair) -> None:
        async with self._settling:
            place.pair = pair
            if place.server is not None:
                await _close(place)
                await _open(place)

    def stop(self) -> None:
        """Close everything and end the thread."""
        self._wanted = lambda _: False
        self.settle()
        if self._loop is not None:
            self._looking.cancel()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_PATIENCE)
            self._loop.run_until_complete(_cancel_rest())
            self._loop.close()
        for place in self._places.values():
            place.reserved.close()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            await self._settle()

    async def _settle(self) -> None:
        async with self._settling:
            changes = [
                _close(place) if place.server else _open(place)
                for name, place in self._places.items()
                if self._wanted(name) != (place.server is not None)
            ]
            await asyncio.gather(*changes)


async def _open(place: _Place) -> None:
    place.server = uvicorn.Server(server_config(place.app, place.pair))
    place.task = asyncio.create_task(place.server.serve(sockets=[place.reserved]))
    while not place.server.started and not place.task.done():  # noqa: ASYNC110 (uvicorn tells nobody that it has started)
        await asyncio.sleep(0.005)
    if place.task.done():
        place.task.result()


async def _close(place: _Place) -> None:
    """Refuse connections from now on and cut off running ones. uvicorn itself would take two tenths of a second to end."""
    server, task = place.server, place.task
    if server is None or task is None:
        return
    place.server = place.task = None
    for listener in server.servers:
        listener.close()
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    for running in list(server.server_state.tasks):
        running.cancel()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    place.reserved.close()
    place.reserved = bound(place.address, place.port)


async def _cancel_rest() -> None:
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def bound(address: str, port: int = 0) -> socket.socket:
    """A socket that does not listen yet."""
    # asyncio turns Nagle's delay off only for sockets that say they are TCP.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    return listener


def server_config(app: ASGIApp, pair: Pair | None) -> uvicorn.Config:
    """A quiet server, by TLS where there is a pair; it stops within a second."""
    return uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        ssl_certfile=str(pair.certificate) if pair else None,
        ssl_keyfile=str(pair.key) if pair else None,
    )
