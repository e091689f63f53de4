"""Jobs that keep a backup server in order, and the room that is left on it (design §6 rule 8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from . import words
from .due import SHORT_GRACE, second_time
from .host_groups import link
from .lab import Lab, plan
from .model import DatastoreRow, JobRow, Link, Outcome, Run, SourceKind, State, Verdict
from .part import EARLY, Evidence, Plan
from .report import Datastore, Repo, Report, UpkeepJob, Zone
from .report import Plan as BackrestPlan
from .settings import SourceSetting

KINDS = ("prune", "gc", "verify", "sync", "check")
_TITLES = {
    "prune": "prune",
    "gc": "garbage collection",
    "verify": "verification",
    "sync": "sync",
    "check": "integrity check",
}

#: A datastore that is full sooner than this is worth a warning.
SOON_FULL = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Upkeep:
    """An upkeep job with what is known beside it.

    Attributes:
        plan: its schedule, from the upstream or from ``jobs:``; without one its next run is what the upstream announces.
        busy: Backrest's one queue is at work, so that whatever is due has to wait (databasement_backrest.md §3.5).
    """

    source: SourceSetting
    job: UpkeepJob
    plan: Plan
    evidence: Evidence
    row: JobRow
    busy: bool = False


def upkeep(lab: Lab) -> Iterator[Upkeep]:
    """All upkeep jobs: those of the backup servers, and prune and check of Backrest's repositories."""
    for source, report in lab.of(SourceKind.PBS):
        zone = next((zone.timezone for zone in report.facts(Zone)), None) if report else None
        for reading in report.within("upkeep") if report else ():
            for job in reading.of(UpkeepJob):
                promise = plan(_name(source, job), job.schedule, zone, lab.settings, enabled=not job.disabled)
                yield _upkeep(lab, source, job, promise, lab.evidence(source, reading))
    for source, report in lab.of(SourceKind.BACKREST):
        if report is not None:
            yield from _of_backrest(lab, source, report)


def job_rows(lab: Lab) -> Iterator[JobRow]:
    """The upkeep jobs as rows of the board."""
    return (one.row for one in upkeep(lab))


def _name(source: SourceSetting, job: UpkeepJob) -> str:
    return f"{source.name}/{job.kind}/{job.id}"


def _of_backrest(lab: Lab, source: SourceSetting, report: Report) -> Iterator[Upkeep]:
    """Backrest tells no schedules: they come from ``jobs:``, else only the runs that it announces are due."""
    reading = report.reading("upkeep")
    evidence = lab.evidence(source, reading)
    busy = any(run.outcome is Outcome.RUNNING for one in report.facts(BackrestPlan) for run in one.runs)
    seen = {(job.kind, job.id): job for job in report.facts(UpkeepJob)}
    configured = (
        (kind, repo.id)
        for repo in report.facts(Repo)
        for kind in ("prune", "check")
        if (own := lab.settings.jobs.get(f"{source.name}/{kind}/{repo.id}")) and own.schedule
    )
    for kind, repo in dict.fromkeys([*seen, *configured]):
        job = seen.get((kind, repo)) or _never_ran(kind, repo)
        promise = plan(_name(source, job), None, source.timezone, lab.settings)
        if promise.schedule is not None:
            oldest = min((run.start for one in report.facts(BackrestPlan) for run in one.runs), default=report.at)
            since = job.last_start + EARLY if job.last_start else oldest
            job = replace(job, schedule=promise.text, next_run=promise.schedule.next_after(since))
        yield _upkeep(lab, source, job, promise, evidence, busy=busy)


def _never_ran(kind: str, repo: str) -> UpkeepJob:
    return UpkeepJob(kind, repo, repo, "", None, False, None, None, False, None, None, None)


def _upkeep(
    lab: Lab, source: SourceSetting, job: UpkeepJob, promise: Plan, evidence: Evidence, *, busy: bool = False
) -> Upkeep:
    own = lab.settings.jobs.get(promise.job)
    run = Run(job.last_start, job.last_end, _outcome(job), text=job.last_state) if job.last_start else None
    from_backrest = source.kind is SourceKind.BACKREST
    row = JobRow(
        name=promise.job,
        title=(own.title if own else None) or f"{'Backrest' if from_backrest else 'PBS'} {_TITLES[job.kind]} {job.id}",
        kind=job.kind,
        source=source.name,
        verdict=_verdict(lab, source, job, promise, evidence, busy=busy),
        schedule=job.schedule,
        timezone=promise.timezone if job.schedule else None,
        last_run=run,
        next_run=promise.schedule.next_after(lab.now) if from_backrest and promise.schedule else job.next_run,
    )
    return Upkeep(source, job, promise, evidence, row, busy)


def _outcome(job: UpkeepJob) -> Outcome:
    """PBS gives a bare error text as state; "unknown" means that the worker died (pbs.md §2.9)."""
    if job.running:
        return Outcome.RUNNING
    if job.last_state == "OK":
        return Outcome.OK
    return Outcome.WARNING if (job.last_state or "").startswith("WARNINGS:") else Outcome.FAILED


