"""A new board comes about in a worker thread: it is judged, the last questions are answered from it, then it is shown.

Judging 1,000 services takes a tenth of a second, and nobody who asks meanwhile waits for it.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from .board_keeper import BoardKeeper, JudgedBoard
from .core.reports.report import Report
from .web.answers import Answers
from .web.known import Known

#: After so many boards, about a day, all objects are looked through.
_ALL_AFTER = 1_500


class Garbage:
    """What Python's garbage collector has to look through: only what came since the board before.

    It stops every thread while it looks. With 50,000 snapshots that would be a tenth of a second, again and again; they
    hold no circles, and are freed without it.
    """

    def __init__(self) -> None:
        self._boards = 0

    def put_out(self) -> None:
        """Collects what is new, and leaves the rest alone from now on. Once a day it looks through everything."""
        self._boards += 1
        if self._boards % _ALL_AFTER == 0:
            gc.unfreeze()
        gc.collect()
        gc.freeze()


class Renewal:
    """Renews the board of ``keeper``, one renewal after the other. Belongs to one event loop.

    Whoever is cancelled here leaves the board as it was; what the worker had begun comes to its end there.
    """

    def __init__(self, keeper: BoardKeeper, answers: Answers, worker: Executor) -> None:
        self._keeper = keeper
        self._answers = answers
        self._worker = worker
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
            loop = asyncio.get_running_loop()
            judged = await loop.run_in_executor(self._worker, judge)
            answers = await self._answers.prepared(Known(judged.board, judged.timeline))
            self._keeper.show(judged)
            self._answers.keep(judged.board, answers)
            await loop.run_in_executor(self._worker, self._garbage.put_out)
