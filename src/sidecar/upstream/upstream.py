"""Calls to upstreams. Only this file uses the HTTP client, and no call leaves the sidecar without it.

An Upstream makes the calls on its list and no others. Every call has limits on time and size, follows no redirect, sends
no cookie, and ends with an answer or with a SourceError whose text is one clause about what is wrong.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib import import_module
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SecretError, SourceError
from sidecar.texts.known_secrets import KnownSecrets

from . import budget, error_text, in_front, inflate, json_document, json_rows, tls, traffic
from .border import Border
from .calls import Call, Params
from .tls import Trust

# What httpx would load when it asks for the first time, and hold the event loop for it.
for _module in ("anyio._backends._asyncio", "encodings.idna", "httpcore._backends.anyio"):
    import_module(_module)

T = TypeVar("T")
Headers = Callable[[bool], Awaitable[Mapping[str, str]]]

#: Seconds for which a connection that nobody uses is kept. Many servers close theirs after 5: a call that meets the
#: closing would get no answer.
_IDLE = 2.0

#: Bytes of an error's body that are read.
_ERROR_BODY = 64 * 1024

#: h11's messages about an answer that ends too early, and ours.
_BROKEN_ANSWERS = {
    "without sending complete message body": ("its answer was cut off", ProblemKind.NOT_UNDERSTOOD),
    "without sending a response": ("it closed the connection without an answer", ProblemKind.UNREACHABLE),
}
_NO_HTTP = ("its answer is not HTTP", ProblemKind.NOT_UNDERSTOOD)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect, between two pieces of an answer, and for a whole call; bytes of an answer after inflating.

    ``document`` limits an answer that is kept until it is there; ``body`` limits a list of rows, which is not.
    """

    connect: float = 5.0
    read: float = 60.0
    total: float = 120.0
    body: int = 64 * 1024 * 1024
    document: int = 4 * 1024 * 1024


def _unchanged(row: Any) -> Any:
    return row


