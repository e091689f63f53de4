"""Passes calls of programs on to upstreams. It judges nothing, and shares neither connections nor rests with the rounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SourceError
from sidecar.upstream.upstream import Limits, Upstream

from . import shape
from .passed_on import Asked, PassedOn, RefusedQueryError, checked, find, steps
from .refusals import OFF, NotPassedOnError, busy, refusal
from .shared_answers import SharedAnswers

#: Connections to one source, and how many more may wait for one.
CONNECTIONS, _WAITING = 2, 8

#: Seconds to wait for a connection, and after a refused credential, in which the source is not asked again.
_PATIENCE, _AFTER_REFUSAL = 3.0, 30.0

#: A whole call ends before Caddy gives up on the sidecar (20 s).
LIMITS = Limits(connect=3.0, read=10.0, total=14.0, document=4 * 2**20)

_UNKNOWN = "No source has this name."
_NOT_LISTED = "This call is not passed on. docs/proxy.md lists the calls that are."


@dataclass(kw_only=True)
class ProxiedSource:
    """A source: its calls that may be passed on, and a way out of its own. Without calls it has none.

    Attributes:
        free: its connections.
        waiting: who waits for one.
        refused_until: since its credential was refused it is left alone until then, by the monotonic clock.
    """

    name: str
    kind: str
    calls: Sequence[PassedOn] = ()
    upstream: Upstream | None = None
    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))
    waiting: int = 0
    refused_until: float = 0.0

    @property
    def rests(self) -> float:
        """Seconds for which it is left alone."""
        own = self.upstream.rests if self.upstream is not None else 0.0
        return max(own, self.refused_until - time.monotonic(), 0.0)


class Proxy:
    """For one event loop. Without ``sources`` it is off."""

    def __init__(self, sources: Iterable[ProxiedSource] | None) -> None:
        self._sources = None if sources is None else {source.name: source for source in sources}
        self._answers = SharedAnswers()

    async def answer(self, source: str, raw_path: bytes, query: Iterable[tuple[str, str]]) -> bytes:
        """The upstream's answer as JSON with the fields that may be passed on.

        Args:
            source: its name in the configuration.
            raw_path: the path below it, as it was sent.
            query: the query, decoded.

        Raises:
            NotPassedOnError: there is no answer. Nothing was asked for what is not on the list.
        """
        proxied = self._source(source)
        asked = find(proxied.calls, steps(raw_path) or ())
        if asked is None:
            raise NotPassedOnError(404, _NOT_LISTED)
        try:
            params = checked(query, asked.passed_on.call)
        except RefusedQueryError as error:
            raise NotPassedOnError(422, str(error)) from None
        question = (source, asked.passed_on.call.path, asked.parts, params)
        return await self._answers.answer(question, partial(self._asked, proxied, asked, params))

    async def aclose(self) -> None:
        """Ends what is under way, and closes all connections."""
        await self._answers.close()
        for source in (self._sources or {}).values():
            if source.upstream is not None:
                await source.upstream.close()

    def _source(self, name: str) -> ProxiedSource:
        if self._sources is None:
            raise NotPassedOnError(404, OFF)
        source = self._sources.get(name)
        if source is None:
            raise NotPassedOnError(404, _UNKNOWN)
        if source.upstream is None:
            raise NotPassedOnError(404, f"Source {name} is of kind {source.kind}: nothing of that is passed on.")
        return source

    async def _asked(self, source: ProxiedSource, asked: Asked, params: tuple[tuple[str, str], ...]) -> bytes:
        if source.upstream is None:
            raise NotPassedOnError(404, _NOT_LISTED)
        if source.waiting >= _WAITING:
            raise busy(source.name, source.rests)
        source.waiting += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                await source.free.acquire()
        except TimeoutError:
            raise busy(source.name, source.rests) from None
        finally:
            source.waiting -= 1
        try:
            return await self._called(source, source.upstream, asked, dict(params))
        finally:
            source.free.release()

    async def _called(
        self, source: ProxiedSource, upstream: Upstream, asked: Asked, params: Mapping[str, str]
    ) -> bytes:
        if source.rests > 0:
            raise busy(source.name, source.rests)
        make = partial(_written, asked=asked)
        try:
            return await upstream.made(asked.passed_on.call, params, make=make, **dict(asked.parts))
        except SourceError as error:
            if error.kind is ProblemKind.REFUSED_CREDENTIALS:
                source.refused_until = time.monotonic() + _AFTER_REFUSAL
            raise refusal(source.name, error, source.rests) from None


def _written(document: object, asked: Asked) -> bytes:
    """In a thread."""
    if not isinstance(document, dict):
        raise SourceError("its answer is not an object", kind=ProblemKind.NOT_UNDERSTOOD)
    try:
        return shape.written(document, asked.passed_on.shape, LIMITS.document)
    except shape.TooLargeError:
        raise SourceError("its answer is too large", kind=ProblemKind.TOO_LARGE) from None
