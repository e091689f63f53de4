"""A clock that is moved on from outside, and a sleep that follows it: no refresh is waited for, and none is skipped."""

from __future__ import annotations

import asyncio
import heapq
from datetime import datetime, timedelta
from itertools import count

#: Seconds of real time without anybody falling asleep or waking, after which all who will ever sleep are asleep.
_STEADY = 1.0


class SteppedClock:
    """Stands still while anybody is at work. Belongs to one event loop."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._asleep: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._numbers = count()
        self._changed = asyncio.Event()
        self._sleepers = 0

    def __call__(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Returns when this number of seconds has passed on this clock."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self._now + timedelta(seconds=seconds), next(self._numbers), woken)
        heapq.heappush(self._asleep, entry)
        self._changed.set()
        try:
            await woken
        finally:
            if entry in self._asleep:
                self._asleep.remove(entry)
                heapq.heapify(self._asleep)

    async def steady(self) -> None:
        """Waits until all loops sleep, however many there are: from then on so many are waited for.

        Call it when everything was read once, and nothing else is due.
        """
        while True:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), _STEADY)
            except TimeoutError:
                if self._asleep:
                    self._sleepers = len(self._asleep)
                    return

    async def move_to(self, moment: datetime) -> None:
        """Wakes whoever sleeps until then, in their order, and waits each time until all sleep again."""
        while self._asleep and self._asleep[0][0] <= moment:
            self._now, _, woken = heapq.heappop(self._asleep)
            woken.set_result(None)
            while len(self._asleep) < self._sleepers:
                self._changed.clear()
                await self._changed.wait()
        self._now = moment
