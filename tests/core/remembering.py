"""A board keeper that remembers, and reports for it: what the tests of rules 1, 2 and 11 share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY
from sidecar.core.history.record import record
from sidecar.core.model import Board, Run, SourceKind, State
from sidecar.core.reports.facts import BackrestPlan, BackupJob, Dump, DumpPlan, Guest, UpkeepJob
from sidecar.core.reports.report import Report, keep_what_failed
from sidecar.core.settings import Settings
from sidecar.core.timeline.timeline import occurrences
from tests.core.factories import at, due_states, run
from tests.core.sample_reports import BACKREST, CRITICAL, pbs, readings, row, settings, vzdump

VAULTWARDEN = Guest(vmid=101, type="lxc", name="vaultwarden", node="pve1")
JELLYFIN = Guest(vmid=201, type="lxc", name="jellyfin", node="pve1")
WEEKLY = BackupJob(id="weekly", schedule="mon 04:00", enabled=True, storage="pbs-main", node=None, guests=(101,))


class BoardKeeper:
    """Takes reports one after another and remembers, as the running sidecar does."""

    def __init__(self, given: Settings | None = None) -> None:
        self.settings = given or settings()
        self.reports: dict[str, Report] = {}
        self.history = EMPTY

    def take(self, *reports: Report) -> BoardKeeper:
        for report in reports:
            merged = keep_what_failed(report, self.reports.get(report.source))
            self.reports[report.source] = merged
            self.history = record(self.history, merged)
        return self

    def board(self, now: str) -> Board:
        return board(self.reports, self.history, self.settings, at(now))

    def state(self, now: str, name: str = "vaultwarden") -> State:
        return row(self.board(now), name).verdict.state

    def calendar(self, start: str, end: str, now: str, job: str | None = None) -> list[tuple[str, str]]:
        """What ``due_states`` tells of a window, as the calendar shows it at ``now``."""
        every = occurrences(self.reports, self.history, self.settings, at(start), at(end), at(now))
        return due_states(every, job)

    def reason(self, now: str, name: str = "vaultwarden") -> str:
        return row(self.board(now), name).verdict.reason or ""


def vzdump_on(day: int) -> Any:
    return vzdump(f"{day} 04:00", f"{day} 04:10")


def edited(schedule: str, **changes: Any) -> BackupJob:
    return replace(CRITICAL, schedule=schedule, **changes)


def backrest(read: str, next_run: str | None, *runs: Run, plan: str = "photos") -> Report:
    backrest_plan = BackrestPlan(
        plan, at(next_run) if next_run else None, tuple(sorted(runs, key=lambda run: run.start, reverse=True))
    )
    return Report(
        source="backrest",
        kind=SourceKind.BACKREST,
        at=at(read),
        readings=readings(read, {("plans",): (backrest_plan,)}),
    )


DAILY = DumpPlan(server="pg", id="b1", schedule_name="Daily", schedule="0 2 * * *")


def databasement(read: str, *names: str, plans: tuple[DumpPlan, ...] = (DAILY,)) -> Report:
    rows = tuple(Dump(id=name, server="pg", database=name, run=run("22 02:00"), file_size=10) for name in names)
    return Report(
        source="databasement",
        kind=SourceKind.DATABASEMENT,
        at=at(read),
        readings=readings(read, {("plans",): plans, ("dumps",): rows}),
    )


def plans_keeper(*reports: Report, **changes: Any) -> BoardKeeper:
    return BoardKeeper(settings(BACKREST, **changes)).take(*reports)


PRUNE = UpkeepJob(kind="prune", id="daily", datastore="main", schedule="05:00", keeps=True)


def pruning(read: str, last: Run | None, *earlier: Run, **changes: Any) -> Report:
    """A backup server with a daily prune at 05:00: its last run, and earlier ones where its task list has them."""
    job = replace(PRUNE, runs=(last, *earlier) if last else earlier, **changes)
    return pbs(read, extra={("upkeep", "prune"): (job,)})
