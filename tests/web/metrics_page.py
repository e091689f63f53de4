"""The tables of docs/metrics.md, made from the code: ``python -m tests.web.metrics_page`` writes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sidecar.web.metric_table import CODES, LEFT_OUT, LEVELS, PREFIX, Level, Metric, every_metric

PAGE = Path(__file__).parent.parent.parent / "docs" / "metrics.md"

_BEGIN, _END = "<!-- made by python -m tests.web.metrics_page -->\n", "<!-- until here -->"


def page(text: str) -> str:
    """The page with the tables as they should be."""
    before, begun, rest = text.partition(_BEGIN)
    _, ended, after = rest.partition(_END)
    assert begun
    assert ended
    return "\n".join([before + begun, *tables(), "", ended + after])


def tables() -> Iterator[str]:
    """A table for each level, and the one of the numbers."""
    for level in LEVELS:
        labels = ", ".join(f"`{name}`" for name in level.labels)
        yield f"### {level.title}"
        yield ""
        yield f"Labels: {labels}." if labels else "No labels."
        yield ""
        yield "| metric | type | meaning |"
        yield "|---|---|---|"
        for metric in every_metric(level):
            yield _line(level, metric)
        if not level.labels:
            yield _line(level, LEFT_OUT)
        yield ""
    yield "### States as numbers"
    yield ""
    yield "| state | number |"
    yield "|---|---|"
    for state, code in sorted(CODES.items(), key=lambda item: item[1]):
        yield f"| `{state}` | {code} |"


def _line(level: Level[Any], metric: Metric[Any]) -> str:
    more = ("state",) if metric is level.states else tuple(metric.more)
    labels = f" Also labelled {', '.join(f'`{name}`' for name in more)}." if more else ""
    return f"| `{PREFIX}{metric.name}` | {metric.type} | {metric.meaning}{labels} |"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
