"""Answers made in memory, whose bodies arrive as those of a network do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx


class Replies(httpx.AsyncBaseTransport):
    """Answers every request with what a function makes of it."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]) -> None:
        self._answer = answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        answer = self._answer(request)
        return arriving(answer if isinstance(answer, httpx.Response) else await answer)


def arriving(answer: httpx.Response) -> httpx.Response:
    """The same answer, not read yet."""
    if not answer.is_closed:
        return answer
    return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content))
