"""The sizes of the newest good runs of a part as a small line, with the same in words (rule 13)."""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.core.model import PartRow
from sidecar.core.words import size

#: So many of the newest runs make the line, and so many at least: of fewer the list of runs says it all.
_MOST, _LEAST = 30, 3

#: What the line is drawn into, in units of the picture.
WIDTH, HEIGHT = 120, 20


@dataclass(frozen=True, slots=True)
class SizeLine:
    """A line, oldest run left. Its foot is 0 bytes, so that it falls as much as the size does; above it there is some room.

    Attributes:
        points: of a polyline within ``WIDTH`` and ``HEIGHT``, one unit away from their edges.
    """

    word: str
    points: str
    text: str


def size_line(part: PartRow, word: str) -> SizeLine | None:
    """None where too few sizes are known."""
    sizes = [run.size for run in part.runs if run.good and run.size is not None][:_MOST]
    if len(sizes) < _LEAST or not max(sizes):
        return None
    return SizeLine(word, _points(sizes[::-1]), f"size over {len(sizes)} runs: {_span(min(sizes), max(sizes))}")


def _points(sizes: list[int]) -> str:
    step, top = (WIDTH - 2) / (len(sizes) - 1), max(sizes) * 1.5
    heights = (HEIGHT - 1 - (HEIGHT - 2) * each / top for each in sizes)
    return " ".join(f"{1 + number * step:.1f},{height:.1f}" for number, height in enumerate(heights))


def _span(least: int, most: int) -> str:
    """ "1.2 to 1.4 GiB": the unit once where it is the same, one number where both read the same."""
    (low, unit), (high, other) = size(least).split(), size(most).split()
    if unit != other:
        return f"{low} {unit} to {high} {other}"
    return f"{low} {unit}" if low == high else f"{low} to {high} {unit}"
