"""Long work in the event loop, cut into short steps by its own CPU time."""

from __future__ import annotations

import asyncio
import time
from weakref import WeakKeyDictionary

#: By event loop the line in which all long work waits. Who is at its head lets the loop go round once, then works.
_LINES: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


class Turns:
    """Lets others work when this has worked for ``seconds`` of CPU time.

    Where several lists are read at once, one of them works between two looks at what has arrived: whoever asks for a page
    waits for one step, not for a step of each.
    """

    def __init__(self, seconds: float = 0.0005) -> None:
        self._seconds = seconds
        self._began, self._since = time.thread_time(), time.perf_counter()

    @property
    def is_over(self) -> bool:
        """Asked after each piece. The clock of the wall is read first, which costs a tenth of the other one."""
        if time.perf_counter() - self._since < self._seconds:
            return False
        return time.thread_time() - self._began > self._seconds

    async def pass_on(self) -> None:
        """Others work."""
        async with _line():
            await asyncio.sleep(0)
        self._began, self._since = time.thread_time(), time.perf_counter()


def _line() -> asyncio.Lock:
    return _LINES.setdefault(asyncio.get_running_loop(), asyncio.Lock())
