"""What was rendered for the present board, kept until there is a newer one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sidecar.core.model import Board


@dataclass(frozen=True, slots=True)
class Rendered:
    """The bytes of an answer and their entity tag."""

    body: bytes
    media_type: str
    etag: str


class RenderedAnswers:
    """Answers by normalised query, for one board at a time and at most ``limit`` of them (the oldest goes first).

    They belong to that very board, not to an equal one: it is held as long as they are.
    """

    def __init__(self, limit: int = 64) -> None:
        self._limit = limit
        self._board: Board | None = None
        self._answers: dict[Hashable, Rendered] = {}

    def get(self, board: Board, query: Hashable, render: Callable[[], bytes], media_type: str) -> Rendered:
        """The answer to ``query`` about ``board``, rendered only when it is not kept."""
        if board is not self._board:
            self._board, self._answers = board, {}
        if query not in self._answers:
            if len(self._answers) >= self._limit:
                del self._answers[next(iter(self._answers))]
            self._answers[query] = rendered(render(), media_type)
        return self._answers[query]


def rendered(body: bytes, media_type: str) -> Rendered:
    """An answer with a strong entity tag."""
    return Rendered(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def respond(request: Request, answer: Rendered) -> Response:
    """The answer, or 304 when the client has it already. It may be kept, but only used after asking again."""
    headers = {"ETag": answer.etag, "Cache-Control": "private, no-cache"}
    if _is_known(request, answer.etag):
        return Response(status_code=304, headers=headers)
    return Response(answer.body, headers=headers, media_type=answer.media_type)


def _is_known(request: Request, etag: str) -> bool:
    """If-None-Match: a list compared weakly, or a star (RFC 9110 §13.1.2)."""
    offered = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return etag in offered or offered == ["*"]
