"""The calendar shows past due times as they were then: by the schedule that was in force, for its members of that time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sidecar.core.reports.facts import BackupJob, Guest
from sidecar.core.settings import JobSetting
from sidecar.core.timeline.timeline import timeline
from tests.core.factories import at, failed, run
from tests.core.remembering import (
    DAILY,
    JELLYFIN,
    VAULTWARDEN,
    WEEKLY,
    BoardKeeper,
    backrest,
    databasement,
    edited,
    plans_keeper,
    vzdump_on,
)
from tests.core.sample_reports import CRITICAL, DATABASEMENT, STORAGE, group, pbs, pve, settings


def due_states(
    keeper: BoardKeeper, start: str, end: str, now: str, job: str = "pve/backup/critical"
) -> list[tuple[str, str]]:
    return keeper.calendar(start, end, now, job)


def morning(day: int, *kept: str, job: BackupJob = CRITICAL, clock: str = "11:58", **changes: Any) -> BoardKeeper:
    return later(BoardKeeper(), day, *kept, job=job, clock=clock, **changes)


def later(
    keeper: BoardKeeper, day: int, *kept: str, job: BackupJob = CRITICAL, clock: str = "11:58", **changes: Any
) -> BoardKeeper:
    read = f"{day} {clock}"
    return keeper.take(pbs(read, group(*kept)), pve(read, vzdump_on(day), **{"jobs": (job,), **changes}))


# --- rule 1 ---------------------------------------------------------------------------------------------------------------


def test_rule_1_days_before_a_schedule_was_edited_keep_their_due_times() -> None:
    keeper = morning(22, "20 04:00", "21 04:00", "22 04:00")
    later(keeper, 22, "20 04:00", "21 04:00", "22 04:00", job=edited("10:00"), clock="12:03")

    assert due_states(keeper, "20 00:00", "24 00:00", "22 12:04") == [
        ("20 04:00", "ok"),
        ("21 04:00", "ok"),
        ("22 04:00", "ok"),
        ("23 10:00", "planned"),
    ]


def test_rule_1_a_storage_with_another_name_keeps_the_past() -> None:
    kept = tuple(f"{day} 04:00" for day in range(17, 23))
    desk = morning(22, *kept)
    renamed = replace(STORAGE, name="backup-server")
    job = replace(CRITICAL, storage="backup-server")
    later(desk, 22, *kept, job=job, storages=(renamed,), clock="12:03")

    assert {state for _, state in due_states(desk, "17 00:00", "23 00:00", "22 12:04")} == {"ok"}


def test_rule_1_what_failed_before_the_edit_stays_failed() -> None:
    keeper = morning(22, "20 04:00", "21 04:00")
    later(keeper, 22, "20 04:00", "21 04:00", job=edited("20:00"), clock="12:03")

    assert due_states(keeper, "21 00:00", "24 00:00", "22 12:04")[1:] == [
        ("22 04:00", "failed"),
        ("22 20:00", "planned"),
        ("23 20:00", "planned"),
    ]


def test_rule_1_a_guest_that_came_later_was_not_due_before() -> None:
    kept = ("20 04:00", "21 04:00", "22 04:00")
    keeper = morning(21, *kept[:2])
    both: dict[str, Any] = {"guests": (VAULTWARDEN, JELLYFIN), "jobs": (replace(CRITICAL, guests=(101, 201)),)}
    keeper.take(pbs("22 11:58", group(*kept), group("22 04:10", vmid="201")), pve("22 11:58", vzdump_on(22), **both))
    occurrences = timeline(keeper.reports, keeper.history, keeper.settings, at("22 11:59")).occurrences(
        at("20 00:00"), at("24 00:00")
    )

    assert [(occurrence.members, occurrence.members_ok) for occurrence in occurrences] == [
        (1, 1),
        (1, 1),
        (1, 1),
        (2, None),
    ]


def test_rule_1_a_guest_that_moved_to_another_job_keeps_its_past_in_the_old_one() -> None:
    kept = ("20 04:00", "21 04:00", "22 04:00")
    keeper = morning(22, *kept)
    keeper.take(pve("22 12:03", vzdump_on(22), jobs=(replace(CRITICAL, guests=()), WEEKLY)))

    assert due_states(keeper, "21 00:00", "24 00:00", "22 12:04") == [("21 04:00", "ok"), ("22 04:00", "ok")]
    assert due_states(keeper, "21 00:00", "24 00:00", "22 12:04", "pve/backup/weekly") == [("23 04:00", "planned")]


def test_rule_1_a_guest_with_another_name_on_another_node_keeps_its_past() -> None:
    keeper = morning(21, "20 04:00", "21 04:00")
    later(
        keeper,
        22,
        "20 04:00",
        "21 04:00",
        "22 04:00",
        guests=(Guest(vmid=101, type="lxc", name="passwords", node="pve2"),),
    )

    assert {state for _, state in due_states(keeper, "20 00:00", "23 00:00", "22 11:59")} == {"ok"}


# --- rule 2: switched off --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("remembering", [True, False], ids=["seen on before", "off at first contact"])
def test_rule_2_what_a_job_did_before_it_was_switched_off_stays(*, remembering: bool) -> None:
    kept = ("20 04:00", "21 04:00", "22 04:00")
    keeper = morning(22, *kept) if remembering else BoardKeeper()
    off = edited("04:00", enabled=False)
    later(keeper, 22, *kept, job=off, clock="12:03")
    keeper.take(pbs("25 11:58", group(*kept)), pve("25 11:58", jobs=(off,)))

    assert due_states(keeper, "20 00:00", "28 00:00", "25 11:59") == [
        ("20 04:00", "ok"),
        ("21 04:00", "ok"),
        ("22 04:00", "ok"),
    ]
    assert timeline(keeper.reports, keeper.history, keeper.settings, at("25 11:59")).lines() == ()


def test_rule_2_what_was_due_while_a_job_was_off_was_missed_once_it_is_on_again() -> None:
    off = edited("04:00", enabled=False)
    keeper = morning(20, "18 04:00", "19 04:00", "20 04:00")
    later(keeper, 20, "18 04:00", "19 04:00", "20 04:00", job=off, clock="12:03")
    keeper.take(pbs("22 12:03", group("18 04:00", "19 04:00", "20 04:00")), pve("22 12:03", vzdump_on(20)))

    assert due_states(keeper, "20 00:00", "24 00:00", "22 12:04") == [
        ("20 04:00", "ok"),
        ("21 04:00", "missed"),
        ("22 04:00", "missed"),
        ("23 04:00", "planned"),
    ]


def test_rule_2_a_job_that_the_configuration_switches_off_is_in_no_calendar_past_or_coming() -> None:
    keeper = BoardKeeper(settings(jobs={"pve/backup/critical": JobSetting(disabled=True)}))
    later(keeper, 21, "20 04:00", "21 04:00")
    later(keeper, 22, "20 04:00", "21 04:00", job=edited("10:00"))

    assert due_states(keeper, "20 00:00", "24 00:00", "22 12:04") == []


def test_rule_2_dumps_of_a_server_that_was_switched_off_stay() -> None:
    keeper = BoardKeeper(settings(DATABASEMENT)).take(databasement("22 11:58", "crm"))
    keeper.take(databasement("22 12:03", "crm", plans=(replace(DAILY, enabled=False),)))

    assert due_states(keeper, "22 00:00", "25 00:00", "22 12:04", "databasement/dump/Daily") == [("22 02:00", "ok")]


# --- what Backrest announced ------------------------------------------------------------------------------------------------

PHOTOS = "backrest/plan/photos"


def test_rule_1_an_announced_run_that_never_came_is_missed_in_the_calendar() -> None:
    keeper = plans_keeper(
        backrest("21 12:00", "22 02:15", run("21 02:15")),
        backrest("22 12:00", "23 02:15", run("21 02:15")),
    )
    assert due_states(keeper, "21 00:00", "24 00:00", "22 12:01", PHOTOS) == [
        ("21 02:15", "ok"),
        ("22 02:15", "missed"),
        ("23 02:15", "planned"),
    ]


def test_rule_1_a_run_answers_its_announcement_in_the_calendar_and_one_by_hand_stands_for_itself() -> None:
    runs = (run("21 02:15"), run("22 03:10"), failed("22 11:00"))
    keeper = plans_keeper(backrest("21 12:00", "22 02:15", runs[0]), backrest("22 12:00", "23 02:15", *runs))

    assert due_states(keeper, "21 00:00", "24 00:00", "22 12:01", PHOTOS) == [
        ("21 02:15", "ok"),
        ("22 02:15", "ok"),
        ("22 11:00", "failed"),
        ("23 02:15", "planned"),
    ]


def test_rule_1_while_a_run_is_under_way_it_is_listed_once() -> None:
    keeper = plans_keeper(backrest("22 02:00", "22 02:15", run("21 02:15")))
    begun = replace(run("22 02:16"), end=None, outcome=run("22 02:16").outcome.RUNNING)
    keeper.take(backrest("22 02:20", None, run("21 02:15"), begun))

    assert due_states(keeper, "22 00:00", "24 00:00", "22 02:21", PHOTOS) == [("22 02:15", "running")]


def test_rule_2_what_a_plan_did_before_it_was_switched_off_stays() -> None:
    keeper = plans_keeper(
        backrest("21 12:00", "22 02:15", run("21 02:15")),
        backrest("22 12:00", None, run("21 02:15"), run("22 02:15")),
    )

    assert due_states(keeper, "21 00:00", "25 00:00", "22 12:01", PHOTOS) == [("21 02:15", "ok"), ("22 02:15", "ok")]
