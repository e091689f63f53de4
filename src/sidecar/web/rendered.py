"""What was rendered for the present board, kept until there is a newer one."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from sidecar.core.model import Board

Q = TypeVar("Q", bound=Hashable)

#: Makes zlib write gzip's header, without a time in it: equal answers are equal bytes.
_GZIP = 31

_ACCEPTED = re.compile(r"(?:gzip|\*)\s*(?:;\s*q\s*=\s*(?P<quality>[\d.]+)\s*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rendered:
    """An answer, kept as gzip, which almost everybody accepts; the entity tag is that of what is in it."""

    packed: bytes
    media_type: str
    etag: str

    @property
    def body(self) -> bytes:
        """The answer itself."""
        return gzip.decompress(self.packed)


class RenderedAnswers(Generic[Q]):
    """Answers by normalised question, for one board at a time: at most ``limit`` of them, and at most ``size`` bytes.

    Where there are more, the one that was asked for longest ago goes first. They belong to that very board, not to an
    equal one: it is held as long as they are.
    """

    def __init__(self, limit: int = 64, size: int = 8 * 2**20) -> None:
        self._limit = limit
        self._size = size
        self._board: Board | None = None
        self._answers: OrderedDict[Q, Rendered] = OrderedDict()

    def get(self, board: Board, question: Q) -> Rendered | None:
        """The answer about ``board``, if it is kept."""
        if board is not self._board or question not in self._answers:
            return None
        self._answers.move_to_end(question)
        return self._answers[question]

    def keep(self, board: Board, question: Q, answer: Rendered) -> None:
        """Keeps an answer. What was kept for another board is forgotten."""
        if board is not self._board:
            self._board, self._answers = board, OrderedDict()
        self._answers[question] = answer
        while len(self._answers) > self._limit or self._bytes() > self._size:
            self._answers.popitem(last=False)

    def _bytes(self) -> int:
        return sum(len(answer.packed) for answer in self._answers.values())


def rendered(body: bytes | Iterable[bytes], media_type: str) -> Rendered:
    """An answer with a strong entity tag. It may come in pieces, of which none is kept."""
    packing, digest = zlib.compressobj(wbits=_GZIP), hashlib.sha256()
    packed = []
    for piece in [body] if isinstance(body, bytes) else body:
        digest.update(piece)
        packed.append(packing.compress(piece))
    packed.append(packing.flush())
    return Rendered(b"".join(packed), media_type, f'"{digest.hexdigest()[:32]}"')


def respond(request: Request, answer: Rendered) -> Response:
    """The answer, or 304 when the client has it already. It may be kept, but only used after asking again."""
    zipped = _accepts_gzip(request)
    # The same in another coding is another representation, and has another strong tag (RFC 9110 §8.8.3.3).
    tags = (f'{answer.etag[:-1]}-gzip"', answer.etag) if zipped else (answer.etag, f'{answer.etag[:-1]}-gzip"')
    headers = {"ETag": tags[0], "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    if _is_known(request, tags):
        return Response(status_code=304, headers=headers)
    if zipped:
        return Response(answer.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=answer.media_type)
    return Response(answer.body, headers=headers, media_type=answer.media_type)


def _accepts_gzip(request: Request) -> bool:
    """Whether gzip is among the codings that the client takes (RFC 9110 §12.5.3)."""
    for coding in request.headers.get("accept-encoding", "").split(","):
        if accepted := _ACCEPTED.fullmatch(coding.strip()):
            quality = accepted["quality"]
            return quality is None or quality.strip("0.") != ""
    return False


def _is_known(request: Request, tags: Iterable[str]) -> bool:
    """If-None-Match: a list compared weakly, or a star (RFC 9110 §13.1.2)."""
    offered = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    return any(tag in offered for tag in tags) or offered == ["*"]
