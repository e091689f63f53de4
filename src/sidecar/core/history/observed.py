"""What a report promises and shows, member by member, in its upstream's own words: what is worth remembering of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sidecar.core.model import PartKind, Run, SourceKind
from sidecar.core.parts import databases, guests
from sidecar.core.reports.facts import BackrestPlan, BackupGroup, BackupJob, Guest, Repo, UpkeepJob, Zone
from sidecar.core.reports.report import Reading, Report

from . import upkeep_runs


@dataclass(frozen=True, slots=True)
class Promise:
    """One job's promise to one member; an upkeep job is a member of its own. Fields as in history.PlanRow."""

    member: str
    job: str
    schedule: str | None
    timezone: str | None
    enabled: bool


#: What has to be read to know who is there and who is promised a backup.
_LISTS = {
    SourceKind.PVE: ("jobs", "guests"),
    SourceKind.DATABASEMENT: ("plans", "dumps"),
    SourceKind.BACKREST: ("plans",),
}


def promises_as_of(report: Report) -> datetime | None:
    """When the report's jobs were read together with whom they cover; None when that failed this time."""
    if report.kind is SourceKind.PBS:
        return min((when for one in report.within("upkeep") if (when := _read(one))), default=None)
    return _read(*(report.reading(scope) for scope in _LISTS.get(report.kind, ())))


def promises(report: Report) -> Iterator[Promise]:
    """All promises in the report. Backrest tells no schedules: see ``announcements``."""
    if report.kind is SourceKind.PVE:
        yield from _of_backup_jobs(report)
    elif report.kind is SourceKind.DATABASEMENT:
        yield from _of_dump_plans(report)
    elif report.kind is SourceKind.PBS:
        yield from _of_upkeep(report)


def tells_of(report: Report, job: str) -> bool:
    """Whether the report tells whom that job covers, if it is there; False when that could not be read this time."""
    _, kind, ident = job.split("/", 2)
    if report.kind is SourceKind.PBS:
        return _read(report.reading("upkeep", kind)) is not None
    return all(one.guests is not None for one in report.facts(BackupJob) if one.id == ident)


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
        yield from (
            Announcement(f"{report.source}/plan/{one.id}", one.next_run, at) for one in report.facts(BackrestPlan)
        )
    if (at := _read(report.reading("upkeep"))) is not None:
        dues = {upkeep_name(report.source, one): one.next_run for one in report.facts(UpkeepJob)}
        jobs = (f"{report.source}/{kind}/{repo.id}" for repo in report.facts(Repo) for kind in ("prune", "check"))
        yield from (Announcement(job, dues.get(job), at) for job in dict.fromkeys([*jobs, *dues]))


def upkeep_name(source: str, job: UpkeepJob) -> str:
    """How an upkeep job is named: "{source}/{kind}/{id}"."""
    return f"{source}/{job.kind}/{job.id}"


def upkeep_member(job: str) -> str:
    """How the memory names an upkeep job: like the member that it is of itself, "upkeep:pbs:prune/daily"."""
    source, ident = job.split("/", 1)
    return f"upkeep:{source}:{ident}"


def upkeep_runs_of(report: Report) -> Iterator[tuple[str, tuple[Run, ...]]]:
    """The upkeep jobs with the runs that the report tells of each, newest first."""
    return ((upkeep_name(report.source, one), upkeep_runs.told(one)) for one in report.facts(UpkeepJob))


def members(report: Report) -> dict[str, str]:
    """Every member that the report shows, with its name."""
    if report.kind is SourceKind.PVE:
        shown = ((PartKind.GUEST, str(one.vmid), one.name) for one in report.facts(Guest) if not one.template)
        return {_member(report, kind, ref): name or f"guest {ref}" for kind, ref, name in shown}
    if report.kind is SourceKind.DATABASEMENT:
        servers = databases.servers(report)
        refs = ((f"{server.name}/{database}", database) for server in servers for database in server.databases())
        return {_member(report, PartKind.DATABASE, ref): name for ref, name in refs}
    if report.kind is SourceKind.BACKREST:
        return {_member(report, PartKind.PLAN, one.id): one.id for one in report.facts(BackrestPlan)}
    return {_member(report, PartKind.GUEST, group.path): group.path for group in report.facts(BackupGroup)}


def lists(report: Report, member: str) -> tuple[Reading | None, ...]:
    """The readings in which ``member`` would be; None for one that was not made."""
    if report.kind is SourceKind.PVE:
        return (report.reading("guests"),)
    if report.kind is not SourceKind.PBS:
        return tuple(report.reading(scope) for scope in _LISTS[report.kind])
    steps = member.split(":", 2)[2].split("/")
    in_namespace = report.reading("snapshots", steps[0], "/".join(steps[1:-2]))
    return (in_namespace or report.reading("namespaces", steps[0]),)


def listed_at(report: Report, member: str) -> datetime | None:
    """When the list was read in which ``member`` would be; None when that failed this time."""
    return _read(*lists(report, member))


def _of_backup_jobs(report: Report) -> Iterator[Promise]:
    zones = {zone.node: zone.timezone for zone in report.facts(Zone)}
    cover = guests.Cover(report.facts(BackupJob))
    for guest in report.facts(Guest):
        for job in cover.of(guest) if not guest.template else ():
            member, name = _member(report, PartKind.GUEST, str(guest.vmid)), f"{report.source}/backup/{job.id}"
            yield Promise(member, name, job.schedule, zones.get(guest.node), job.enabled)


def _of_dump_plans(report: Report) -> Iterator[Promise]:
    """Databasement's zone comes from the configuration, so it is not remembered."""
    for server in databases.servers(report):
        for database in server.databases():
            member = _member(report, PartKind.DATABASE, f"{server.name}/{database}")
            for one in server.plans:
                if databases.covers(one, database):
                    yield Promise(member, databases.job_name(report.source, one), one.schedule, None, one.enabled)


def _of_upkeep(report: Report) -> Iterator[Promise]:
    zone = next((zone.timezone for zone in report.facts(Zone)), None)
    for one in report.facts(UpkeepJob):
        job = upkeep_name(report.source, one)
        yield Promise(upkeep_member(job), job, one.schedule, zone, not one.disabled)


def _member(report: Report, kind: PartKind, ref: str) -> str:
    return f"{kind}:{report.source}:{ref}"


def _read(*readings: Reading | None) -> datetime | None:
    """The oldest ``as_of`` when all of them were read this time."""
    times = [reading.as_of for reading in readings if reading is not None and reading.problem is None]
    found = [when for when in times if when is not None]
    return min(found) if found and len(found) == len(readings) else None