class Upstream:
    """One upstream and the calls that may be made to it.

    ``headers`` returns the credentials for a call; when they are refused (401) it is called once more for fresh ones.
    ``known``: secrets that must not stand in an answer, beside those of its own calls.
    ``parsing``: held while an answer is parsed; several upstreams may share it.
    All methods raise SourceError, and ValueError for a call that is not on the list, which is a bug of backup-glance.
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
        known: KnownSecrets | None = None,
        parsing: asyncio.Lock | None = None,
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
        self._border = Border(known)
        self._opening = asyncio.Lock()
        self._parsing = parsing or asyncio.Lock()
        self._in_flight = 0
        self._outdated = False
        self._fingerprint: str | None = None
        self._retry_at = 0.0

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the certificate that answered last; None over http and before the first call."""
        return self._fingerprint

    @property
    def rests(self) -> float:
        """Seconds for which it asked to be left alone."""
        return max(self._retry_at - time.monotonic(), 0.0)

    async def get(self, call: Call, params: Params | None = None, /, **path: str) -> Any:
        """The parsed body of the answer."""
        async with self._answer(call, params, path, None, authenticated=True) as answer:
            return await self._document(answer, call)

    async def made(self, call: Call, params: Params | None = None, /, *, make: Callable[[Any], T], **path: str) -> T:
        """What ``make`` makes of the parsed body, in a thread. Nothing else is parsed meanwhile."""
        async with self._answer(call, params, path, None, authenticated=True) as answer:
            made: T = await self._document(answer, call, lambda document: asyncio.to_thread(make, document))
            return made

    async def rows(
        self,
        call: Call,
        params: Params | None = None,
        /,
        *,
        each: Callable[[Any], T] = _unchanged,
        key: str = "data",
        most: int = json_rows.MOST_ROWS,
        **path: str,
    ) -> list[T]:
        """The results of ``each`` for the rows of a body of the form ``{"data": [rows]}``, parsed as they arrive.

        ``most``: so many rows; a longer list is not read at all.
        """
        async with self._answer(call, params, path, None, authenticated=True) as answer:
            border = self._border
            try:
                chunks = self._chunks(answer, self._limits.body)
                take = budget.current().take
                return await json_rows.rows(chunks, key, lambda row: each(border.row(row)), most=most, take=take)
            except json_rows.TooManyRowsError:
                raise SourceError(
                    f"its list has more than {most:,} rows",
                    kind=ProblemKind.TOO_LARGE,
                    culprit=call.path,
                ) from None
            except json_rows.RowsError as error:
                if error.is_page:
                    raise in_front.page(call.path) from None
                raise SourceError(str(error), kind=ProblemKind.NOT_UNDERSTOOD, culprit=call.path) from None

    async def post(self, call: Call, body: object, /, *, authenticated: bool = True) -> Any:
        """The parsed body of the answer to a request with a JSON body (Backrest has no GET)."""
        sent = self._border.as_sent(body)
        async with self._answer(call, None, {}, sent, authenticated=authenticated) as answer:
            return await self._document(answer, call)

    async def close(self) -> None:
        """Closes all connections."""
        if self._client is not None:
            await self._client.aclose()

    # --- one call -----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _answer(
        self, call: Call, params: Params | None, path: Mapping[str, str], body: object, *, authenticated: bool
    ) -> AsyncIterator[httpx.Response]:
        """An answer with status 200 whose body is not read yet, within the total time."""
        if call not in self._allowed:
            raise ValueError(f"source {self._name} may not call {call.method} {call.path}")
        params, path = self._border.as_sent(params), self._border.as_sent(path)
        url = self._url + call.filled(params, path)
        budget.current().call()
        self._respect_rate_limit()
        try:
            async with (
                traffic.current().call(),
                asyncio.timeout(self._limits.total),
                self._client_in_use() as client,
            ):
                request = partial(_request, client, call.method, url, params, body)
                answer = await self._send(client, request, authenticated=authenticated)
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
        self, client: httpx.AsyncClient, request: Callable[[Mapping[str, str]], httpx.Request], *, authenticated: bool
    ) -> httpx.Response:
        """The answer; if the credentials are refused, the answer to a second request with fresh ones."""
        for fresh in (False, True):
            headers = await self._credentials(fresh=fresh) if authenticated else {}
            sent = request(headers)
            error_text.note_secrets(self._border.known, sent.headers.get("authorization", ""), sent.content)
            answer = await client.send(sent, stream=True)
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
                action="Correct the reference, or what it points to.",
            ) from None
        if not all(value.isascii() and value.isprintable() for value in headers.values()):
            raise SourceError(
                "its credential can't be sent: it contains a line break or another character that tokens do not have",
                kind=ProblemKind.CONFIGURATION,
                action="Store only the token, in one line.",
            )
        return headers

    async def _refusal(self, answer: httpx.Response) -> SourceError:
        """The error for an answer that is not 200."""
        body = b""
        try:
            body = await self._body(answer, _ERROR_BODY)
            text = error_text.error_text(body, self._border.known)
        except SourceError:
            text = ""
        finally:
            await answer.aclose()
        status = answer.status_code
        if status in (429, 503):
            header = answer.headers.get("retry-after")
            self._retry_at = time.monotonic() + error_text.retry_after(header, datetime.now(UTC))
        if 300 <= status < 400:
            # Without secrets before it is taken apart: then none can be half of a host's name.
            location = self._border.known.withheld(answer.headers.get("location", ""))
            return in_front.redirect(status, location, str(answer.request.url))
        if in_front.asks(status, answer.headers.get("www-authenticate", ""), body):
            return in_front.login(status, self._border.text(answer.request.url.path))
        action = "Renew its token, then the secret that is configured for it." if status == 401 else None
        return SourceError(
            f"HTTP {status}{f': {text}' if text else ''}",
            kind=_kind_of(status),
            culprit=error_text.clean(self._border.text(answer.request.url.path)),
            action=action,
            status=status,
        )

    def _respect_rate_limit(self) -> None:
        left = self.rests
        if left > 0:
            raise SourceError(
                f"rate-limited; retrying in {left:.0f} s", kind=ProblemKind.RATE_LIMITED, culprit=self._host, status=429
            )

    # --- the body -------------------------------------------------------------------------------------------------------

    async def _document(
        self, answer: httpx.Response, call: Call, make: Callable[[Any], Awaitable[Any]] | None = None
    ) -> Any:
        """The parsed body, or what is made of it. One at a time: parsed it takes ten times the memory."""
        body = await self._body(answer, self._limits.document)
        budget.current().take(0, len(body))
        async with self._parsing:
            try:
                document = await json_document.document(body.decode())
            except json_document.TooManyPartsError:
                raise SourceError(
                    "its answer has more parts than any answer should", kind=ProblemKind.TOO_LARGE, culprit=call.path
                ) from None
            except ValueError:
                raise _no_json(body, call) from None
            if not call.gives_secret:
                document = await self._border.document(document)
            return await make(document) if make is not None else document

    async def _body(self, answer: httpx.Response, limit: int) -> bytes:
        return b"".join([chunk async for chunk in self._chunks(answer, limit)])

    async def _chunks(self, answer: httpx.Response, limit: int) -> AsyncIterator[bytes]:
        """The inflated body in pieces, up to the limit in bytes."""
        encoding = answer.headers.get("content-encoding", "")
        try:
            async for piece in inflate.inflated(traffic.current().body(answer.aiter_raw()), encoding, limit):
                yield piece
        except inflate.TooLargeError:
            raise SourceError(
                f"its answer is larger than {limit / (1024 * 1024):g} MiB",
                kind=ProblemKind.TOO_LARGE,
                culprit=error_text.clean(self._border.text(answer.request.url.path)),
            ) from None
        except inflate.BodyError:
            raise SourceError(
                "its answer can't be decompressed", kind=ProblemKind.NOT_UNDERSTOOD, culprit=self._host
            ) from None

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
        """The client; an outdated one is replaced, unless other calls still use it."""
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
            verify=await self._context(),
            retries=1,
            limits=httpx.Limits(max_connections=4, keepalive_expiry=_IDLE),
            trust_env=False,
        )
        return httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(limits.read, connect=limits.connect),
            follow_redirects=False,
            trust_env=False,
            # PBS 3.2 declares a raw stream as "deflate" (PBS-9), so only gzip is accepted.
            headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "backup-glance"},
            # PBS prefers a cookie to the token (PBS-2), so cookies are never stored.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )

    async def _context(self) -> Any:
        parts = urlsplit(self._url)
        if parts.scheme != "https" or parts.hostname is None:
            return False
        return await tls.context(parts.hostname, parts.port or 443, self._trust, self._limits.connect)

    async def _look_at_certificate(self) -> None:
        """After a failed connection: the certificate may have been renewed. Raises SourceError if it is not the pinned one."""
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
        raise SourceError(
            "it reported a name that can't be part of a request", kind=ProblemKind.NOT_UNDERSTOOD
        ) from None


