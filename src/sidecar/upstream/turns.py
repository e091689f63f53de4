"""Long work in the event loop, cut into short steps by its own CPU time."""

from __future__ import annotations

import asyncio
import time

#: How many pieces are worked at between two looks at the clock.
_LOOK = 32


class Turns:
    """Lets others work when this has worked for ``seconds`` of CPU time. It looks now and then: pieces are to be small."""

    def __init__(self, seconds: float = 0.01) -> None:
        self._seconds = seconds
        self._began = time.thread_time()
        self._count = 0

    @property
    def is_over(self) -> bool:
        """Asked after each piece."""
        self._count += 1
        return self._count % _LOOK == 0 and time.thread_time() - self._began > self._seconds

    async def pass_on(self) -> None:
        """Others work."""
        await asyncio.sleep(0)
        self._began = time.thread_time()
