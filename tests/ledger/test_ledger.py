"""The ledger: what survives a restart, and what is kept how long."""

from __future__ import annotations

import ctypes
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from sidecar.board_keeper import BoardKeeper
from sidecar.core.model import Cause, Outcome, Run, SourceKind, State
from sidecar.core.reports.facts import BackrestPlan, Guest, ReadingGap, Repo, UpkeepJob
from sidecar.core.reports.report import Problem, ProblemKind, Report
from sidecar.core.settings import JobSetting
from sidecar.ledger import migrations
from sidecar.ledger.ledger import FILE, Ledger
from sidecar.ledger.values import microseconds
from tests.core.factories import at, failed, run
from tests.core.remembering import pruning
from tests.core.sample_reports import BACKREST, CRITICAL, PVE, Scopes, away, group, pbs, pve, readings, row, settings
from tests.ledgers import GUESTS, NOW, VZDUMP, filled, keeper_and_ledger, rows, written

# --- a restart ------------------------------------------------------------------------------------------------------------


def test_a_restarted_sidecar_shows_the_last_board_with_its_age_before_the_first_poll(tmp_path: Path) -> None:
    filled(tmp_path)
    keeper, ledger = keeper_and_ledger(tmp_path, "22 12:05")
    ledger.close()

    service = row(keeper.board, "vaultwarden")
    assert (service.verdict.state, service.last_backup, service.count) == (State.OK, at("22 04:05"), 2)
    assert keeper.board.as_of == at("22 11:58")
    assert not keeper.ready()


def test_a_board_from_before_a_long_stop_is_unknown_and_says_since_when(tmp_path: Path) -> None:
    filled(tmp_path)
    keeper, ledger = keeper_and_ledger(tmp_path, "23 07:30")
    ledger.close()

    service = row(keeper.board, "vaultwarden")
    assert service.verdict.state is State.UNKNOWN
    assert "since Sun 22 Nov 11:58" in (service.verdict.reason or "")
    assert service.last_backup == at("22 04:05")


def test_what_is_remembered_is_the_same_after_a_restart(tmp_path: Path) -> None:
    filled(tmp_path)
    keeper, ledger = keeper_and_ledger(tmp_path)
    keeper.record(pve("22 12:03", VZDUMP, guests=(*GUESTS, Guest(vmid=201, type="qemu", name="jellyfin", node="pve1"))))
    keeper.record(pve("22 12:08", VZDUMP))
    keeper.record(
        Report(
            source="backrest",
            kind=SourceKind.BACKREST,
            at=NOW,
            readings=readings(NOW, {("plans",): (BackrestPlan("p", NOW, ()),)}),
        )
    )
    history = keeper._history
    ledger.close()

    again = Ledger(tmp_path, NOW)
    again.close()
    assert again.remembered.history == history
    assert history.seen["guest:pve:201"].gone == at("22 12:08")
    assert again.remembered.reports["pve"] == keeper._reports["pve"]


def test_runs_of_upkeep_are_remembered_over_a_restart_each_as_it_ended(tmp_path: Path) -> None:
    keeper, ledger = keeper_and_ledger(tmp_path)
    for read, last in (
        ("21 07:00", run("21 05:00")),
        ("22 05:01", run("22 05:00", Outcome.RUNNING)),
        ("22 11:58", failed("22 05:00")),
    ):
        keeper.record(pruning(read, last))
    history = keeper._history
    ledger.close()

    again = Ledger(tmp_path, NOW)
    again.close()
    assert again.remembered.history == history
    assert [(run.start, run.outcome) for run in history.runs["pbs/prune/daily"]] == [
        (at("22 05:00"), Outcome.FAILED),
        (at("21 05:00"), Outcome.OK),
    ]


