"""CPU time of a board, a month of calendar and a page, by the number of services; and what real processes take.

``make bench`` prints the best of some rounds.

The sidecar judges a board whenever a source was read, and again every minute: before each board that is measured the
processor forgets, as it does in a minute of other work. A month of calendar is drawn from what a board was judged from, as
the page does it.

Times are CPU time, and each is printed as a multiple of a calibration that ran beside it: milliseconds differ from machine
to machine, the multiples hardly. ``python -m bench --compare REV`` measures this tree against another revision.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bench.after_a_minute import after_a_minute
from bench.beside import page_beside_file, rounds_beside_exporter
from bench.calibration import calibration
from bench.compare import compare
from bench.figures import Figure, Measure, say
from bench.large import large_house
from bench.row_reader import row_reader_beside_json
from bench.workload import NOW, Workload, guests_only, mapped, mixed
from sidecar.core.board.board import board
from sidecar.core.judgement.judged import judged
from sidecar.core.model import Board
from sidecar.core.reports.report import Report
from sidecar.core.reports.shared import shared
from sidecar.core.timeline.timeline import Timeline, timeline_of
from sidecar.web.counts import Counts
from sidecar.web.exposition import MEDIA_TYPE, exposition
from sidecar.web.extension import ExtensionTemplate
from sidecar.web.known import Known
from sidecar.web.page import page
from sidecar.web.query import ExtensionQuery
from sidecar.web.rendered import rendered
from sidecar.worker import uncollected

ROUNDS = {100: 15, 1_000: 15, 10_000: 15}
#: Services on a page.
PAGES = (15, 1_000)

#: The most that a board and a month may take, by the number of services, as multiples of the calibration
#: (docs/performance.md): half as much again as was measured when they were set, or half of what it once took (4.15).
BOARD_JUST_READ = {100: 1.0, 1_000: 4.15, 10_000: 45.0}
BOARD_AGAIN = {100: 0.5, 1_000: 2.0, 10_000: 19.0}
MONTH = {100: 3.2, 1_000: 6.0, 10_000: 45.0}
PAGE = {15: 0.75, 1_000: 36.0}
METRICS = {15: 0.9, 1_000: 15.0}

#: How often a board of 1,000 services fits into one of 10,000: the time grows with the services, and runs differ a little.
GROWTH = 11.0

#: The page of a month shows whole weeks.
WEEKS = datetime(2026, 10, 25, 23, tzinfo=UTC), datetime(2026, 12, 6, 23, tzinfo=UTC)


def main() -> None:
    """Prints two tables; exits with 1 when a limit is exceeded."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument(
        "--compare", metavar="REV", help="measure this tree and another revision in turn, 1,000 services"
    )
    revision = parser.parse_args().compare
    if revision is not None:
        compare(revision, say)
        return
    say(f"calibration: {min(calibration() for _ in range(15)) * 1000:.1f} ms")
    boards = {size: _board_figures(size) for size in ROUNDS}
    figures = [figure for size in ROUNDS for figure in boards[size]]
    growth = _growth(boards[1_000][0], boards[10_000][0])
    say(str(growth))
    figures += [figure for size in ROUNDS for figure in _month_figures(size)]
    figures += [figure for size in PAGES for figure in _page_figures(size)]
    measures = [growth, *_measures()]
    sys.exit(any(figure.exceeded for figure in figures) or any(measure.exceeded for measure in measures))


def _measures() -> Iterator[Measure]:
    """What is measured beside something else, or with real processes, each in a folder of its own."""
    every: tuple[Callable[[Path], list[Measure]], ...] = (
        row_reader_beside_json,
        page_beside_file,
        rounds_beside_exporter,
        large_house,
    )
    for measured in every:
        with tempfile.TemporaryDirectory(prefix="backup-glance-bench.") as folder:
            for measure in measured(Path(folder)):
                say(str(measure))
                yield measure


def _board_figures(size: int) -> list[Figure]:
    workload, rounds = mixed(size), ROUNDS[size]
    first = _beside_calibration("first", [partial(board_seconds, workload, NOW)])
    just_read = [
        _beside_calibration("just read", list(_just_read(workload, source, rounds)), BOARD_JUST_READ[size])
        for source in workload.reports
    ]
    again = _beside_calibration("again", list(_again(workload, rounds)), BOARD_AGAIN[size])
    named = _beside_calibration("each configured", list(_again(mapped(size), rounds)), BOARD_AGAIN[size])
    figures = [max(just_read, key=lambda figure: figure.calibrations), again, named, first]
    say(f"board of {size:>6} services: {', '.join(map(str, figures))}")
    return figures


