"""Timelines for tests of the calendar: the board's Monday, with one guest job, dumps, a Backrest plan and upkeep."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType

from sidecar.core.history.history import EMPTY
from sidecar.core.model import Outcome, Run, SourceKind
from sidecar.core.reports.facts import BackrestPlan, BackupJob, Dump, DumpPlan, Fact, UpkeepJob
from sidecar.core.reports.report import Report
from sidecar.core.settings import CalendarLine, JobSetting, Settings
from sidecar.core.timeline.timeline import Timeline, timeline
from tests.core.factories import at, run
from tests.core.sample_reports import BACKREST, DATABASEMENT, PBS, PVE, Scopes, group, pbs, pve, readings, settings
from tests.web.boards import HALF_A_CHARACTER, HOSTILE, LONG

READ = "23 07:26"
_TITLES = {
    "databasement/dump/Daily": "Databasement dumps",
    "backrest/plan/vault": "Backrest vault snapshot",
    "pbs/prune/prune-main": "PBS prune",
    "pbs/gc/main": "PBS garbage collection",
}


def month(now: datetime, *, title: str = "PBS critical LXC", every: str = "04:00") -> Timeline:
    """A month in which the backup of the 12th was missed, a dump of the 10th failed, and a plan warned on the 14th."""
    lines = (CalendarLine("Tape to the safe", "0 9 1 * *", "offsite"),)
    jobs = {name: JobSetting(title=words) for name, words in _TITLES.items()}
    given = settings(PVE, PBS, DATABASEMENT, BACKREST, jobs=MappingProxyType(jobs), calendar=lines)
    return _timeline(given, now, title, every)


def hostile(now: datetime) -> Timeline:
    """Titles that want to be markup, half a character, and one that has no place to break."""
    return month(now, title=f"{HOSTILE} {HALF_A_CHARACTER} {LONG}")


def _timeline(given: Settings, now: datetime, title: str, every: str) -> Timeline:
    job = BackupJob(
        id="critical", schedule=every, enabled=True, storage="pbs-main", node=None, guests=(101,), comment=title
    )
    nights = [f"{day} 04:00" for day in range(1, 24) if day != 12]
    upkeep: dict[tuple[str, ...], tuple[Fact, ...]] = {
        ("upkeep", "prune"): (_upkeep("prune", "prune-main", "05:00", "23 05:00", "24 05:00"),),
        ("upkeep", "gc"): (_upkeep("gc", "main", "sat 03:00", "21 03:00", "28 03:00"),),
    }
    reports = (pve(READ, jobs=(job,)), pbs(READ, group(*nights), extra=upkeep), _databasement(), _backrest())
    return timeline({report.source: report for report in reports}, EMPTY, given, now)


def _upkeep(kind: str, name: str, schedule: str, last: str, following: str) -> UpkeepJob:
    runs = (run(last, minutes=1),)
    return UpkeepJob(
        kind=kind, id=name, datastore="main", schedule=schedule, keeps=True, next_run=at(following), runs=runs
    )


def _databasement() -> Report:
    plan = DumpPlan(
        server="db", id="p1", schedule_name="Daily", schedule="0 2 * * *", mode="selected", databases=("n8n", "immich")
    )
    rows = [
        Dump(id=f"{name}{day}", server="db", database=name, run=_dump(day, failed=(name, day) == ("immich", 10)))
        for name in ("n8n", "immich")
        for day in range(1, 24)
    ]
    scopes: Scopes = {("plans",): (plan,), ("dumps",): tuple(rows)}
    return Report(source="databasement", kind=SourceKind.DATABASEMENT, at=at(READ), readings=readings(READ, scopes))


def _dump(day: int, *, failed: bool) -> Run:
    if failed:
        return run(f"{day} 02:00", Outcome.FAILED, text="postgres-main refused the login")
    return run(f"{day} 02:00")


def _backrest() -> Report:
    runs = [run(f"{day} 02:15", Outcome.WARNING if day == 14 else Outcome.OK, text=None) for day in range(23, 0, -1)]
    scopes: Scopes = {
        ("plans",): (BackrestPlan("vault", at("24 02:15"), tuple(runs)),),
        ("repos",): (),
        ("upkeep",): (),
    }
    return Report(source="backrest", kind=SourceKind.BACKREST, at=at(READ), readings=readings(READ, scopes))
