"""Rule 11: what was seen before and is gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidecar.core.board.board import board
from sidecar.core.history.history import History, Sighting
from sidecar.core.model import PartKind, SourceKind, State
from sidecar.core.reports.facts import BackupGroup, DumpPlan, Guest
from sidecar.core.reports.report import Problem, ProblemKind, Report
from sidecar.core.settings import ExpectSetting, Ignore, PartSetting, ServiceSetting
from tests.core.factories import at, run
from tests.core.remembering import (
    DAILY,
    JELLYFIN,
    VAULTWARDEN,
    BoardKeeper,
    backrest,
    databasement,
    plans_keeper,
    vzdump_on,
)
from tests.core.sample_reports import (
    CRITICAL,
    DATABASEMENT,
    PBS,
    PVE,
    away,
    group,
    pbs,
    pve,
    row,
    service,
    settings,
    vzdump,
)


def test_rule_11_a_mapped_guest_that_is_gone_is_a_note_for_thirty_days_and_then_a_wrong_reference() -> None:
    keeper = BoardKeeper(settings(services=(service("passwords", "101"), service("media", "201"))))
    both = (VAULTWARDEN, JELLYFIN)
    kept = (group("22 04:05"), group("22 04:07", vmid="201"))
    keeper.take(
        pbs("22 11:58", *kept),
        pve("22 11:58", vzdump_on(22), guests=both, jobs=(replace(CRITICAL, guests=(101, 201)),)),
    )
    left: dict[str, Any] = {"guests": (JELLYFIN,), "jobs": (replace(CRITICAL, guests=(201,)),)}
    keeper.take(pve("22 12:03", vzdump_on(22), **left))
    board = keeper.board("22 12:04")

    assert ([service.name for service in board.services], board.overall.state) == (["media"], State.OK)
    assert (
        "passwords: gone from pve since today 12:03: vaultwarden (pve:101); nothing expects it any more." in board.notes
    )

    keeper.take(pve("2026-12-23 12:03", **left))
    later = keeper.board("2026-12-23 12:04")
    assert row(later, "passwords").verdict.state is State.UNKNOWN
    assert "passwords: guests names 101, which pve does not know." in later.notes


def test_rule_11_a_mapped_part_with_its_own_expectation_is_missed_when_it_is_gone() -> None:
    part = PartSetting(PartKind.GUEST, "pbs:main/host/nas", ExpectSetting("sun 06:00"))
    keeper = BoardKeeper(settings(services=(ServiceSetting(name="archive", parts=(part,)),)))
    nas, other = group("22 06:10", vmid="nas", kind="host"), group("22 06:10", vmid="web", kind="host")
    keeper.take(pve("22 11:58", guests=(), jobs=()), pbs("22 11:58", nas, other))
    assert keeper.state("22 12:00", "archive") is State.OK

    keeper.take(pbs("22 12:03", other), pve("22 12:03", guests=(), jobs=()))
    assert keeper.state("22 12:04", "archive") is State.MISSED
    assert keeper.reason("22 12:04", "archive") == "Gone from pbs since today 12:03, but still expected."

    keeper.take(pbs("22 12:08", nas))
    assert keeper.state("22 12:09", "archive") is State.OK


@pytest.mark.parametrize(
    ("plans", "expected"),
    [
        ((DAILY,), {"crm": State.MISSED, "shop": State.OK}),
        ((replace(DAILY, mode="selected", databases=("shop",)),), {"shop": State.OK}),
    ],
    ids=["still covered", "taken out of its backup"],
)
def test_rule_11_a_mapped_database_that_is_gone_is_missed_while_a_backup_covers_it(
    plans: tuple[DumpPlan, ...], expected: dict[str, State]
) -> None:
    given = settings(
        DATABASEMENT,
        services=(service("crm", "pg/crm", kind=PartKind.DATABASE), service("shop", "pg/shop", kind=PartKind.DATABASE)),
    )
    keeper = BoardKeeper(given).take(
        databasement("22 11:58", "crm", "shop"), databasement("22 12:03", "shop", plans=plans)
    )
    board = keeper.board("22 12:04")

    assert {service.name: service.verdict.state for service in board.services} == expected


def test_rule_11_a_mapped_pattern_shows_what_of_it_is_gone() -> None:
    given = settings(DATABASEMENT, services=(service("data", "pg/*", kind=PartKind.DATABASE),))
    keeper = BoardKeeper(given).take(databasement("22 11:58", "crm", "shop"), databasement("22 12:03", "shop"))
    parts = row(keeper.board("22 12:04"), "data").parts

    assert {part.ref: part.verdict.state for part in parts} == {"pg/crm": State.MISSED, "pg/shop": State.OK}


@pytest.mark.parametrize(("last", "expected"), [("24 02:15", State.MISSED), (None, None)], ids=["was on", "was off"])
def test_rule_11_a_mapped_plan_that_is_gone_is_missed_unless_it_was_switched_off_before(
    last: str | None, expected: State | None
) -> None:
    keeper = plans_keeper(
        backrest("23 02:00", "23 02:15"),
        backrest("23 11:58", last, run("23 02:15")),
        backrest("23 12:03", "24 03:00", plan="other"),
        services=(service("photos", "photos", kind=PartKind.PLAN),),
    )
    states = {service.name: service.verdict.state for service in keeper.board("23 12:04").services}

    assert states.get("photos") is expected


def test_rule_11_unmapped_things_are_noted_for_seven_days() -> None:
    keeper = BoardKeeper().take(pbs("22 11:58"), pve("22 11:58", guests=(VAULTWARDEN, JELLYFIN)), pve("22 12:03"))
    note = "Gone from pve since today 12:03: jellyfin (pve:201)."
    assert note in keeper.board("22 12:04").notes

    keeper.take(pve("29 12:04"))
    assert not [note for note in keeper.board("29 12:05").notes if "jellyfin" in note]


@pytest.mark.parametrize(
    "problem", [Problem("connection refused"), Problem("HTTP 401", kind=ProblemKind.REFUSED_CREDENTIALS)]
)
def test_rule_11_a_source_that_cannot_be_read_makes_nothing_vanish(problem: Problem) -> None:
    keeper = BoardKeeper(settings(services=(service("passwords", "101"),))).take(
        pbs("22 11:58", group("22 04:05")), pve("22 11:58")
    )
    keeper.take(Report(source="pve", kind=SourceKind.PVE, at=at("22 12:03"), problem=problem))

    assert keeper.history.seen["guest:pve:101"].gone is None
    assert not [note for note in keeper.board("22 12:04").notes if "gone from pve" in note.lower()]


def test_rule_11_what_may_be_on_a_cluster_that_cannot_be_read_is_unknown_not_gone() -> None:
    other = replace(PVE, name="pve2")
    keeper = BoardKeeper(settings(PVE, other, PBS, services=(service("passwords", "101"),)))
    keeper.take(pbs("22 11:58", group("22 04:05")), pve("22 11:58"), pve("22 12:03", guests=()))
    keeper.take(away("pve2", SourceKind.PVE, "22 12:03"))

    assert keeper.state("22 12:04", "passwords") is State.UNKNOWN


def test_rule_11_what_is_gone_stays_gone_while_its_list_cannot_be_read_for_a_moment() -> None:
    part = PartSetting(PartKind.GUEST, "pbs:main/host/nas", ExpectSetting("sun 06:00"))
    keeper = BoardKeeper(settings(services=(ServiceSetting(name="archive", parts=(part,)),)))
    keeper.take(pbs("22 11:58", group("22 06:10", vmid="nas", kind="host")), pbs("22 12:03"))
    keeper.take(away("pbs", SourceKind.PBS, "22 12:08"))

    assert keeper.state("22 12:09", "archive") is State.MISSED
    assert keeper.state("22 12:24", "archive") is State.UNKNOWN


def test_rule_11_what_comes_back_is_there_again() -> None:
    keeper = BoardKeeper().take(pve("22 11:58"), pve("22 12:03", guests=()), pve("22 12:08"))
    seen = keeper.history.seen["guest:pve:101"]

    assert (seen.first, seen.gone) == (at("22 11:58"), None)


def test_rule_11_what_configuration_leaves_out_is_not_noted() -> None:
    keeper = BoardKeeper(settings(ignore=Ignore(guests=("201",))))
    keeper.take(pbs("22 11:58"), pve("22 11:58", guests=(VAULTWARDEN, JELLYFIN)), pve("22 12:03"))

    assert not [note for note in keeper.board("22 12:04").notes if "jellyfin" in note]


def test_rule_11_a_namespace_that_cannot_be_read_makes_no_group_vanish() -> None:
    nas = group("22 06:10", vmid="nas", kind="host")
    keeper = BoardKeeper().take(pbs("22 11:58", nas))
    server = pbs("22 12:03")
    broken = tuple(
        replace(reading, facts=(), as_of=None, problem=Problem("HTTP 500"))
        if reading.scope[0] == "snapshots"
        else reading
        for reading in server.readings
    )
    keeper.take(replace(server, readings=broken))

    assert keeper.history.seen["guest:pbs:main/host/nas"].gone is None


@pytest.mark.parametrize(
    "member",
    ["guest:pve:", "guest:former:201", "guest:pbs:main/host/nas"],
    ids=["without a name", "of a source that is not configured any more", "of a source that was not read yet"],
)
def test_rule_11_what_was_seen_where_nobody_looks_is_not_called_gone(member: str) -> None:
    history = History(seen={member: Sighting(at("20 12:00"), "it", gone=at("22 11:00"))})
    made = board({"pve": pve("22 12:00")}, history, settings(), at("22 12:01"))

    assert not [note for note in made.notes if "gone from" in note.lower()]


# --- rule 11: an id is no identity ---

OLD_GUEST = Guest(vmid=105, type="lxc", name="oldwiki", node="pve1")
NEW_GUEST = Guest(vmid=105, type="lxc", name="matrix", node="pve1")
FOR_ALL = replace(CRITICAL, guests=(101, 105))
KEPT_OF_105 = group("14 04:05", "15 04:05", vmid="105")


def with_105(day: int, *guests: Guest, kept: BackupGroup = KEPT_OF_105, clock: str = "12:00") -> tuple[Report, Report]:
    """The cluster and its backup server, at noon; the job takes whoever is there."""
    there = (VAULTWARDEN, *guests)
    job = replace(FOR_ALL, guests=tuple(guest.vmid for guest in there))
    nights = tuple(vzdump(f"{number} 04:00", f"{number} 04:10") for number in range(13, day + 1))
    mine = group(*(f"{number} 04:02" for number in range(13, day + 1)))
    read = f"{day} {clock}"
    return pve(read, *nights, guests=there, jobs=(job,)), pbs(read, mine, kept)


@pytest.mark.parametrize(("back", "state"), [(NEW_GUEST, State.NEW), (OLD_GUEST, State.OK)])
def test_rule_11_an_id_that_comes_back_under_another_name_is_another_guest(back: Guest, state: State) -> None:
    keeper = BoardKeeper().take(*with_105(15, OLD_GUEST), *with_105(15, clock="12:05"))
    keeper.take(*with_105(22, back))
    service = row(keeper.board("22 12:01"), back.name or "")

    assert service.verdict.state is state
    assert (service.count, service.last_backup is None) == ((0, True) if state is State.NEW else (2, False))


@pytest.mark.parametrize("left", [("14 04:05", "15 04:05"), ()], ids=["the old one's backups are kept", "are removed"])
def test_rule_11_a_new_guest_is_judged_from_its_own_first_due_time_on(left: tuple[str, ...]) -> None:
    keeper = BoardKeeper().take(*with_105(15, OLD_GUEST), *with_105(15, clock="12:05"), *with_105(22, NEW_GUEST))
    keeper.take(*with_105(23, NEW_GUEST))
    assert keeper.state("23 12:01", "matrix") is State.FAILED

    keeper.take(*with_105(24, NEW_GUEST, kept=group(*left, "24 04:06", vmid="105")))
    service = row(keeper.board("24 12:01"), "matrix")
    assert (service.verdict.state, service.count) == (State.OK, 1)


def test_rule_11_a_missing_name_is_no_name_and_changes_nothing() -> None:
    nameless = Guest(vmid=105, type="lxc", name=None, node="pve1")
    keeper = BoardKeeper().take(*with_105(15, OLD_GUEST), *with_105(15, clock="12:05"), *with_105(17, nameless))

    assert keeper.history.seen["guest:pve:105"].since is None
    assert keeper.history.seen["guest:pve:105"].name == "oldwiki"
    assert not any("gone from pve" in note.lower() for note in keeper.board("17 12:01").notes)


@pytest.mark.parametrize(("named", "state"), [(NEW_GUEST, State.NEW), (OLD_GUEST, State.OK)])
def test_rule_11_who_came_back_on_a_node_that_was_off_is_told_by_its_first_name(named: Guest, state: State) -> None:
    nameless = Guest(vmid=105, type="lxc", name=None, node="pve1")
    keeper = BoardKeeper().take(*with_105(15, OLD_GUEST), *with_105(15, clock="12:05"))
    keeper.take(*with_105(22, nameless), *with_105(22, nameless, clock="12:05"), *with_105(22, named, clock="12:10"))

    assert keeper.state("22 12:11", named.name or "") is state


def test_rule_11_a_guest_that_is_renamed_is_itself() -> None:
    keeper = BoardKeeper().take(*with_105(15, OLD_GUEST), *with_105(16, NEW_GUEST))

    assert keeper.history.seen["guest:pve:105"].since is None
