"""Calls to upstreams: the only file that knows the HTTP client, and the only way out of the sidecar.

An Upstream makes the calls on its list and no others. Every call has limits on time and size, follows no redirect, sends
no cookie, and ends in an answer or in a SourceError that says in one clause what is wrong.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SecretError, SourceError

from . import error_text, json_rows, tls
from .calls import Call, Params
from .tls import Trust

T = TypeVar("T")
Headers = Callable[[bool], Awaitable[Mapping[str, str]]]

#: Bytes of an error's body that are read for its words.
_ERROR_BODY = 64 * 1024

#: What h11 says of an answer that ends too early.
_BROKEN_ANSWERS = {
    "without sending complete message body": ("its answer was cut off", ProblemKind.NOT_UNDERSTOOD),
    "without sending a response": ("it closed the connection without an answer", ProblemKind.UNREACHABLE),
}
_NO_HTTP = ("its answer is not HTTP", ProblemKind.NOT_UNDERSTOOD)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect, between two pieces of an answer, and for a whole call; bytes of an answer after inflating.

    ``document`` is the limit for an answer that is parsed in one go, during which nothing else runs; ``body`` for a list.
    """

    connect: float = 5.0
    read: float = 60.0
    total: float = 120.0
    body: int = 64 * 1024 * 1024
    document: int = 4 * 1024 * 1024


def _itself(row: Any) -> Any:
    return row


