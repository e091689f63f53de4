"""The night of ``make demo NIGHT=1``: its clock runs fast, but nothing is skipped on the way, and what happens is logged."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from tests.demo.night import Board, HurryingClock, news

EVENING = datetime(2026, 11, 22, 19, 0, tzinfo=UTC)


def clock_for(sleepers: int, *, played_in: float = 0.2) -> HurryingClock:
    return HurryingClock(EVENING, sleepers, night=timedelta(hours=1), played_in=timedelta(seconds=played_in))


async def run_for(clock: HurryingClock, seconds: float) -> None:
    running = asyncio.create_task(clock.run())
    await asyncio.sleep(seconds)
    running.cancel()


def test_it_shows_every_waking_time_exactly_to_the_one_who_slept_until_then() -> None:
    clock = clock_for(2)
    woken: dict[str, list[datetime]] = {"often": [], "seldom": []}

    async def sleeper(name: str, seconds: float) -> None:
        while True:
            await clock.sleep(seconds)
            woken[name].append(clock())

    async def work() -> None:
        tasks = [asyncio.create_task(sleeper("often", 60)), asyncio.create_task(sleeper("seldom", 300))]
        await run_for(clock, 0.15)
        for task in tasks:
            task.cancel()

    asyncio.run(work())

    assert woken["often"][:6] == [EVENING + timedelta(minutes=n) for n in range(1, 7)]
    assert woken["seldom"][:2] == [EVENING + timedelta(minutes=5), EVENING + timedelta(minutes=10)]


def test_it_stands_still_while_somebody_is_at_work() -> None:
    clock = clock_for(1)
    seen: list[datetime] = []

    async def slow_worker() -> None:
        await clock.sleep(60)
        seen.append(clock())
        await asyncio.sleep(0.1)
        seen.append(clock())

    async def work() -> None:
        working = asyncio.create_task(slow_worker())
        await run_for(clock, 0.15)
        await working

    asyncio.run(work())

    assert seen == [EVENING + timedelta(minutes=1)] * 2


def test_a_night_takes_as_long_as_it_shall_and_then_the_clock_ticks_as_any_other() -> None:
    clock = clock_for(1)
    began = time.monotonic()
    morning: list[float] = []
    risen = asyncio.Event()

    async def sleeper() -> None:
        while clock() < EVENING + timedelta(hours=1):
            await clock.sleep(60)
        morning.append(time.monotonic() - began)
        risen.set()
        await clock.sleep(60)

    async def work() -> None:
        sleeping = asyncio.create_task(sleeper())
        running = asyncio.create_task(clock.run())
        await risen.wait()
        running.cancel()
        sleeping.cancel()

    asyncio.run(work())

    assert morning[0] >= 0.2
    assert clock() == EVENING + timedelta(hours=1), "a minute after that has not passed yet"


def board(headline: str, services: str = "ok", **jobs: str) -> Board:
    return {
        "overall": {"headline": headline},
        "services": [{"name": "paperless", "state": services}],
        "jobs": [{"title": title, "state": state} for title, state in jobs.items()],
    }


def test_what_happens_to_jobs_and_to_services_that_need_somebody_is_logged_once() -> None:
    good, running = board("All 1 backed up", critical="ok"), board("All 1 backed up", "running", critical="running")
    failed = board("1 of 1 need you", "failed", critical="failed")

    assert list(news({}, board("Reading for the first time"))) == ["Reading for the first time"]
    assert list(news(board("Reading for the first time"), good)) == ["All 1 backed up"]
    assert list(news(good, good)) == []
    assert list(news(good, running)) == ["critical running"]
    assert list(news(running, failed)) == ["critical failed · paperless failed", "1 of 1 need you"]
