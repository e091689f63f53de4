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
CRITICAL = BackupJob("critical", "04:00", enabled=True, storage="pbs-main", node=None, guests=(101,))
STORAGE = Storage("pbs-main", "pbs", True, "pbs.lan", 8007, "main", "", PIN)


def source(name: str, kind: SourceKind, **changes: Any) -> SourceSetting:
    return SourceSetting(name, kind, f"https://{name}.lan", STALE_AFTER, **changes)


PVE = source("pve", SourceKind.PVE)
PBS = source("pbs", SourceKind.PBS)
DATABASEMENT = source("databasement", SourceKind.DATABASEMENT, timezone="Europe/Berlin")
BACKREST = source("backrest", SourceKind.BACKREST)


def settings(*sources: SourceSetting, **changes: Any) -> Settings:
    return Settings(BERLIN, sources or (PVE, PBS), **changes)


def service(name: str, *refs: str, kind: PartKind = PartKind.GUEST, **changes: Any) -> ServiceSetting:
    return ServiceSetting(name, tuple(PartSetting(kind, ref) for ref in refs), **changes)


def readings(when: str | datetime, scopes: Mapping[tuple[str, ...], tuple[Fact, ...]]) -> tuple[Reading, ...]:
    as_of = at(when) if isinstance(when, str) else when
    return tuple(Reading(scope, as_of, facts) for scope, facts in scopes.items())


def group(
    *times: str, vmid: str = "101", kind: str = "ct", datastore: str = "main", namespace: str = ""
) -> BackupGroup:
    """Finished snapshots that began at ``times``; a leading ! marks one without a size."""
    snapshots = [Snapshot(at(time.lstrip("!")), None if time.startswith("!") else 1000) for time in times]
    newest_first = sorted(snapshots, key=lambda snapshot: snapshot.time, reverse=True)
    return BackupGroup(datastore, namespace, kind, vmid, tuple(newest_first))


def vzdump(start: str, end: str | None, status: str | None = "OK", vmid: str = "", node: str = "pve1") -> Task:
    return Task(
        node,
        "vzdump",
        vmid,
        at(start),
        at(end) if end else None,
        status if end else None,
        f"UPID:{node}:{start}:{vmid}:",
    )


def pve(
    read: str,
    *tasks: Task,
    guests: tuple[Guest, ...] = (Guest(101, "lxc", "vaultwarden", "pve1"),),
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
    return Report("pve", SourceKind.PVE, at(read), "9.2", None, readings(read, scopes), **changes)


def pbs(
    read: str,
    *groups: BackupGroup,
    extra: Scopes = MappingProxyType({}),
    **changes: Any,
) -> Report:
    """The server of the pin, with datastore main and its root namespace."""
    scopes: dict[tuple[str, ...], tuple[Fact, ...]] = {
        ("zone",): (Zone(None, "Europe/Berlin"),),
        ("datastores",): (Datastore("main", None, 1000, 600, 400),),
        ("namespaces", "main"): (Namespace("main", ""),),
        ("snapshots", "main", ""): groups,
        ("tasks",): (),
        **extra,
    }
    given: dict[str, Any] = {"version": "3.2.4", "tls_fingerprint": PIN, **changes}
    return Report("pbs", SourceKind.PBS, at(read), readings=readings(read, scopes), **given)


def away(name: str, kind: SourceKind, when: str, cause: str = "connection refused", *, denied: bool = False) -> Report:
    problem = ProblemKind.REFUSED_CREDENTIALS if denied else ProblemKind.UNREACHABLE
    return Report(name, kind, at(when), problem=Problem(cause, "look at it", kind=problem))


def judged(now: str, *reports: Report, given: Settings | None = None, since: str | None = None) -> Board:
    """The board of these reports; ``since``: when all sources were read for the first time."""
    history = History(at(since)) if since else EMPTY
    return board({report.source: report for report in reports}, history, given or settings(), at(now))


def row(board: Board, name: str) -> ServiceRow:
    return next(service for service in board.services if service.name == name)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)