def _no_json(body: bytes, call: Call) -> SourceError:
    if in_front.is_page(body):
        return in_front.page(call.path)
    begun = body.lstrip()[:1] in (b"{", b"[") and body.rstrip()[-1:] not in (b"}", b"]")
    cause = "its answer was cut off" if begun else "its answer is not valid JSON"
    return SourceError(cause, kind=ProblemKind.NOT_UNDERSTOOD)


def _kind_of(status: int) -> ProblemKind:
    """What an answer other than 200 means."""
    known = {
        401: ProblemKind.REFUSED_CREDENTIALS,
        403: ProblemKind.NO_PERMISSION,
        429: ProblemKind.RATE_LIMITED,
    }
    return known.get(status, ProblemKind.SERVER_ERROR if status >= 500 else ProblemKind.REJECTED)


def _failure(error: httpx.HTTPError, host: str) -> SourceError:
    """A failure as one clause: httpx and httpcore wrap the error of the system."""
    if isinstance(error, httpx.RemoteProtocolError):
        text, kind = next((broken for part, broken in _BROKEN_ANSWERS.items() if part in str(error)), _NO_HTTP)
        return SourceError(text, kind=kind, culprit=host)
    inner = tls.innermost(error)
    if inner is None:
        return SourceError(tls.BROKEN, kind=ProblemKind.UNREACHABLE, culprit=host)
    return SourceError(tls.cause_of(inner), kind=tls.kind_of(inner), culprit=host, action=tls.cure_of(inner))
