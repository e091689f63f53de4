"""Passes calls of programs on to upstreams. It judges nothing, and shares neither connections nor rests with the rounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SourceError
from sidecar.upstream.upstream import Limits, Upstream

from . import shape
from .flights import Flights
from .passed_on import Asked, PassedOn, QueryKeyError, checked, find, steps
from .refusals import OFF, NotPassedOnError, busy, refusal

#: Connections to one source, and how many more may wait for one.
CONNECTIONS, _WAITING = 2, 8

#: Seconds to wait for a connection, and after a refused credential, in which the source is not asked again.
_PATIENCE, _AFTER_REFUSAL = 3.0, 30.0

#: A whole call ends before Caddy gives up on the sidecar (20 s).
LIMITS = Limits(connect=3.0, read=10.0, total=14.0, document=4 * 2**20)

_UNKNOWN = "No source has this name."
_NOT_LISTED = "This call is not passed on. docs/proxy.md lists the calls that are."


@dataclass(kw_only=True)
class Line:
    """A source: its calls that may be passed on, and its own way out. Without calls it has none."""

    name: str
    kind: str
    calls: Sequence[PassedOn] = ()
    upstream: Upstream | None = None
    seconds: Callable[[], float] = time.monotonic
    free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))
    waiting: int = 0
    refused_until: float = 0.0

    @property
    def rests(self) -> float:
        """Seconds for which it is left alone."""
        own = self.upstream.rests if self.upstream is not None else 0.0
        return max(own, self.refused_until - self.seconds(), 0.0)


class Proxy:
    """For one event loop. Without ``lines`` it is off."""

    def __init__(self, lines: Iterable[Line] | None, seconds: Callable[[], float] = time.monotonic) -> None:
        self._lines: Mapping[str, Line] | None = None if lines is None else {line.name: line for line in lines}
        self._flights = Flights(seconds)

    async def answer(self, source: str, raw_path: bytes, query: Iterable[tuple[str, str]]) -> bytes:
        """The upstream's answer as JSON with the fields that may be passed on.

        Args:
            source: its name in the configuration.
            raw_path: the path below it, as it was sent.
            query: the query, decoded.

        Raises:
            NotPassedOnError: there is no answer. Nothing was asked for what is not on the list.
        """
        line = self._line(source)
        asked = find(line.calls, steps(raw_path) or ())
        if asked is None:
            raise NotPassedOnError(404, _NOT_LISTED)
        try:
            params = checked(query, asked.passed_on.call)
        except QueryKeyError as error:
            raise NotPassedOnError(422, str(error)) from None
        question = (source, asked.passed_on.call.path, asked.parts, params)
        return await self._flights.answer(question, partial(self._asked, line, asked, params))

    async def aclose(self) -> None:
        """Ends what is under way, and closes all connections."""
        await self._flights.close()
        for line in (self._lines or {}).values():
            if line.upstream is not None:
                await line.upstream.close()

    def _line(self, source: str) -> Line:
        if self._lines is None:
            raise NotPassedOnError(404, OFF)
        line = self._lines.get(source)
        if line is None:
            raise NotPassedOnError(404, _UNKNOWN)
        if line.upstream is None:
            raise NotPassedOnError(404, f"Source {source} is of kind {line.kind}: nothing of that is passed on.")
        return line

    async def _asked(self, line: Line, asked: Asked, params: tuple[tuple[str, str], ...]) -> bytes:
        if line.upstream is None:
            raise NotPassedOnError(404, _NOT_LISTED)
        if line.waiting >= _WAITING:
            raise busy(line.name, line.rests)
        line.waiting += 1
        try:
            async with asyncio.timeout(_PATIENCE):
                await line.free.acquire()
        except TimeoutError:
            raise busy(line.name, line.rests) from None
        finally:
            line.waiting -= 1
        try:
            return await self._called(line, line.upstream, asked, dict(params))
        finally:
            line.free.release()

    async def _called(self, line: Line, upstream: Upstream, asked: Asked, params: Mapping[str, str]) -> bytes:
        if line.rests > 0:
            raise busy(line.name, line.rests)
        make = partial(_written, asked=asked)
        try:
            return await upstream.made(asked.passed_on.call, params, make=make, **dict(asked.parts))
        except SourceError as error:
            if error.kind is ProblemKind.REFUSED_CREDENTIALS:
                line.refused_until = line.seconds() + _AFTER_REFUSAL
            raise refusal(line.name, error, line.rests) from None


def _written(document: object, asked: Asked) -> bytes:
    """In a thread."""
    if not isinstance(document, dict):
        raise SourceError("its answer is not an object", kind=ProblemKind.NOT_UNDERSTOOD)
    try:
        return shape.written(document, asked.passed_on.shape, LIMITS.document)
    except shape.TooLargeError:
        raise SourceError("its answer is too large", kind=ProblemKind.TOO_LARGE) from None
