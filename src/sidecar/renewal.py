"""A new board comes about in a worker thread: it is judged, the last questions are answered from it, then it is shown.

Judging 1,000 services takes a tenth of a second, and nobody who asks meanwhile waits for it. Drawing them takes longer: where
the next report is there already, its board is drawn instead, and both are shown.
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

#: As many boards are judged, where the next report is there already, until the newest is drawn and all are shown. Each is
#: memory, and news that nobody is told yet.
_MOST_UNSHOWN = 2


class Renewal:
    """Renews the board of ``keeper``, one renewal after the other. Belongs to one event loop.

    ``shown`` is called with each board when it is shown, also with one that the next one replaces at once.

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
        self._wanted = 0
        self._unshown: list[JudgedBoard] = []
        self._garbage = Garbage()

    async def record(self, report: Report) -> None:
        """Takes a source's new report."""
        await self._renew(partial(self._keeper.judge_with, report))

    async def rejudge(self) -> None:
        """Judges for the present moment. If that fails, all stays as it was."""
        await self._renew(self._keeper.judge)

    async def _renew(self, judge: Callable[[], JudgedBoard]) -> None:
        self._wanted += 1
        try:
            async with self._turn:
                with collector_at_rest():
                    await self._made(judge)
        finally:
            self._wanted -= 1

    async def _made(self, judge: Callable[[], JudgedBoard]) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._worker, self._garbage.put_out)
        try:
            self._unshown.append(await loop.run_in_executor(self._worker, judge))
        except Exception:
            await self._show()
            raise
        if self._wanted == 1 or len(self._unshown) == _MOST_UNSHOWN:
            await self._show()
        await loop.run_in_executor(self._worker, self._garbage.leave_alone)

    async def _show(self) -> None:
        """Shows what was judged, the newest one drawn."""
        if not self._unshown:
            return
        answers = await self._answers.prepared(known_of(self._unshown[-1]))
        self._show_all()
        self._answers.keep(self._keeper.board, answers)
        # Nothing here holds a board any more: the worker frees those that were replaced, not the event loop.
        await asyncio.get_running_loop().run_in_executor(self._worker, self._keeper.forget_replaced)

    def _show_all(self) -> None:
        unshown, self._unshown = self._unshown, []
        for judged in unshown:
            self._keeper.show(judged)
            self._shown(judged)


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
