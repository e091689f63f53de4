"""How long others on the same event loop wait for their turn."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def seconds_between_turns() -> AsyncIterator[list[float]]:
    """The stretches of work during which nobody else got a turn, in seconds of this thread's own CPU time.

    Python's garbage collector rests meanwhile: what it takes depends on the process that it is in, and the sidecar's own is
    measured with it (tests/hostile).
    """
    stretches: list[float] = []

    async def watch() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            stretches.append(time.thread_time() - last)
            last = time.thread_time()

    gc.disable()
    watcher = asyncio.create_task(watch())
    try:
        yield stretches
    finally:
        watcher.cancel()
        gc.enable()
