"""Colour and marks: only where a person looks, and never the only thing that tells a state."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from typing import TextIO

from sidecar.core.model import State

#: Columns where nobody tells how many there are, and the fewest that a table is made for.
_USUAL, _FEWEST = 100, 40

_MARKS = {
    State.FAILED: "✗",
    State.MISSED: "✗",
    State.NEVER: "∅",
    State.UNKNOWN: "?",
    State.WARNING: "!",
    State.LATE: "…",
    State.RUNNING: "▸",
    State.NEW: "○",
    State.OK: "✓",
    State.DISABLED: "–",
}

#: Where the terminal has only ASCII.
_PLAIN_MARKS = dict(zip(_MARKS, "xx0?!.>o+-", strict=True))

_RED, _YELLOW, _GREEN, _BLUE, _BOLD, _FAINT = "31", "33", "32", "34", "1", "2"
_COLOURS = {
    State.FAILED: _RED,
    State.MISSED: _RED,
    State.NEVER: _RED,
    State.UNKNOWN: _YELLOW,
    State.WARNING: _YELLOW,
    State.RUNNING: _BLUE,
    State.LATE: _BLUE,
    State.OK: _GREEN,
}


@dataclass(frozen=True, slots=True)
class Style:
    """How wide it may be, and whether with colour and with more than ASCII."""

    width: int = _USUAL
    colour: bool = False
    plain: bool = False

    def mark(self, state: State) -> str:
        """One column for a state."""
        return self.painted((_PLAIN_MARKS if self.plain else _MARKS)[state], _COLOURS.get(state))

    def word(self, state: State, width: int = 0) -> str:
        """The state, in its colour."""
        return self.painted(state.value.ljust(width), _COLOURS.get(state))

    def bold(self, text: str) -> str:
        """A heading."""
        return self.painted(text, _BOLD)

    def faint(self, text: str) -> str:
        """What is beside the point."""
        return self.painted(text, _FAINT)

    def painted(self, text: str, colour: str | None) -> str:
        """The text in a colour, by its number in ECMA-48."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self.colour and colour else text


def style_of(stream: TextIO) -> Style:
    """What this stream shows. Colour only on a terminal, and not where NO_COLOR is set (no-color.org)."""
    is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
    width = shutil.get_terminal_size((_USUAL, 0)).columns
    plain = not (stream.encoding or "ascii").lower().startswith("utf")
    return Style(max(width, _FEWEST), colour=is_terminal and not os.environ.get("NO_COLOR"), plain=plain)


def prepared(stream: TextIO) -> TextIO:
    """The same stream; what its encoding does not have is written as an escape and never an error."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    return stream


def standard_output() -> TextIO:
    """Where commands print to."""
    return prepared(sys.stdout)
