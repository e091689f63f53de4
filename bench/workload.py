"""Workloads of any size for ``make bench``, made of facts, not of answers.

The guests are spread over four nodes and its backup jobs, all due at the same minute, with 28 snapshots each and
a month of tasks; its databases over backup configurations, with a month of dumps. What is remembered of 400 days comes
from reports, as in the running sidecar: every schedule was edited three times, and one guest in ten is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from zoneinfo import ZoneInfo

from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.record import record
from sidecar.core.model import Outcome, PartKind, Run, SourceKind
from sidecar.core.reports.facts import (
    BackrestPlan,
    BackupGroup,
    BackupJob,
    Datastore,
    Dump,
    DumpPlan,
    Fact,
    Guest,
    Namespace,
    Node,
    Snapshot,
    Storage,
    Task,
    Zone,
)
from sidecar.core.reports.report import Reading, Report
from sidecar.core.settings import PartSetting, ServiceSetting, Settings, SourceSetting

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
ZONE = "Europe/Berlin"
NODES = 4

_DAYS = 28
_REMEMBERED = 400
_FINGERPRINT = ":".join(["ab"] * 32)
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)

#: By how many days ago it was first seen: the schedules of PVE's and of Databasement's jobs.
_SCHEDULES = {400: ("03:00", "0 1 * * *"), 300: ("05:00", "0 4 * * *"), 200: ("mon..fri 04:00", "0 3 * * *")}
_NEWEST_SCHEDULE = ("04:00", "0 2 * * *")
_EDITED = 100

_Scopes = Mapping[tuple[str, ...], tuple[Fact, ...]]


@dataclass(frozen=True, slots=True)
class Size:
    """How many services there are of each kind, and how many jobs back them up; each Backrest plan is a job."""

    guests: int
    backup_jobs: int = 40
    databases: int = 0
    dump_plans: int = 16
    plans: int = 0


@dataclass(frozen=True, slots=True)
class Workload:
    """What a board is made of."""

    reports: Mapping[str, Report]
    history: History
    settings: Settings


def mixed(services: int) -> Workload:
    """Half guests in 40 jobs, half databases in 16 backup configurations, and four Backrest plans: 60 jobs."""
    return workload(Size(guests=services // 2, databases=services - services // 2 - 4, plans=4))


def mapped(services: int) -> Workload:
    """The same, each guest and each database as a service of the configuration."""
    unmapped = mixed(services)
    names = [(PartKind.GUEST, str(guest.vmid)) for guest in unmapped.reports["pve"].facts(Guest)]
    plans = unmapped.reports["databasement"].facts(DumpPlan)
    names += [(PartKind.DATABASE, f"{plan.server}/{name}") for plan in plans for name in plan.databases or ()]
    settings = tuple(ServiceSetting(name=ref, parts=(PartSetting(kind, ref),)) for kind, ref in names)
    return replace(unmapped, settings=replace(unmapped.settings, services=settings))


def guests_only(guests: int) -> Workload:
    """Guests in 60 jobs."""
    return workload(Size(guests=guests, backup_jobs=60))


def workload(size: Size) -> Workload:
    """Reports and history at ``NOW`` in which everything is well."""
    stale_after = timedelta(hours=1)
    sources = tuple(
        SourceSetting(name=kind.value, kind=kind, url=f"https://{kind}.lan", stale_after=stale_after, timezone=ZONE)
        for kind in SourceKind
    )
    reports = [
        _pve(size.guests, size.backup_jobs, _NEWEST_SCHEDULE[0], NOW),
        _pbs(size.guests),
        _databasement(size, _NEWEST_SCHEDULE[1], NOW, list(_dumps(size))),
        _backrest(size.plans, NOW),
    ]
    return Workload(
        reports={report.source: report for report in reports},
        history=reduce(record, [*_earlier(size), *reports], EMPTY),
        settings=Settings(timezone=ZoneInfo(ZONE), sources=sources),
    )


def _earlier(size: Size) -> Iterator[Report]:
    """What was reported before, oldest first: as much as makes a difference to the memory."""
    schedules = {**_SCHEDULES, _EDITED: _NEWEST_SCHEDULE}
    for days in range(_REMEMBERED, 0, -1):
        at = NOW - days * _DAY
        if days in schedules:
            gone = size.guests // 10 if days == _REMEMBERED else 0
            yield _pve(size.guests + gone, size.backup_jobs, schedules[days][0], at)
            yield _databasement(size, schedules[days][1], at, [])
        yield _backrest(size.plans, at)


def _nights() -> list[datetime]:
    """Newest first."""
    return [NOW.replace(hour=3, minute=0) - day * _DAY for day in range(_DAYS)]


def _report(kind: SourceKind, at: datetime, readings: _Scopes) -> Report:
    made = tuple(Reading(scope, at, facts) for scope, facts in readings.items())
    return Report(source=kind.value, kind=kind, at=at, version="1.0", tls_fingerprint=_FINGERPRINT, readings=made)


def _pve(guests: int, jobs: int, schedule: str, at: datetime) -> Report:
    nodes = [f"pve{number}" for number in range(NODES)]
    there = tuple(
        Guest(vmid=1000 + number, type="lxc", name=f"guest{number}", node=nodes[number % NODES])
        for number in range(guests)
    )
    return _report(
        SourceKind.PVE,
        at,
        {
            ("guests",): there,
            ("jobs",): tuple(
                BackupJob(
                    id=f"job{number}",
                    schedule=schedule,
                    enabled=True,
                    storage="main",
                    node=None,
                    guests=tuple(guest.vmid for guest in there[number::jobs]),
                )
                for number in range(jobs)
            ),
            ("storages",): (
                Storage(
                    name="main",
                    type="pbs",
                    enabled=True,
                    server="pbs.lan",
                    port=8007,
                    datastore="main",
                    namespace="",
                    fingerprint=_FINGERPRINT,
                ),
            ),
            ("nodes",): tuple(Node(node, online=True) for node in nodes),
            **{("zone", node): (Zone(node, ZONE),) for node in nodes},
            **{("tasks", node): tuple(_tasks(node, jobs // NODES)) for node in nodes},
        },
    )


def _tasks(node: str, jobs: int) -> Iterator[Task]:
    for night in _nights():
        for number in range(jobs):
            yield Task(
                node=node,
                type="vzdump",
                id="",
                start=night,
                end=night + 2 * _HOUR,
                status="OK",
                upid=f"{node}{night}{number}",
            )


def _pbs(guests: int) -> Report:
    def snapshots(number: int) -> tuple[Snapshot, ...]:
        return tuple(Snapshot(time=night + timedelta(minutes=number % 110), size=10**9) for night in _nights())

    groups = tuple(
        BackupGroup(datastore="main", namespace="", type="ct", id=str(1000 + number), snapshots=snapshots(number))
        for number in range(guests)
    )
    return _report(
        SourceKind.PBS,
        NOW,
        {
            ("zone",): (Zone(None, ZONE),),
            ("datastores",): (Datastore(name="main", maintenance=None, total=100, used=50, avail=50),),
            ("namespaces", "main"): (Namespace("main", ""),),
            ("snapshots", "main", ""): groups,
            ("tasks",): (),
        },
    )


def _databasement(size: Size, schedule: str, at: datetime, dumps: Iterable[Dump]) -> Report:
    names, step = [f"db{number}" for number in range(size.databases)], size.dump_plans
    plans = (
        DumpPlan(
            server=f"server{number}",
            id=str(number),
            schedule_name=f"Daily {number}",
            schedule=schedule,
            mode="selected",
            databases=tuple(names[number::step]),
            pattern=None,
            enabled=True,
        )
        for number in range(step)
    )
    return _report(SourceKind.DATABASEMENT, at, {("plans",): tuple(plans), ("dumps",): tuple(dumps)})


def _dumps(size: Size) -> Iterator[Dump]:
    for number in range(size.databases):
        for night in _nights():
            run = Run(
                start=night - 2 * _HOUR, end=night - 2 * _HOUR + timedelta(minutes=1), outcome=Outcome.OK, size=10**6
            )
            server = f"server{number % size.dump_plans}"
            yield Dump(
                id=f"{number}{night}", server=server, database=f"db{number}", run=run, changed_at=night, file_size=10**6
            )


def _backrest(plans: int, at: datetime) -> Report:
    """Each plan runs at 03:00 UTC and announces the next one."""
    newest = at.replace(hour=3, minute=0)
    runs = tuple(
        Run(start=newest - day * _DAY, end=newest - day * _DAY + timedelta(minutes=5), outcome=Outcome.OK, size=10**6)
        for day in range(_DAYS)
    )
    facts = tuple(BackrestPlan(f"plan{number}", newest + _DAY, runs) for number in range(plans))
    return _report(SourceKind.BACKREST, at, {("plans",): facts})
