"""The poller: refreshes again and again, one refresh at a time, and continues after every failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from sidecar.poller import Polled, poll


def polled(read: Callable[[], Awaitable[str]], interval: float = 0.01) -> Polled[str]:
    return Polled("main", timedelta(seconds=interval), read, lambda error: f"failed: {error}")


def taken_by(answers: list[str]) -> Callable[[str], Awaitable[None]]:
    async def deliver(answer: str) -> None:
        answers.append(answer)

    return deliver


def rounds(source: Polled[str], number: int, deliver: Callable[[str], Awaitable[None]]) -> list[float]:
    """Polls so often, without a wait between. Returns how many seconds it would have waited each time."""
    pauses: list[float] = []

    async def until_enough() -> None:
        enough = asyncio.Event()

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == number:
                enough.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(poll(source, deliver, sleep))
        await enough.wait()
        task.cancel()

    asyncio.run(until_enough())
    return pauses


def test_it_reads_at_once_and_again_after_the_interval() -> None:
    answers: list[str] = []

    async def read() -> str:
        return "fine"

    pauses = rounds(polled(read, 3600), 3, taken_by(answers))

    assert answers == ["fine", "fine", "fine"]
    assert all(3000 < pause <= 3600 for pause in pauses)


def test_an_internal_error_becomes_a_failed_report_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    answers: list[str] = []

    async def read() -> str:
        raise KeyError("oops")

    with caplog.at_level(logging.ERROR):
        rounds(polled(read), 2, taken_by(answers))

    assert answers == ["failed: 'oops'", "failed: 'oops'"]
    assert "source main: internal error: reading it failed" in caplog.text


def test_an_answer_that_cannot_be_processed_is_logged_and_the_next_one_is_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[str] = []

    async def read() -> str:
        return "fine"

    async def deliver(answer: str) -> None:
        seen.append(answer)
        raise ValueError("no room")

    rounds(polled(read), 2, deliver)

    assert seen == ["fine", "fine"]
    assert "source main: internal error: its answer could not be processed" in caplog.text


def test_a_slow_source_is_left_alone_ten_times_as_long_as_it_took() -> None:
    async def read() -> str:
        await asyncio.sleep(0.03)
        return "slow"

    (pause,) = rounds(polled(read), 1, taken_by([]))

    assert pause >= 9 * 0.03
