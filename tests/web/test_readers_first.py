"""Who draws lets an answer go first, once for each answer, and never waits for its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Self

from starlette.types import Message, Receive, Scope, Send

from sidecar.web.readers_first import ReadersFirst


async def answered(readers: ReadersFirst, work: Callable[[], Awaitable[None]]) -> None:
    """One answer, which does this work."""

    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await work()

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_message: Message) -> None:
        return

    await readers.around(app)({"type": "http"}, receive, send)


class Drawing:
    """A drawing of pieces without end, in a thread; ``drawn`` counts them."""

    def __init__(self, readers: ReadersFirst) -> None:
        self.drawn = 0
        self._end = False
        self._thread = threading.Thread(target=lambda: [*readers.between(self._pieces())])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end = True
        self._thread.join()

    def _pieces(self) -> Iterator[bytes]:
        while not self._end:
            self.drawn += 1
            yield b"piece"

    async def goes_on(self) -> None:
        """Returns after some more pieces."""
        drawn = self.drawn
        while self.drawn < drawn + 5:  # noqa: ASYNC110 (another thread draws)
            await asyncio.sleep(0)


def test_nobody_asks_and_every_piece_comes() -> None:
    assert [*ReadersFirst().between([b"a", b"b", b"c"])] == [b"a", b"b", b"c"]


def test_the_next_piece_waits_until_an_answer_is_given() -> None:
    async def run() -> None:
        readers = ReadersFirst(longest=60)

        async def work() -> None:
            drawn = drawing.drawn
            # The piece that is being drawn, and no other one: what follows waits, and needs no time to do so.
            for _ in range(200):
                await asyncio.sleep(0)
            seen.append(drawing.drawn - drawn)

        seen: list[int] = []
        with Drawing(readers) as drawing:
            await drawing.goes_on()
            await answered(readers, work)
            await drawing.goes_on()
        assert seen[0] <= 1

    asyncio.run(run())


def test_an_answer_that_waits_for_the_drawing_holds_it_up_once() -> None:
    async def run() -> None:
        readers = ReadersFirst(longest=0.001)
        with Drawing(readers) as drawing:
            await answered(readers, drawing.goes_on)

    asyncio.run(run())


def test_while_one_of_two_answers_is_under_way_a_drawing_waits() -> None:
    async def run() -> None:
        readers = ReadersFirst(longest=60)
        first, second = asyncio.Event(), asyncio.Event()

        async def wait_for(event: asyncio.Event) -> None:
            await event.wait()

        async def end_one() -> None:
            await asyncio.sleep(0)
            first.set()
            await asyncio.sleep(0)
            drawn = drawing.drawn
            for _ in range(200):
                await asyncio.sleep(0)
            seen.append(drawing.drawn - drawn)
            second.set()

        seen: list[int] = []
        with Drawing(readers) as drawing:
            await drawing.goes_on()
            await asyncio.gather(
                answered(readers, lambda: wait_for(first)), answered(readers, lambda: wait_for(second)), end_one()
            )
            await drawing.goes_on()
        assert seen[0] <= 1

    asyncio.run(run())
