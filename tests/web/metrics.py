"""``/metrics`` as somebody else's parser reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from sidecar.core.model import Board
from sidecar.web.counts import Counts
from sidecar.web.exposition import exposition
from sidecar.web.known import Known
from sidecar.web.metric_table import CODES, PREFIX
from sidecar.web.stale_board import stale_board
from tests.web.asking import nothing_due

_STATES = {code: state.value for state, code in CODES.items()}


@dataclass(frozen=True)
class Sample:
    """One series."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Metrics:
    """All series of an answer."""

    samples: list[Sample]

    def of(self, name: str, **labels: str) -> list[Sample]:
        """Those of a metric, without our prefix, that have these labels."""
        return [
            sample
            for sample in self.samples
            if sample.name == PREFIX + name and labels.items() <= sample.labels.items()
        ]

    def value(self, name: str, **labels: str) -> float | None:
        """The value of the only one that has these labels."""
        values = [sample.value for sample in self.of(name, **labels)]
        assert len(values) <= 1, (name, labels)
        return values[0] if values else None

    def states(self, name: str, *labels: str) -> dict[tuple[str, ...], str]:
        """The one state of each row that has a series for each, by its labels."""
        present: dict[tuple[str, ...], list[str]] = {}
        for sample in self.of(name):
            assert sample.value in (0, 1)
            states = present.setdefault(tuple(sample.labels[label] for label in labels), [])
            if sample.value:
                states.append(sample.labels["state"])
        assert all(len(states) == 1 for states in present.values()), present
        return {key: states[0] for key, states in present.items()}

    def coded(self, name: str, *labels: str) -> dict[tuple[str, ...], str]:
        """The same of rows whose state is a number."""
        return {tuple(sample.labels[label] for label in labels): _STATES[int(sample.value)] for sample in self.of(name)}


def metrics(board: Board, *, stale_after: timedelta | None = None, counts: Counts | None = None) -> Metrics:
    """The metrics of a board; with ``stale_after`` of one that is so old."""
    known = Known(board=board, timeline=nothing_due)
    if stale_after is not None:
        known = Known(board=stale_board(board, board.at + stale_after), timeline=nothing_due, stale_since=board.at)
    return parsed(b"".join(exposition(known, counts or Counts())).decode())


def parsed(text: str) -> Metrics:
    """Each series once; whatever the parser refuses raises."""
    samples = [
        Sample(sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    names = [(sample.name, *sorted(sample.labels.items())) for sample in samples]
    assert len(names) == len(set(names)), "a series twice"
    assert len(samples) == sum(1 for line in text.split("\n") if line and not line.startswith("#"))
    return Metrics(samples)


def seconds(text: str | None) -> float | None:
    """A time of the JSON as Prometheus has it."""
    return None if text is None else datetime.fromisoformat(text).timestamp()
