"""Bodies: whatever arrives, few bytes at a time are held, and what is no single gzip is refused."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.upstream.inflate import BodyError, TooLargeError, inflated

MIB = 1024 * 1024
BOMB = gzip.compress(b" " * 50 * MIB)


async def arriving(body: bytes, size: int) -> AsyncIterator[bytes]:
    for place in range(0, len(body), size):
        yield body[place : place + size]


def read(body: bytes, encoding: str = "gzip", limit: int = MIB, size: int = 1000) -> list[bytes]:
    async def work() -> list[bytes]:
        return [piece async for piece in inflated(arriving(body, size), encoding, limit)]

    return asyncio.run(work())


@given(st.binary(max_size=3000), st.integers(1, 400), st.sampled_from(["", "identity", "gzip", "x-gzip", " GZIP "]))
def test_a_body_is_the_same_however_it_arrives(body: bytes, size: int, encoding: str) -> None:
    sent = gzip.compress(body) if "gzip" in encoding.lower() else body

    assert b"".join(read(sent, encoding, size=size)) == body


@pytest.mark.parametrize("size", [1, 64, len(BOMB)])
def test_a_bomb_is_given_up_at_the_limit_in_small_pieces(size: int) -> None:
    lengths: list[int] = []

    async def work() -> None:
        async for piece in inflated(arriving(BOMB, size), "gzip", 20 * MIB):
            assert len(piece) <= 64 * 1024
            lengths.append(len(piece))

    with pytest.raises(TooLargeError):
        asyncio.run(work())
    assert 19 * MIB < sum(lengths) <= 20 * MIB


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip, gzip", gzip.compress(gzip.compress(b"{}"))),
        ("gzip,deflate", gzip.compress(b"{}")),
        ("deflate", zlib.compress(b"{}")),
        ("br", b"\x0b\x00\x80{}\x03"),
        ("gzip", b"{}"),
        ("gzip", zlib.compress(b"{}")),
        ("gzip", gzip.compress(b"{}")[:-1]),
        ("gzip", gzip.compress(b"{}") + gzip.compress(b"{}")),
        ("gzip", gzip.compress(b"{}") + b"\x00"),
    ],
    ids=["nested", "stacked", "deflate", "brotli", "plain", "zlib", "cut off", "two members", "more after its end"],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_what_is_no_single_gzip_is_refused(encoding: str, body: bytes, size: int) -> None:
    with pytest.raises(BodyError):
        read(body, encoding, size=size)


def test_the_bytes_before_inflating_count_too() -> None:
    with pytest.raises(TooLargeError):
        read(b" " * (MIB + 1), "")
    with pytest.raises(TooLargeError):
        read(gzip.compress(b"{}") + b" " * (MIB + 1), size=2 * MIB)


def test_an_empty_body_is_empty() -> None:
    assert read(b"") == read(b"", "") == []
