"""Upstreams with broken or hostile answers: always a clear error, never a secret in it, never a crash."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from sidecar.errors import SourceError
from sidecar.upstream.calls import Call
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Limits, Upstream
from tests.raw_server import Answer, RawServer, answer, ok, raw_server

DOCUMENT = Call("GET", "/document/{name}")
LIST = Call("GET", "/list", frozenset({"ns"}))
LOGIN = Call("POST", "/login")
SECRET = "5a0c7e1d-secret-value"


async def token(_fresh: bool) -> Mapping[str, str]:
    return {"Authorization": f"PBSAPIToken=glance@pbs!x:{SECRET}"}


def always(whole: bytes) -> Answer:
    async def give(_head: bytes) -> bytes:
        return whole

    return give


async def requested(
    give: Answer, use: Callable[[Upstream], Awaitable[Any]], limits: Limits | None = None, headers: Any = token
) -> RawServer:
    async with raw_server(give) as server:
        url = f"http://127.0.0.1:{server.port}"
        upstream = Upstream("pbs", url, Trust(), (DOCUMENT, LIST, LOGIN), headers, limits)
        try:
            await use(upstream)
        finally:
            await upstream.close()
    return server


async def document(upstream: Upstream) -> Any:
    return await upstream.get(DOCUMENT, name="x")


async def rows(upstream: Upstream) -> Any:
    return await upstream.rows(LIST)


def cause(give: Answer, use: Callable[[Upstream], Awaitable[Any]] = document, **more: Any) -> str:
    with pytest.raises(SourceError) as caught:
        asyncio.run(requested(give, use, **more))
    assert SECRET not in f"{caught.value.cause} {caught.value.action} {caught.value!r}"
    return caught.value.cause


def test_a_cookie_is_never_sent_back_because_pbs_prefers_it_to_the_token() -> None:
    async def twice(upstream: Upstream) -> None:
        await document(upstream)
        await document(upstream)

    give = always(ok(b"{}", "Set-Cookie: PBSAuthCookie=PBS:mallory; Path=/"))
    server = asyncio.run(requested(give, twice))

    assert len(server.requests) == 2
    assert not any(b"cookie" in head.lower() for head in server.requests)


def test_one_name_is_one_part_of_the_path() -> None:
    async def odd(upstream: Upstream) -> None:
        await upstream.get(DOCUMENT, name="../a/b?c=%2e#d é")

    server = asyncio.run(requested(always(ok(b"{}")), odd))

    assert server.requests[0].startswith(b"GET /document/..%2Fa%2Fb%3Fc%3D%252e%23d%20%C3%A9 HTTP/1.1\r\n")


def test_an_upstream_that_repeats_the_token_is_not_quoted_with_it() -> None:
    give = always(answer("400 Bad Request", f"bad token {SECRET}".encode()))

    assert cause(give) == "HTTP 400: bad token [withheld]"


def test_a_login_that_repeats_the_password_is_not_quoted_with_it() -> None:
    async def log_in(upstream: Upstream) -> None:
        await upstream.post(LOGIN, {"username": "glance", "password": SECRET}, authenticated=False)

    assert cause(always(answer("401 No", f"not {SECRET}".encode())), log_in) == "HTTP 401: not [withheld]"


PAGE = "a web page came instead of an answer; something in front of it may ask for a login"
ASKED = "a proxy in front of it asks for a login of its own (HTTP 401)"


@pytest.mark.parametrize(
    ("whole", "error"),
    [
        (b"", "it closed the connection without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "its answer is not HTTP"),
        (answer("200 OK", b'{"data":', length=100), "its answer was cut off"),
        (ok(b'{"data":'), "its answer was cut off"),
        (ok(b"[" * 100_000 + b"]"), "its answer is not valid JSON"),
        (ok(b'{"data":"\xff"}'), "its answer is not valid JSON"),
        (ok(b"no gzip", "Content-Encoding: gzip"), "its answer can't be decompressed"),
        (answer("500 Oops", b"<html>" + b"x" * 10_000_000), "HTTP 500"),
        (ok(b" <!doctype html>"), PAGE),
        (
            answer("302 Found", b"", "Location: https://user:pw@auth.lan:444/login/s3cret?x=1"),
            "HTTP 302: redirects to a login at https://auth.lan:444",
        ),
        (answer("308 Moved", b"", "Location: https://[fe80::1]/"), "HTTP 308: redirects to https://[fe80::1]"),
        (answer("302 Found", b"", "Location: /login?token=s3cret"), "HTTP 302: redirects to its login page"),
        (answer("302 Found", b"", "Location: /s3cret"), "HTTP 302: redirects to another page of its own"),
        (answer("302 Found", b""), "HTTP 302: redirects to another page of its own"),
        (answer("401 No", b"", 'WWW-Authenticate: Basic realm="x"'), ASKED),
        (answer("403 No", b"<html>no"), "a proxy in front of it asks for a login of its own (HTTP 403)"),
        (answer("403 No", b"permission\r\ncheck \x1b[2Jfailed"), r"HTTP 403: permission check \u001b[2Jfailed"),
    ],
)
def test_a_broken_answer_is_named(whole: bytes, error: str) -> None:
    assert cause(always(whole)) == error


@pytest.mark.parametrize("body", [b"<html>", b"\n<!doctype html>" + b"x" * 100_000])
def test_a_page_where_a_list_should_be_is_named(body: bytes) -> None:
    assert cause(always(ok(body)), rows) == PAGE


@pytest.mark.parametrize("body", [b'{"data":[' + b"[" * 100_000, b'{"data":["\xff"]}', b'{"data":{}}', b"null"])
def test_a_broken_list_is_named(body: bytes) -> None:
    assert cause(always(ok(body)), rows) == "the answer is not the requested list"


def test_the_limit_counts_what_was_inflated() -> None:
    give = always(ok(gzip.compress(b" " * 20_000_000), "Content-Encoding: gzip"))

    assert cause(give) == "its answer is larger than 4 MiB"
    give = always(ok(gzip.compress(b'{"data":[' + b'"' + b" " * 1_500_000), "Content-Encoding: gzip"))
    assert cause(give, rows, limits=Limits(body=1024 * 1024)) == "its answer is larger than 1 MiB"


@pytest.mark.parametrize("status", ["200 OK", "403 No"])
def test_only_one_gzip_is_inflated(status: str) -> None:
    """Two of them become a thousand times a thousand bytes."""
    nested = gzip.compress(gzip.compress(b"{}"))

    given = cause(always(answer(status, nested, "Content-Encoding: gzip, gzip")))

    assert given == ("its answer can't be decompressed" if status == "200 OK" else "HTTP 403")


def test_a_list_of_too_many_rows_is_not_read() -> None:
    give = always(ok(b'{"data":[' + b"1," * 300_000 + b"1]}"))

    assert cause(give, rows) == "its list has more than 200,000 rows"


@pytest.mark.parametrize("ns", ["n" * 70_000, "\ud800"])
def test_a_name_that_can_not_be_sent_is_an_error(ns: str) -> None:
    async def request(upstream: Upstream) -> None:
        await upstream.rows(LIST, {"ns": ns})

    assert cause(always(ok(b"{}")), request) == "it reported a name that can't be part of a request"


@pytest.mark.parametrize("flaw", ["\n", "\r\nX-Evil: 1", "ü", "\x00", "\ud800"])
def test_a_credential_that_cannot_stand_in_a_header_is_not_sent(flaw: str) -> None:
    async def flawed(_fresh: bool) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {SECRET}{flaw}"}

    assert cause(always(ok(b"{}")), headers=flawed).startswith("its credential can't be sent")


def test_a_broken_answer_leaves_the_other_calls_alone() -> None:
    """One bad namespace blanks only itself: the connections of its neighbours stay open."""
    broken = asyncio.Event()

    async def give(head: bytes) -> bytes:
        if head.startswith(b"GET /document"):
            return answer("200 OK", b'{"data":', length=100)
        await broken.wait()
        return ok(b'{"data":[1]}')

    async def both(upstream: Upstream) -> None:
        async def break_off() -> None:
            with pytest.raises(SourceError, match="cut off"):
                await document(upstream)
            await asyncio.sleep(0)
            broken.set()

        _, received = await asyncio.gather(break_off(), rows(upstream))
        assert received == [1]

    asyncio.run(requested(give, both))


def test_a_connection_that_nobody_used_for_a_while_is_not_used_again() -> None:
    """A server may be about to close it."""
    connections: list[int] = []
    closed = asyncio.Semaphore(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(0)
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                connections[-1] += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b'{"data":[]}')
        writer.close()
        await writer.wait_closed()
        closed.release()

    async def three_calls() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            upstream = Upstream("pbs", f"http://127.0.0.1:{port}", Trust(), (LIST,), token)
            await rows(upstream)
            await rows(upstream)
            await asyncio.sleep(2.1)
            await rows(upstream)
            await upstream.close()
            for _ in connections:
                await closed.acquire()

    asyncio.run(three_calls())
    assert connections == [2, 1]


def test_silence_between_two_pieces_has_its_own_limit() -> None:
    async def never(_head: bytes) -> bytes:
        await asyncio.sleep(1)
        return b""

    assert cause(never, limits=Limits(read=0.1)) == "timed out after 0.1 s"
