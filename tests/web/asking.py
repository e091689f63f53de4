"""Asks the application without a network: one function for the tests of the web side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import httpx
from starlette.types import ASGIApp

from sidecar.core.history.history import EMPTY
from sidecar.core.model import Board
from sidecar.core.settings import Settings
from sidecar.core.timeline.timeline import Timeline, timeline
from sidecar.web.app import WidgetOptions, create_app
from tests.web.boards import NOW, bad_morning
from tests.web.described import assert_as_described

KEY = "first-key"
SECOND_KEY = "second-key"


def app_for(
    board: Callable[[], Board] = bad_morning,
    *,
    ready: bool = True,
    now: datetime = NOW,
    options: WidgetOptions | None = None,
) -> ASGIApp:
    """The application with two keys; the board is made once."""
    made = board()
    return create_app(
        board=lambda: made,
        timeline=nothing_due,
        ready=lambda: ready,
        keys=(KEY, SECOND_KEY),
        clock=lambda: now,
        options=options,
    )


def nothing_due() -> Timeline:
    """The timeline of a house without any job."""
    return timeline({}, EMPTY, Settings(timezone=ZoneInfo("UTC"), sources=()), NOW)


def ask(
    app: ASGIApp,
    path: str,
    *,
    method: str = "GET",
    key: str | None = KEY,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """The answer to one request, held against the description of the API.

    What the application raises after answering is left to the server's log.
    """
    authorization = {} if key is None else {"Authorization": f"Bearer {key}"}

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://sidecar") as client:
            return await client.request(method, path, headers={**authorization, **(headers or {})})

    answer = asyncio.run(send())
    assert_as_described(answer)
    return answer
