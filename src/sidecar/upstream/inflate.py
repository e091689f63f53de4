"""The body of an answer in pieces: at most one gzip, never more bytes than the limit, and never a long step."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, AsyncIterator

from .turns import Turns

#: Bytes that are inflated in one go: a few bytes of gzip can become a thousand times as many.
_PIECE = 64 * 1024

#: zlib reads the gzip format with this, and no other.
_GZIP = 16 + zlib.MAX_WBITS


class BodyError(ValueError):
    """The body can't be inflated."""


class TooLargeError(BodyError):
    """The body has more bytes than the limit, before or after it is inflated."""


async def inflated(raw: AsyncIterable[bytes], encoding: str, limit: int) -> AsyncIterator[bytes]:
    """The inflated pieces of a body, 64 KiB at most each.

    Args:
        raw: the bytes as they arrive.
        encoding: the answer's Content-Encoding; "" for none. One gzip was asked for, so anything else is refused.
        limit: bytes, before and after inflating.

    Raises:
        TooLargeError: after the piece that reached the limit.
        BodyError: it is no gzip, ends too early, or goes on after its end.
    """
    if encoding.strip().lower() in ("", "identity"):
        pieces = _plain(raw)
    elif encoding.strip().lower() in ("gzip", "x-gzip"):
        pieces = _gunzipped(raw, limit)
    else:
        raise BodyError("compressed in a way that was not asked for")
    size, turns = 0, Turns()
    async for piece in pieces:
        size += len(piece)
        if size > limit:
            raise TooLargeError
        yield piece
        if turns.is_over:
            await turns.pass_on()


async def _plain(raw: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    async for data in raw:
        for place in range(0, len(data), _PIECE):
            yield data[place : place + _PIECE]


async def _gunzipped(raw: AsyncIterable[bytes], limit: int) -> AsyncIterator[bytes]:
    inflate, size = zlib.decompressobj(_GZIP), 0
    async for data in raw:
        size += len(data)
        if size > limit:
            raise TooLargeError
        rest = data
        while rest:
            try:
                piece = inflate.decompress(rest, _PIECE)
            except zlib.error:
                raise BodyError("not gzip") from None
            if inflate.unused_data:
                raise BodyError("goes on after its end")
            rest = inflate.unconsumed_tail
            yield piece
    while size and not inflate.eof:
        piece = inflate.decompress(b"", _PIECE)
        if not piece:
            raise BodyError("ends too early")
        yield piece