def test_rule_10_a_cancelled_run_is_still_a_cancelled_one_after_a_restart(tmp_path: Path) -> None:
    """Also when its own log was cleared meanwhile: then only the ledger knows of it."""
    cancelled = replace(failed("22 05:00", "by Anna"), cancelled=True)
    given = settings(BACKREST, jobs={"backrest/prune/b2": JobSetting(schedule="05:00")})
    for read, runs in (("22 11:58", (cancelled, run("21 05:00"))), ("22 12:03", ())):
        ledger = Ledger(tmp_path, at(read))
        keeper = BoardKeeper(given, partial(at, read), ledger)
        scopes: Scopes = {
            ("repos",): (Repo("b2"),),
            ("upkeep",): (UpkeepJob(kind="prune", id="b2", datastore="b2", runs=runs),),
        }
        keeper.record(Report(source="backrest", kind=SourceKind.BACKREST, at=at(read), readings=readings(read, scopes)))
        ledger.close()

        (prune,) = (job.verdict for job in keeper.board.jobs if job.name == "backrest/prune/b2")
        assert (prune.state, prune.cause) == (State.WARNING, Cause.RUN_CANCELLED)
    kept = ledger.runs(NOW - timedelta(days=2), NOW)["job:backrest/prune/b2"]
    assert [(each.start, each.cancelled) for each in kept] == [(at("21 05:00"), False), (at("22 05:00"), True)]


def test_a_guest_added_while_the_sidecar_was_down_counts_from_when_it_is_seen(tmp_path: Path) -> None:
    filled(tmp_path)
    keeper, ledger = keeper_and_ledger(tmp_path, "23 07:30")
    job = replace(CRITICAL, guests=(101, 201))
    keeper.record(pbs("23 07:28", group("21 04:05", "23 04:05")))
    keeper.record(
        pve("23 07:28", guests=(*GUESTS, Guest(vmid=201, type="lxc", name="jellyfin", node="pve1")), jobs=(job,))
    )
    ledger.close()

    assert row(keeper.board, "jellyfin").verdict.state is State.NEW


def test_readings_of_a_source_that_is_configured_no_more_or_differently_are_not_used(tmp_path: Path) -> None:
    filled(tmp_path)
    ledger = Ledger(tmp_path, NOW)
    made = BoardKeeper(settings(replace(PVE, kind=SourceKind.PBS), BACKREST), lambda: NOW, ledger)
    ledger.close()

    assert [source.as_of for source in made.board.sources] == [None, None]


