"""Reports for tests of the judgement: one PVE node, one backup server, a database server and Backrest, as sources report them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY, History
from sidecar.core.model import Board, PartKind, ServiceRow, SourceKind
from sidecar.core.reports.facts import (
    BackupGroup,
    BackupJob,
    Datastore,
    Fact,
    Guest,
    Namespace,
    Node,
    Snapshot,
    Storage,
    Task,
    Zone,
)
from sidecar.core.reports.report import Problem, ProblemKind, Reading, Report
from sidecar.core.settings import PartSetting, ServiceSetting, Settings, SourceSetting
from tests.core.factories import BERLIN, STALE_AFTER, at

#: What a source's readings hold, by scope.
Scopes = Mapping[tuple[str, ...], tuple[Fact, ...]]

PIN = ":".join(["ab"] * 32)
CRITICAL = BackupJob(id="critical", schedule="04:00", enabled=True, storage="pbs-main", node=None, guests=(101,))
STORAGE = Storage(
    name="pbs-main",
    type="pbs",
    enabled=True,
    server="pbs.lan",
    port=8007,
    datastore="main",
    namespace="",
    fingerprint=PIN,
)


def source(name: str, kind: SourceKind, **changes: Any) -> SourceSetting:
    return SourceSetting(name=name, kind=kind, url=f"https://{name}.lan", stale_after=STALE_AFTER, **changes)


PVE = source("pve", SourceKind.PVE)
PBS = source("pbs", SourceKind.PBS)
DATABASEMENT = source("databasement", SourceKind.DATABASEMENT, timezone="Europe/Berlin")
BACKREST = source("backrest", SourceKind.BACKREST)


def settings(*sources: SourceSetting, **changes: Any) -> Settings:
    return Settings(timezone=BERLIN, sources=sources or (PVE, PBS), **changes)


def service(name: str, *refs: str, kind: PartKind = PartKind.GUEST, **changes: Any) -> ServiceSetting:
    return ServiceSetting(name=name, parts=tuple(PartSetting(kind, ref) for ref in refs), **changes)


def readings(when: str | datetime, scopes: Mapping[tuple[str, ...], tuple[Fact, ...]]) -> tuple[Reading, ...]:
    as_of = at(when) if isinstance(when, str) else when
    return tuple(Reading(scope, as_of, facts) for scope, facts in scopes.items())


def group(
    *times: str, vmid: str = "101", kind: str = "ct", datastore: str = "main", namespace: str = ""
) -> BackupGroup:
    """Finished snapshots that began at ``times``; a leading ! marks one without a size."""
    snapshots = [Snapshot(time=at(time.lstrip("!")), size=None if time.startswith("!") else 1000) for time in times]
    newest_first = sorted(snapshots, key=lambda snapshot: snapshot.time, reverse=True)
    return BackupGroup(datastore=datastore, namespace=namespace, type=kind, id=vmid, snapshots=tuple(newest_first))


def vzdump(start: str, end: str | None, status: str | None = "OK", vmid: str = "", node: str = "pve1") -> Task:
    return Task(
        node=node,
        type="vzdump",
        id=vmid,
        start=at(start),
        end=at(end) if end else None,
        status=status if end else None,
        upid=f"UPID:{node}:{start}:{vmid}:",
    )


#: The night in which the job of the cluster saved everything.
NIGHT = vzdump("22 04:00", "22 04:20")


def after_the_night(**changes: Any) -> Report:
    """What the cluster reports at noon."""
    return pve("22 11:58", NIGHT, **changes)


def upload(start: str, end: str | None = None, status: str | None = None) -> Task:
    """The task of a backup server that takes a backup of guest 101; it runs without ``end``."""
    return Task(
        node="localhost",
        type="backup",
        id="main:ct/101",
        start=at(start),
        end=at(end) if end else None,
        status=status,
        upid=f"UPID:{start}",
    )


def pve(
    read: str,
    *tasks: Task,
    guests: tuple[Guest, ...] = (Guest(vmid=101, type="lxc", name="vaultwarden", node="pve1"),),
    jobs: tuple[BackupJob, ...] = (CRITICAL,),
    storages: tuple[Storage, ...] = (STORAGE,),
    **changes: Any,
) -> Report:
    scopes: dict[tuple[str, ...], tuple[Fact, ...]] = {
        ("guests",): guests,
        ("jobs",): jobs,
        ("storages",): storages,
        ("nodes",): (Node("pve1", online=True),),
        ("zone", "pve1"): (Zone("pve1", "Europe/Berlin"),),
        ("tasks", "pve1"): tasks,
    }
    return Report(
        source="pve",
        kind=SourceKind.PVE,
        at=at(read),
        version="9.2",
        tls_fingerprint=None,
        readings=readings(read, scopes),
        **changes,
    )


def pbs(
    read: str,
    *groups: BackupGroup,
    extra: Scopes = MappingProxyType({}),
    **changes: Any,
) -> Report:
    """The server of the pin, with datastore main and its root namespace."""
    scopes: dict[tuple[str, ...], tuple[Fact, ...]] = {
        ("zone",): (Zone(None, "Europe/Berlin"),),
        ("datastores",): (Datastore(name="main", maintenance=None, total=1000, used=600, avail=400),),
        ("namespaces", "main"): (Namespace("main", ""),),
        ("snapshots", "main", ""): groups,
        ("tasks",): (),
        **extra,
    }
    given: dict[str, Any] = {"version": "3.2.4", "tls_fingerprint": PIN, **changes}
    return Report(source="pbs", kind=SourceKind.PBS, at=at(read), readings=readings(read, scopes), **given)


def away(name: str, kind: SourceKind, when: str, cause: str = "connection refused", *, denied: bool = False) -> Report:
    problem = ProblemKind.REFUSED_CREDENTIALS if denied else ProblemKind.UNREACHABLE
    return Report(source=name, kind=kind, at=at(when), problem=Problem(cause, "look at it", kind=problem))


def judged(now: str, *reports: Report, given: Settings | None = None, since: str | None = None) -> Board:
    """The board of these reports; ``since``: when all sources were read for the first time."""
    history = History(first_contact=at(since)) if since else EMPTY
    return board({report.source: report for report in reports}, history, given or settings(), at(now))


def row(board: Board, name: str) -> ServiceRow:
    return next(service for service in board.services if service.name == name)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)
