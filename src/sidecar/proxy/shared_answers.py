"""Answers that many ask for at once are asked for once, and kept for some seconds, refusals too. Bounded in number and bytes."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any

from .refusals import NotPassedOnError

#: Seconds that an answer is kept.
KEPT_FOR = 15.0

_MOST, _MOST_BYTES = 64, 8 * 2**20


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: bytes | NotPassedOnError
    until: float


class SharedAnswers:
    """For one event loop. ``seconds``: a clock that only goes forward."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._under_way: dict[Hashable, asyncio.Task[bytes | NotPassedOnError]] = {}

    async def answer(self, question: Hashable, ask: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """What is kept, what somebody else is being told just now, or what ``ask`` brings.

        Raises:
            NotPassedOnError: there is no answer.
        """
        kept = self._kept.get(question)
        if kept is None or kept.until <= self._seconds():
            # Whoever began it may go away; the others still want it.
            answer = await asyncio.shield(self._task(question, ask))
        else:
            answer = kept.answer
        if isinstance(answer, NotPassedOnError):
            raise answer.again()
        return answer

    @property
    def under_way(self) -> int:
        """Questions whose answers have not come yet."""
        return len(self._under_way)

    async def close(self) -> None:
        """Ends all that is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _task(
        self, question: Hashable, ask: Callable[[], Coroutine[Any, Any, bytes]]
    ) -> asyncio.Task[bytes | NotPassedOnError]:
        task = self._under_way.get(question)
        if task is None:
            task = self._under_way[question] = asyncio.create_task(self._asked(question, ask))
            task.add_done_callback(lambda _: self._under_way.pop(question, None))
        return task

    async def _asked(
        self, question: Hashable, ask: Callable[[], Coroutine[Any, Any, bytes]]
    ) -> bytes | NotPassedOnError:
        answer: bytes | NotPassedOnError
        try:
            answer = await ask()
        except NotPassedOnError as error:
            answer = error.again()
        self._keep(question, answer)
        return answer

    def _keep(self, question: Hashable, answer: bytes | NotPassedOnError) -> None:
        wait = (
            KEPT_FOR if isinstance(answer, bytes) or answer.retry_after is None else min(KEPT_FOR, answer.retry_after)
        )
        self._kept.pop(question, None)
        self._kept[question] = _Kept(answer, self._seconds() + wait)
        while len(self._kept) > _MOST or self._bytes() > _MOST_BYTES:
            self._kept.popitem(last=False)

    def _bytes(self) -> int:
        return sum(len(kept.answer) for kept in self._kept.values() if isinstance(kept.answer, bytes))