def test_facts_are_written_only_where_they_changed(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("UPDATE readings SET facts = facts || ' '")
    keeper, ledger = keeper_and_ledger(tmp_path)
    keeper.record(pbs("22 12:03", group("21 04:05", "22 04:05", "22 12:01")))
    ledger.close()

    changed = [
        scope
        for scope, facts in rows(tmp_path, "SELECT scope, facts FROM readings WHERE source = 'pbs'")
        if not str(facts).endswith(" ")
    ]
    assert changed == ['["snapshots","main",""]']
    assert rows(tmp_path, "SELECT DISTINCT as_of FROM readings WHERE source = 'pbs'") == [
        ("2026-11-22T11:03:00.000000+00:00",)
    ]


def test_what_was_written_does_not_stay_in_memory(tmp_path: Path) -> None:
    """SQLite keeps the values of a statement for as long as the statement itself."""
    keeper, ledger = keeper_and_ledger(tmp_path)
    small = group("21 04:05", "22 04:05")
    large = replace(small, snapshots=(replace(small.snapshots[0], comment="x" * 4_000_000), *small.snapshots[1:]))
    library = ctypes.CDLL("libsqlite3.so.0")
    library.sqlite3_memory_used.restype = ctypes.c_int64
    with closing(ledger):
        keeper.record(pbs("22 12:03", small))
        written(ledger)
        before = library.sqlite3_memory_used()
        keeper.record(pbs("22 12:04", large))
        written(ledger)
        after = library.sqlite3_memory_used()

    assert rows(tmp_path, "SELECT max(length(facts)) > 4000000 FROM readings") == [(1,)]
    assert before > 0
    assert after - before < 500_000


def test_a_scope_that_is_gone_leaves_the_ledger(tmp_path: Path) -> None:
    filled(tmp_path)
    keeper, ledger = keeper_and_ledger(tmp_path)
    report = pbs("22 12:03")
    keeper.record(replace(report, readings=report.readings[:2]))
    ledger.close()

    assert rows(tmp_path, "SELECT count(*) FROM readings WHERE source = 'pbs'") == [(2,)]


def test_a_source_that_is_away_keeps_its_readings_and_its_problem(tmp_path: Path) -> None:
    filled(tmp_path)
    keeper, ledger = keeper_and_ledger(tmp_path)
    keeper.record(away("pbs", SourceKind.PBS, "22 12:03"))
    ledger.close()
    again = Ledger(tmp_path, NOW)
    again.close()

    report = again.remembered.reports["pbs"]
    assert report.problem == Problem("connection refused", "look at it", kind=ProblemKind.UNREACHABLE)
    assert {reading.as_of for reading in report.readings} == {at("22 11:58")}


def test_that_a_source_slept_is_remembered_over_a_restart(tmp_path: Path) -> None:
    filled(tmp_path)
    keeper, ledger = keeper_and_ledger(tmp_path)
    keeper.record(away("pbs", SourceKind.PBS, "22 12:03"))
    keeper.record(pbs("22 12:08", group("21 04:05", "22 04:05")))
    ledger.close()
    again = Ledger(tmp_path, NOW)
    again.close()

    report = again.remembered.reports["pbs"]
    assert {reading.gap for reading in report.readings} == {ReadingGap(at("22 11:58"), at("22 12:08"))}
    assert not list(report.facts(ReadingGap))


# --- runs and how long they are kept ----------------------------------------------------------------------------------------


def test_runs_are_kept_and_found_by_time(tmp_path: Path) -> None:
    filled(tmp_path)
    keeper, ledger = keeper_and_ledger(tmp_path)
    keeper.record(pbs("22 12:03", group("22 04:05", "22 12:01")))
    ledger.close()

    assert [run.start for run in ledger.runs(at("1 00:00"), at("30 00:00"))["guest:pve:101"]] == [
        at("21 04:05"),
        at("22 04:05"),
        at("22 12:01"),
    ]
    assert ledger.runs(at("22 04:05"), at("22 12:01")) == {
        "guest:pve:101": (Run(start=at("22 04:05"), end=None, outcome=Outcome.OK, size=1000),)
    }


def test_runs_from_before_it_was_stored_who_ended_them_are_kept_as_what_they_were(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        migrations.bring_up_to_date(connection, tmp_path / FILE, migrations.MIGRATIONS[:2])
        connection.execute("INSERT INTO subjects VALUES (1, 'job:backrest/prune/b2')")
        columns = (microseconds(at("22 05:00")), microseconds(at("22 05:07")))
        connection.execute("INSERT INTO runs VALUES (1, ?, ?, 'failed', 1000, 'by Anna')", columns)
    ledger = Ledger(tmp_path, NOW)
    ledger.close()

    assert ledger.remembered.history.runs == {"backrest/prune/b2": (failed("22 05:00", "by Anna"),)}


def test_a_run_is_kept_as_it_ended(tmp_path: Path) -> None:
    keeper, ledger = keeper_and_ledger(tmp_path)
    for read, snapshot in (("22 11:58", "!22 11:50"), ("22 12:03", "22 11:50")):
        keeper.record(pve(read))
        keeper.record(pbs(read, group(snapshot)))
    ledger.close()

    assert rows(tmp_path, "SELECT outcome, size FROM runs") == [("ok", 1000)]


def test_what_is_over_is_forgotten_after_400_days_and_what_holds_is_not(tmp_path: Path) -> None:
    filled(tmp_path)
    later = NOW + timedelta(days=401)
    ledger = Ledger(tmp_path, later)
    made = BoardKeeper(settings(), lambda: later, ledger)
    made.record(replace(pbs("22 12:03"), at=later))
    ledger.close()

    assert rows(tmp_path, "SELECT count(*) FROM runs") == [(0,)]
    assert rows(tmp_path, "SELECT count(*) FROM plans") == [(1,)]
