"""A verification that failed over lost uploads only: no data is bad, but each run fails until they are removed (PBS-17)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sidecar.core import words
from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import BackupGroup, Snapshot, UpkeepJob
from sidecar.core.reports.report import Reading, Report

from .expectation import Expectation
from .inputs import Inputs


def with_lost_uploads(inputs: Inputs, report: Report, job: UpkeepJob, expectation: Expectation) -> Expectation:
    """The expectation of a verify job; where nothing but lost uploads explains its last failure, the run says so."""
    runs = expectation.observed.runs
    if job.kind != "verify" or not runs or runs[0].outcome is not Outcome.FAILED:
        return expectation
    lost = _only_lost(report, job, runs[0])
    if not lost:
        return expectation
    now, zone = inputs.now, inputs.settings.timezone
    names = words.listed([f"{group.path} of {words.moment(snapshot.time, now, zone)}" for group, snapshot in lost])
    said = f"{runs[0].text}; " if runs[0].text else ""
    run = replace(runs[0], text=f"{said}no backup is bad, it failed over lost uploads only: {names}")
    return replace(expectation, observed=replace(expectation.observed, runs=(run, *runs[1:])), task=run)


def _only_lost(report: Report, job: UpkeepJob, run: Run) -> list[tuple[BackupGroup, Snapshot]]:
    """The lost uploads that a failed run met; none where a snapshot is bad, or where not all of them could be read since."""
    readings = list(_in_scope(report, job))
    if not readings or any(not _read_since(reading, run) for reading in readings):
        return []
    groups = [group for reading in readings for group in reading.of(BackupGroup)]
    if any(_is_bad(snapshot) for group in groups for snapshot in group.snapshots):
        return []
    ended = run.end or run.start
    lost = [(group, each) for group in groups for each in group.snapshots if each.size is None and each.time < ended]
    return sorted(lost, key=lambda pair: pair[1].time, reverse=True)


def _in_scope(report: Report, job: UpkeepJob) -> Iterator[Reading]:
    """The job's namespace and those within it."""
    inside = f"{job.namespace}/" if job.namespace else ""
    for reading in report.within("snapshots", job.datastore):
        if reading.scope[2] == job.namespace or reading.scope[2].startswith(inside):
            yield reading


def _read_since(reading: Reading, run: Run) -> bool:
    ended = run.end or run.start
    return reading.problem is None and reading.as_of is not None and reading.as_of >= ended


def _is_bad(snapshot: Snapshot) -> bool:
    failed = snapshot.verification is not None and snapshot.verification.own and not snapshot.verification.ok
    return failed or snapshot.damaged
