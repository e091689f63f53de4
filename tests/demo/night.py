"""A whole night in three minutes: a clock that hurries until morning, and a voice that tells what becomes of the backups."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo

#: The evening before the demo's morning. Its faults are of this night.
EVENING = "2026-11-22T20:00:00+01:00"

#: How long a night is, and how long it takes to play.
NIGHT, PLAYED_IN = timedelta(hours=12), timedelta(minutes=3)

#: How often an open page looks again, so that the night is seen passing.
REFRESH = "1s"

_TICK = timedelta(seconds=1)
_LOOKS_EVERY = 0.5


class HurryingClock:
    """A clock and the sleep that belongs to it: a night passes in minutes, then it ticks as any other.

    Time stands still while anybody is at work: with ``sleepers`` tasks that sleep by it, it only goes on once all of them do.
    So a refresh takes no time, however slow the machine is, and readings are as old as they would be in a real night.
    """

    def __init__(
        self, evening: datetime, sleepers: int, *, night: timedelta = NIGHT, played_in: timedelta = PLAYED_IN
    ) -> None:
        self._now = self._evening = evening.astimezone(UTC)
        self._sleepers = sleepers
        self._night, self._played_in = night, played_in
        self._asleep: list[tuple[datetime, asyncio.Event]] = []

    def __call__(self) -> datetime:
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Returns when so many seconds have passed on this clock."""
        woken = asyncio.Event()
        self._asleep.append((self._now + timedelta(seconds=seconds), woken))
        await woken.wait()

    async def run(self) -> None:
        """Moves the hands until it is cancelled."""
        began = time.monotonic()
        while True:
            upcoming = self._now + _TICK
            if len(self._asleep) >= self._sleepers:
                upcoming = min([wake for wake, _ in self._asleep])
            await asyncio.sleep(max(self._due(upcoming) - (time.monotonic() - began), 0.001))
            if len(self._asleep) >= self._sleepers:
                self._go_to(upcoming)

    def _due(self, moment: datetime) -> float:
        """Seconds from the start until this clock may show ``moment``."""
        passed = moment - self._evening
        hurried = min(passed, self._night) / self._night * self._played_in
        return (hurried + max(passed - self._night, timedelta())).total_seconds()

    def _go_to(self, moment: datetime) -> None:
        self._now = max(self._now, moment)
        for wake, woken in self._asleep:
            if wake <= self._now:
                woken.set()
        self._asleep = [one for one in self._asleep if one[0] > self._now]


async def tell(status_url: str, zone: tzinfo, say: Callable[[str], object]) -> None:
    """Says every new headline with its time, until it is cancelled."""
    last = None
    while True:
        headline, at = await asyncio.to_thread(_look, status_url)
        if headline != last and at is not None:
            say(f"  {at.astimezone(zone):%H:%M}  {headline}\n")
            last = headline
        await asyncio.sleep(_LOOKS_EVERY)


def _look(status_url: str) -> tuple[str | None, datetime | None]:
    try:
        with urllib.request.urlopen(status_url, timeout=5) as answer:
            board = json.load(answer)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None, None
    return board["overall"]["headline"], datetime.fromisoformat(board["generated_at"])
