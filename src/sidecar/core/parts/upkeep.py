"""Jobs that keep backups in order, as members of themselves (rule 8): prune, gc, verify, sync of PBS; prune, check of Backrest.

Each owes one thing: its own runs. They are judged by the same rules as backups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from sidecar.core.history.observed import upkeep_job
from sidecar.core.ids import JobId, MemberId
from sidecar.core.model import Link, PartKind, Run, SourceKind
from sidecar.core.reports.facts import BackrestPlan, Datastore, Repo, UpkeepJob, Zone
from sidecar.core.reports.removed import is_removed
from sidecar.core.reports.report import Reading, Report
from sidecar.core.settings import SourceSetting

from .backrest_plans import queue, reaches_back
from .expectation import Activity, Evidence, Expectation, Observed, ScheduleInForce
from .inputs import Inputs, schedule_in_force
from .links import datastore_page
from .lost_uploads import with_lost_uploads
from .part import Actions, Part
from .plan_history import Owed, PlanHistory
from .stores import closed


def upkeep(inputs: Inputs) -> Iterator[Part]:
    """All upkeep jobs: those of the backup servers, and prune and check of Backrest's repositories."""
    for source, report in inputs.of(SourceKind.PBS):
        if report is not None:
            yield from _of_backup_server(inputs, source, report)
    for source, report in inputs.of(SourceKind.BACKREST):
        if report is not None:
            yield from _of_backrest(inputs, source, report)


def _of_backup_server(inputs: Inputs, source: SourceSetting, report: Report) -> Iterator[Part]:
    zone = next((zone.timezone for zone in report.facts(Zone)), None)
    stores = {store.name: store for store in report.facts(Datastore)}
    for reading in report.within("upkeep"):
        for upkeep_ in (*reading.of(UpkeepJob), *_unlisted(inputs, source, reading, stores)):
            job = upkeep_job(source.name, upkeep_)
            schedule = schedule_in_force(job, upkeep_.schedule, zone, inputs.settings, enabled=not upkeep_.disabled)
            expectation = _expectation(inputs, upkeep_, schedule, inputs.evidence(source, reading))
            expectation = replace(expectation, confirmed_until=upkeep_.next_run)
            store = stores.get(upkeep_.datastore)
            expectation = with_lost_uploads(inputs, report, upkeep_, _at(store, upkeep_, expectation))
            if is_removed(report, upkeep_.datastore):
                note = f"there is no datastore {upkeep_.datastore} on {source.name}"
                expectation = replace(expectation, note=note, cure="Delete the job, or bring the datastore back.")
            oldest = _oldest(expectation.observed.runs) or upkeep_.next_run
            actions = _actions(
                job,
                "the task's log on the backup server",
                "Check that the backup server's scheduler runs and the datastore is not in maintenance.",
            )
            yield _part(inputs, source, expectation, oldest, datastore_page(source, upkeep_.datastore), actions)


def _unlisted(
    inputs: Inputs, source: SourceSetting, reading: Reading, stores: Mapping[str, Datastore]
) -> Iterator[UpkeepJob]:
    """Garbage collections of datastores that are closed: the server leaves them out of its list (PBS-23)."""
    if reading.scope != ("upkeep", "gc"):
        return
    listed = {job.datastore for job in reading.of(UpkeepJob)}
    for store in stores.values():
        if store.name in listed or not (store.maintenance or store.away):
            continue
        collection = UpkeepJob(kind="gc", id=store.name, datastore=store.name)
        member = MemberId.of_upkeep(upkeep_job(source.name, collection))
        rows = inputs.history.plans.get(str(member), ())
        if rows and rows[-1].schedule:
            yield replace(collection, schedule=rows[-1].schedule)


def _at(store: Datastore | None, upkeep_: UpkeepJob, expectation: Expectation) -> Expectation:
    """Rule 8: while its datastore is closed nothing can be known of it; a disk that was taken away owes nothing."""
    if store is None or upkeep_.disabled or expectation.nothing_owed is not None:
        return expectation
    if store.away:
        return replace(expectation, nothing_owed=f"the disk of datastore {store.name} is not plugged in")
    if store.maintenance == "delete":
        delete = f"Delete this job too, once datastore {store.name} is gone."
        return replace(expectation, note=f"datastore {store.name} is being deleted", cure=delete)
    if store.maintenance == "read-only" and upkeep_.kind == "verify":
        return expectation
    if store.maintenance:
        note = f"datastore {store.name} is in maintenance: {store.maintenance}"
        origin = closed(expectation.job.source, store.name)
        return replace(expectation, note=note, cure=f"End the maintenance mode of {store.name}.", origin=origin)
    return expectation


