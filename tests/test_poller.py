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


def delivered(source: Polled[str], seconds: float) -> list[str]:
    """What was delivered in so many seconds."""
    answers: list[str] = []

    async def for_a_while() -> None:
        task = asyncio.create_task(poll(source, taken_by(answers)))
        await asyncio.sleep(seconds)
        task.cancel()

    asyncio.run(for_a_while())
    return answers


def test_it_reads_at_once_and_again_after_the_interval() -> None:
    async def read() -> str:
        return "fine"

    assert delivered(polled(read, 60), 0.05) == ["fine"]
    assert len(delivered(polled(read), 0.2)) > 3


def test_an_internal_error_becomes_a_failed_report_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def read() -> str:
        raise KeyError("oops")

    with caplog.at_level(logging.ERROR):
        answers = delivered(polled(read), 0.05)

    assert set(answers) == {"failed: 'oops'"}
    assert len(answers) > 1
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

    async def for_a_while() -> None:
        task = asyncio.create_task(poll(polled(read), deliver))
        await asyncio.sleep(0.1)
        task.cancel()

    asyncio.run(for_a_while())

    assert len(seen) > 1
    assert "source main: internal error: its answer could not be processed" in caplog.text


def test_a_slow_source_is_left_alone_ten_times_as_long_as_it_took() -> None:
    pauses: list[float] = []
    pausing = asyncio.Event()

    async def read() -> str:
        await asyncio.sleep(0.03)
        return "slow"

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        pausing.set()
        await asyncio.Event().wait()

    async def until_it_pauses() -> None:
        task = asyncio.create_task(poll(polled(read), taken_by([]), sleep))
        await pausing.wait()
        task.cancel()

    asyncio.run(until_it_pauses())

    assert pauses[0] >= 9 * 0.03
