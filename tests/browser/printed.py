"""What a browser has printed: the words of a PDF with their place and colour."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from playwright.sync_api import PdfMargins
from pypdf import PageObject, PdfReader

from sidecar.web.theme import WORDS_CONTRAST, Rgb, contrast

PAPER = (255, 255, 255)

#: Those of a browser when nobody changes them; Playwright has none.
MARGINS = PdfMargins(top="1cm", right="1cm", bottom="1cm", left="1cm")

#: The height of a sheet of A4, in points.
_SHEET = 842


@dataclass(frozen=True)
class Words:
    """A piece of a line. ``top``: how far below the upper edge of the first sheet, in points, as if all were one."""

    text: str
    top: float
    colour: Rgb


def words(pdf: bytes) -> list[Words]:
    """All pieces of text that are printed."""
    return [piece for number, page in enumerate(PdfReader(BytesIO(pdf)).pages) for piece in _of_page(number, page)]


def text(pdf: bytes) -> str:
    """All of it as one line."""
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages))


def pale(pieces: Sequence[Words]) -> list[str]:
    """What can't be read on white paper."""
    return [piece.text for piece in pieces if contrast(piece.colour, PAPER) < WORDS_CONTRAST]


def out_of_order(pieces: Sequence[Words], beginnings: Sequence[str]) -> list[str]:
    """Which of these lines does not stand below the one before it, but above or on it. Lines are named by how they begin."""
    tops = [
        min(piece.top for piece in pieces if re.match(rf"{re.escape(one)}(\s|$)", piece.text)) for one in beginnings
    ]
    return [beginnings[place] for place in range(1, len(tops)) if tops[place] - tops[place - 1] < 10]


def _of_page(number: int, page: PageObject) -> Iterator[Words]:
    """The pieces of one page. The colour is set before: "rg" with red, green and blue from 0 to 1."""
    colour: Rgb = (0, 0, 0)
    pieces: list[Words] = []

    def before(operator: bytes, operands: list[Any], *_: Any) -> None:
        nonlocal colour
        if operator == b"rg":
            red, green, blue = (round(float(share) * 255) for share in operands)
            colour = (red, green, blue)

    def piece(written: str, around: list[float], matrix: list[float], *_: Any) -> None:
        if written.strip():
            baseline = around[5] + around[3] * matrix[5]
            pieces.append(Words(written.strip(), (number + 1) * _SHEET - baseline, colour))

    page.extract_text(visitor_operand_before=before, visitor_text=piece)
    yield from pieces
