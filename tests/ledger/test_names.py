"""A stream of new names in the ledger's file: bounded, told, and not remembered for 400 days."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sidecar.board_keeper import BoardKeeper
from sidecar.core.history import bounds
from sidecar.core.history.verdict_log import FinalOccurrence, FinalState, VerdictLog
from sidecar.core.model import Run
from sidecar.ledger import names, rows, verdict_rows
from sidecar.ledger.ledger import FILE, Ledger
from tests.core.factories import run
from tests.core.history.test_bounds import START, moved, stream
from tests.core.sample_reports import BACKREST, PBS, PVE, pve, settings
from tests.ledgers import rows as queried
from tests.ledgers import written

#: An expectation has several changes, and the guest that stays has the plans of many jobs.
_MOST = {"verdict_changes": 120, "plans": 130}

TABLES = ("members", "plans", "announced", "subjects", "runs", "expectations", "verdict_changes", "service_days")


def counts(directory: Path) -> dict[str, int]:
    return {table: int(str(queried(directory, f"SELECT count(*) FROM {table}")[0][0])) for table in TABLES}


def polled(directory: Path, polls: range, number: int) -> BoardKeeper:
    """A service that reads an upstream which makes up so many new names of each kind at every poll."""
    now = [START]
    with closing(Ledger(directory, START)) as ledger:
        keeper = BoardKeeper(settings(PBS, PVE, BACKREST), lambda: now[0], ledger)
        for poll in polls:
            now[0] = START + timedelta(minutes=5 * poll)
            for report in stream(poll, number):
                keeper.record(report)
            written(ledger)
    return keeper


def test_a_stream_of_new_names_is_bounded_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_BRIEF", 10)
    monkeypatch.setattr(bounds, "MANY_BRIEF", 2)
    for module in (rows, verdict_rows):
        monkeypatch.setattr(module, "MOST_SUBJECTS" if module is rows else "MOST_EXPECTATIONS", 50)
    monkeypatch.setattr(verdict_rows, "MOST_SERVICES", 50)
    polled(tmp_path, range(5), number=2)
    size = (tmp_path / FILE).stat().st_size
    keeper = polled(tmp_path, range(5, 11), number=2)
    late = counts(tmp_path)

    assert {table: number for table, number in late.items() if number > _MOST.get(table, 60)} == {}
    assert (tmp_path / FILE).stat().st_size <= 2 * size
    assert any("reports new names all the time" in note for note in keeper.board.notes)
    assert [name for (name,) in queried(tmp_path, "SELECT member FROM expectations WHERE job = 'pve/backup/critical'")]


def test_what_belongs_to_brief_names_is_forgotten_a_month_after_them(tmp_path: Path) -> None:
    polled(tmp_path, range(1), number=0)
    polled(tmp_path, range(1, 3), number=3)
    polled(tmp_path, range(3, 4), number=0)
    before = counts(tmp_path)
    month = 32 * 24 * 12
    polled(tmp_path, range(month, month + 1), number=0)
    polled(tmp_path, range(month + 300, month + 301), number=0)
    after = counts(tmp_path)

    assert all(after[table] < before[table] for table in TABLES), (before, after)
    assert not queried(tmp_path, "SELECT name FROM subjects WHERE name LIKE '%/host/%' OR name LIKE '%prune/1%'")
    assert not queried(
        tmp_path, "SELECT member FROM expectations WHERE member LIKE '%prune/1%' OR member LIKE '%host%'"
    )
    assert queried(tmp_path, "SELECT DISTINCT service FROM service_days") == [("vaultwarden",)]


def test_what_lasted_is_kept_and_jobs_that_did_not_are_forgotten(tmp_path: Path) -> None:
    """A guest that is there keeps the verdicts of its job, and loses those of a job that was for it only briefly."""
    now = [START]

    def final(job: str, member: str, due: datetime) -> FinalOccurrence:
        return FinalOccurrence(
            member=member, job=job, destination="", due=due, state=FinalState.KEPT, run_start=None, decided_at=due
        )

    with closing(Ledger(tmp_path, START)) as ledger:
        keeper = BoardKeeper(settings(PBS, PVE), lambda: now[0], ledger)
        keeper.record(moved(pve("1 12:00"), 0))
        long, brief = "pve/backup/former", "pve/backup/brief"
        finals = [final(long, "guest:pve:101", START + timedelta(days=day)) for day in range(3)]
        finals += [final(brief, "guest:pve:101", START), final("backrest/prune/b2", "upkeep:backrest:prune/b2", START)]
        ledger.record_verdicts(VerdictLog(finals=tuple(finals)))
        now[0] = START + timedelta(days=40)
        keeper.record(moved(pve("1 12:00"), 40 * 24 * 60))
        written(ledger)

    assert {job for (job,) in queried(tmp_path, "SELECT job FROM expectations JOIN finals ON id = expectation")} == {
        "pve/backup/former"
    }


def test_one_subject_keeps_its_newest_runs_and_all_together_are_not_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MOST_RUNS_OF_ONE", 5)
    monkeypatch.setattr(rows, "MOST_RUNS", 8)
    ledger = Ledger(tmp_path, START)
    ledger.close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        runs: list[Run] = [run(f"{day} 04:00") for day in range(1, 9)]
        assert rows.write_runs(connection, "guest:pve:101", runs)
        assert rows.write_runs(connection, "guest:pve:102", runs)
        rows.trim_runs(connection)

    starts = queried(tmp_path, "SELECT subject, count(*) FROM runs GROUP BY subject")
    assert starts == [(1, 4), (2, 4)]


def test_who_is_on_the_board_is_current() -> None:
    keeper = BoardKeeper(settings(PBS, PVE), lambda: START)
    for report in stream(0, 1):
        keeper.record(report)

    shown = names.current(keeper.board)
    assert shown.members >= {"guest:pve:101", "guest:pve:1000", "guest:pbs:main/host/0-0", "upkeep:pbs:prune/0-0"}
    assert shown.services == {service.name for service in keeper.board.services}
