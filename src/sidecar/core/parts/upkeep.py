"""Jobs that keep backups in order (rule 8 of design §6): prune, gc, verify and sync of PBS, prune and check of Backrest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sidecar.core import words
from sidecar.core.history.observed import upkeep_member, upkeep_name
from sidecar.core.judgement.due import SHORT_GRACE, second_time
from sidecar.core.model import JobRow, Link, Outcome, Run, SourceKind, State, Verdict
from sidecar.core.reports.facts import BackrestPlan, Repo, UpkeepJob, Zone
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting

from .backup_groups import link
from .inputs import Inputs, plan
from .part import EARLY, Evidence, Plan
from .plan_history import Shared

_TITLES = {
    "prune": "prune",
    "gc": "garbage collection",
    "verify": "verification",
    "sync": "sync",
    "check": "integrity check",
}

_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """An upkeep job with what is known beside it.

    Attributes:
        job: as its upstream tells it; ``next_run`` is the due time that counts.
        past: its schedules before, each for its own time (rule 1).
        plan: its schedule, from the upstream or from ``jobs:``; without one its due times are what the upstream announced.
        runs: all that are known, newest first: those that are told now, and those that were seen earlier.
        expected: it has a schedule and something to do, and the configuration does not switch it off.
    """

    job: UpkeepJob
    plan: Plan
    evidence: Evidence
    row: JobRow
    runs: tuple[Run, ...]
    past: tuple[Plan, ...]
    expected: bool


def upkeep(lab: Inputs) -> Iterator[Upkeep]:
    """All upkeep jobs: those of the backup servers, and prune and check of Backrest's repositories."""
    for source, report in lab.of(SourceKind.PBS):
        zone = next((zone.timezone for zone in report.facts(Zone)), None) if report else None
        for reading in report.within("upkeep") if report else ():
            for job in reading.of(UpkeepJob):
                promise = plan(
                    upkeep_name(source.name, job), job.schedule, zone, lab.settings, enabled=not job.disabled
                )
                yield _upkeep(lab, source, job, promise, lab.evidence(source, reading))
    for source, report in lab.of(SourceKind.BACKREST):
        if report is not None:
            yield from _of_backrest(lab, source, report)


def _of_backrest(lab: Inputs, source: SourceSetting, report: Report) -> Iterator[Upkeep]:
    """Backrest tells no schedules: they come from ``jobs:``, else only the runs that it announced are due (rule 1)."""
    evidence = lab.evidence(source, report.reading("upkeep"))
    busy = any(run.outcome is Outcome.RUNNING for one in report.facts(BackrestPlan) for run in one.runs)
    seen = {(job.kind, job.id): job for job in report.facts(UpkeepJob)}
    for repo in report.facts(Repo):
        for kind in ("prune", "check"):
            job = seen.get((kind, repo.id)) or _untold(kind, repo.id)
            promise = _promise(lab, source, job)
            earlier = lab.history.runs.get(promise.job, ())
            if promise.schedule or promise.announced or promise.kept or job.runs or earlier:
                job = _due(_with_last(job, earlier), promise, report)
                yield _upkeep(lab, source, job, promise, evidence, busy=busy)


def _untold(kind: str, repo: str) -> UpkeepJob:
    return UpkeepJob(kind=kind, id=repo, datastore=repo)


def _promise(lab: Inputs, source: SourceSetting, job: UpkeepJob) -> Plan:
    name = upkeep_name(source.name, job)
    promise = plan(name, None, source.timezone, lab.settings)
    if promise.schedule is not None:
        return promise
    kept = lab.history.announced.get(name, ())
    return replace(promise, announced=job.next_run, kept=kept, enabled=job.next_run is not None or job.running)


def _with_last(job: UpkeepJob, earlier: tuple[Run, ...]) -> UpkeepJob:
    """The log is cut off at some length: then the last run is the one that was seen last."""
    return job if job.runs else replace(job, runs=earlier[:1])


def _due(job: UpkeepJob, promise: Plan, report: Report) -> UpkeepJob:
    """Rule 3: what counts is the first due time after the one that the last run answers."""
    answered = job.last.start + EARLY if job.last else None
    if promise.schedule is None:
        return replace(job, next_run=promise.due_after(answered or _FIRST))
    oldest = min((run.start for one in report.facts(BackrestPlan) for run in one.runs), default=report.at)
    return replace(job, schedule=promise.text, next_run=promise.schedule.next_after(answered or oldest))


def _upkeep(
    lab: Inputs, source: SourceSetting, job: UpkeepJob, promise: Plan, evidence: Evidence, *, busy: bool = False
) -> Upkeep:
    own = lab.settings.jobs.get(promise.job)
    # What is remembered holds what is told now: remember.py.
    runs = lab.history.runs.get(promise.job) or job.runs
    from_backrest = source.kind is SourceKind.BACKREST
    row = JobRow(
        name=promise.job,
        title=(own.title if own else None) or f"{'Backrest' if from_backrest else 'PBS'} {_TITLES[job.kind]} {job.id}",
        kind=job.kind,
        source=source.name,
        verdict=_verdict(lab, source, job, promise, evidence, busy=busy),
        schedule=job.schedule,
        timezone=promise.timezone if job.schedule else None,
        last_run=runs[0] if runs else None,
        next_run=_next_run(promise, lab.now) if from_backrest else job.next_run,
    )
    recalled = Shared(lab, (promise,)).recall(upkeep_member(promise.job))
    (now,) = recalled.plans
    return Upkeep(job, now, evidence, row, runs, recalled.past, expected=_why_off(job, promise) is None)


