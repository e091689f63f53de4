"""Who is covered by which job, as one report tells it: guests by PVE's jobs, databases by Databasement's backups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sidecar.core.ids import JobId, SourceName

from . import pcre
from .cached import cached_of
from .facts import BackupJob, Dump, DumpPlan, Guest, Storage
from .report import Report

#: What a limit calls Databasement's list of runs.
RUNS = "jobs"


class JobsOfGuests:
    """Which jobs back up which guest, looked up instead of searched."""

    def __init__(self, jobs: Iterable[BackupJob]) -> None:
        self._by_vmid: dict[int, list[BackupJob]] = defaultdict(list)
        for job in jobs:
            for vmid in dict.fromkeys(job.guests or ()):
                self._by_vmid[vmid].append(job)

    def of(self, guest: Guest) -> list[BackupJob]:
        """The jobs that back the guest up where it is now: node limits count."""
        return [job for job in self._by_vmid.get(guest.vmid, ()) if job.node in (None, guest.node)]


def storage_key(job: BackupJob, storages: Iterable[Storage]) -> str | None:
    """What the memory calls the destination of a job: its storage, and where on a backup server that leads.

    "nas", "pbs-main=store1/clusterA"; only the name while the storage itself can't be read.
    """
    storage = next((storage for storage in storages if storage.name == job.storage), None)
    if storage is None or storage.datastore is None:
        return job.storage
    return f"{storage.name}={storage.datastore}/{storage.namespace or ''}"


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """A database server with its backup configurations and rows, newest first."""

    name: str
    plans: tuple[DumpPlan, ...]
    rows: tuple[Dump, ...]

    def databases(self) -> dict[str, list[Dump]]:
        """All that a configuration names or a row was seen of, each with the rows that concern it, newest first.

        A failure before the server's databases were known counts for every one of them.
        """
        named = {database for plan in self.plans if plan.mode == "selected" for database in plan.databases}
        rows_of = {
            name: list[Dump]() for name in sorted(named | {row.database for row in self.rows if not row.whole_server})
        }
        for row in self.rows:
            for rows in rows_of.values() if row.whole_server else (rows_of[row.database],):
                rows.append(row)
        return rows_of


@cached_of("plans", "dumps")
def database_servers(report: Report) -> tuple[DatabaseServer, ...]:
    """All servers that the report tells of, by name."""
    plans, rows = defaultdict(list), defaultdict(list)
    for plan in report.facts(DumpPlan):
        plans[plan.server].append(plan)
    for row in sorted(report.facts(Dump), key=attrgetter("run.start"), reverse=True):
        rows[row.server].append(row)
    return tuple(DatabaseServer(name, tuple(plans[name]), tuple(rows[name])) for name in sorted({*plans, *rows}))


def covers(plan: DumpPlan, database: str) -> bool | None:
    """The configuration is for this database: it names it, takes all (but some), or its pattern takes it (DB-13).

    None where that can't be told: a pattern that is not understood here, a kind of selection that nobody knew yet.
    """
    match plan.mode:
        case "selected":
            return database in plan.databases
        case "excluded":
            return database not in plan.databases
        case "pattern":
            return pcre.takes(plan.pattern or "", database)
        case "all":
            return True
    return None


def dump_job(source: str, plan: DumpPlan) -> JobId:
    """The name of the job that makes these dumps."""
    return JobId(SourceName(source), "dump", plan.schedule_name or plan.id)


def volumes_key(plan: DumpPlan) -> str | None:
    """What the memory calls the destination of a backup configuration: its volumes, "local+s3"; None where untold."""
    return "+".join(sorted(plan.volumes)) if plan.volumes else None


def backups_of(row: Dump, plans: Sequence[DumpPlan], covering: Sequence[int]) -> tuple[int, ...]:
    """Rule 3: which of a server's backups a row belongs to, by their places.

    The one whose volumes are those of the row, whatever became of each copy; none equal: the smallest that has them all;
    where the row or the backups tell no volumes: all that cover its database.
    """
    volumes = set(row.volumes)
    told = [(place, frozenset(plans[place].volumes or ())) for place in covering]
    if not volumes or not all(known for _, known in told):
        return tuple(covering)
    equal = tuple(place for place, known in told if known == volumes)
    if equal:
        return equal
    containing = [(len(known), place) for place, known in told if known >= volumes]
    smallest = min((size for size, _ in containing), default=None)
    return tuple(place for size, place in containing if size == smallest) or tuple(covering)
