"""The poller: asks again and again, one refresh at a time, and goes on whatever happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from sidecar.poller import Polled, poll


def polled(read: Callable[[], Awaitable[str]], interval: float = 0.01) -> Polled[str]:
    return Polled("main", timedelta(seconds=interval), read, lambda error: f"stumbled: {error}")


def answers(polled_: Polled[str], seconds: float) -> list[str]:
    got: list[str] = []

    async def for_a_while() -> None:
        task = asyncio.create_task(poll(polled_, got.append))
        await asyncio.sleep(seconds)
        task.cancel()

    asyncio.run(for_a_while())
    return got


def test_it_asks_at_once_and_again_after_the_interval() -> None:
    async def read() -> str:
        return "fine"

    assert answers(polled(read, 60), 0.05) == ["fine"]
    assert len(answers(polled(read), 0.2)) > 3


def test_a_mistake_of_ours_becomes_an_answer_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def read() -> str:
        raise KeyError("oops")

    with caplog.at_level(logging.ERROR):
        got = answers(polled(read), 0.05)

    assert set(got) == {"stumbled: 'oops'"}
    assert len(got) > 1
    assert "source main" in caplog.text


def test_an_answer_that_cannot_be_taken_in_is_logged_and_the_next_one_is_asked_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[str] = []

    async def read() -> str:
        return "fine"

    def deliver(answer: str) -> None:
        seen.append(answer)
        raise ValueError("no room")

    async def for_a_while() -> None:
        task = asyncio.create_task(poll(polled(read), deliver))
        await asyncio.sleep(0.1)
        task.cancel()

    asyncio.run(for_a_while())

    assert len(seen) > 1
    assert "could not be taken in" in caplog.text


def test_a_slow_source_rests_ten_times_as_long_as_it_took() -> None:
    rests: list[float] = []
    resting = asyncio.Event()

    async def read() -> str:
        await asyncio.sleep(0.03)
        return "slow"

    async def sleep(seconds: float) -> None:
        rests.append(seconds)
        resting.set()
        await asyncio.Event().wait()

    async def until_it_rests() -> None:
        task = asyncio.create_task(poll(polled(read), lambda _: None, sleep))
        await resting.wait()
        task.cancel()

    asyncio.run(until_it_rests())

    assert rests[0] >= 9 * 0.03
