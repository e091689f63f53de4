"""How long a board and a month of calendar take, by the size of the lab. ``make bench`` prints medians.

A lab is judged once to warm up, then again and again a second later, as the sidecar does each minute. ``first`` is that
first time, with nothing kept of an earlier one.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sidecar.core.board import board
from sidecar.core.judged import judged
from sidecar.core.timeline import timeline_of

from .lab import NOW, BenchLab, guests_only, mixed

SIZES = (100, 1_000, 10_000)
ROUNDS, ROUNDS_OF_THE_LARGEST = 15, 5

#: What is promised for 1,000 services and 60 jobs, in seconds (docs/performance.md).
PROMISED_BOARD, PROMISED_MONTH = 0.100, 0.050

#: The page of a month shows whole weeks.
MONTH = datetime(2026, 10, 25, 23, tzinfo=UTC), datetime(2026, 12, 6, 23, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds: of the first time, and the median of the others."""

    first: float
    median: float


def main() -> None:
    """Prints two tables; exits with 1 when a promised figure is broken."""
    boards = {size: _table_row("board of {:>6} services", size, mixed(size), _judge) for size in SIZES}
    months = {size: _table_row("month of {:>6} guests  ", size, guests_only(size), _month) for size in SIZES}
    sys.exit(boards[1_000].median > PROMISED_BOARD or months[1_000].median > PROMISED_MONTH)


def _table_row(title: str, size: int, lab: BenchLab, work: Callable[[BenchLab, datetime], float]) -> Measured:
    rounds = ROUNDS if size < SIZES[-1] else ROUNDS_OF_THE_LARGEST
    first, *others = [work(lab, NOW + timedelta(seconds=number)) for number in range(rounds + 1)]
    measured = Measured(first, statistics.median(others))
    sys.stdout.write(f"{title.format(size)}: {measured.median * 1000:8.1f} ms   first {first * 1000:8.1f} ms\n")
    sys.stdout.flush()
    return measured


def _judge(lab: BenchLab, now: datetime) -> float:
    began = time.perf_counter()
    found = board(lab.reports, lab.history, lab.settings, now)
    took = time.perf_counter() - began
    assert {row.verdict.state for row in found.services} == {"ok"}, found.overall
    return took


def _month(lab: BenchLab, now: datetime) -> float:
    """The month that a page shows of what a new board was judged from."""
    known = judged(lab.reports, lab.history, lab.settings, now)
    began = time.perf_counter()
    found = timeline_of(known).occurrences(*MONTH)
    took = time.perf_counter() - began
    assert len(found) > len(lab.settings.sources)
    return took


if __name__ == "__main__":
    main()
