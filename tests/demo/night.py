"""A whole night in three minutes: a clock that runs fast until the morning, and lines about what happens to the backups."""

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

#: How often an open page refreshes, so that it follows the fast clock.
REFRESH = "1s"

Board = dict[str, Any]

#: States of a service that are reported; the others are those of its jobs, or good.
_REPORTED = ("failed", "missed", "never", "unknown", "warning")

_TICK = timedelta(seconds=1)
_READS_EVERY = 0.5


class HurryingClock:
    """A clock and a sleep that follows it: a night passes in minutes, then it runs at normal speed.

    It stands still while a task works: it moves on only when all ``sleepers`` tasks sleep by it. So a refresh takes no time,
    however slow the machine is, and readings have the same age as in a real night.
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
        """The end of the night."""
        return self._evening + self._night

    async def sleep(self, seconds: float) -> None:
        """Returns when this number of seconds has passed on this clock."""
        woken = asyncio.Event()
        self._asleep.append((self._now + timedelta(seconds=seconds), woken))
        await woken.wait()

    async def run(self) -> None:
        """Moves the clock until it is cancelled."""
        began = time.monotonic()
        while True:
            upcoming = self._now + _TICK
            if len(self._asleep) >= self._sleepers:
                upcoming = min([wake for wake, _ in self._asleep])
            await asyncio.sleep(max(self._due(upcoming) - (time.monotonic() - began), 0.001))
            if len(self._asleep) >= self._sleepers:
                self._go_to(upcoming)

    def _due(self, moment: datetime) -> float:
        """Real seconds from the start until this clock shows ``moment``."""
        passed = moment - self._evening
        hurried = min(passed, self._night) / self._night * self._played_in
        return (hurried + max(passed - self._night, timedelta())).total_seconds()

    def _go_to(self, moment: datetime) -> None:
        self._now = max(self._now, moment)
        for wake, woken in self._asleep:
            if wake <= self._now:
                woken.set()
        self._asleep = [(wake, woken) for wake, woken in self._asleep if wake > self._now]


async def report(status_url: str, zone: tzinfo, morning: datetime, write: Callable[[str], object]) -> None:
    """Writes what happens to jobs and services, and every new headline, with its time, until it is cancelled."""
    before: Board = {}
    last = morning
    while True:
        board = await asyncio.to_thread(_read, status_url)
        if board:
            at = datetime.fromisoformat(board["generated_at"]).astimezone(zone)
            for line in news(before, board):
                write(f"  {at:%H:%M}  {line}\n")
            if last < morning <= at:
                write(f"  {at:%H:%M}  The night is over; the clock now runs at normal speed.\n")
            before, last = board, at
        await asyncio.sleep(_READS_EVERY)


def news(before: Board, board: Board) -> Iterator[str]:
    """What has changed between two boards, as lines: jobs and services with a problem, then the headline."""
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
    return jobs | {row["name"]: row["state"] for row in board["services"] if row["state"] in _REPORTED}


def _read(status_url: str) -> Board:
    try:
        with urllib.request.urlopen(status_url, timeout=5) as answer:
            return dict(json.load(answer))
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return {}