def _of_backrest(inputs: Inputs, source: SourceSetting, report: Report) -> Iterator[Part]:
    """Backrest tells no schedules: they come from ``jobs:``, else only the runs that it announced are due (rule 1)."""
    evidence = inputs.evidence(source, report.reading("upkeep"))
    seen = {(upkeep_.kind, upkeep_.id): upkeep_ for upkeep_ in report.facts(UpkeepJob)}
    first_seen = min((run.start for plan in report.facts(BackrestPlan) for run in plan.runs), default=report.at)
    for repo in report.facts(Repo):
        for kind in ("prune", "check"):
            upkeep_ = seen.get((kind, repo.id)) or UpkeepJob(kind=kind, id=repo.id, datastore=repo.id)
            schedule = _schedule(inputs, source, upkeep_)
            waits_for = queue(inputs, report, upkeep_.runs, upkeep_.next_run or inputs.now)
            expectation = _expectation(inputs, upkeep_, schedule, evidence, waits_for)
            expectation = replace(expectation, by_rhythm=schedule.schedule is None, queue=expectation.job.source)
            if schedule.schedule or schedule.announcements or expectation.observed.runs:
                job = expectation.job
                actions = _actions(job, "the operation's log in Backrest", "Check that Backrest runs.")
                oldest = _oldest(expectation.observed.runs) or first_seen
                yield _part(inputs, source, expectation, oldest, Link(source.url, "Backrest"), actions)


def _schedule(inputs: Inputs, source: SourceSetting, upkeep_: UpkeepJob) -> ScheduleInForce:
    job = upkeep_job(source.name, upkeep_)
    own = schedule_in_force(job, None, source.timezone, inputs.settings)
    if own.schedule is not None:
        return own
    before = inputs.history.announced.get(str(job), ())
    enabled = upkeep_.next_run is not None or upkeep_.running
    return replace(own, announced=upkeep_.next_run, announced_before=before, enabled=enabled)


def _expectation(
    inputs: Inputs,
    upkeep_: UpkeepJob,
    schedule: ScheduleInForce,
    evidence: Evidence,
    activities: tuple[Activity, ...] = (),
) -> Expectation:
    job = schedule.job
    # What is remembered holds what the newest report tells: history/record.py.
    runs = inputs.history.runs.get(str(job)) or upkeep_.runs
    rows = inputs.history.plans.get(str(MemberId.of_upkeep(job)), ())
    remembered = PlanHistory(inputs.settings, [Owed(schedule)]).of(rows)[0]
    return Expectation(
        job=job,
        destination=None,
        schedule=remembered.schedule,
        past=remembered.past,
        observed=Observed(evidence=evidence, runs=runs),
        activities=activities,
        every_run_was_due=schedule.schedule is None and not reaches_back(schedule, runs),
        busy_is_kept=True,
        nothing_owed=_why_nothing_is_owed(upkeep_, schedule),
        known_since=_oldest(upkeep_.runs or runs[:1]),
        task=runs[0] if runs else None,
    )


def _why_nothing_is_owed(upkeep_: UpkeepJob, schedule: ScheduleInForce) -> str | None:
    """Rule 8: without a keep option or a schedule it never runs, and nobody expects it to."""
    if schedule.silenced:
        return None
    if upkeep_.kind == "prune" and upkeep_.keeps is False:
        return "keeps everything"
    return None if schedule.text or upkeep_.running or schedule.announcements else "has no schedule"


def _part(
    inputs: Inputs,
    source: SourceSetting,
    expectation: Expectation,
    oldest: datetime | None,
    link: Link,
    actions: Actions,
) -> Part:
    job = expectation.job
    return Part(
        kind=PartKind.UPKEEP,
        ref=f"{job.kind}/{job.id}",
        name=job.id,
        source=source.name,
        noun="run",
        observed=expectation.observed,
        expectations=(expectation,),
        oldest_trace=oldest,
        pauses=inputs.pauses(source.name),
        link=link,
        actions=actions,
    )


def _actions(job: JobId, log: str, when_missed: str) -> Actions:
    return Actions(
        failed=f"Read {log}.",
        missed=when_missed,
        never=when_missed,
        uncovered=f"Switch it on again, or disable {job} under jobs.",
        concerned=f"Read {log}.",
    )


def _oldest(runs: tuple[Run, ...]) -> datetime | None:
    return runs[-1].start if runs else None
