"""``/metrics`` in Prometheus' text format. The library is loaded when somebody asks for the first time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from sidecar.core.model import State

from .counts import Counts
from .known import Known
from .metric_rows import MetricRow, MetricRows, label, metric_rows
from .metric_table import LEFT_OUT, LEVELS, PREFIX, Level, Metric, Shown, Type

MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4


def exposition(known: Known, counts: Counts) -> Iterator[bytes]:
    """All metrics, family by family, so that never all of them are in memory at once."""
    for family in families(metric_rows(_shown(known, counts))):
        registry = CollectorRegistry()
        registry.register(_Made([family]))
        yield generate_latest(registry)


def families(shown: MetricRows) -> Iterator[Family]:
    """The metric families of the rows that are shown, in the order of the table."""
    for level in LEVELS:
        rows = [row for row in shown.rows if row.level is level]
        if level.states:
            yield _states(level, level.states, rows)
        for place, metric in enumerate(level.metrics):
            yield _values(metric, place, rows)
    left_out = _family(LEFT_OUT)
    left_out.add_sample(PREFIX + LEFT_OUT.name, {}, shown.left_out)
    yield left_out


def _shown(known: Known, counts: Counts) -> Shown:
    return Shown(
        board=known.board,
        judged_at=known.stale_since or known.board.at,
        is_stale=known.stale_since is not None,
        version=_version(),
        runs=counts.runs(),
        sources=counts.sources(),
    )


@cache
def _version() -> str:
    return version("backup-glance")


class _Made(Collector):
    """Families that are made already."""

    def __init__(self, made: Iterable[Family]) -> None:
        self._made = made

    def collect(self) -> Iterable[Family]:
        return self._made


def _family(metric: Metric[Any]) -> Family:
    made = CounterMetricFamily if metric.type is Type.COUNTER else GaugeMetricFamily
    return made(PREFIX + metric.name, metric.meaning)


def _states(level: Level[Any], metric: Metric[Any], rows: Iterable[MetricRow]) -> Family:
    """One series for each state there is, so that an alert on one of them ends when it is another one."""
    family = _family(metric)
    for row in rows:
        present = level.state(row.row)
        for state in State:
            family.add_sample(PREFIX + metric.name, {**row.labels, "state": state.value}, float(state is present))
    return family


def _values(metric: Metric[Any], place: int, rows: Iterable[MetricRow]) -> Family:
    family = _family(metric)
    for row in rows:
        value = row.values[place]
        if value is not None:
            family.add_sample(PREFIX + metric.name, _with_more(metric, row), value)
    return family


def _with_more(metric: Metric[Any], row: MetricRow) -> dict[str, str]:
    if not metric.more:
        return row.labels
    return {**row.labels, **{name: label(text(row.row)) for name, text in metric.more.items()}}
