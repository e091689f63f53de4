"""A new board comes about in a worker thread: it is judged, the last questions are answered from it, then it is shown.

Judging 1,000 services takes a tenth of a second, and nobody who asks meanwhile waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from .board_keeper import BoardKeeper, JudgedBoard
from .core.reports.report import Report
from .memory import Garbage, collector_at_rest
from .web.answers import Answers
from .web.known import Known


class Renewal:
    """Renews the board of ``keeper``, one renewal after the other. Belongs to one event loop.

    ``shown`` is called with each board when it is shown.

    Whoever is cancelled here leaves the board as it was; what the worker had begun comes to its end there.
    """

    def __init__(
        self,
        keeper: BoardKeeper,
        answers: Answers,
        worker: Executor,
        shown: Callable[[JudgedBoard], None] = lambda _: None,
    ) -> None:
        self._keeper = keeper
        self._answers = answers
        self._worker = worker
        self._shown = shown
        self._turn = asyncio.Lock()
        self._garbage = Garbage()

    async def record(self, report: Report) -> None:
        """Takes a source's new report."""
        await self._renew(partial(self._keeper.judge_with, report))

    async def rejudge(self) -> None:
        """Judges for the present moment. If that fails, all stays as it was."""
        await self._renew(self._keeper.judge)

    async def _renew(self, judge: Callable[[], JudgedBoard]) -> None:
        async with self._turn:
            with collector_at_rest():
                await self._made(judge)
                await asyncio.get_running_loop().run_in_executor(self._worker, self._garbage.put_out)

    async def _made(self, judge: Callable[[], JudgedBoard]) -> None:
        loop = asyncio.get_running_loop()
        judged = await loop.run_in_executor(self._worker, judge)
        answers = await self._answers.prepared(known_of(judged))
        self._keeper.show(judged)
        self._answers.keep(judged.board, answers)
        self._shown(judged)
        await loop.run_in_executor(self._worker, self._keeper.forget_replaced)


def known_of(judged: JudgedBoard) -> Known:
    """What requests are answered from while this board is shown."""
    return Known(
        board=judged.board,
        timeline=judged.timeline,
        members=judged.members,
        former=judged.former,
        undecided=judged.undecided,
        present=judged.present,
    )
