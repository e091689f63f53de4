"""Answers that are kept, and made in a worker thread: rendering 1,000 services takes a third of a second.

The questions that were asked last are answered for a new board before it is shown, so that no reader waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import TypeVar

from starlette.exceptions import HTTPException

from sidecar.core.model import Board

from .known import Known, Question, is_unhurried
from .rendered import Rendered, RenderedAnswers

T = TypeVar("T")

log = logging.getLogger(__name__)

#: So many of the questions that were asked last are answered in advance.
ANSWERED_BEFORE = 8


class Answers:
    """Everything but ``render`` happens in the event loop.

    Args:
        render: draws an answer; runs in ``worker``.
        worker: one thread, so that nothing that is drawn or judged is in two hands.
        beside: another one for stale boards: the first may be what is stuck.
    """

    def __init__(
        self, render: Callable[[Known, Question], Rendered], worker: Executor, beside: Executor | None = None
    ) -> None:
        self._render = render
        self._worker = worker
        self._beside = beside or worker
        self._kept = RenderedAnswers[Question]()
        self._asked: dict[Question, None] = {}
        self._under_way: dict[Question, tuple[Board, asyncio.Future[Rendered]]] = {}

    @property
    def asked(self) -> tuple[Question, ...]:
        """The questions that were asked last, newest last."""
        return tuple(self._asked)

    async def answer(self, known: Known, question: Question) -> Rendered:
        """The answer from what is known. Many who ask the same at once cause it to be drawn once."""
        if (kept := self._kept.get(known.board, question)) is None:
            kept = await self._drawn(known, question)
            self._kept.keep(known.board, question, kept)
        if not is_unhurried(question):
            self._remember(question)
        return kept

    def _remember(self, question: Question) -> None:
        self._asked.pop(question, None)
        self._asked[question] = None
        if len(self._asked) > ANSWERED_BEFORE:
            del self._asked[next(iter(self._asked))]

    async def _drawn(self, known: Known, question: Question) -> Rendered:
        board, drawing = self._under_way.get(question, (None, None))
        if drawing is None or board is not known.board or drawing.get_loop() is not asyncio.get_running_loop():
            drawing = self._in_worker(partial(self._render, known, question), known)
            self._under_way[question] = known.board, drawing
            drawing.add_done_callback(lambda _: self._forget(question, drawing))
        # One of them may go away; the others still want it.
        return await asyncio.shield(drawing)

    def _forget(self, question: Question, drawing: asyncio.Future[Rendered] | None) -> None:
        if self._under_way.get(question, (None, None))[1] is drawing:
            del self._under_way[question]

    def _in_worker(self, work: Callable[[], T], known: Known) -> asyncio.Future[T]:
        worker = self._worker if known.stale_since is None else self._beside
        return asyncio.get_running_loop().run_in_executor(worker, work)

    async def prepared(self, known: Known) -> dict[Question, Rendered]:
        """The answers to what was asked last, from a board that is not shown yet. What can't be answered is left out."""
        answers: dict[Question, Rendered] = {}
        for question in tuple(self._asked):
            try:
                answers[question] = await self._in_worker(partial(self._render, known, question), known)
            except HTTPException:
                self._asked.pop(question, None)  # A service that is gone.
            except Exception:
                self._asked.pop(question, None)  # Whoever asks it again is told.
                log.exception("internal error: an answer can't be prepared")
        return answers

    def keep(self, board: Board, answers: dict[Question, Rendered]) -> None:
        """Keeps what was prepared for a board that is shown from now on."""
        for question, answer in answers.items():
            self._kept.keep(board, question, answer)

    async def made(self, make: Callable[[], T], known: Known) -> T:
        """Something that is not kept, made from what is known in its worker."""
        return await self._in_worker(make, known)
