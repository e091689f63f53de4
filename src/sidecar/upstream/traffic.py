"""How much each source was asked since the start, and how much it sent: counted where the calls are made, for ``/metrics``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Traffic:
    """The counts of one source. They only grow.

    Attributes:
        full_rounds, light_rounds: that were begun.
        calls: that were made; one whose credentials are refused and that is made again with fresh ones is one call.
        failed_calls: those that brought no answer that can be used: not reached, refused, cut off, too late, too large.
        received_bytes: of the bodies of answers, as they arrived, compressed or not.
    """

    full_rounds: int = 0
    light_rounds: int = 0
    calls: int = 0
    failed_calls: int = 0
    received_bytes: int = 0

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """One call, which fails if the block does."""
        self.calls += 1
        try:
            yield
        except BaseException:
            self.failed_calls += 1
            raise

    async def body(self, raw: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The same pieces of a body."""
        async for piece in raw:
            self.received_bytes += len(piece)
            yield piece


_counted: ContextVar[Traffic | None] = ContextVar("traffic", default=None)


@contextmanager
def counting(traffic: Traffic) -> Iterator[None]:
    """All calls that are made within the block count there, also those of tasks that it starts."""
    token = _counted.set(traffic)
    try:
        yield
    finally:
        _counted.reset(token)


def current() -> Traffic:
    """Where a call counts; what belongs to no source's round counts nowhere."""
    return _counted.get() or Traffic()
