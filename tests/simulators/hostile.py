"""Answers that no decent upstream would send: too much of everything. Each is a way to break an answer, see ``wire.How``.

The bytes are made once, when the answer is: a slow upstream would hide how long its answer takes to read.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from itertools import cycle, islice

import anyio
import anyio.lowlevel
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.simulators.calls import Json
from tests.simulators.wire import Answering

_JSON = {"content-type": "application/json"}
_PIECE = 64 * 1024


def sends(
    body: bytes, *, piece: int = _PIECE, status: int = 200, headers: Mapping[str, str] = {}, every: float = 0.0
) -> Answering:
    """This body in pieces of ``piece`` bytes, one ``every`` so many seconds."""
    lines = [(name.encode(), value.encode()) for name, value in {**_JSON, **headers}.items()]

    async def answer(_upstream: ASGIApp, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": lines})
        for place in range(0, len(body), piece):
            await send({"type": "http.response.body", "body": body[place : place + piece], "more_body": True})
            await anyio.sleep(every) if every else await anyio.lowlevel.checkpoint()
        await send({"type": "http.response.body", "body": b""})

    return answer


def rows(row: Callable[[int], Json], count: int, *, piece: int = _PIECE, key: str = "data") -> Answering:
    """A list with so many rows."""
    return sends(_list((row(number) for number in range(count)), key), piece=piece)


def same_rows(row: str, count: int, *, piece: int = _PIECE) -> Answering:
    """The same row, as text, again and again."""
    return sends(b'{"data":[' + ",".join([row] * count).encode() + b"]}", piece=piece)


def _list(values: Iterable[Json], key: str) -> bytes:
    return f'{{"{key}":['.encode() + ",".join(map(json.dumps, values)).encode() + b"]}"


def document(value: Json) -> Answering:
    """A document."""
    return sends(json.dumps(value, ensure_ascii=False).encode())


def filled(part: str, size: int = 4_000_000, around: str = '{{"data":[{}]}}') -> Answering:
    """A document of ``size`` bytes that has nothing but the same part."""
    return sends(around.format(",".join([part] * (size // (len(part) + 1)))).encode())


def gzipped(size: int, times: int = 1, *, status: int = 200, encoding: str = "gzip") -> Answering:
    """Spaces, compressed so many times, and called ``encoding``: a thousandth of ``size`` on the wire."""
    body = b" " * size
    for _ in range(times):
        body = gzip.compress(body, 6)
    return sends(body, status=status, headers={"content-encoding": encoding})


def endless(body: bytes, *, every: float = 0.0) -> Answering:
    """The same bytes without an end, once ``every`` so many seconds."""

    async def answer(_upstream: ASGIApp, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        while True:
            await send({"type": "http.response.body", "body": body, "more_body": True})
            await anyio.sleep(every) if every else await anyio.lowlevel.checkpoint()

    return answer


def silent() -> Answering:
    """Nothing, for ever."""

    async def answer(_upstream: ASGIApp, _scope: Scope, _receive: Receive, _send: Send) -> None:
        await anyio.sleep_forever()

    return answer


def names(kinds: Iterable[str], count: int) -> list[str]:
    """So many different names, of each kind in turn."""
    return [f"{kind}{number}" for number, kind in enumerate(islice(cycle(kinds), count))]
