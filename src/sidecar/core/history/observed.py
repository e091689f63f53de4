"""What a report shows of plans and members, member by member, in its upstream's own words: what is worth remembering."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from sidecar.core.ids import GroupKey, JobId, MemberId, MemberKind, SourceName
from sidecar.core.model import Outcome, Run, SourceKind
from sidecar.core.reports import coverage
from sidecar.core.reports.facts import BackrestPlan, BackupGroup, BackupJob, Guest, Repo, Storage, UpkeepJob, Zone
from sidecar.core.reports.removed import is_removed
from sidecar.core.reports.report import Reading, Report


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedPlan:
    """What one job owes one member at one destination; an upkeep job is a member of its own. Fields as in PlanRow."""

    member: str
    job: str
    destination: str | None
    schedule: str | None
    timezone: str | None
    enabled: bool


#: What has to be read to know who is there and which jobs are for whom.
_LISTS = {
    SourceKind.PVE: ("jobs", "guests"),
    SourceKind.DATABASEMENT: ("plans", "dumps"),
    SourceKind.BACKREST: ("plans",),
}


#: So many backups of a group are remembered at once; a rhythm needs fewer.
_MOST_OF_A_GROUP = 16


def plans_as_of(report: Report) -> datetime | None:
    """When the report's jobs were read together with whom they cover; None when that failed this time."""
    if report.kind is SourceKind.PBS:
        return min((when for reading in report.within("upkeep") if (when := _read(reading))), default=None)
    return _read(*(report.reading(scope) for scope in _LISTS.get(report.kind, ())))


def plans(report: Report) -> Iterator[ObservedPlan]:
    """All plans in the report. Backrest tells no schedules: see ``announcements``."""
    if report.kind is SourceKind.PVE:
        yield from _of_backup_jobs(report)
    elif report.kind is SourceKind.DATABASEMENT:
        yield from _of_dump_plans(report)
    elif report.kind is SourceKind.PBS:
        yield from _of_upkeep(report)


def tells_of(report: Report, job: str) -> bool:
    """Whether the report tells whom that job covers, if it is there; False when that could not be read this time.

    What an upstream gives no name to is no job, so nothing is in force of it.
    """
    try:
        name = JobId.parse(job)
    except ValueError:
        return True
    if report.kind is SourceKind.PBS:
        return _read(report.reading("upkeep", name.kind)) is not None
    return all(known.guests is not None for known in report.facts(BackupJob) if known.id == name.id)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A job of Backrest's with the run that it announces, as read at ``as_of``; ``due`` is None where it announces none."""

    job: str
    due: datetime | None
    as_of: datetime


def announcements(report: Report) -> Iterator[Announcement]:
    """What Backrest announces: runs of its plans, and of prune and check of its repositories. Only what was read this time."""
    if report.kind is not SourceKind.BACKREST:
        return
    if (at := _read(report.reading("plans"))) is not None:
        for plan in report.facts(BackrestPlan):
            yield Announcement(str(JobId(SourceName(report.source), "plan", plan.id)), plan.next_run, at)
    if (at := _read(report.reading("upkeep"))) is not None:
        dues = {str(upkeep_job(report.source, job)): job.next_run for job in report.facts(UpkeepJob)}
        repos = tuple(report.facts(Repo))
        jobs = [str(JobId(SourceName(report.source), kind, repo.id)) for repo in repos for kind in ("prune", "check")]
        yield from (Announcement(job, dues.get(job), at) for job in dict.fromkeys([*jobs, *dues]))


def group_job(source: str, group: GroupKey) -> JobId:
    """How the backups of a group are named as a job, where no job of theirs is known."""
    return JobId(SourceName(source), "group", group.path)


def upkeep_job(source: str, job: UpkeepJob) -> JobId:
    """How an upkeep job is named."""
    return JobId(SourceName(source), job.kind, job.id)


def runs_of_jobs(report: Report, *, every_group: bool = False) -> Iterator[tuple[str, tuple[Run, ...]]]:
    """By job the runs to remember, newest first: of upkeep all, of a Backrest plan and of a backup group the good ones.

    A plan's summary calls dry runs good: nothing is taken from it while the plan's log can't be read.
    """
    for job in report.facts(UpkeepJob):
        yield str(upkeep_job(report.source, job)), job.runs
    for plan in report.facts(BackrestPlan):
        log = report.reading("operations", plan.id)
        if log is None or _read(log) is not None:
            good = tuple(run for run in plan.runs if run.good)
            yield str(JobId(SourceName(report.source), "plan", plan.id)), good
    if report.kind is SourceKind.PBS:
        for group in report.facts(BackupGroup):
            if every_group or group.type == "host":
                yield str(group_job(report.source, group.key)), tuple(_finished(group))


