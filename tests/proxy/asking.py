"""Asks simulated upstreams through the product's own proxy: the real application, over real HTTPS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml

from sidecar.config import load
from sidecar.config.tokens import Scope
from sidecar.credentials import Credentials
from sidecar.proxy.proxy import Proxy
from sidecar.tokens.accepted import Accepted, Program, digest
from sidecar.web.app import create_app
from sidecar.wiring import make_proxy
from tests.simulators import Rack
from tests.web.asking import KEY, nothing_due
from tests.web.boards import NOW, good_morning

T = TypeVar("T")

TOKEN = "token-of-a-program-0123456789-abcdef"

API = "/api2/json"


@dataclass
class Asked:
    """The application in front of the proxy, and what the upstreams noticed."""

    rack: Rack
    client: httpx.AsyncClient
    proxy: Proxy

    async def get(self, path: str) -> httpx.Response:
        """The answer to a program with a token."""
        return await self.client.get(f"/proxy/{path}")

    def reached(self) -> list[str]:
        """The paths of the requests that reached an upstream so far."""
        return [request.path for request in self.rack.requests]


@asynccontextmanager
async def opened(rack: Rack, folder: Path, **changed: Any) -> AsyncIterator[Asked]:
    """``changed``: keys of each source that are otherwise than usual."""
    path = rack.write_config(folder / "config.yaml", {"proxy": {"enabled": True}})
    document = yaml.safe_load(path.read_text())
    for source in document["sources"].values():
        source.update(changed)
    path.write_text(yaml.safe_dump(document))
    proxy = make_proxy(load.load(path), Credentials(None))
    accepted = Accepted((Program("test", frozenset({Scope.PROXY}), digest(TOKEN.encode())),))
    app = create_app(
        board=good_morning,
        timeline=nothing_due,
        ready=lambda: True,
        keys=(KEY,),
        clock=lambda: NOW,
        accepted=lambda: accepted,
        pass_on=proxy.answer,
    )
    headers = {"X-Backup-Glance-Token": TOKEN}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url="http://sidecar", headers=headers, timeout=30
    ) as client:
        try:
            yield Asked(rack, client, proxy)
        finally:
            await proxy.aclose()


def asked(rack: Rack, folder: Path, ask: Callable[[Asked], Awaitable[T]], **changed: Any) -> T:
    """What ``ask`` brings; with a proxy that nobody asked before."""

    async def run() -> T:
        async with opened(rack, folder, **changed) as it:
            return await ask(it)

    return asyncio.run(run())


def answer(rack: Rack, folder: Path, path: str, **changed: Any) -> httpx.Response:
    """The answer to one call."""
    return asked(rack, folder, lambda it: it.get(path), **changed)
