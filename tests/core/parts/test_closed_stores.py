"""Rule 8: upkeep of a datastore that is closed, as it shows on the board."""

from __future__ import annotations

import pytest

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.record import record
from sidecar.core.model import Board, JobRow, Origin, Outcome, Run, State
from sidecar.core.reports.facts import Datastore, UpkeepJob
from sidecar.core.reports.report import Report
from tests.core.factories import at, run
from tests.core.sample_reports import Scopes, group, pbs, pve, settings, vzdump

OPEN = Datastore(name="main", maintenance=None, total=1000, used=600, avail=400)
AWAY = Datastore(name="main", error="it is not mounted", removable=True, mounted=False)


def upkeep(kind: str, *runs: Run, schedule: str | None = "05:00") -> UpkeepJob:
    return UpkeepJob(kind=kind, id="main", datastore="main", schedule=schedule, keeps=True, runs=runs)


def server(read: str, store: Datastore, *jobs: UpkeepJob) -> Report:
    scopes: Scopes = {("upkeep", kind): tuple(job for job in jobs if job.kind == kind) for kind in KINDS}
    return pbs(read, group("22 04:05"), extra={("datastores",): (store,), **scopes})


KINDS = ("gc", "prune", "verify", "sync")


def looked_at(now: str, *reports: Report, history: History = EMPTY) -> Board:
    newest = {}
    for report in (pve(now, vzdump("22 04:00", "22 04:20")), *reports):
        history = record(history, report)
        newest[report.source] = report
    return board(newest, history, settings(), at(now))


def job(board: Board, kind: str) -> JobRow:
    return next(row for row in board.jobs if row.name == f"pbs/{kind}/main")


@pytest.mark.parametrize("mode", ["offline", "unmount", "s3-refresh", "read-only"])
def test_rule_8_upkeep_of_a_store_in_maintenance_is_unknown_and_names_it(mode: str) -> None:
    board = looked_at(
        "22 12:00", server("22 11:58", Datastore(name="main", maintenance=mode), upkeep("prune", run("20 05:00")))
    )
    verdict = job(board, "prune").verdict

    assert (verdict.state, verdict.reason) == (State.UNKNOWN, f"Datastore main is in maintenance: {mode}.")
    assert verdict.origin == board.datastores[0].verdict.origin == Origin("maintenance:pbs/main", "datastore pbs/main")


def test_rule_8_a_read_only_store_can_still_be_verified() -> None:
    board = looked_at(
        "22 12:00",
        server("22 11:58", Datastore(name="main", maintenance="read-only"), upkeep("verify", run("20 05:00"))),
    )

    assert job(board, "verify").verdict.state is State.MISSED


def test_rule_8_a_store_that_is_being_deleted_is_not_in_maintenance() -> None:
    board = looked_at(
        "22 12:00", server("22 11:58", Datastore(name="main", maintenance="delete"), upkeep("prune", run("20 05:00")))
    )

    assert job(board, "prune").verdict.reason == "Datastore main is being deleted."


def test_rule_8_upkeep_of_a_disk_that_was_taken_out_is_disabled() -> None:
    board = looked_at("22 12:00", server("22 11:58", AWAY, upkeep("prune", run("20 05:00"))))
    verdict = job(board, "prune").verdict

    assert (verdict.state, verdict.reason) == (State.DISABLED, "The disk of datastore main is not plugged in.")


@pytest.mark.parametrize(
    ("closed", "state"),
    [(Datastore(name="main", maintenance="offline"), State.UNKNOWN), (AWAY, State.DISABLED)],
    ids=["offline", "away"],
)
def test_rule_8_a_garbage_collection_stays_in_the_table_when_its_store_closes(closed: Datastore, state: State) -> None:
    """The server leaves it out of its list then."""
    before = record(EMPTY, server("21 12:00", OPEN, upkeep("gc", run("21 05:00"))))
    board = looked_at("22 12:00", server("22 11:58", closed), history=before)

    assert job(board, "gc").verdict.state is state
    assert job(board, "gc").schedule == "05:00"


def test_one_without_a_schedule_does_not_come_back() -> None:
    before = record(EMPTY, server("21 12:00", OPEN, upkeep("gc", run("21 05:00"), schedule=None)))
    board = looked_at("22 12:00", server("22 11:58", Datastore(name="main", maintenance="offline")), history=before)

    assert not [row for row in board.jobs if row.kind == "gc"]


def test_rule_8_a_garbage_collection_is_not_owed_what_passed_while_its_store_was_closed() -> None:
    history = EMPTY
    for report in (
        server("21 12:00", OPEN, upkeep("gc", run("21 05:00"))),
        server("22 04:00", Datastore(name="main", maintenance="offline")),
    ):
        history = record(history, report)
    board = looked_at("22 12:00", server("22 11:58", OPEN, upkeep("gc", run("21 05:00"))), history=history)

    assert job(board, "gc").verdict.state is State.OK


@pytest.mark.parametrize("kind", KINDS)
def test_rule_8_a_job_without_a_schedule_that_failed_is_a_warning(kind: str) -> None:
    last = run("22 05:00", Outcome.FAILED, text="unable to lock")
    board = looked_at("22 12:00", server("22 11:58", OPEN, upkeep(kind, last, schedule=None)))

    assert job(board, kind).verdict.state is State.WARNING
    assert "unable to lock" in (job(board, kind).verdict.reason or "")
    assert board.overall.state is State.WARNING
