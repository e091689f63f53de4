"""Jobs as rows: each is as bad as the worst of its expectations, and counts how many of them are ok."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from sidecar.core import words
from sidecar.core.ids import JobId, SourceName
from sidecar.core.judgement.judge import Judgement
from sidecar.core.judgement.judged import Judged, JudgedPart, JudgedService
from sidecar.core.judgement.wording import quoted
from sidecar.core.model import HARMLESS, Cause, JobRow, Outcome, Run, SourceKind, State, Verdict, worst
from sidecar.core.parts.expectation import Expectation, ScheduleInForce
from sidecar.core.parts.inputs import Inputs, schedule_in_force
from sidecar.core.parts.job_titles import services_of, title
from sidecar.core.reports.facts import BackupJob, Zone
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting
from sidecar.core.value import value

from .idle_jobs import IdleJobs


@value()
class Member:
    """What a job owes a member, as judged; ``name`` is its service's."""

    name: str
    judgement: Judgement


def job_rows(judged: Judged) -> Iterator[JobRow]:
    """All jobs: those that back something up, by source and name, then upkeep."""
    inputs = judged.inputs
    by_job: dict[JobId, list[Member]] = {}
    schedules: dict[JobId, ScheduleInForce] = {}
    for service_name, part in _each_once(judged.services):
        for judgement in part.judgements:
            schedule = judgement.expectation.schedule
            # What comes by itself is no job of anybody's.
            if schedule is not None and not judgement.expectation.only_by_rhythm:
                by_job.setdefault(schedule.job, []).append(Member(service_name, judgement))
                schedules[schedule.job] = schedule
    for source, report in inputs.of(SourceKind.PVE):
        for job in report.facts(BackupJob) if report else ():
            if job.id:
                schedule = _without_members(inputs, source, report, job)
                schedules.setdefault(schedule.job, schedule)
    called = services_of((service.service.name, part.part) for service in judged.services for part in service.parts)
    idle = IdleJobs(judged)
    for name in sorted(schedules):
        row = _row(inputs, schedules[name], by_job.get(name, []), idle)
        yield replace(row, title=title(inputs, name, called[name])) if name in called else row
    for part in judged.upkeep:
        yield from (_upkeep_row(inputs, judgement) for judgement in part.judgements)


def _each_once(services: Iterable[JudgedService]) -> Iterator[tuple[str, JudgedPart]]:
    """A part of two services is one member, called like the first of them, as in the calendar."""
    seen = set()
    for service in services:
        for part in service.parts:
            name = part.part.kind, part.part.source, part.part.ref
            if name not in seen:
                seen.add(name)
                yield service.service.name, part


def _without_members(inputs: Inputs, source: SourceSetting, report: Report | None, job: BackupJob) -> ScheduleInForce:
    """A job that covers nobody still has a row."""
    zone = next((zone.timezone for zone in report.facts(Zone)), None) if report else None
    name = JobId(SourceName(source.name), "backup", job.id)
    return schedule_in_force(name, job.schedule, zone, inputs.settings, enabled=job.enabled)


def _row(inputs: Inputs, schedule: ScheduleInForce, members: list[Member], idle: IdleJobs) -> JobRow:
    job = schedule.job
    good = sum(_is_good(member.judgement) for member in members)
    return JobRow(
        name=str(job),
        title=title(inputs, job),
        kind=job.kind,
        source=job.source,
        verdict=_verdict(schedule, members, good, idle),
        schedule=schedule.text,
        timezone=schedule.timezone,
        last_run=_last_run(members),
        next_run=_next_run(schedule, inputs.now),
        members=len(members),
        members_ok=good,
    )


def _is_good(judgement: Judgement) -> bool:
    """A warning may have a backup, or be one because there is none or the last one was cancelled."""
    verdict = judgement.verdict
    backed_up = judgement.good is not None and verdict.cause is not Cause.RUN_CANCELLED
    return verdict.state is State.OK or (verdict.state is State.WARNING and backed_up)


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


def _verdict(schedule: ScheduleInForce, members: list[Member], good: int, idle: IdleJobs) -> Verdict:
    """Rule 8: a job is as bad as the worst that it owes: "4 of 5"."""
    if schedule.silenced:
        return Verdict(state=State.DISABLED, reason="Switched off in the configuration.")
    if not members:
        return idle.verdict(schedule)
    state = worst(member.judgement.verdict.state for member in members)
    bad = [member for member in members if member.judgement.verdict.state is state]
    since = min((member.judgement.verdict.since for member in bad if member.judgement.verdict.since), default=None)
    reason = "" if schedule.enabled else "switched off at its source; "
    reason += f"{good} of {len(members)}"
    if state is not State.OK:
        reason += f": {words.listed([f'{member.name} {state}' for member in bad])}"
        reason += quoted(_error(bad[0].judgement)) if len(bad) == 1 else ""
    worst_of_all = bad[0].judgement.verdict
    link = worst_of_all.link if state not in HARMLESS else None
    return Verdict(state=state, reason=words.sentence(reason), since=since, link=link, cause=worst_of_all.cause)


def _error(judgement: Judgement) -> str | None:
    """What its task said, where that failed."""
    if judgement.verdict.cause is not Cause.RUN_FAILED:
        return None
    return next((run.text for run in judgement.expectation.observed.runs if run.outcome is Outcome.FAILED), None)


def _last_run(members: list[Member]) -> Run | None:
    """Rule 8: the task, where the job has one for many; else the newest run of any member."""
    tasks = [member.judgement.expectation.task for member in members]
    runs = [task for task in tasks if task is not None]
    if not runs:
        runs = [run for member in members for run in member.judgement.expectation.observed.runs[:1]]
    return max(runs, key=lambda run: run.start, default=None)


def _next_run(schedule: ScheduleInForce, now: datetime) -> datetime | None:
    if not schedule.enabled or schedule.silenced:
        return None
    return schedule.due_after(now)
