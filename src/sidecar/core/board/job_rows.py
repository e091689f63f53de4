"""Backup jobs as rows: what promises a backup, and how many of those it promised have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sidecar.core import words
from sidecar.core.model import JobRow, PartRow, Run, SourceKind, State, Verdict, worst
from sidecar.core.parts.inputs import Inputs, plan
from sidecar.core.parts.part import Part, Plan
from sidecar.core.reports.facts import BackupJob, Zone
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting


@dataclass(frozen=True, slots=True)
class Member:
    """A part with its row, as a member of the jobs that promise it."""

    part: Part
    row: PartRow


def job_rows(lab: Inputs, members: Iterable[Member]) -> Iterator[JobRow]:
    """All jobs that back something up, by source and name."""
    by_job: dict[str, dict[str, Member]] = {}
    promises: dict[str, Plan] = {}
    for member in members:
        for promise in member.part.plans:
            by_job.setdefault(promise.job, {})[f"{member.part.kind}:{member.part.full_ref}"] = member
            promises[promise.job] = promise
    for source, report in lab.of(SourceKind.PVE):
        for job in report.facts(BackupJob) if report else ():
            promise = _without_members(lab, source, report, job)
            promises.setdefault(promise.job, promise)
    for name in sorted(promises):
        yield _row(lab, promises[name], list(by_job.get(name, {}).values()))


def title(lab: Inputs, job: str) -> str:
    """What people call a job: the owner's word, what is written beside it in PVE, else its kind and id."""
    source, kind, ident = job.split("/", 2)
    own = lab.settings.jobs.get(job)
    comment = _comment(lab.reports.get(source), ident) if kind == "backup" else None
    return (own.title if own else None) or comment or f"{_TITLES.get(kind, kind)} {ident}"


def _without_members(lab: Inputs, source: SourceSetting, report: Report | None, job: BackupJob) -> Plan:
    """A job that covers nobody still has a row."""
    zone = next((zone.timezone for zone in report.facts(Zone)), None) if report else None
    return plan(f"{source.name}/backup/{job.id}", job.schedule, zone, lab.settings, enabled=job.enabled)


def _row(lab: Inputs, promise: Plan, members: list[Member]) -> JobRow:
    source, kind, _ = promise.job.split("/", 2)
    own = lab.settings.jobs.get(promise.job)
    good = [one for one in members if one.row.verdict.state in (State.OK, State.WARNING)]
    return JobRow(
        name=promise.job,
        title=title(lab, promise.job),
        kind=kind,
        source=source,
        verdict=_verdict(promise, members, len(good), disabled=own is not None and own.disabled),
        schedule=promise.text,
        timezone=promise.timezone,
        last_run=_last_run(members),
        next_run=_next_run(promise, lab.now),
        members=len(members),
        members_ok=len(good),
    )


def _comment(report: Report | None, ident: str) -> str | None:
    """What the owner of a PVE job wrote beside it."""
    reading = report.reading("jobs") if report else None
    return next((job.comment for job in reading.of(BackupJob) if job.id == ident), None) if reading else None


_TITLES = {"backup": "PVE backup", "dump": "Databasement", "plan": "Backrest"}


def _verdict(promise: Plan, members: list[Member], good: int, *, disabled: bool) -> Verdict:
    """A job is as bad as the worst of its members: "4 of 5" (rule 8)."""
    if disabled:
        return Verdict(State.DISABLED, "Switched off in the configuration.")
    if not members:
        said = "Covers nothing." if promise.enabled else "Switched off at its source, and covers nothing."
        return Verdict(State.WARNING if promise.enabled else State.DISABLED, said)
    state = worst(one.row.verdict.state for one in members)
    bad = [f"{one.part.name} {one.row.verdict.state}" for one in members if one.row.verdict.state is state]
    since = min(
        (one.row.verdict.since for one in members if one.row.verdict.state is state and one.row.verdict.since),
        default=None,
    )
    said = "" if promise.enabled else "switched off at its source; "
    said += f"{good} of {len(members)}" + (f": {words.listed(bad)}" if state is not State.OK else "")
    return Verdict(state, words.sentence(said), since)


def _last_run(members: list[Member]) -> Run | None:
    runs = [one.row.last_run for one in members if one.row.last_run]
    return max(runs, key=lambda run: run.start, default=None)


def _next_run(promise: Plan, now: datetime) -> datetime | None:
    if not promise.enabled or promise.silenced:
        return None
    return promise.schedule.next_after(now) if promise.schedule else promise.announced
