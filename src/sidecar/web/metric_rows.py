"""The rows that ``/metrics`` shows: with labels that can be written, and no more of them than may be."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.core.model import State
from sidecar.texts.hidden_characters import displayed

from .metric_table import LEVELS, Level, Shown

#: Series of one answer, with the one that says how many were left out.
MOST_SERIES = 25_000

#: Characters of a label: upstreams' names have 512 at most, texts more.
MOST_CHARACTERS = 200

_DIGEST = 12

Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A row of ``level`` with its labels and the values of its metrics, in their order; None: no series."""

    level: Level[Any]
    row: Any
    labels: dict[str, str]
    values: Values

    @property
    def series(self) -> int:
        """How many series it takes."""
        return _series(self.level, self.values)


@dataclass(frozen=True, slots=True)
class MetricRows:
    """What is shown, and how many series are not."""

    rows: Sequence[MetricRow]
    left_out: int


def metric_rows(shown: Shown, most: int = MOST_SERIES) -> MetricRows:
    """Rows that take at most ``most`` series, and one for what is left out.

    Where there are more, expectations go first, then parts; of those of the same place the harmless ones.
    """
    taken: dict[tuple[str, ...], MetricRow] = {}
    left, left_out = most - 1, 0
    for level, row in _worst_first(shown):
        values = tuple(metric.value(row) for metric in level.metrics)
        series = _series(level, values)
        if left_out or series > left:
            left_out += series
            continue
        named = dict(zip(level.labels, map(label, level.names(row)), strict=True))
        name = (level.title, *named.values())
        if name not in taken:  # Of those that can't be told apart the worst was first.
            taken[name] = MetricRow(level, row, named, values)
            left -= series
    return MetricRows(list(taken.values()), left_out)


def _worst_first(shown: Shown) -> Iterator[tuple[Level[Any], Any]]:
    """Every row with its level. Many thousands are not sorted at once: that would be one long step."""
    waiting: dict[tuple[int, int], list[tuple[Level[Any], Any]]] = defaultdict(list)
    for level in LEVELS:
        for row in level.rows(shown):
            waiting[level.place, level.state(row).rank].append((level, row))
    for key in sorted(waiting):
        yield from waiting.pop(key)


def _series(level: Level[Any], values: Values) -> int:
    return sum(value is not None for value in values) + (len(State) if level.states else 0)


def label(text: str) -> str:
    """A text as a label: nothing hidden in it, and not longer than a label may be.

    The end of a longer one becomes a number made of all of it, so that two of them stay different.
    """
    shown = displayed(text)
    if len(shown) <= MOST_CHARACTERS:
        return shown
    number = hashlib.sha256(shown.encode()).hexdigest()[:_DIGEST]
    return f"{shown[: MOST_CHARACTERS - _DIGEST - 1]}…{number}"
