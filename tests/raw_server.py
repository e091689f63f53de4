"""A server on loopback that answers with exactly the bytes a test gives it: for answers that no decent server would send."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Answer = Callable[[bytes], Awaitable[bytes]]


@dataclass(slots=True)
class RawServer:
    """Where it listens, and the heads of all requests so far."""

    port: int
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def raw_server(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """Answers each request with what ``answer`` makes of its head, then closes the connection."""
    running: RawServer

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            running.requests.append(head)
            writer.write(await answer(head))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # a client that only looks at the certificate, or gives up
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        running = RawServer(server.sockets[0].getsockname()[1])
        yield running


def ok(body: bytes, *headers: str) -> bytes:
    """A whole answer."""
    return answer("200 OK", body, *headers)


def answer(status: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """An answer with this status; ``length`` is what it claims, where that isn't true."""
    claimed = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {claimed}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
