"""A datastore that is taken out of its backup server: what rested on it does not leave the table unseen (rule 11)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.model import State
from tests.answers import Answers, backup_server, snapshot, when
from tests.house import House, service

NAS = [snapshot(f"{day} 20:00", "nas", "host") for day in range(20, 28)]
BOTH = [{"store": "main"}, {"store": "old"}]
GONE = when("28 08:05")
EXPECTED = {"ref": "pbs:main/host/nas", "expect": {"schedule": "20:00"}}

Services = list[dict[str, Any]]


@pytest.fixture
def houses(tmp_path: Path) -> Iterator[list[House]]:
    lived: list[House] = []
    yield lived
    for house in lived:
        house.close()


def before() -> Answers:
    content = {("main", ""): [*NAS, *(snapshot("27 21:00", vmid) for vmid in ("101", "102"))], ("old", ""): []}
    return backup_server(content, stores=BOTH)


def after(**changed: Any) -> Answers:
    return backup_server({("old", ""): []}, stores=BOTH[1:], **changed)


def lived(tmp_path: Path, houses: list[House], services: Services) -> House:
    house = House(tmp_path, {"pbs": before()}, services=services)
    houses.append(house)
    house.look("28 08:00")
    return house


@pytest.mark.parametrize("restarted", [False, True], ids=["seen", "after a restart"])
def test_rule_11_what_is_still_expected_in_it_is_missed(tmp_path: Path, houses: list[House], restarted: bool) -> None:
    house = lived(tmp_path, houses, [{"name": "nas", "guests": [EXPECTED]}])
    if restarted:
        house.restart()
    verdict = service(house.look("28 08:05", pbs=after()), "nas").verdict

    assert (verdict.state, verdict.reason) == (State.MISSED, "Gone from pbs since today 08:05, but still expected.")
    assert verdict.action == "Bring datastore main back, or take it out of services."


def test_rule_11_what_nothing_expects_is_told_with_all_that_was_in_it(tmp_path: Path, houses: list[House]) -> None:
    house = lived(tmp_path, houses, [{"name": "nas", "guests": ["pbs:main/host/nas"]}])
    notes = house.look("28 08:05", pbs=after()).notes

    assert "Datastore main is gone from pbs since today 08:05: 3 backup groups were known there." in notes
    assert any("gone from pbs with datastore main" in note for note in notes)
    assert not any("does not know" in note for note in notes)


def test_it_is_told_for_thirty_days(tmp_path: Path, houses: list[House]) -> None:
    house = lived(tmp_path, houses, [])
    house.look("28 08:05", pbs=after())

    assert any("Datastore main is gone" in note for note in house.look(GONE + timedelta(days=29)).notes)
    assert not any("Datastore main is gone" in note for note in house.look(GONE + timedelta(days=31)).notes)


def test_one_that_came_back_is_there(tmp_path: Path, houses: list[House]) -> None:
    house = lived(tmp_path, houses, [{"name": "nas", "guests": [EXPECTED]}])
    house.look("28 08:05", pbs=after())
    board = house.look("28 08:10", pbs=before())

    assert service(board, "nas").verdict.state is State.OK
    assert not any("gone" in note for note in board.notes)


@pytest.mark.parametrize(
    "permissions",
    [
        {"/datastore/old": {"Datastore.Audit": 1}},
        {"/datastore": {"Datastore.Audit": 1}, "/datastore/main": {"Datastore.Verify": 1}},
    ],
    ids=["sees one only", "an own entry takes it away"],
)
def test_one_that_the_token_may_not_see_any_more_is_not_gone(
    tmp_path: Path, houses: list[House], permissions: dict[str, dict[str, int]]
) -> None:
    house = lived(tmp_path, houses, [{"name": "nas", "guests": [EXPECTED]}])
    board = house.look("28 08:05", pbs=after(permissions=permissions))

    assert service(board, "nas").verdict.state is State.UNKNOWN
    assert "/datastore/main" in (service(board, "nas").verdict.action or "")
    assert not any("gone" in note for note in board.notes)


def test_while_the_datastores_can_not_be_listed_none_is_gone(tmp_path: Path, houses: list[House]) -> None:
    house = lived(tmp_path, houses, [{"name": "nas", "guests": [EXPECTED]}])
    board = house.look("28 08:05", pbs=before() | {"/admin/datastore": {"status": 500, "body": "oops"}})

    assert service(board, "nas").verdict.state is State.OK
    assert not any("gone" in note for note in board.notes)
