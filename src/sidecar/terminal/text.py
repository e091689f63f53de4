"""Text for a terminal: nothing in it can command the terminal, and its width is counted in cells."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from sidecar.texts.hidden_characters import displayed


def safe(text: str) -> str:
    """One line without anything that a terminal obeys; safe to repeat. Upstreams' texts lost that at the border already."""
    return displayed(" ".join(text.split()))


def cells(text: str) -> int:
    """How many columns it takes: letters of East Asia take two, accents that are added to a letter none."""
    return len(text) if text.isascii() else sum(_cells_of(letter) for letter in text)


def _cells_of(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def cut(text: str, width: int) -> str:
    """At most ``width`` columns, with an ellipsis where something is left out."""
    return text if cells(text) <= width else f"{_begin(text, max(width - 1, 0))}…"


def padded(text: str, width: int) -> str:
    """Exactly ``width`` columns."""
    shown = cut(text, width)
    return shown + " " * (width - cells(shown))


def wrapped(text: str, width: int) -> Iterator[str]:
    """Lines of at most ``width`` columns, broken between words; a longer word, a command with paths, keeps a line of its own.

    A command is never broken: who copies it must get all of it.
    """
    line = ""
    for word in text.split(" "):
        if line and cells(line) + 1 + cells(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _begin(text: str, width: int) -> str:
    taken = 0
    for place, letter in enumerate(text):
        taken += _cells_of(letter)
        if taken > width:
            return text[:place]
    return text
