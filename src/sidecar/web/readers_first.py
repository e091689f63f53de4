"""Whoever draws lets those who are answered go first. Both need the one lock of Python's interpreter."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

from starlette.types import ASGIApp, Receive, Scope, Send

T = TypeVar("T")

#: Seconds. An answer may be waiting for that very drawing, which has a thousand pieces: each answer holds it up once.
_LONGEST = 0.002


class ReadersFirst:
    """Counts the answers that begin, and knows whether one is under way.

    ``longest``: seconds for which one answer holds up what is drawn.
    """

    def __init__(self, longest: float = _LONGEST) -> None:
        self._longest = longest
        self._begun = 0
        self._under_way = 0
        self._nobody = threading.Event()
        self._nobody.set()

    def around(self, app: ASGIApp) -> ASGIApp:
        """The same application, its answers counted. They all belong to one event loop."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            self._begun += 1
            self._under_way += 1
            self._nobody.clear()
            try:
                await app(scope, receive, send)
            finally:
                self._under_way -= 1
                if not self._under_way:
                    self._nobody.set()

        return counted

    def between(self, pieces: Iterable[T]) -> Iterator[T]:
        """The same pieces, in a thread of their own. Where an answer has begun meanwhile, it goes before the next one."""
        begun = self._begun
        for piece in pieces:
            yield piece
            if begun != self._begun:
                begun = self._begun
                self._nobody.wait(self._longest)
