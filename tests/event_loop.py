"""How long others on the same event loop wait for their turn."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable

#: A busy machine now and then charges a step for the time of others. So what was too long once is done again.
_TRIES = 3


async def longest_step(work: Callable[[int], Awaitable[object]], enough: float) -> float:
    """The longest stretch of ``work`` during which nobody else got a turn, in seconds of this thread's own CPU time.

    ``work`` gets the number of the try, from 0, and is done until no stretch is longer than ``enough``, three times at most;
    the least result counts. Python's garbage collector rests meanwhile: what it takes depends on the process that it is in,
    and the sidecar's own is measured with it (tests/hostile).
    """
    longest = []
    for number in range(_TRIES):
        longest.append(await _measured(work(number)))
        if longest[-1] < enough:
            break
    return min(longest)


async def _measured(work: Awaitable[object]) -> float:
    stretches = [0.0]

    async def watch() -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            stretches.append(time.thread_time() - last)
            last = time.thread_time()

    gc.disable()
    watcher = asyncio.create_task(watch())
    try:
        await work
    finally:
        watcher.cancel()
        gc.enable()
    return max(stretches)
