"""What lies between a client and an upstream: a log of requests, latency, and answers that are broken on purpose."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import unquote

import anyio
import anyio.lowlevel
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

Answering = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]
"""Answers in place of the upstream, whose app it is given."""

How = (
    Literal["garbage", "truncated", "cut", "oversized", "redirect", "login-page", "busy", "slow", "wrong-type", "empty"]
    | int
    | Answering
)
"""How an answer is broken:

- ``garbage``: bytes that are neither UTF-8 nor JSON, sent as JSON
- ``truncated``: the real answer, its JSON cut in half, the HTTP message complete
- ``cut``: the same, and the connection is closed in the middle of the message
- ``oversized``: rows of JSON without an end (256 MiB)
- ``redirect``: 302 to another host
- ``login-page``: a page for people with status 200, as a proxy that wants a login gives
- ``busy``: 503 with ``Retry-After: 0``: the next refresh may ask again at once
- ``slow``: the real answer, a byte at a time, a byte a second
- ``empty``: a list of Proxmox without any row
- ``wrong-type``: valid JSON whose every value has another type than it should
- a number: that status, with ``Retry-After: 7`` for 429 and 503
- a function: what it answers, see ``hostile.py``
"""

#: Under this name an answer finds in its scope what uvicorn sends with; its connection can be reached through that.
CONNECTION = "backup-glance.connection"

_JSON = b"application/json"
_HIDDEN = frozenset({"authorization", "cookie"})
_OVERSIZED_ROWS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """A request that reached an upstream. ``headers`` are without credentials; ``path`` is decoded."""

    source: str
    method: str
    path: str
    query: str
    headers: dict[str, str]
    time: datetime


@dataclass(kw_only=True)
class Wire:
    """An ASGI app around an upstream's app.

    Attributes:
        latency: seconds before every answer.
        broken: path prefix → how its answers are broken; the longest prefix wins.
        sent: bytes of all bodies that were sent so far.
    """

    source: str
    upstream: ASGIApp
    clock: Callable[[], datetime]
    log: list[LoggedRequest]
    latency: float = 0.0
    broken: dict[str, How] = field(default_factory=dict)
    sent: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.log.append(self._logged(scope))
        scope = {**scope, CONNECTION: send}
        send = self._counted(send)
        await anyio.sleep(self.latency)
        prefixes = [prefix for prefix in self.broken if scope["path"].startswith(prefix)]
        if not prefixes:
            await self.upstream(scope, receive, send)
            return
        await _break(self.broken[max(prefixes, key=len)], self.upstream, scope, receive, send)

    def _counted(self, send: Send) -> Send:
        async def count(message: Message) -> None:
            self.sent += len(message.get("body", b""))
            await send(message)

        return count

    def _logged(self, scope: Scope) -> LoggedRequest:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        return LoggedRequest(
            source=self.source,
            method=scope["method"],
            path=scope["path"],
            query=unquote(scope["query_string"].decode("latin-1")),
            headers={name: value for name, value in headers.items() if name not in _HIDDEN},
            time=self.clock(),
        )


async def _break(how: How, upstream: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    if callable(how):
        await how(upstream, scope, receive, send)
    elif isinstance(how, int):
        headers = {"retry-after": "7"} if how in (429, 503) else None
        await Response("broken on purpose", how, headers)(scope, receive, send)
    elif how == "redirect":
        await RedirectResponse("https://elsewhere.invalid/", 302)(scope, receive, send)
    elif how == "login-page":
        await HTMLResponse("<!doctype html><title>Log in</title><form>")(scope, receive, send)
    elif how == "busy":
        await Response("too busy", 503, {"retry-after": "0"})(scope, receive, send)
    elif how == "empty":
        await JSONResponse({"data": []})(scope, receive, send)
    elif how == "garbage":
        await Response(b"\xff\xfe<\x00html>", media_type="application/json")(scope, receive, send)
    elif how == "oversized":
        await _oversized(receive, send)
    else:
        await _spoil(how, await _answer(upstream, scope, receive), scope, receive, send)


async def _answer(upstream: ASGIApp, scope: Scope, receive: Receive) -> bytes:
    body = bytearray()

    async def collect(message: Message) -> None:
        if message["type"] == "http.response.body":
            body.extend(message.get("body", b""))

    await upstream(scope, receive, collect)
    return bytes(body)


async def _spoil(how: str, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    if how == "truncated":
        await Response(body[: len(body) // 2], media_type="application/json")(scope, receive, send)
    elif how == "wrong-type":
        await JSONResponse(_wrong(json.loads(body)))(scope, receive, send)
    elif how == "cut":
        await _start(send)
        await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        raise ConnectionAbortedError("cut on purpose")
    else:
        await _start(send)
        for place in range(len(body)):
            await send({"type": "http.response.body", "body": body[place : place + 1], "more_body": True})
            await anyio.sleep(1)


async def _start(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", _JSON)]})


async def _oversized(receive: Receive, send: Send) -> None:
    row = b'{"backup-type":"ct","backup-id":"101","backup-time":1795395602,"files":[]},' * 870
    await _start(send)
    await send({"type": "http.response.body", "body": b'{"data":[', "more_body": True})
    for _ in range(_OVERSIZED_ROWS):
        await send({"type": "http.response.body", "body": row, "more_body": True})
        await anyio.lowlevel.checkpoint()
    await send({"type": "http.response.body", "body": b"{}]}"})


def _wrong(value: object) -> object:
    """The same shape at the top, another type at every leaf."""
    if isinstance(value, dict):
        return {name: _wrong(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_wrong(member) for member in value] or {}
    return {"unexpected": True} if isinstance(value, str) else ["unexpected"]
