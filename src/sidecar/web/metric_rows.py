"""The rows that ``/metrics`` shows: with labels that can be written, and no more of them than may be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.core.model import State
from sidecar.texts.hidden_characters import displayed

from .metric_table import LEVELS, Level, Shown

#: Series of one answer, with the one that says how many were left out.
MOST_SERIES = 20_000

#: Characters of a label: upstreams' names have 512 at most, texts more.
MOST_CHARACTERS = 200

_DIGEST = 12


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A row of ``level`` with its labels and the values of its metrics, in their order; None: no series."""

    level: Level[Any]
    row: Any
    labels: dict[str, str]
    values: tuple[float | None, ...]

    @property
    def series(self) -> int:
        """How many series it takes."""
        values = sum(value is not None for value in self.values)
        return values + (len(State) if self.level.states else 0)


@dataclass(frozen=True, slots=True)
class MetricRows:
    """What is shown, and how many series are not."""

    rows: Sequence[MetricRow]
    left_out: int


def metric_rows(shown: Shown, most: int = MOST_SERIES) -> MetricRows:
    """Rows that take at most ``most`` series, and one for what is left out.

    Where there are more, expectations go first, then parts; of those of the same place the harmless ones.
    """
    rows = sorted(_every_row(shown), key=lambda row: (row.level.place, row.level.state(row.row).rank))
    taken: list[MetricRow] = []
    left, names = most - 1, set()
    left_out = 0
    for row in rows:
        name = (row.level.title, *row.labels.values())
        if name in names:
            continue  # The worst of those that can't be told apart was first.
        names.add(name)
        if left_out == 0 and row.series <= left:
            taken.append(row)
            left -= row.series
        else:
            left_out += row.series
    return MetricRows(taken, left_out)


def _every_row(shown: Shown) -> Iterator[MetricRow]:
    for level in LEVELS:
        for row in level.rows(shown):
            values = tuple(metric.value(row) for metric in level.metrics)
            yield MetricRow(level, row, dict(zip(level.labels, labels(level.names(row)), strict=True)), values)


def labels(texts: Iterable[str]) -> Iterator[str]:
    """The texts as labels."""
    return (label(text) for text in texts)


def label(text: str) -> str:
    """A text as a label: nothing hidden in it, and not longer than a label may be.

    The end of a longer one becomes a number made of all of it, so that two of them stay different.
    """
    shown = displayed(text)
    if len(shown) <= MOST_CHARACTERS:
        return shown
    number = hashlib.sha256(shown.encode()).hexdigest()[:_DIGEST]
    return f"{shown[: MOST_CHARACTERS - _DIGEST - 1]}…{number}"