class Upstream:
    """One upstream and the calls that may be made to it.

    ``headers`` gives the credentials for a call; it is asked for fresh ones once when they are refused (401).
    All methods raise SourceError, and ValueError for a call that is not on the list: that is a mistake of ours.
    """

    def __init__(
        self,
        name: str,
        url: str,
        trust: Trust,
        allowed: Sequence[Call],
        headers: Headers,
        limits: Limits | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._name = name
        self._url = url.rstrip("/")
        self._host = urlsplit(url).netloc
        self._trust = trust
        self._allowed = frozenset(allowed)
        self._headers = headers
        self._limits = limits or Limits()
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._in_flight = 0
        self._outdated = False
        self._fingerprint: str | None = None
        self._rests_until = 0.0

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the certificate that answered last; None over http and before the first call."""
        return self._fingerprint

    async def get(self, call: Call, params: Params | None = None, /, **path: str) -> Any:
        """The parsed body of the answer."""
        async with self._answer(call, params, path, None, authenticated=True) as answer:
            return _json(await self._body(answer, self._limits.document))

    async def rows(
        self,
        call: Call,
        params: Params | None = None,
        /,
        *,
        each: Callable[[Any], T] = _itself,
        key: str = "data",
        **path: str,
    ) -> list[T]:
        """What ``each`` makes of the rows of a body of the form ``{"data": [rows]}``, parsed as they arrive."""
        async with self._answer(call, params, path, None, authenticated=True) as answer:
            try:
                return await json_rows.rows(self._chunks(answer, self._limits.body), key, each)
            except json_rows.RowsError as error:
                raise SourceError(str(error), kind=ProblemKind.NOT_UNDERSTOOD, culprit=call.path) from None

    async def post(self, call: Call, body: object, /, *, authenticated: bool = True) -> Any:
        """The parsed body of the answer to a JSON body (Backrest has no GET)."""
        async with self._answer(call, None, {}, body, authenticated=authenticated) as answer:
            return _json(await self._body(answer, self._limits.document))

    async def close(self) -> None:
        """Closes all connections."""
        if self._client is not None:
            await self._client.aclose()

    # --- one call -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _answer(
        self, call: Call, params: Params | None, path: Mapping[str, str], body: object, *, authenticated: bool
    ) -> AsyncIterator[httpx.Response]:
        """An answer with status 200, its body still to be read, within the total time."""
        if call not in self._allowed:
            raise ValueError(f"source {self._name} may not call {call.method} {call.path}")
        url = self._url + call.filled(params, path)
        self._respect_rest()
        try:
            async with asyncio.timeout(self._limits.total), self._client_in_use() as client:
                ask = partial(_request, client, call.method, url, params, body)
                answer = await self._send(client, ask, authenticated=authenticated)
                try:
                    yield answer
                finally:
                    await answer.aclose()
        except TimeoutError:
            raise self._timed_out(self._limits.total) from None
        except httpx.TimeoutException as error:
            raise self._timed_out(self._seconds(error)) from None
        except httpx.ConnectError as error:
            await self._look_at_certificate()
            raise _failure(error, self._host) from None
        except httpx.HTTPError as error:
            raise _failure(error, self._host) from None

    async def _send(
        self, client: httpx.AsyncClient, ask: Callable[[Mapping[str, str]], httpx.Request], *, authenticated: bool
    ) -> httpx.Response:
        """The answer, with fresh credentials the second time when the first are refused."""
        for fresh in (False, True):
            headers = await self._credentials(fresh=fresh) if authenticated else {}
            answer = await client.send(ask(headers), stream=True)
            self._note_fingerprint(answer)
            if answer.status_code == 200:
                return answer
            error = await self._refusal(answer)
            if answer.status_code != 401 or not authenticated or fresh:
                raise error
        raise AssertionError("the second attempt returns or raises")

    async def _credentials(self, *, fresh: bool) -> Mapping[str, str]:
        try:
            headers = await self._headers(fresh)
        except SecretError as error:
            raise SourceError(
                f"its credential can't be read: {error}",
                kind=ProblemKind.CONFIGURATION,
                action="Fix the reference or what it points to.",
            ) from None
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise SourceError(
                "its credential can't be sent: it holds a line break or another character that no token has",
                kind=ProblemKind.CONFIGURATION,
                action="Store the token alone, in one line.",
            )
        return headers

    async def _refusal(self, answer: httpx.Response) -> SourceError:
        """Why an answer is not 200."""
        try:
            said = error_text.said(await self._body(answer, _ERROR_BODY), _secrets_of(answer.request))
        except SourceError:
            said = ""
        finally:
            await answer.aclose()
        status = answer.status_code
        if status in (429, 503):
            self._rests_until = time.monotonic() + error_text.rest(answer.headers.get("retry-after"), datetime.now(UTC))
        if 300 <= status < 400:
            where = urlsplit(answer.headers.get("location", "")).path or "elsewhere"
            return SourceError(
                f"HTTP {status}: redirects to {error_text.clean(where)}",
                kind=ProblemKind.REFUSED_CREDENTIALS if "login" in where else ProblemKind.REDIRECTED,
                culprit=error_text.clean(where),
                status=status,
            )
        action = "Renew its token, then the secret that is configured for it." if status == 401 else None
        return SourceError(
            f"HTTP {status}{f': {said}' if said else ''}",
            kind=_kind_of(status),
            culprit=error_text.clean(answer.request.url.path),
            action=action,
            status=status,
        )

    def _respect_rest(self) -> None:
        left = self._rests_until - time.monotonic()
        if left > 0:
            raise SourceError(
                f"rate-limited; retrying in {left:.0f} s", kind=ProblemKind.RATE_LIMITED, culprit=self._host, status=429
            )

    # --- the body -------------------------------------------------------------------------------------------------------

    async def _body(self, answer: httpx.Response, limit: int) -> bytes:
        return b"".join([chunk async for chunk in self._chunks(answer, limit)])

    async def _chunks(self, answer: httpx.Response, limit: int) -> AsyncIterator[bytes]:
        """The inflated body in pieces, up to the limit in bytes."""
        size = 0
        async for chunk in answer.aiter_bytes():
            size += len(chunk)
            if size > limit:
                raise SourceError(
                    f"its answer is larger than {limit / (1024 * 1024):g} MiB",
                    kind=ProblemKind.TOO_LARGE,
                    culprit=error_text.clean(answer.request.url.path),
                )
            yield chunk

    # --- the connection ---------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _client_in_use(self) -> AsyncIterator[httpx.AsyncClient]:
        client = await self._open()
        self._in_flight += 1
        try:
            yield client
        finally:
            self._in_flight -= 1

    async def _open(self) -> httpx.AsyncClient:
        """The client; a new one in place of one that is outdated, unless other calls are still at it."""
        async with self._opening:
            if self._client is not None and self._outdated and not self._in_flight:
                await self._client.aclose()
                self._client = None
            if self._client is None:
                self._client = await self._new_client()
                self._outdated = False
            return self._client

    async def _new_client(self) -> httpx.AsyncClient:
        limits = self._limits
        transport = self._transport or httpx.AsyncHTTPTransport(
            verify=await self._context(), retries=1, limits=httpx.Limits(max_connections=4), trust_env=False
        )
        return httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(limits.read, connect=limits.connect),
            follow_redirects=False,
            trust_env=False,
            # PBS 3.2 calls a raw stream "deflate" (pbs.md §9.2): only gzip, or nothing.
            headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "backup-glance"},
            # PBS prefers a cookie to the token (pbs.md §1.1), so none may ever be kept.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    async def _context(self) -> Any:
        parts = urlsplit(self._url)
        if parts.scheme != "https" or parts.hostname is None:
            return False
        return await tls.context(parts.hostname, parts.port or 443, self._trust, self._limits.connect)

    async def _look_at_certificate(self) -> None:
        """No connection came about: perhaps the certificate was renewed. Raises SourceError when it is not the pinned one."""
        self._outdated = True
        if self._trust.fingerprint is not None:
            await self._context()

    def _note_fingerprint(self, answer: httpx.Response) -> None:
        stream = answer.extensions.get("network_stream")
        shown = stream.get_extra_info("ssl_object") if stream is not None else None
        leaf = shown.getpeercert(binary_form=True) if shown is not None else None
        self._fingerprint = tls.fingerprint_of(leaf) if leaf else None

    def _timed_out(self, seconds: float) -> SourceError:
        return SourceError(f"timed out after {seconds:g} s", kind=ProblemKind.TIMED_OUT, culprit=self._host)

    def _seconds(self, error: httpx.TimeoutException) -> float:
        return self._limits.connect if isinstance(error, httpx.ConnectTimeout) else self._limits.read


def _request(
    client: httpx.AsyncClient, method: str, url: str, params: Params | None, body: object, headers: Mapping[str, str]
) -> httpx.Request:
    try:
        return client.build_request(method, url, params=params, json=body, headers=headers)
    except (httpx.InvalidURL, UnicodeError):
        raise SourceError("it reported a name that cannot be used in a call", kind=ProblemKind.NOT_UNDERSTOOD) from None


def _secrets_of(request: httpx.Request) -> Iterator[str]:
    return error_text.secrets_in(request.headers.get("authorization", ""), request.content)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        begun = body.lstrip()[:1] in (b"{", b"[") and body.rstrip()[-1:] not in (b"}", b"]")
        cause = "its answer was cut off" if begun else "its answer is not JSON"
        raise SourceError(cause, kind=ProblemKind.NOT_UNDERSTOOD) from None


def _kind_of(status: int) -> ProblemKind:
    """What an answer other than 200 means."""
    known = {
        401: ProblemKind.REFUSED_CREDENTIALS,
        403: ProblemKind.NO_PERMISSION,
        429: ProblemKind.RATE_LIMITED,
    }
    return known.get(status, ProblemKind.SERVER_ERROR if status >= 500 else ProblemKind.REJECTED)


def _failure(error: httpx.HTTPError, host: str) -> SourceError:
    """The innermost failure that says something: httpx and httpcore wrap what the system said."""
    if isinstance(error, httpx.RemoteProtocolError):
        broken = next((broken for part, broken in _BROKEN_ANSWERS.items() if part in str(error)), _NO_HTTP)
        return SourceError(broken[0], kind=broken[1], culprit=host)
    if isinstance(error, httpx.DecodingError):
        return SourceError("its answer can't be inflated", kind=ProblemKind.NOT_UNDERSTOOD, culprit=host)
    said, kind = "the connection broke", ProblemKind.UNREACHABLE
    for inner in _chain(error):
        if isinstance(inner, OSError):
            said, kind = tls.cause_of(inner), tls.kind_of(inner)
    return SourceError(said, kind=kind, culprit=host)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what it came from, outermost first; of several simultaneous ones the first."""
    while error is not None:
        yield error
        inner = error.__cause__ or error.__context__
        error = inner.exceptions[0] if isinstance(inner, BaseExceptionGroup) else inner