def _next_run(promise: Plan, now: datetime) -> datetime | None:
    return promise.schedule.next_after(now) if promise.schedule else promise.announced


def _verdict(
    lab: Inputs, source: SourceSetting, job: UpkeepJob, promise: Plan, evidence: Evidence, *, busy: bool
) -> Verdict:
    off = _why_off(job, promise)
    if off:
        return Verdict(State.DISABLED, words.sentence(off))
    pause = lab.pause(source.name)
    if pause:
        return Verdict(State.DISABLED, f"Paused until {words.moment(pause.end, lab.now, lab.settings.timezone)}.")
    if evidence.stale(lab.now):
        cause = evidence.problem.cause if evidence.problem else "it did not answer"
        return Verdict(State.UNKNOWN, words.sentence(f"can't read {source.name}: {cause}"), evidence.as_of)
    found = _by_last_run(lab, job, promise, evidence, _place(source, job))
    if busy and found.state in (State.MISSED, State.NEVER):
        return Verdict(State.LATE, f"{found.reason} It waits in Backrest's queue.", found.since)
    return found


def _place(source: SourceSetting, job: UpkeepJob) -> _Place:
    if source.kind is SourceKind.BACKREST:
        return _Place(Link(source.url, "Backrest"), "the operation's log in Backrest", "Check that Backrest runs.")
    action = "Check that the backup server's scheduler runs and the datastore is not in maintenance."
    return _Place(link(source, job.datastore), "the task's log on the backup server", action)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a job runs: its page, where its log is, and what to do when it does not start."""

    link: Link
    log: str
    when_missed: str


def _why_off(job: UpkeepJob, promise: Plan) -> str | None:
    """Rule 8: without a keep option or a schedule it never runs, and nobody expects it to."""
    if promise.silenced:
        return "switched off in the configuration"
    if job.kind == "prune" and job.keeps is False:
        return "keeps everything"
    expected = job.schedule or job.running or promise.announced or promise.kept
    return None if expected else "has no schedule"


def _by_last_run(lab: Inputs, job: UpkeepJob, promise: Plan, evidence: Evidence, place: _Place) -> Verdict:
    """Rule 8: the last run's state; missed when the next run lies more than grace in the past and nothing runs."""
    zone, now = lab.settings.timezone, lab.now
    off = not promise.enabled
    last = job.last
    if last is not None and job.running:
        return Verdict(State.RUNNING, f"Running since {words.moment(last.start, now, zone)}.", last.start)
    grace = promise.grace or SHORT_GRACE
    overdue = _is_overdue(job, promise, grace, evidence.as_of)
    due = words.moment(job.next_run, now, zone) if job.next_run else "–"
    where = place.link
    if last is None:
        if off and not overdue:
            return _switched_off(lab, job, promise, grace, place)
        if not overdue:
            return Verdict(State.NEW, f"Never ran; first run {due}.")
        return Verdict(State.NEVER, f"Due {due}, and it never ran.", job.next_run, place.when_missed, where)
    ended_at = last.end or last.start
    ended = words.moment(ended_at, now, zone)
    if last.outcome is Outcome.FAILED:
        said = words.sentence(f"the run that ended {ended} failed: {last.text or 'no error text'}")
        return Verdict(State.FAILED, said, ended_at, f"Read {place.log}.", where)
    if overdue:
        return Verdict(
            State.MISSED, f"Due {due}, nothing has started; last run {ended}.", job.next_run, place.when_missed, where
        )
    if off:
        return _switched_off(lab, job, promise, grace, place)
    if last.outcome is Outcome.WARNING:
        said = words.sentence(f"the run that ended {ended} finished with warnings: {last.text or 'see its log'}")
        return Verdict(State.WARNING, said, ended_at, None, where)
    return Verdict(State.OK, f"Last run {ended}.", ended_at)


def _is_overdue(job: UpkeepJob, promise: Plan, grace: timedelta, as_of: datetime | None) -> bool:
    if job.next_run is None or as_of is None:
        return False
    again = second_time(job.next_run, [promise.timezone]) if promise.schedule else timedelta()
    return job.next_run + grace + again < as_of


def _switched_off(lab: Inputs, job: UpkeepJob, promise: Plan, grace: timedelta, place: _Place) -> Verdict:
    """Rule 2: no consent, so a warning until the last run is older than the last known period and grace, then missed."""
    zone, now = lab.settings.timezone, lab.now
    last = job.last.start if job.last else None
    ran = f"last run {words.moment(last, now, zone)}" if last else "it never ran"
    reason, action = f"Switched off upstream; {ran}", f"Switch it on again, or disable {promise.job} under jobs."
    period = promise.last_period(now)
    if last is None or period is None or now < (limit := last + period + grace):
        return Verdict(State.WARNING, f"{reason}.", None, action, place.link)
    reason = f"{reason}, the limit was {words.moment(limit, now, zone)}."
    return Verdict(State.MISSED, reason, limit, action, place.link)
