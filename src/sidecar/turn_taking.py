"""Sources are read, and boards are made of what was read, by turns.

Both at once make each other slow, and whoever asks for a page. And of reports that come together not each is drawn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from .core.reports.report import Report
from .renewal import Renewal

T = TypeVar("T")

#: Seconds for which one waits for the other: a source that does not answer holds nothing up for longer.
_AT_MOST = 2.0


class TurnTaking:
    """Between the loops that read and the ``renewal`` of boards. Belongs to one event loop."""

    def __init__(self, renewal: Renewal, at_most: float = _AT_MOST) -> None:
        self._renewal = renewal
        self._at_most = at_most
        self._reading = _UnderWay()
        self._renewing = _UnderWay()

    async def read(self, read: Callable[[], Awaitable[T]]) -> T:
        """Reads a source, as soon as no board is being made."""
        await self._renewing.over(self._at_most)
        with self._reading.one_more():
            return await read()

    async def record(self, report: Report) -> None:
        """Takes a source's new report, as soon as no source is being read."""
        await self._reading.over(self._at_most)
        with self._renewing.one_more():
            await self._renewal.record(report)

    async def rejudge(self) -> None:
        """Judges for the present moment, as soon as no source is being read."""
        await self._reading.over(self._at_most)
        with self._renewing.one_more():
            await self._renewal.rejudge()


class _UnderWay:
    """How much of one kind is being done right now."""

    def __init__(self) -> None:
        self._count = 0
        self._nothing = asyncio.Event()
        self._nothing.set()

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """It is being done until the end of the block."""
        self._count += 1
        self._nothing.clear()
        try:
            yield
        finally:
            self._count -= 1
            if not self._count:
                self._nothing.set()

    async def over(self, seconds: float) -> None:
        """Returns when nothing of it is being done, and after so many seconds all the same."""
        try:
            async with asyncio.timeout(seconds):
                await self._nothing.wait()
        except TimeoutError:
            return