def _verdict(
    lab: Lab, source: SourceSetting, job: UpkeepJob, promise: Plan, evidence: Evidence, *, busy: bool
) -> Verdict:
    own = lab.settings.jobs.get(promise.job)
    off = _why_off(source, job, disabled=own is not None and own.disabled)
    if off:
        return Verdict(State.DISABLED, words.sentence(off))
    pause = lab.pause(source.name)
    if pause:
        return Verdict(State.DISABLED, f"Paused until {words.moment(pause.end, lab.now, lab.settings.timezone)}.")
    if evidence.stale(lab.now):
        cause = evidence.problem.cause if evidence.problem else "it did not answer"
        return Verdict(State.UNKNOWN, words.sentence(f"can't read {source.name}: {cause}"), evidence.as_of)
    grace = (own.grace if own else None) or SHORT_GRACE
    if job.next_run is not None and promise.schedule is not None:
        grace += second_time(job.next_run, [promise.timezone])
    found = _by_last_run(lab, job, evidence, grace, _place(source, job))
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


def _why_off(source: SourceSetting, job: UpkeepJob, *, disabled: bool) -> str | None:
    """Rule 8: without a keep option or a schedule it never runs, and nobody expects it to."""
    if disabled:
        return "switched off in the configuration"
    if job.disabled:
        return "switched off on the server"
    if job.kind == "prune" and job.keeps is False:
        return "keeps everything"
    announces = source.kind is SourceKind.BACKREST and (job.next_run is not None or job.running)
    return None if job.schedule or announces else "has no schedule"


def _by_last_run(lab: Lab, job: UpkeepJob, evidence: Evidence, grace: timedelta, place: _Place) -> Verdict:
    """Rule 8: the last run's state; missed when the next run lies more than grace in the past and nothing runs."""
    zone, now = lab.settings.timezone, lab.now
    if job.running:
        since = f" since {words.moment(job.last_start, now, zone)}" if job.last_start else ""
        return Verdict(State.RUNNING, f"Running{since}.", job.last_start)
    overdue = job.next_run is not None and evidence.as_of is not None and job.next_run + grace < evidence.as_of
    due = words.moment(job.next_run, now, zone) if job.next_run else "–"
    where = place.link
    if job.last_state is None:
        if not overdue:
            return Verdict(State.NEW, f"Never ran; first run {due}.")
        return Verdict(State.NEVER, f"Due {due}, and it never ran.", job.next_run, place.when_missed, where)
    outcome = _outcome(job)
    ended = words.moment(job.last_end, now, zone) if job.last_end else "before"
    if outcome is Outcome.FAILED and job.last_state != "unknown":
        said = words.sentence(f"the run that ended {ended} failed: {job.last_state}")
        return Verdict(State.FAILED, said, job.last_end, f"Read {place.log}.", where)
    if overdue:
        return Verdict(
            State.MISSED, f"Due {due}, nothing has started; last run {ended}.", job.next_run, place.when_missed, where
        )
    if outcome is Outcome.FAILED:
        return Verdict(
            State.UNKNOWN, f"The run of {ended} broke off: the server does not know how it ended.", job.last_end
        )
    if outcome is Outcome.WARNING:
        return Verdict(
            State.WARNING, f"The run that ended {ended} finished with {job.last_state}.", job.last_end, None, where
        )
    return Verdict(State.OK, f"Last run {ended}.", job.last_end)


def datastore_rows(lab: Lab) -> Iterator[DatastoreRow]:
    """Room on all datastores."""
    for source, report in lab.of(SourceKind.PBS):
        for store in report.facts(Datastore) if report else ():
            yield DatastoreRow(
                source=source.name,
                name=store.name,
                total=store.total,
                used=store.used,
                avail=store.avail,
                full_at=store.full_at,
                verdict=_room(lab, source, report, store),
            )


def _room(lab: Lab, source: SourceSetting, report: Report | None, store: Datastore) -> Verdict:
    reading = report.reading("datastores") if report else None
    if not lab.fresh(source, reading):
        return Verdict(State.UNKNOWN, f"Can't read {source.name}.")
    if store.error or store.maintenance in ("offline", "delete", "unmount"):
        return Verdict(State.UNKNOWN, words.sentence(store.error or f"in maintenance: {store.maintenance}"))
    if store.maintenance:
        return Verdict(
            State.WARNING, words.sentence(f"in maintenance: {store.maintenance}"), link=link(source, store.name)
        )
    if store.total is None or store.used is None:
        return Verdict(State.UNKNOWN, "Its size can't be read.")
    if store.full_at and store.full_at - lab.now < SOON_FULL:
        when = words.moment(store.full_at, lab.now, lab.settings.timezone)
        return Verdict(
            State.WARNING,
            f"Full by {when} as it grows now.",
            None,
            "Make room, or prune more.",
            link(source, store.name),
        )
    return Verdict(State.OK)
