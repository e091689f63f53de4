"""What is kept between boards changes how long they take, never what they say."""

from __future__ import annotations

import gc
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import sidecar.core
from bench.lab import NOW, BenchLab, guests_only, mixed
from sidecar.core.board import board_of
from sidecar.core.by_report import by_report
from sidecar.core.judged import judged
from sidecar.core.model import Board, Occurrence, SourceKind
from sidecar.core.report import Report
from sidecar.core.timeline import timeline_of

MONTH = NOW - timedelta(days=28), NOW + timedelta(days=14)

#: Minutes from the last reading on: well, a little later, a day in which nothing ran, and well again.
MINUTES = (0, 1, 7 * 60, 23 * 60, 0)


def forget() -> None:
    """Empties everything that any module of core keeps of its own accord."""
    modules = [
        importlib.import_module(f"sidecar.core.{one.name}") for one in pkgutil.iter_modules(sidecar.core.__path__)
    ]
    kept = [value for module in modules for value in vars(module).values() if hasattr(value, "cache_clear")]
    assert len(kept) > 3
    for one in kept:
        one.cache_clear()


def copies(reports: Mapping[str, Report]) -> dict[str, Report]:
    """Equal reports of which nothing was kept."""
    return {name: replace(report) for name, report in reports.items()}


def said(lab: BenchLab, reports: Mapping[str, Report], minutes: int) -> tuple[Board, tuple[Occurrence, ...]]:
    # The readings grow old with the clock, so that a moment hours later finds what is missing and not what is unread.
    patient = tuple(replace(one, stale_after=timedelta(days=3)) for one in lab.settings.sources)
    found = judged(reports, lab.history, replace(lab.settings, sources=patient), NOW + timedelta(minutes=minutes))
    return board_of(found), timeline_of(found).occurrences(*MONTH)


def test_the_same_reports_say_the_same_whatever_was_judged_before() -> None:
    for lab in (mixed(100), guests_only(100)):
        warm = [said(lab, lab.reports, minutes) for minutes in MINUTES]
        for minutes, expected in zip(MINUTES, warm, strict=True):
            forget()
            assert said(lab, copies(lab.reports), minutes) == expected


def test_the_moments_that_are_compared_differ() -> None:
    lab = mixed(100)

    states = [said(lab, lab.reports, minutes)[0].overall.counts for minutes in MINUTES]

    assert len({tuple(one) for one in states}) > 1
    assert states[0] == states[-1]


def test_what_is_kept_by_report_goes_with_the_report() -> None:
    made: list[str] = []

    @by_report
    def length(report: Report) -> int:
        made.append(report.source)
        return len(report.readings)

    first = Report("pbs", SourceKind.PBS, NOW)
    assert [length(first), length(first), length(replace(first))] == [0, 0, 0]
    assert made == ["pbs", "pbs"]

    again = id(first)
    del first
    gc.collect()
    others = [Report(f"pbs{number}", SourceKind.PBS, NOW) for number in range(1000)]
    assert [length(one) for one in others] == [0] * 1000
    assert len(made) == 1002, f"one got what was kept of another ({again})"
