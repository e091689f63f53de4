"""The real application on loopback and Debian's Chromium, for tests that look at pages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import uvicorn
from playwright.sync_api import Browser, sync_playwright
from starlette.types import Receive, Scope, Send

from sidecar.core.model import Board
from sidecar.core.past.days import Past
from sidecar.core.timeline.timeline import Timeline
from sidecar.web.app import WidgetOptions, create_app
from tests.simulators.servers import bound
from tests.web import boards, calendars, pasts
from tests.web.asking import KEY

#: Debian's Chromium in the form that has no windows: it takes half of the other one's time (scripts/need-chromium).
CHROMIUM = "/usr/bin/chromium-headless-shell"
#: Text as wide as in a window: without it letters are fitted to whole pixels, and some lines break earlier.
OPTIONS = ("--no-sandbox", "--font-render-hinting=none")


@dataclass
class Sidecar:
    """The application with a board and a timeline that may be changed; the key is added to each request, as Caddy does."""

    board: Board = field(default_factory=boards.bad_morning)
    timeline: Timeline = field(default_factory=lambda: calendars.month(boards.NOW))
    address: str = ""

    def __post_init__(self) -> None:
        self.begin_weeks_on("monday")

    def begin_weeks_on(self, weekday: str) -> None:
        """How the calendar begins from now on: the application is made anew."""
        self._app = create_app(
            board=lambda: self.board,
            timeline=lambda: self.timeline,
            ready=lambda: True,
            keys=(KEY,),
            clock=lambda: self.board.at,
            options=WidgetOptions(week_start=weekday),
            past=self,
            members=lambda: pasts.members_of(self.board),
        )

    def past(self, now: datetime) -> Past | None:
        """Of whatever board is shown."""
        return pasts.HandmadePast(self.board).past(now)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = (b"authorization", f"Bearer {KEY}".encode())
        await self._app({**scope, "headers": [*scope["headers"], key]}, receive, send)

    def show(self, board: Callable[[], Board], timeline: Timeline | None = None) -> None:
        """What is on the page from now on; without a timeline the calendar is that of an ordinary month."""
        self.board, self.timeline = board(), timeline or calendars.month(boards.NOW)


@contextmanager
def serving() -> Iterator[Sidecar]:
    """The application at ``address``, until the block ends."""
    served = Sidecar()
    with bound("127.0.0.1") as listener:
        served.address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(served, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=[[listener]], daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.should_exit = True
            thread.join(10)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield started
        started.close()
