"""How long a board and a month of calendar take, by the size of the lab. ``make bench`` prints medians.

The sidecar judges a board whenever a source was read, and again every minute. A month of calendar is drawn from what a
board was judged from, as the page does it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bench.workload import NOW, Workload, guests_only, mixed
from sidecar.core.board.board import board
from sidecar.core.judgement.judged import judged
from sidecar.core.timeline.timeline import timeline_of

SIZES = (100, 1_000, 10_000)
ROUNDS = {100: 15, 1_000: 15, 10_000: 5}

#: What is promised for 1,000 services and 60 jobs, in seconds (docs/performance.md).
PROMISED_BOARD, PROMISED_MONTH = 0.100, 0.050

#: The page of a month shows whole weeks.
MONTH = datetime(2026, 10, 25, 23, tzinfo=UTC), datetime(2026, 12, 6, 23, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class BoardTimes:
    """Seconds: a source was just read (of the one that costs most), the same reports again, and the very first time."""

    just_read: float
    again: float
    first: float


def main() -> None:
    """Prints two tables; exits with 1 when a promised figure is broken."""
    boards, months = {}, {}
    for size in SIZES:
        boards[size] = one = _boards(mixed(size), ROUNDS[size])
        _say(f"board of {size:>6} services", ("just read", one.just_read), ("again", one.again), ("first", one.first))
    for size in SIZES:
        months[size] = _months(guests_only(size), ROUNDS[size])
        _say(f"month of {size:>6} guests", ("", months[size]))
    sys.exit(boards[1_000].just_read > PROMISED_BOARD or months[1_000] > PROMISED_MONTH)


def _say(what: str, *figures: tuple[str, float]) -> None:
    told = "   ".join(f"{name:>9} {seconds * 1000:8.1f} ms" for name, seconds in figures)
    sys.stdout.write(f"{what:<24} {told}\n")
    sys.stdout.flush()


def _boards(lab: Workload, rounds: int) -> BoardTimes:
    first = _board(lab, NOW)
    just_read = {
        source: statistics.median(_board(_read_again(lab, source), moment) for moment in _moments(rounds))
        for source in lab.reports
    }
    again = statistics.median(_board(lab, moment) for moment in _moments(rounds))
    return BoardTimes(max(just_read.values()), again, first)


def _months(lab: Workload, rounds: int) -> float:
    return statistics.median(_month(lab, moment) for moment in _moments(rounds))


def _moments(rounds: int) -> Iterator[datetime]:
    """A new one each time, a minute apart."""
    return (NOW + timedelta(minutes=number) for number in range(rounds))


def _read_again(lab: Workload, source: str) -> Workload:
    """With a new report of one source: nothing is kept that was made of it."""
    return replace(lab, reports={**lab.reports, source: replace(lab.reports[source])})


def _board(lab: Workload, now: datetime) -> float:
    began = time.perf_counter()
    found = board(lab.reports, lab.history, lab.settings, now)
    took = time.perf_counter() - began
    assert {row.verdict.state for row in found.services} == {"ok"}, found.overall
    return took


def _month(lab: Workload, now: datetime) -> float:
    known = judged(lab.reports, lab.history, lab.settings, now)
    began = time.perf_counter()
    found = timeline_of(known).occurrences(*MONTH)
    took = time.perf_counter() - began
    assert {one.state for one in found} == {"ok", None}, found
    return took


if __name__ == "__main__":
    main()
