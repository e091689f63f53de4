"""Calls to upstreams: the only file that knows the HTTP client, and the only way out of the sidecar.

An Upstream makes the calls on its list and no others. Every call has limits on time and size, follows no redirect, sends
no cookie, and ends in an answer or in a SourceError that says in one clause what is wrong.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from . import json_rows, tls
from .errors import SecretError, SourceError
from .tls import Trust

T = TypeVar("T")
Headers = Callable[[bool], Awaitable[Mapping[str, str]]]
Params = Mapping[str, str | int]

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

#: Characters of an error body that are worth repeating.
_QUOTED = 200

#: How long an upstream is left alone when it asks for it and doesn't say how long, and at most.
_REST, _LONGEST_REST = 30.0, 600.0


@dataclass(frozen=True, slots=True)
class Call:
    """A kind of call that a source may make: method, path with {placeholders}, and the query keys it may carry."""

    method: str
    path: str
    query: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect, between two pieces of an answer, and for a whole call; bytes of an answer after inflating."""

    connect: float = 5.0
    read: float = 60.0
    total: float = 120.0
    body: int = 64 * 1024 * 1024


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
        self._trust = trust
        self._allowed = frozenset(allowed)
        self._headers = headers
        self._limits = limits or Limits()
        self._transport = transport
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()
        self._fingerprint: str | None = None
        self._rests_until = 0.0

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the certificate that answered last; None over http and before the first call."""
        return self._fingerprint

    async def get(self, call: Call, params: Params | None = None, /, **path: str) -> Any:
        """The parsed body of the answer."""
        async with self._answer(call, params, path, None, authenticated=True) as answer:
            return _json(await self._body(answer))

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
                return await json_rows.rows(self._chunks(answer), key, each)
            except json_rows.RowsError as error:
                raise SourceError(str(error)) from None

    async def post(self, call: Call, body: object, /, *, authenticated: bool = True) -> Any:
        """The parsed body of the answer to a JSON body (Backrest has no GET)."""
        async with self._answer(call, None, {}, body, authenticated=authenticated) as answer:
            return _json(await self._body(answer))

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
        url = self._address(call, params, path)
        try:
            async with asyncio.timeout(self._limits.total):
                answer = await self._send(call.method, url, params, body, authenticated=authenticated)
                try:
                    yield answer
                finally:
                    await answer.aclose()
        except TimeoutError:
            raise SourceError(f"timed out after {self._limits.total:g} s") from None
        except httpx.TimeoutException as error:
            raise SourceError(f"timed out after {self._seconds(error):g} s") from None
        except httpx.HTTPError as error:
            await self._forget_connections()
            raise SourceError(_cause(error)) from None

    def _address(self, call: Call, params: Params | None, path: Mapping[str, str]) -> str:
        if call not in self._allowed:
            raise ValueError(f"source {self._name} may not call {call.method} {call.path}")
        if surplus := set(params or ()) - call.query:
            raise ValueError(f"source {self._name} may not ask {call.path} for {', '.join(sorted(surplus))}")
        for part in path.values():
            if part in ("", ".", ".."):
                raise SourceError(f"{part!r} is no name that could be asked for")
        return self._url + _PLACEHOLDER.sub(lambda found: quote(path[found[1]], safe=""), call.path)

    async def _send(
        self, method: str, url: str, params: Params | None, body: object, *, authenticated: bool
    ) -> httpx.Response:
        """The answer, with fresh credentials the second time when the first are refused."""
        self._respect_rest()
        client = await self._open()
        for fresh in (False, True):
            headers = await self._credentials(fresh=fresh) if authenticated else {}
            request = client.build_request(method, url, params=params, json=body, headers=headers)
            answer = await client.send(request, stream=True)
            self._note_fingerprint(answer)
            if answer.status_code == 200:
                return answer
            error = await self._refusal(answer)
            if answer.status_code != 401 or not authenticated or fresh:
                raise error
        raise AssertionError("the second attempt returns or raises")

    async def _credentials(self, *, fresh: bool) -> Mapping[str, str]:
        try:
            return await self._headers(fresh)
        except SecretError as error:
            raise SourceError(
                f"its credential can't be read: {error}", action="Mend the reference or what it points to."
            ) from None

    async def _refusal(self, answer: httpx.Response) -> SourceError:
        """Why an answer is not 200."""
        try:
            said = _said(await self._body(answer))
        except SourceError:
            said = ""
        finally:
            await answer.aclose()
        status = answer.status_code
        if status in (429, 503):
            self._rests_until = time.monotonic() + _rest(answer.headers.get("retry-after"))
        if 300 <= status < 400:
            where = urlsplit(answer.headers.get("location", "")).path or "elsewhere"
            return SourceError(f"HTTP {status}: it sends us to {_clean(where)}", status=status, denied="login" in where)
        action = "Renew its token, then the secret that is configured for it." if status == 401 else None
        return SourceError(
            f"HTTP {status}{f': {said}' if said else ''}", action=action, status=status, denied=status in (401, 403)
        )

    def _respect_rest(self) -> None:
        left = self._rests_until - time.monotonic()
        if left > 0:
            raise SourceError(f"it asked for a rest; it is asked again in {left:.0f} s", status=429)

    # --- the body -------------------------------------------------------------------------------------------------------

    async def _body(self, answer: httpx.Response) -> bytes:
        return b"".join([chunk async for chunk in self._chunks(answer)])

    async def _chunks(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        """The inflated body in pieces, up to the limit."""
        size = 0
        async for chunk in answer.aiter_bytes():
            size += len(chunk)
            if size > self._limits.body:
                raise SourceError(f"its answer is larger than {self._limits.body // (1024 * 1024)} MiB")
            yield chunk

    # --- the connection ---------------------------------------------------------------------------------------------------

    async def _open(self) -> httpx.AsyncClient:
        async with self._opening:
            if self._client is None:
                self._client = await self._new_client()
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
            event_hooks={"response": [_keep_no_cookies]},
        )

    async def _context(self) -> Any:
        parts = urlsplit(self._url)
        if parts.scheme != "https" or parts.hostname is None:
            return False
        return await tls.context(parts.hostname, parts.port or 443, self._trust, self._limits.connect)

    async def _forget_connections(self) -> None:
        """After a broken connection the certificate is looked at anew: it may have been renewed."""
        client, self._client = self._client, None
        if client is not None and self._transport is None:
            await client.aclose()

    def _note_fingerprint(self, answer: httpx.Response) -> None:
        stream = answer.extensions.get("network_stream")
        shown = stream.get_extra_info("ssl_object") if stream is not None else None
        leaf = shown.getpeercert(binary_form=True) if shown is not None else None
        self._fingerprint = tls.fingerprint_of(leaf) if leaf else None

    def _seconds(self, error: httpx.TimeoutException) -> float:
        return self._limits.connect if isinstance(error, httpx.ConnectTimeout) else self._limits.read


async def _keep_no_cookies(answer: httpx.Response) -> None:
    """PBS prefers a cookie to the token (pbs.md §1.1), so none may ever be kept."""
    answer.headers.pop("set-cookie", None)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        begun = body.lstrip()[:1] in (b"{", b"[") and body.rstrip()[-1:] not in (b"}", b"]")
        raise SourceError("its answer was cut off" if begun else "its answer is no JSON") from None


def _said(body: bytes) -> str:
    """What an error body says: plain text (PBS, in spite of its Content-Type), or the message in JSON."""
    text = body[: 16 * 1024].decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return "" if text.lstrip().startswith("<") else _clean(text)
    message = document.get("message") if isinstance(document, dict) else document
    return _clean(message) if isinstance(message, str) else ""


def _clean(text: str) -> str:
    text = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def _rest(retry_after: str | None) -> float:
    seconds = float(retry_after) if retry_after and retry_after.isdecimal() else _REST
    return min(seconds, _LONGEST_REST)


def _cause(error: httpx.HTTPError) -> str:
    """The innermost failure that says something: httpx and httpcore wrap what the system said."""
    if isinstance(error, httpx.RemoteProtocolError):
        return "its answer was cut off"
    if isinstance(error, httpx.DecodingError):
        return "its answer can't be inflated"
    said = "the connection broke"
    for inner in _chain(error):
        if isinstance(inner, OSError):
            said = tls.cause_of(inner)
    return said


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and what it came from, outermost first; of several simultaneous ones the first."""
    while error is not None:
        yield error
        inner = error.__cause__ or error.__context__
        error = inner.exceptions[0] if isinstance(inner, BaseExceptionGroup) else inner
