"""Jobs that keep a backup server in order, and the room that is left on it (design §6 rule 8)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from . import words
from .due import SHORT_GRACE
from .host_groups import link
from .lab import Lab
from .model import DatastoreRow, JobRow, Link, Outcome, Run, SourceKind, State, Verdict
from .part import Evidence
from .report import Datastore, Report, UpkeepJob
from .settings import SourceSetting

KINDS = ("prune", "gc", "verify", "sync")
_TITLES = {"prune": "prune", "gc": "garbage collection", "verify": "verification", "sync": "sync"}

#: A datastore that is full sooner than this is worth a warning.
SOON_FULL = timedelta(days=14)


def job_rows(lab: Lab) -> Iterator[JobRow]:
    """The upkeep jobs of all backup servers."""
    for source, report in lab.of(SourceKind.PBS):
        zone = report.reading("zone") if report else None
        for kind in KINDS:
            reading = report.reading("upkeep", kind) if report else None
            for job in reading.of(UpkeepJob) if reading else ():
                name = f"{source.name}/{kind}/{job.id}"
                timezone = getattr(zone.facts[0], "timezone", None) if zone and zone.facts else None
                yield _row(lab, source, job, name, lab.evidence(source, reading), timezone)


def _row(
    lab: Lab, source: SourceSetting, job: UpkeepJob, name: str, evidence: Evidence, timezone: str | None
) -> JobRow:
    own = lab.settings.jobs.get(name)
    run = Run(job.last_start, job.last_end, _outcome(job), text=job.last_state) if job.last_start else None
    return JobRow(
        name=name,
        title=(own.title if own else None) or f"PBS {_TITLES[job.kind]} {job.id}",
        kind=job.kind,
        source=source.name,
        verdict=_verdict(lab, source, job, name, evidence),
        schedule=job.schedule,
        timezone=timezone,
        last_run=run,
        next_run=job.next_run,
    )


def _outcome(job: UpkeepJob) -> Outcome:
    """PBS gives a bare error text as state; "unknown" means that the worker died (pbs.md §2.9)."""
    if job.running:
        return Outcome.RUNNING
    if job.last_state == "OK":
        return Outcome.OK
    return Outcome.WARNING if (job.last_state or "").startswith("WARNINGS:") else Outcome.FAILED


def _verdict(lab: Lab, source: SourceSetting, job: UpkeepJob, name: str, evidence: Evidence) -> Verdict:
    own = lab.settings.jobs.get(name)
    off = _why_off(job, disabled=own is not None and own.disabled)
    if off:
        return Verdict(State.DISABLED, words.sentence(off))
    pause = lab.pause(source.name)
    if pause:
        return Verdict(State.DISABLED, f"Paused until {words.moment(pause.end, lab.now, lab.settings.timezone)}.")
    if evidence.stale(lab.now):
        cause = evidence.problem.cause if evidence.problem else "it did not answer"
        return Verdict(State.UNKNOWN, words.sentence(f"can't read {source.name}: {cause}"), evidence.as_of)
    return _by_last_run(lab, job, evidence, (own.grace if own else None) or SHORT_GRACE, link(source, job.datastore))


def _why_off(job: UpkeepJob, *, disabled: bool) -> str | None:
    """Rule 8: without a keep option or a schedule it never runs, and nobody expects it to."""
    if disabled:
        return "switched off in the configuration"
    if job.disabled:
        return "switched off on the server"
    if job.kind == "prune" and job.keeps is False:
        return "keeps everything"
    return "has no schedule" if job.schedule is None else None


def _by_last_run(lab: Lab, job: UpkeepJob, evidence: Evidence, grace: timedelta, where: Link) -> Verdict:
    """Rule 8: the last run's state; missed when the next run lies more than grace in the past and nothing runs."""
    zone, now = lab.settings.timezone, lab.now
    if job.running:
        since = f" since {words.moment(job.last_start, now, zone)}" if job.last_start else ""
        return Verdict(State.RUNNING, f"Running{since}.", job.last_start)
    overdue = job.next_run is not None and evidence.as_of is not None and job.next_run + grace < evidence.as_of
    due = words.moment(job.next_run, now, zone) if job.next_run else "–"
    action = "Check that the backup server's scheduler runs and the datastore is not in maintenance."
    if job.last_state is None:
        if not overdue:
            return Verdict(State.NEW, f"Never ran; first run {due}.")
        return Verdict(State.NEVER, f"Due {due}, and it never ran.", job.next_run, action, where)
    outcome = _outcome(job)
    ended = words.moment(job.last_end, now, zone) if job.last_end else "before"
    if outcome is Outcome.FAILED and job.last_state != "unknown":
        said = words.sentence(f"the run that ended {ended} failed: {job.last_state}")
        return Verdict(State.FAILED, said, job.last_end, "Read the task's log on the backup server.", where)
    if overdue:
        return Verdict(State.MISSED, f"Due {due}, nothing has started; last run {ended}.", job.next_run, action, where)
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