def _finished(group: BackupGroup) -> Iterator[Run]:
    """Retention removes backups, and with them what tells how often they came (rule 12)."""
    finished = (snapshot for snapshot in group.snapshots if snapshot.size is not None)
    good = (each for each in finished if each.verification is None or each.verification.ok or not each.verification.own)
    for snapshot in islice(good, _MOST_OF_A_GROUP):
        yield Run(start=snapshot.time, end=None, outcome=Outcome.OK)


def members(report: Report) -> dict[str, str | None]:
    """Every member that the report shows, with its name; None where that is not told (a guest whose node is off)."""
    if report.kind is SourceKind.PVE:
        guests = (guest for guest in report.facts(Guest) if not guest.template)
        return {_member(report, MemberKind.GUEST, str(guest.vmid)): guest.name for guest in guests}
    if report.kind is SourceKind.DATABASEMENT:
        refs = (
            (f"{server.name}/{database}", database)
            for server in coverage.database_servers(report)
            for database in server.databases()
        )
        return {_member(report, MemberKind.DATABASE, ref): name for ref, name in refs}
    if report.kind is SourceKind.BACKREST:
        return {_member(report, MemberKind.PLAN, plan.id): plan.id for plan in report.facts(BackrestPlan)}
    return {_member(report, MemberKind.GUEST, group.path): group.path for group in report.facts(BackupGroup)}


def lists(report: Report, member: MemberId) -> tuple[Reading | None, ...]:
    """The readings in which ``member`` would be; None for one that was not made."""
    if report.kind is SourceKind.PVE:
        return (report.reading("guests"),)
    if report.kind is not SourceKind.PBS:
        return tuple(report.reading(scope) for scope in _LISTS[report.kind])
    try:
        group = GroupKey.parse(member.ref)
    except ValueError:
        return (None,)
    in_namespace = report.reading("snapshots", group.datastore, group.namespace)
    listing = in_namespace or report.reading("namespaces", group.datastore)
    if listing is None and is_removed(report, group.datastore):
        return (report.reading("datastores"),)
    return (listing,)


def listed_at(report: Report, member: str) -> datetime | None:
    """When the list was read in which ``member`` would be; None when that failed this time."""
    try:
        name = MemberId.parse(member)
    except ValueError:
        return None
    return _read(*lists(report, name))


def _of_backup_jobs(report: Report) -> Iterator[ObservedPlan]:
    zones = {zone.node: zone.timezone for zone in report.facts(Zone)}
    storages = tuple(report.facts(Storage))
    jobs = tuple(job for job in report.facts(BackupJob) if job.id)
    destinations = {job.id: coverage.storage_key(job, storages) for job in jobs}
    cover = coverage.JobsOfGuests(jobs)
    for guest in report.facts(Guest):
        for job in cover.of(guest) if not guest.template else ():
            yield ObservedPlan(
                member=_member(report, MemberKind.GUEST, str(guest.vmid)),
                job=str(JobId(SourceName(report.source), "backup", job.id)),
                destination=destinations[job.id],
                schedule=job.schedule,
                timezone=zones.get(guest.node),
                enabled=job.enabled,
            )


def _of_dump_plans(report: Report) -> Iterator[ObservedPlan]:
    """Databasement's zone comes from the configuration, so it is not remembered."""
    for server in coverage.database_servers(report):
        for database in server.databases():
            member = _member(report, MemberKind.DATABASE, f"{server.name}/{database}")
            for plan in server.plans:
                if coverage.covers(plan, database):
                    yield ObservedPlan(
                        member=member,
                        job=str(coverage.dump_job(report.source, plan)),
                        destination=coverage.volumes_key(plan),
                        schedule=plan.schedule,
                        timezone=None,
                        enabled=plan.enabled,
                    )


def _of_upkeep(report: Report) -> Iterator[ObservedPlan]:
    zone = next((zone.timezone for zone in report.facts(Zone)), None)
    for upkeep in report.facts(UpkeepJob):
        job = upkeep_job(report.source, upkeep)
        yield ObservedPlan(
            member=str(MemberId.of_upkeep(job)),
            job=str(job),
            destination=None,
            schedule=upkeep.schedule,
            timezone=zone,
            enabled=not upkeep.disabled,
        )


def _member(report: Report, kind: MemberKind, ref: str) -> str:
    return str(MemberId(kind, SourceName(report.source), ref))


def _read(*readings: Reading | None) -> datetime | None:
    """The oldest ``as_of`` when all of them were read this time."""
    times = [reading.as_of for reading in readings if reading is not None and reading.problem is None]
    known = [when for when in times if when is not None]
    return min(known) if known and len(known) == len(readings) else None
