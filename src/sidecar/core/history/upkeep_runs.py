"""Runs of upkeep jobs: what the upstream tells of them now, and what was seen of them earlier.

A backup server tells only the last run of a job, and its task list goes back some days; Backrest's log is cut off at some
length. So every run that was ever seen is remembered (history.py), and the calendar can tell what became of past due times.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import UpkeepJob

#: What PBS says of a task whose worker died before it could say how it ended (pbs.md §2.9).
BROKE_OFF = "unknown"


def outcome(status: str | None) -> Outcome:
    """PBS gives a bare error text as state, and none while the task runs (pbs.md §2.9)."""
    if status is None:
        return Outcome.RUNNING
    if status == "OK":
        return Outcome.OK
    return Outcome.WARNING if status.startswith("WARNINGS:") else Outcome.FAILED


def told(job: UpkeepJob) -> tuple[Run, ...]:
    """The runs that its upstream tells now, newest first."""
    if job.last_start is None:
        return job.runs
    state = None if job.running else job.last_state or BROKE_OFF
    last = Run(job.last_start, job.last_end, outcome(state), text=state)
    return _newest_first([*job.runs, last])


def with_earlier(now: tuple[Run, ...], before: Iterable[Run]) -> tuple[Run, ...]:
    """The runs told now and those remembered, newest first.

    One that was seen running and is not told any more, although a later one is, broke off as far as anybody knows.
    """
    newest = now[0].start if now else None
    known = {run.start for run in now}
    over = (
        replace(run, outcome=Outcome.FAILED, text=BROKE_OFF)
        if run.outcome is Outcome.RUNNING and run.start not in known and newest and run.start < newest
        else run
        for run in before
    )
    return _newest_first([*over, *now])


def _newest_first(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Of two that began at the same moment the later one in ``runs`` counts: it is told better."""
    by_start = {run.start: run for run in runs}
    return tuple(by_start[start] for start in sorted(by_start, reverse=True))
