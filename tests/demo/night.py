"""A whole night in three minutes: a clock that hurries until morning, and a voice that tells what becomes of the backups."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

#: The evening before the demo's morning. Its faults are of this night.
EVENING = "2026-11-22T20:00:00+01:00"

#: How long a night is, and how long it takes to play.
NIGHT, PLAYED_IN = timedelta(hours=12), timedelta(minutes=3)

#: How often an open page looks again, so that the night is seen passing.
REFRESH = "1s"

Board = dict[str, Any]

#: A service's other states are those of its jobs, or good news.
_WORTH_SAYING = ("failed", "missed", "never", "unknown", "warning")

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

    @property
    def morning(self) -> datetime:
        """When the night is over."""
        return self._evening + self._night

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


async def tell(status_url: str, zone: tzinfo, morning: datetime, say: Callable[[str], object]) -> None:
    """Says what happens to jobs and services, and every new headline, with its time, until it is cancelled."""
    before: Board = {}
    last = morning
    while True:
        board = await asyncio.to_thread(_look, status_url)
        if board:
            at = datetime.fromisoformat(board["generated_at"]).astimezone(zone)
            for line in news(before, board):
                say(f"  {at:%H:%M}  {line}\n")
            if last < morning <= at:
                say(f"  {at:%H:%M}  The night is over; from here the clock ticks as any other.\n")
            before, last = board, at
        await asyncio.sleep(_LOOKS_EVERY)


def news(before: Board, board: Board) -> Iterator[str]:
    """What has changed between two boards: jobs, services that somebody must look at, the headline. Each one is a line."""
    if before.get("jobs"):
        known = _states(before)
        changed = [f"{name} {state}" for name, state in _states(board).items() if known.get(name) != state]
        if changed:
            yield " · ".join(changed)
    headline = board["overall"]["headline"]
    if not before or headline != before["overall"]["headline"]:
        yield headline


def _states(board: Board) -> dict[str, str]:
    jobs = {row["title"]: row["state"] for row in board["jobs"]}
    return jobs | {row["name"]: row["state"] for row in board["services"] if row["state"] in _WORTH_SAYING}


def _look(status_url: str) -> Board:
    try:
        with urllib.request.urlopen(status_url, timeout=5) as answer:
            return dict(json.load(answer))
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return {}
