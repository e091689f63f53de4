"""Jobs as rows: each is as bad as the worst of its expectations, and counts how many of them are ok."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from sidecar.core import words
from sidecar.core.ids import JobId, SourceName
from sidecar.core.judgement.judge import Judgement
from sidecar.core.judgement.judged import Judged, JudgedPart
from sidecar.core.judgement.wording import quoted
from sidecar.core.model import HARMLESS, Cause, JobRow, Outcome, SourceKind, State, Verdict
from sidecar.core.parts.expectation import Expectation, ScheduleInForce
from sidecar.core.parts.inputs import Inputs, schedule_in_force
from sidecar.core.parts.job_titles import WITHOUT_JOB, services_of, title
from sidecar.core.reports.facts import BackupJob, Zone
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting

from .idle_jobs import IdleJobs
from .job_members import JobMembers


def job_rows(judged: Judged) -> Iterator[JobRow]:
    """All jobs: those that back something up, by source and name, then upkeep."""
    inputs = judged.inputs
    jobs = _by_job(judged)
    for source, report in inputs.of(SourceKind.PVE):
        for job in report.facts(BackupJob) if report else ():
            if job.id:
                schedule = _without_members(inputs, source, report, job)
                jobs.setdefault(schedule.job, JobMembers(schedule=schedule))
    parts = ((service.service.name, part.part) for service in judged.services for part in service.parts)
    called = services_of(parts) if any(job.kind in WITHOUT_JOB for job in jobs) else {}
    idle = IdleJobs(judged)
    for name in sorted(jobs):
        row = _row(inputs, jobs[name], idle)
        yield replace(row, title=title(inputs, name, called[name])) if name in called else row
    for part in judged.upkeep:
        yield from (_upkeep_row(inputs, judgement) for judgement in part.judgements)


def _by_job(judged: Judged) -> dict[JobId, JobMembers]:
    by_job: dict[JobId, JobMembers] = {}
    by_schedule: dict[ScheduleInForce, JobMembers] = {}
    every = ((service.service.name, part) for service in judged.services for part in service.parts)
    for service_name, part in _each_once(every):
        for judgement in part.judgements:
            schedule = judgement.expectation.schedule
            # What comes by itself is no job of anybody's.
            if schedule is None or judgement.expectation.only_by_rhythm:
                continue
            # Members of a job share the very object, which is found sooner than its name.
            members = by_schedule.get(schedule)
            if members is None:
                members = by_schedule[schedule] = by_job.setdefault(schedule.job, JobMembers(schedule=schedule))
            members.schedule = schedule
            members.add(service_name, judgement)
    return by_job


def _each_once(parts: Iterable[tuple[str, JudgedPart]]) -> Iterator[tuple[str, JudgedPart]]:
    """A part of two services is one member, called like the first of them, as in the calendar."""
    seen = set()
    for service_name, part in parts:
        name = part.part.kind, part.part.source, part.part.ref
        if name not in seen:
            seen.add(name)
            yield service_name, part


def _without_members(inputs: Inputs, source: SourceSetting, report: Report | None, job: BackupJob) -> ScheduleInForce:
    """A job that covers nobody still has a row."""
    zone = next((zone.timezone for zone in report.facts(Zone)), None) if report else None
    name = JobId(SourceName(source.name), "backup", job.id)
    return schedule_in_force(name, job.schedule, zone, inputs.settings, enabled=job.enabled)


def _row(inputs: Inputs, members: JobMembers, idle: IdleJobs) -> JobRow:
    schedule = members.schedule
    job = schedule.job
    return JobRow(
        name=str(job),
        title=title(inputs, job),
        kind=job.kind,
        source=job.source,
        verdict=_verdict(members, idle),
        schedule=schedule.text,
        timezone=schedule.timezone,
        last_run=members.last_run,
        next_run=_next_run(schedule, inputs.now),
        members=members.number,
        members_ok=members.good,
    )


def _upkeep_row(inputs: Inputs, judgement: Judgement) -> JobRow:
    """An upkeep job is a member of itself: its row is the verdict of its one expectation."""
    expectation = judgement.expectation
    job, schedule = expectation.job, expectation.schedule
    return JobRow(
        name=str(job),
        title=title(inputs, job),
        kind=job.kind,
        source=job.source,
        verdict=judgement.verdict,
        schedule=schedule.text if schedule else None,
        timezone=schedule.timezone if schedule and schedule.text else None,
        last_run=expectation.task,
        next_run=_next_upkeep(inputs, expectation),
    )


def _next_upkeep(inputs: Inputs, expectation: Expectation) -> datetime | None:
    """When it runs next: a backup server's own word, as long as that lies ahead (PBS-25); what owes nothing never does."""
    schedule = expectation.schedule
    if schedule is None or expectation.nothing_owed is not None:
        return None
    told, computed = expectation.confirmed_until, _next_run(schedule, inputs.now)
    return told if told is not None and computed is not None and told > inputs.now else computed


def _verdict(members: JobMembers, idle: IdleJobs) -> Verdict:
    """Rule 8: a job is as bad as the worst that it owes: "4 of 5"."""
    schedule, worst = members.schedule, members.worst
    if schedule.silenced:
        return Verdict(state=State.DISABLED, reason="Switched off in the configuration.")
    if worst is None:
        return idle.verdict(schedule)
    state = worst.verdict.state
    reason = "" if schedule.enabled else "switched off at its source; "
    reason += f"{members.good} of {members.number}"
    if state is not State.OK:
        reason += f": {words.listed([f'{name} {state}' for name in members.bad])}"
        reason += quoted(_error(worst)) if len(members.bad) == 1 else ""
    link = worst.verdict.link if state not in HARMLESS else None
    return Verdict(
        state=state, reason=words.sentence(reason), since=members.since, link=link, cause=worst.verdict.cause
    )


def _error(judgement: Judgement) -> str | None:
    """What its task said, where that failed."""
    if judgement.verdict.cause is not Cause.RUN_FAILED:
        return None
    return next((run.text for run in judgement.expectation.observed.runs if run.outcome is Outcome.FAILED), None)


def _next_run(schedule: ScheduleInForce, now: datetime) -> datetime | None:
    if not schedule.enabled or schedule.silenced:
        return None
    return schedule.due_after(now)
