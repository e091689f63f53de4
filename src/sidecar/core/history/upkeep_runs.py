"""Runs of upkeep jobs: what the upstream reports of them now, and what was seen of them earlier.

A backup server reports only the last run of a job, and its task list goes back some days; Backrest's log is cut off at some
length. So every run that was ever seen is remembered (history.py), and the calendar can say what became of past due times.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sidecar.core.model import Outcome, Run

#: What is said of a run that was seen while it ran, and of which nothing was reported later.
END_NOT_SEEN = "it is not known how it ended"


def with_earlier(now: tuple[Run, ...], before: Iterable[Run]) -> tuple[Run, ...]:
    """The runs reported now and those remembered, newest first.

    One that was seen running and is not reported any more, although a later one is, ended in a way that nobody knows.
    """
    newest = now[0].start if now else None
    reported = {run.start for run in now}
    return tuple(
        replace(run, outcome=Outcome.WARNING, text=END_NOT_SEEN)
        if run.outcome is Outcome.RUNNING and run.start not in reported and newest and run.start < newest
        else run
        for run in newest_first([*before, *now])
    )


def newest_first(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Each run once. Of two that began at the same moment the later one in ``runs`` counts: it is better known.

    Where the end of a run stands for its start, it is the same as the run before it if that was still going on then.
    """
    by_start = {run.start: run for run in runs}
    oldest_first: list[Run] = []
    for start in sorted(by_start):
        run = by_start[start]
        if oldest_first and _is_end_of(run, oldest_first[-1]):
            if oldest_first[-1].end is None:
                oldest_first[-1] = replace(run, start=oldest_first[-1].start)
        else:
            oldest_first.append(run)
    return tuple(reversed(oldest_first))


def _is_end_of(run: Run, earlier: Run) -> bool:
    """Only failures are known by their end alone; a good run may well begin and end within the same second."""
    if run.start != run.end or run.outcome is Outcome.OK:
        return False
    return earlier.outcome is Outcome.RUNNING or (earlier.end is not None and earlier.end >= run.end)
