"""Rule 14: a datastore without room, and one whose disk is not there, each with what rests on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

import pytest

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY, History, Sighting
from sidecar.core.history.record import record
from sidecar.core.model import Board, DatastoreRow, State
from sidecar.core.reports.facts import Datastore, Namespace, UpkeepJob
from sidecar.core.reports.report import Problem, ProblemKind, Reading, Report
from tests.core.factories import at, run
from tests.core.sample_reports import Scopes, group, judged, pbs, pve, row, service, settings, vzdump

NIGHT = vzdump("22 04:00", "22 04:20")
KEPT = group("21 04:05", "22 04:05")


def on(store: Datastore) -> Board:
    return judged("22 12:00", pve("22 11:58", NIGHT), pbs("22 11:58", KEPT, extra={("datastores",): (store,)}))


def main(board: Board) -> DatastoreRow:
    return next(store for store in board.datastores if store.name == "main")


# --- room ---


@pytest.mark.parametrize(
    ("used", "avail", "expected"),
    [
        (990, 0, State.FAILED),
        (9_910, 90, State.FAILED),
        (9_900, 100, State.WARNING),
        (9_501, 499, State.WARNING),
        (9_500, 500, State.OK),
    ],
)
def test_rule_14_room_is_what_is_available_of_used_and_available(used: int, avail: int, expected: State) -> None:
    """``total`` holds what the file system keeps for itself, and says nothing."""
    assert (
        main(on(Datastore(name="main", maintenance=None, total=20_000, used=used, avail=avail))).verdict.state
        is expected
    )


def test_rule_14_a_full_datastore_counts_in_overall_and_the_headline_names_it() -> None:
    board = on(Datastore(name="main", maintenance=None, total=1000, used=999, avail=1))

    assert (board.overall.state, board.overall.headline) == (
        State.FAILED,
        "All 1 backed up: datastore pbs/main failed",
    )
    assert "0.1% free" in (main(board).verdict.reason or "")


def test_rule_14_a_nearly_full_one_is_a_warning_in_overall_too() -> None:
    board = on(Datastore(name="main", maintenance=None, total=1000, used=960, avail=40))

    assert board.overall.state is State.WARNING
    assert "datastore pbs/main warning" in board.overall.headline


def test_rule_14_it_is_named_beside_a_service_that_needs_somebody() -> None:
    store = Datastore(name="main", maintenance=None, total=1000, used=999, avail=1)
    board = judged("23 12:00", pve("23 11:58", NIGHT), pbs("23 11:58", KEPT, extra={("datastores",): (store,)}))

    assert board.overall.headline == "1 of 1 need you: vaultwarden missed 04:30 and datastore pbs/main failed"


def test_rule_14_what_is_in_s3_has_no_verdict_on_room() -> None:
    board = on(
        Datastore(
            name="main", maintenance=None, total=1000, used=999, avail=1, full_at=at("23 12:00"), object_store=True
        )
    )

    assert (main(board).verdict.state, board.overall.state) == (State.OK, State.OK)


def test_rule_14_full_and_read_only_is_full_and_not_for_its_maintenance() -> None:
    verdict = main(on(Datastore(name="main", maintenance="read-only", total=1000, used=999, avail=1))).verdict

    assert (verdict.state, verdict.origin) == (State.FAILED, None)


@pytest.mark.parametrize(
    ("used", "avail", "share"),
    [(600, 400, 0.6), (0, 1000, 0.0), (0, 0, None), (None, 400, None), (600, None, None)],
)
def test_the_share_that_is_used_is_told_where_the_server_tells_both_sizes(
    used: int | None, avail: int | None, share: float | None
) -> None:
    assert main(on(Datastore(name="main", total=1000, used=used, avail=avail))).share == share


@pytest.mark.parametrize(
    ("store", "reason", "action"),
    [
        (
            Datastore(name="main", error="unable to open chunk store"),
            "Unable to open chunk store.",
            "Check on the backup server that the disk of main is mounted and can be read.",
        ),
        (
            Datastore(name="main", removable=True, mounted=False),
            "It is not mounted.",
            "Plug in and mount the disk of main.",
        ),
        (
            Datastore(name="main", maintenance="offline"),
            "In maintenance: offline.",
            "End the maintenance mode of main.",
        ),
    ],
    ids=["the server can't use it", "unplugged", "offline"],
)
def test_one_that_the_server_can_not_read_is_unknown_with_its_cure(store: Datastore, reason: str, action: str) -> None:
    verdict = main(on(store)).verdict

    assert (verdict.state, verdict.reason, verdict.action) == (State.UNKNOWN, reason, action)


def test_one_that_is_being_deleted_is_not_in_maintenance() -> None:
    verdict = main(on(Datastore(name="main", maintenance="delete"))).verdict

    assert verdict.state is State.UNKNOWN
    assert verdict.reason == "It is being deleted."


# --- a disk that is not there ---


def seen(report: Report, before: History = EMPTY) -> History:
    return record(before, report)


def emptied(when: str, store: Datastore | None = None, *jobs: UpkeepJob) -> Report:
    extra: Scopes = {
        ("datastores",): (store or Datastore(name="main", maintenance=None, total=1000, used=600, avail=400),),
        ("upkeep", "gc"): jobs,
        ("namespaces", "main"): (Namespace("main", ""),),
    }
    return pbs(when, extra=extra)


def looked_at(when: datetime, history: History, *reports: Report, refs: tuple[str, ...] = ("101",)) -> Board:
    given = settings(services=tuple(service(f"s{place}", ref) for place, ref in enumerate(refs)))
    return board({report.source: report for report in reports}, history, given, when)


def test_rule_14_an_empty_list_where_groups_were_is_unknown_and_nobody_is_accused() -> None:
    server = emptied("22 12:00")
    history = seen(server, seen(pbs("22 11:00", KEPT, group("22 04:05", vmid="nas", kind="host"))))
    refs = ("101", "pbs:main/host/nas")
    board = looked_at(at("22 12:01"), history, pve("22 12:00", NIGHT), server, refs=refs)

    assert main(board).verdict.state is State.UNKNOWN
    assert "lists nothing, although 2 backup groups are known there" in (main(board).verdict.reason or "")
    assert [service.verdict.state for service in board.services] == [State.UNKNOWN, State.UNKNOWN]
    assert all("datastore main lists nothing" in (service.verdict.reason or "") for service in board.services)
    assert all("disk of main is mounted" in (service.verdict.action or "") for service in board.services)


@pytest.mark.parametrize(
    ("counted", "collected", "expected"),
    [(0, "22 13:00", State.OK), (0, "22 10:00", State.UNKNOWN), (5, "22 13:00", State.UNKNOWN)],
    ids=["a later one found nothing", "an earlier one", "a later one counted archives"],
)
def test_rule_14_until_a_later_garbage_collection_counts_nothing(counted: int, collected: str, expected: State) -> None:
    collection = UpkeepJob(kind="gc", id="main", datastore="main", schedule="daily", runs=(run(collected),))
    server = emptied(
        "22 14:00",
        Datastore(name="main", maintenance=None, total=1000, used=600, avail=400, index_files=counted),
        collection,
    )
    history = seen(emptied("22 12:00"), seen(pbs("22 11:00", KEPT)))

    assert (
        main(looked_at(at("22 14:01"), seen(server, history), pve("22 14:00", NIGHT), server)).verdict.state is expected
    )


def test_a_datastore_that_never_held_anything_is_empty() -> None:
    server = emptied("22 12:00")

    assert main(looked_at(at("22 12:01"), seen(server), pve("22 12:00", NIGHT), server)).verdict.state is State.OK


def test_groups_of_another_datastore_say_nothing_of_this_one() -> None:
    history = History(seen=MappingProxyType({"guest:pbs:main2/ct/101": Sighting(at("21 04:00"), "main2/ct/101")}))
    server = emptied("22 12:00")

    assert main(looked_at(at("22 12:01"), history, pve("22 12:00", NIGHT), server)).verdict.state is State.OK


def test_rule_14_what_the_source_itself_found_lost_is_unknown_as_a_row_too() -> None:
    lost = Problem("datastore main looks empty", "Mount it", kind=ProblemKind.LOOKS_EMPTY, culprit="main")
    server = pbs("22 12:00")
    broken = replace(
        server,
        readings=tuple(
            Reading(reading.scope, None, (), lost) if reading.scope[0] == "snapshots" else reading
            for reading in server.readings
        ),
    )
    verdict = main(looked_at(at("22 12:00") + timedelta(minutes=1), EMPTY, pve("22 12:00", NIGHT), broken)).verdict

    assert (verdict.state, verdict.reason, verdict.action) == (
        State.UNKNOWN,
        "Datastore main looks empty.",
        "Mount it.",
    )


def test_a_group_in_a_namespace_that_cannot_be_read_is_unknown_by_that_reason() -> None:
    refused = Problem("the token may not see /datastore/main", "Grant it", kind=ProblemKind.NO_PERMISSION)
    server = pbs("22 12:00")
    closed = replace(
        server,
        readings=tuple(
            Reading(reading.scope, None, (), refused) if reading.scope[0] == "snapshots" else reading
            for reading in server.readings
        ),
    )
    board = looked_at(at("22 12:01"), EMPTY, pve("22 12:00", NIGHT), closed, refs=("pbs:main/host/nas",))

    verdict = row(board, "s0").verdict
    assert (verdict.state, verdict.reason, verdict.action) == (
        State.UNKNOWN,
        "Can't read pbs: the token may not see /datastore/main.",
        "Grant it.",
    )
    assert not [note for note in board.notes if "does not know" in note]
