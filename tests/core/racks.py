"""Random racks for hypothesis: guests, hosts, databases and upkeep with jobs, destinations, runs and clocks of every kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from hypothesis import strategies as st

from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.record import record
from sidecar.core.model import Outcome, Run, SourceKind
from sidecar.core.reports.facts import (
    Archive,
    BackrestPlan,
    BackupGroup,
    BackupJob,
    Dump,
    DumpCopy,
    DumpPlan,
    Guest,
    ReadingGap,
    Repo,
    Snapshot,
    Storage,
    Task,
    UpkeepJob,
    Verification,
)
from sidecar.core.reports.report import Problem, Reading, Report, keep_what_failed
from sidecar.core.settings import JobSetting, Pause, Settings
from tests.core.factories import at
from tests.core.sample_reports import BACKREST, DATABASEMENT, PBS, PVE, STORAGE, pbs, pve, readings, service, settings

#: All racks live through some days around this moment; on the 25th of October the clocks of Berlin are put back.
NOON = at("22 12:00")
AUTUMN = at("2026-10-25 05:00")

EVENTS = st.sampled_from(["04:00", "*:00", "*:0/15", "mon 04:00", "sun 03:00", "02:30", "*-*-01 07:00", "22:00"])
CRON = st.sampled_from(["0 2 * * *", "*/20 * * * *", "30 2 * * *", "0 4 * * 0", "0 7 1 * *"])
STORAGES = (
    STORAGE,
    replace(STORAGE, name="pbs-other", namespace="other"),
    replace(STORAGE, name="pbs-again"),
    Storage(name="nas", type="nfs", enabled=True, shared=True),
)


@dataclass(frozen=True, slots=True)
class Rack:
    """What sources reported, one report after another, and the moment at which it is judged."""

    settings: Settings
    reports: tuple[Report, ...]
    now: datetime

    def live(self) -> tuple[dict[str, Report], History]:
        """The newest reports and what is remembered after all of them."""
        newest: dict[str, Report] = {}
        history = EMPTY
        for report in self.reports:
            merged = keep_what_failed(report, newest.get(report.source))
            newest[report.source] = merged
            history = record(history, merged)
        return newest, history


#: Most are alike; rule 13 finds the small ones.
SIZES = st.sampled_from([2**30, 2**30, 2**30, 2**26])

#: For how long a source could not be read before it was; most could.
GAPS = st.sampled_from([None, None, timedelta(minutes=20), timedelta(hours=9)])


def slept(report: Report, length: timedelta | None) -> Report:
    """The report of a source that could be read again only just now."""
    if length is None:
        return report
    gap = ReadingGap(report.at - length, report.at)
    return replace(report, readings=tuple(replace(reading, gap=gap) for reading in report.readings))


def moments(before: datetime, days: int) -> st.SearchStrategy[datetime]:
    """Whole minutes in the days before a moment, a few shortly after it: clocks differ."""
    return st.integers(-days * 1440, 8).map(lambda minutes: before + timedelta(minutes=minutes))


@st.composite
def runs(draw: st.DrawFn, before: datetime, outcomes: tuple[Outcome, ...] = tuple(Outcome)) -> tuple[Run, ...]:
    starts = draw(st.sets(moments(before, 9), max_size=8))
    made = []
    for start in sorted(starts, reverse=True):
        outcome = draw(st.sampled_from(outcomes))
        length = timedelta(minutes=draw(st.sampled_from([1, 7, 50, 190])))
        end = None if outcome is Outcome.RUNNING else start + length
        made.append(
            Run(
                start=start,
                end=end,
                outcome=outcome,
                size=draw(SIZES),
                text="it says so" if outcome is Outcome.FAILED else None,
                cancelled=outcome is Outcome.FAILED and draw(st.booleans()),
            )
        )
    return tuple(made)


@st.composite
def snapshots(draw: st.DrawFn, before: datetime, vmid: int, namespace: str, kind: str = "ct") -> BackupGroup:
    kept = []
    for time in sorted(draw(st.sets(moments(before, 12), max_size=8)), reverse=True):
        size = draw(st.one_of(SIZES, SIZES, SIZES, st.none()))
        verification = draw(
            st.sampled_from([None, None, Verification(True, time, True), Verification(False, time, True)])
        )
        kept.append(Snapshot(time=time, size=size, verification=verification if size else None))
    return BackupGroup(datastore="main", namespace=namespace, type=kind, id=str(vmid), snapshots=tuple(kept))


@st.composite
def tasks(draw: st.DrawFn, before: datetime, vmids: tuple[int, ...]) -> tuple[Task, ...]:
    made = []
    for number, start in enumerate(sorted(draw(st.sets(moments(before, 9), max_size=6)))):
        end = draw(st.sampled_from([None, start + timedelta(minutes=9), start + timedelta(hours=3)]))
        status = draw(st.sampled_from(["OK", "WARNINGS: 1", "job errors"])) if end else None
        whose = draw(st.sampled_from(["", "", *map(str, vmids)]))
        made.append(
            Task(node="pve1", type="vzdump", id=whose, start=start, end=end, status=status, upid=f"UPID:{number}")
        )
    return tuple(made)


@st.composite
def clusters(draw: st.DrawFn, read: datetime) -> tuple[Report, Report]:
    """A cluster and the backup server that it saves to, with upkeep."""
    vmids = draw(st.sampled_from([(101,), (101, 102)]))
    guests = tuple(Guest(vmid=vmid, type="lxc", name=f"guest{vmid}", node="pve1") for vmid in vmids)
    jobs = tuple(
        BackupJob(
            id=f"job{number}",
            schedule=draw(EVENTS),
            enabled=draw(st.sampled_from([True, True, True, False])),
            storage=draw(st.sampled_from(STORAGES)).name,
            node=None,
            guests=draw(st.sampled_from([vmids, vmids[:1], ()])),
        )
        for number in range(draw(st.integers(0, 3)))
    )
    archives = tuple(
        Archive(storage="nas", vmid=vmid, time=time, size=5)
        for vmid in vmids
        for time in draw(st.sets(moments(read, 12), max_size=4))
    )
    cluster = pve("22 12:00", *draw(tasks(read, vmids)), guests=guests, jobs=jobs, storages=STORAGES)
    archive_reading = Reading(("archives", "shared", "nas"), read, archives)
    cluster = replace(cluster, readings=(*cluster.readings, archive_reading))
    extra: dict[tuple[str, ...], Any] = {
        ("snapshots", "main", "other"): tuple(draw(snapshots(read, vmid, "other")) for vmid in vmids),
        ("snapshots", "main", "hosts"): (draw(snapshots(read, 1, "hosts", "host")),),
        ("upkeep", "prune"): (draw(upkeep(read, "prune")),),
        ("upkeep", "sync"): (draw(upkeep(read, "sync")),),
    }
    server = pbs("22 12:00", *(draw(snapshots(read, vmid, "")) for vmid in vmids), extra=extra)
    return moved(cluster, read), moved(server, read)


@st.composite
def upkeep(draw: st.DrawFn, read: datetime, kind: str) -> UpkeepJob:
    every = draw(runs(read))
    return UpkeepJob(
        kind=kind,
        id="main",
        datastore="main",
        schedule=draw(st.one_of(st.none(), EVENTS)),
        disabled=draw(st.sampled_from([False, False, False, True])),
        keeps=draw(st.booleans()) if kind == "prune" else None,
        next_run=draw(st.one_of(st.none(), moments(read + timedelta(days=2), 4))),
        runs=every,
    )


@st.composite
def servers(draw: st.DrawFn, read: datetime) -> Report:
    plans = tuple(
        DumpPlan(
            server="pg",
            id=f"b{number}",
            schedule_name=draw(st.sampled_from(["Daily", f"s{number}"])),
            schedule=draw(CRON),
            mode="all",
            enabled=draw(st.sampled_from([True, True, False])),
            volumes=draw(st.sampled_from([("local",), ("s3",), ("local", "s3"), None])),
        )
        for number in range(draw(st.integers(0, 2)))
    )
    rows = tuple(
        Dump(
            id=f"d{number}",
            server="pg",
            database="crm",
            run=run,
            file_size=draw(st.sampled_from([10, 10, 0])),
            copies=tuple(
                DumpCopy(volume, draw(st.sampled_from([True, True, False, None])))
                for volume in draw(st.sampled_from([("local",), ("s3",), ("local", "s3"), ()]))
            ),
        )
        for number, run in enumerate(draw(runs(read)))
    )
    scopes: Any = {("plans",): plans, ("dumps",): rows}
    return Report(source="databasement", kind=SourceKind.DATABASEMENT, at=read, readings=readings(read, scopes))


@st.composite
def repositories(draw: st.DrawFn, read: datetime) -> Report:
    next_run = draw(st.one_of(st.none(), moments(read + timedelta(days=2), 3)))
    plan = BackrestPlan("photos", next_run, draw(runs(read)), repo="b2")
    prune = UpkeepJob(kind="prune", id="b2", datastore="b2", runs=draw(runs(read)))
    scopes: Any = {("plans",): (plan,), ("repos",): (Repo("b2"),), ("upkeep",): (prune,)}
    return Report(source="backrest", kind=SourceKind.BACKREST, at=read, readings=readings(read, scopes))


@st.composite
def racks(draw: st.DrawFn) -> Rack:
    """Two readings some hours apart, perhaps with a source that is away the second time, judged soon after or later."""
    first = draw(st.sampled_from([NOON, AUTUMN]))
    second = first + timedelta(minutes=draw(st.sampled_from([5, 240, 1500])))
    reports: list[Report] = []
    for read in (first, second):
        cluster, server = draw(clusters(read))
        every = (cluster, server, draw(servers(read)), draw(repositories(read)))
        away = draw(st.sampled_from([None, None, 0, 1, 2, 3])) if read is second else None
        for number, report in enumerate(every):
            gone = Report(source=report.source, kind=report.kind, at=read, problem=Problem("connection refused"))
            reports.append(gone if number == away else slept(report, draw(GAPS)))
    now = second + timedelta(minutes=draw(st.sampled_from([0, 1, 10, 19, 45, 700])))
    own = draw(st.sampled_from([{}, {"backrest/prune/b2": JobSetting(schedule="sun 06:00")}]))
    pause = Pause((first - timedelta(days=2)).date(), second.date(), ("pve",), "holiday")
    pauses = draw(st.sampled_from([(), (), (pause,)]))
    named = draw(st.sampled_from([(), (service("host", "pbs:main/hosts/host/1"),)]))
    sources = (PVE, PBS, DATABASEMENT, BACKREST)
    given = settings(*sources, jobs=MappingProxyType(own), pauses=pauses, services=named)
    return Rack(given, tuple(reports), now)


def moved(report: Report, read: datetime) -> Report:
    """The report as read at that moment."""
    return replace(report, at=read, readings=tuple(replace(reading, as_of=read) for reading in report.readings))
