"""Pictures in fewer bytes: Chromium's own are written quickly, and half as large again as they need be."""

from __future__ import annotations

import struct
import zlib
from collections import Counter

from playwright.sync_api import Page

from tests.browser.pixels import pixels

#: What a pixel takes as red, green and blue, and as a place in a palette.
_RGB, _PALETTE = (2, 3), (3, 1)

#: Colours that fall into the same cube of this size are one, the most frequent of them.
_CUBE = 24

Colour = tuple[int, int, int]


def smaller(page: Page, picture: bytes) -> bytes:
    """The same PNG, without its rows' filters: flat areas compress better so. ``page`` is any page, which draws it."""
    width, height, rgba = pixels(page, picture)
    rgb = bytearray(width * height * 3)
    for channel in range(3):
        rgb[channel::3] = rgba[channel::4]
    return _png(width, height, bytes(rgb), _RGB)


def few_colours(page: Page, picture: bytes) -> bytes:
    """The picture with at most 256 colours: those that are frequent stay as they are, others become their neighbours."""
    width, height, rgba = pixels(page, picture)
    every = list(zip(rgba[::4], rgba[1::4], rgba[2::4], strict=True))
    counts = Counter(every)
    of_cube: dict[Colour, Colour] = {}
    for colour, _ in counts.most_common():
        of_cube.setdefault(_cube(colour), colour)
    palette = list(of_cube.values())[:256]
    place = {colour: number for number, colour in enumerate(palette)}
    for colour in counts:
        near = of_cube[_cube(colour)]
        place[colour] = place[near] if near in place else min(range(256), key=lambda at: _apart(palette[at], colour))
    table = _chunk(b"PLTE", b"".join(map(bytes, palette)))
    return _png(width, height, bytes(map(place.__getitem__, every)), _PALETTE, table)


def _cube(colour: Colour) -> Colour:
    red, green, blue = (channel // _CUBE for channel in colour)
    return red, green, blue


def _apart(one: Colour, other: Colour) -> int:
    return sum((mine - theirs) ** 2 for mine, theirs in zip(one, other, strict=True))


def _png(width: int, height: int, content: bytes, kind: tuple[int, int], between: bytes = b"") -> bytes:
    """``kind``: the PNG's colour type, and the bytes of a pixel."""
    colour_type, size = kind
    length = width * size
    rows = b"".join(b"\0" + content[start : start + length] for start in range(0, len(content), length))
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    data = _chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + between + data + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
