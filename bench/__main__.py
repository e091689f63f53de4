"""How long a board and a month of calendar take, by the size of the lab. ``make bench`` prints medians.

The sidecar judges a board when a source was read, and again every minute. Here all sources were just read each time, so
nothing is known that was made of an earlier report; ``again`` is a minute later, with the same reports; ``first`` is the
first time in the process. A month of calendar is drawn from what a board was judged from, as the page does it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
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
    """Seconds: of the first time, the median of those with new reports, and the median of those with the same."""

    first: float
    median: float
    again: float


def main() -> None:
    """Prints two tables; exits with 1 when a promised figure is broken."""
    boards = {size: _measured("board of {:>6} services", size, mixed(size), _board) for size in SIZES}
    months = {size: _measured("month of {:>6} guests  ", size, guests_only(size), _month) for size in SIZES}
    sys.exit(boards[1_000].median > PROMISED_BOARD or months[1_000].median > PROMISED_MONTH)


def _measured(title: str, size: int, lab: BenchLab, work: Callable[[BenchLab, datetime], float]) -> Measured:
    rounds = ROUNDS if size < SIZES[-1] else ROUNDS_OF_THE_LARGEST
    first, *times = [_twice(lab, NOW + timedelta(minutes=number), work) for number in range(rounds + 1)]
    found = Measured(first[0], *(statistics.median(column) for column in zip(*times, strict=True)))
    figures = (f"{value * 1000:8.1f} ms" for value in (found.median, found.again, found.first))
    sys.stdout.write("{}: {}   again {}   first {}\n".format(title.format(size), *figures))
    sys.stdout.flush()
    return found


def _twice(lab: BenchLab, now: datetime, work: Callable[[BenchLab, datetime], float]) -> tuple[float, float]:
    just_read = replace(lab, reports={name: replace(report) for name, report in lab.reports.items()})
    return work(just_read, now), work(just_read, now + timedelta(minutes=1))


def _board(lab: BenchLab, now: datetime) -> float:
    began = time.perf_counter()
    found = board(lab.reports, lab.history, lab.settings, now)
    took = time.perf_counter() - began
    assert {row.verdict.state for row in found.services} == {"ok"}, found.overall
    return took


def _month(lab: BenchLab, now: datetime) -> float:
    known = judged(lab.reports, lab.history, lab.settings, now)
    began = time.perf_counter()
    found = timeline_of(known).occurrences(*MONTH)
    took = time.perf_counter() - began
    assert {one.state for one in found} == {"ok", None}, found
    return took


if __name__ == "__main__":
    main()
