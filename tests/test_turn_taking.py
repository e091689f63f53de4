"""Reading and judging take turns, and neither waits for long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import pytest

from sidecar.core.reports.report import Report
from sidecar.renewal import Renewal
from sidecar.turn_taking import TurnTaking
from tests.core.sample_reports import pbs

REPORT = pbs("23 07:25")
FOR_EVER = 3600.0


class SlowRenewal:
    """Makes boards until it is told that they are made."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.made = asyncio.Event()

    async def record(self, report: Report) -> None:
        self.began.append(report.source)
        await self.made.wait()

    async def rejudge(self) -> None:
        self.began.append("again")
        await self.made.wait()


Make = Callable[[TurnTaking], Coroutine[Any, Any, None]]


@pytest.fixture(params=["record", "rejudge"])
def make(request: pytest.FixtureRequest) -> Make:
    """Both ways to a new board."""
    if request.param == "record":
        return lambda turns: turns.record(REPORT)
    return lambda turns: turns.rejudge()


def told(work: Callable[[SlowRenewal], Awaitable[None]]) -> None:
    async def run() -> None:
        await work(SlowRenewal())

    asyncio.run(run())


def turns_of(renewal: SlowRenewal, at_most: float) -> TurnTaking:
    return TurnTaking(cast("Renewal", renewal), at_most)


async def until_nothing_moves() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_a_board_is_made_when_every_source_that_is_being_read_is_read(make: Make) -> None:
    async def work(renewal: SlowRenewal) -> None:
        turns, answers = turns_of(renewal, FOR_EVER), [asyncio.Event(), asyncio.Event()]
        readings = [asyncio.create_task(turns.read(answer.wait)) for answer in answers]
        await until_nothing_moves()
        board = asyncio.create_task(make(turns))
        for answer in answers:
            await until_nothing_moves()
            assert renewal.began == []
            answer.set()
        await asyncio.gather(*readings)
        await until_nothing_moves()
        assert len(renewal.began) == 1
        renewal.made.set()
        await board

    told(work)


def test_a_source_is_read_when_the_board_is_made(make: Make) -> None:
    async def work(renewal: SlowRenewal) -> None:
        turns, asked = turns_of(renewal, FOR_EVER), asyncio.Event()
        board = asyncio.create_task(make(turns))
        await until_nothing_moves()

        async def read() -> str:
            asked.set()
            return "answer"

        reading = asyncio.create_task(turns.read(read))
        await until_nothing_moves()
        assert renewal.began
        assert not asked.is_set()
        renewal.made.set()
        assert await reading == "answer"
        await board

    told(work)


def test_a_source_that_does_not_answer_holds_nothing_up(make: Make) -> None:
    async def work(renewal: SlowRenewal) -> None:
        turns = turns_of(renewal, 0.001)
        reading = asyncio.create_task(turns.read(asyncio.Event().wait))
        await until_nothing_moves()
        renewal.made.set()
        await make(turns)
        assert len(renewal.began) == 1
        reading.cancel()

    told(work)


def test_a_board_that_is_never_made_holds_no_source_up(make: Make) -> None:
    async def work(renewal: SlowRenewal) -> None:
        turns = turns_of(renewal, 0.001)
        board = asyncio.create_task(make(turns))
        await until_nothing_moves()
        assert await turns.read(lambda: asyncio.sleep(0, "answer")) == "answer"
        board.cancel()

    told(work)


def test_what_failed_or_was_cancelled_is_not_waited_for(make: Make) -> None:
    async def work(renewal: SlowRenewal) -> None:
        turns = turns_of(renewal, FOR_EVER)

        async def fail() -> None:
            raise OSError

        with pytest.raises(OSError):
            await turns.read(fail)
        reading = asyncio.create_task(turns.read(asyncio.Event().wait))
        await until_nothing_moves()
        reading.cancel()
        board = asyncio.create_task(make(turns))
        await until_nothing_moves()
        assert renewal.began
        board.cancel()
        await until_nothing_moves()
        assert await turns.read(lambda: asyncio.sleep(0, "answer")) == "answer"

    told(work)