def _growth(smaller: Figure, larger: Figure) -> Measure:
    return Measure(
        "a board of 10,000 services just read, beside one of 1,000", larger.calibrations / smaller.calibrations, GROWTH
    )


def _month_figures(size: int) -> list[Figure]:
    workload = guests_only(size)
    months = [partial(month_seconds, workload, moment) for moment in _moments(ROUNDS[size])]
    figure = _beside_calibration("month", months, MONTH[size])
    say(f"month of {size:>6} guests: {figure}")
    return [figure]


def _page_figures(size: int) -> list[Figure]:
    """Glance's fragment for a new board, and Prometheus' metrics: both ask once a minute, when there is a new one."""
    workload, template = mixed(size), ExtensionTemplate()
    boards = [board(workload.reports, workload.history, workload.settings, moment) for moment in _moments(15)]
    figure = _beside_calibration("page", [partial(page_seconds, template, shown) for shown in boards], PAGE[size])
    metrics = _beside_calibration("metrics", [partial(metrics_seconds, shown) for shown in boards], METRICS[size])
    say(f"page of {size:>7} services: {figure}, {metrics}")
    return [figure, metrics]


def _just_read(workload: Workload, source: str, rounds: int) -> Iterator[Callable[[], float]]:
    """Boards right after one source was read, and said the same again, as the sidecar takes it."""
    newest = workload.reports[source]
    for moment in _moments(rounds):
        yield partial(after_a_minute, partial(_read_and_judged, workload, source, newest, moment))


def _read_and_judged(workload: Workload, source: str, before: Report, now: datetime) -> float:
    began = time.process_time()
    newest = shared(replace(before), before)
    took = time.process_time() - began
    return took + board_seconds(replace(workload, reports={**workload.reports, source: newest}), now)


def _again(workload: Workload, rounds: int) -> Iterator[Callable[[], float]]:
    """Boards of the same reports, a minute later each time."""
    for moment in _moments(rounds):
        yield partial(after_a_minute, partial(board_seconds, workload, moment))


def _beside_calibration(name: str, tasks: Sequence[Callable[[], float]], limit: float | None = None) -> Figure:
    """The best of all rounds, by the best calibration between them: whatever else runs only ever adds to either."""
    calibrations, seconds = [calibration()], []
    for task in tasks:
        seconds.append(task())
        calibrations.append(calibration())
    return Figure(name, min(seconds), min(seconds) / min(calibrations), limit)


def _moments(rounds: int) -> Iterator[datetime]:
    """A new one each time, a minute apart."""
    return (NOW + timedelta(minutes=number) for number in range(rounds))


def board_seconds(workload: Workload, now: datetime) -> float:
    """The CPU time of one board, in which everything must be well."""
    began = time.process_time()
    judged_board = uncollected(board)(workload.reports, workload.history, workload.settings, now)
    took = time.process_time() - began
    assert {row.verdict.state for row in judged_board.services} == {"ok"}, judged_board.overall
    return took


def page_seconds(template: ExtensionTemplate, shown: Board) -> float:
    """The CPU time of one fragment, whose board was judged before."""
    began = time.process_time()
    uncollected(_fragment)(template, shown)
    return time.process_time() - began


def _fragment(template: ExtensionTemplate, shown: Board) -> None:
    rendered(template.render(ExtensionQuery(), page(shown), None, None, shown.as_of), "text/html")


def metrics_seconds(shown: Board) -> float:
    """The CPU time of all metrics, whose board was judged before."""
    began = time.process_time()
    uncollected(_metrics)(shown)
    return time.process_time() - began


def _metrics(shown: Board) -> None:
    rendered(exposition(Known(board=shown, timeline=_nothing_due), Counts()), MEDIA_TYPE)


def _nothing_due() -> Timeline:
    raise AssertionError("metrics ask for no due times")


def month_seconds(workload: Workload, now: datetime) -> float:
    """The CPU time of one month, whose board was judged before."""
    known = judged(workload.reports, workload.history, workload.settings, now)
    began = time.process_time()
    occurrences = uncollected(lambda: timeline_of(known).occurrences(*WEEKS))()
    took = time.process_time() - began
    assert {occurrence.state for occurrence in occurrences} == {"ok", None}, occurrences
    return took


if __name__ == "__main__":
    main()
