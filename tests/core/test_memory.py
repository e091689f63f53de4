"""What needs memory: rule 1 (plans and announced runs are remembered), rule 2 (pauses), rule 11 (vanished)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.board import board
from sidecar.core.history import EMPTY, History, PlanRow
from sidecar.core.model import Board, PartKind, Run, SourceKind, State
from sidecar.core.remember import MOST_ROWS, remember
from sidecar.core.report import (
    BackupGroup,
    BackupJob,
    Dump,
    DumpPlan,
    Guest,
    Plan,
    Problem,
    Reading,
    Report,
    UpkeepJob,
    Zone,
    keep_what_failed,
)
from sidecar.core.settings import Expectation, Ignore, JobSetting, PartSetting, Pause, ServiceSetting, Settings
from tests.core.making import at, failed, run
from tests.core.reports import (
    BACKREST,
    CRITICAL,
    DATABASEMENT,
    PBS,
    PVE,
    away,
    group,
    pbs,
    pve,
    readings,
    row,
    service,
    settings,
    vzdump,
)

VAULTWARDEN = Guest(101, "lxc", "vaultwarden", "pve1")
JELLYFIN = Guest(201, "lxc", "jellyfin", "pve1")
WEEKLY = BackupJob("weekly", "mon 04:00", enabled=True, storage="pbs-main", node=None, guests=(101,))


class Desk:
    """Takes reports one after another and remembers, as the running sidecar does."""

    def __init__(self, given: Settings | None = None) -> None:
        self.settings = given or settings()
        self.reports: dict[str, Report] = {}
        self.history = EMPTY

    def take(self, *reports: Report) -> Desk:
        for report in reports:
            merged = keep_what_failed(report, self.reports.get(report.source))
            self.reports[report.source] = merged
            self.history = remember(self.history, merged)
        return self

    def board(self, now: str) -> Board:
        return board(self.reports, self.history, self.settings, at(now))

    def state(self, now: str, name: str = "vaultwarden") -> State:
        return row(self.board(now), name).verdict.state

    def reason(self, now: str, name: str = "vaultwarden") -> str:
        return row(self.board(now), name).verdict.reason or ""


def night(day: int) -> Any:
    return vzdump(f"{day} 04:00", f"{day} 04:10")


def edited(schedule: str, **changes: Any) -> BackupJob:
    return replace(CRITICAL, schedule=schedule, **changes)


# --- rule 1: plans are remembered ------------------------------------------------------------------------------------------


def test_rule_1_a_schedule_edited_at_noon_counts_from_noon() -> None:
    desk = Desk().take(pbs("22 11:58", group("22 04:05")), pve("22 11:58", night(22)))
    desk.take(pve("22 12:03", night(22), jobs=(edited("10:00"),)))

    assert desk.state("22 12:04") is State.OK
    assert row(desk.board("22 12:04"), "vaultwarden").next_run == at("23 10:00")


def test_rule_1_without_memory_the_same_edit_would_be_red() -> None:
    """What the memory is for: the new schedule's 10:00 has passed today, but nobody promised it."""
    reports = {
        one.source: one for one in (pbs("22 12:03", group("22 04:05")), pve("22 12:03", jobs=(edited("10:00"),)))
    }

    assert row(board(reports, EMPTY, settings(), at("22 12:04")), "vaultwarden").verdict.state is State.MISSED


def test_rule_1_a_due_time_missed_before_the_edit_stays_missed_until_a_good_run() -> None:
    desk = Desk().take(pbs("22 11:58", group("21 04:05")), pve("22 11:58", night(21)))
    desk.take(pve("22 12:03", night(21), jobs=(edited("20:00"),)))

    assert desk.state("22 12:04") is State.MISSED
    assert "due today 04:00" in desk.reason("22 12:04").lower()

    healed = vzdump("22 20:00", "22 20:10")
    desk.take(pbs("22 20:20", group("21 04:05", "22 20:05")), pve("22 20:20", healed, jobs=(edited("20:00"),)))
    assert desk.state("22 20:21") is State.OK


def test_rule_1_a_night_that_failed_before_the_edit_stays_failed() -> None:
    """The task of 04:00 belongs to the schedule that was in force at 04:00."""
    broken = vzdump("22 04:00", "22 04:10", "job errors")
    desk = Desk().take(pbs("22 11:58", group("21 04:05")), pve("22 11:58", night(21), broken))
    assert desk.state("22 11:59") is State.FAILED

    desk.take(pve("22 12:03", night(21), broken, jobs=(edited("20:00"),)))
    assert desk.state("22 12:04") is State.FAILED


def test_rule_1_a_zone_that_changes_is_an_edit_too() -> None:
    desk = Desk().take(pve("22 11:58"))
    moved = pve("22 12:03")
    zone = Reading(("zone", "pve1"), at("22 12:03"), (Zone("pve1", "America/New_York"),))
    desk.take(replace(moved, readings=tuple(zone if one.scope == zone.scope else one for one in moved.readings)))

    old, new = desk.history.plans["guest:pve:101"]
    assert (old.timezone, old.valid_to) == ("Europe/Berlin", at("22 12:03"))
    assert (new.timezone, new.valid_from) == ("America/New_York", at("22 12:03"))


def test_rule_1_at_first_contact_a_plan_counts_from_before() -> None:
    desk = Desk().take(pbs("23 07:28", group("1 04:05", vmid="999"), group("20 04:05")), pve("23 07:28"))

    assert desk.history.plans["guest:pve:101"] == (PlanRow("pve/backup/critical", "04:00", "Europe/Berlin", True),)
    assert desk.state("23 07:30") is State.MISSED


def test_rule_1_a_new_guest_in_a_job_that_takes_all_is_new_until_its_first_due_time_even_in_an_old_datastore() -> None:
    old = group("1 04:05", "22 04:05")
    both: dict[str, Any] = {"guests": (VAULTWARDEN, JELLYFIN), "jobs": (replace(CRITICAL, guests=(101, 201)),)}
    desk = Desk().take(pbs("22 11:58", old), pve("22 11:58", night(22)))
    desk.take(pve("22 12:03", night(22), **both))

    assert desk.state("22 12:04", "jellyfin") is State.NEW
    assert desk.reason("22 12:04", "jellyfin") == "Nothing was due yet; first run Mon 23 Nov 04:00."
    assert row(desk.board("22 12:04"), "jellyfin").last_run is None, "the task of 04:00 was not meant for it"
    assert desk.board("22 12:04").overall.state is State.OK

    desk.take(pbs("23 04:02", old), pve("23 04:02", vzdump("22 04:00", "22 04:10"), **both))
    assert desk.state("23 04:03", "jellyfin") is State.LATE
    desk.take(pbs("23 04:32", old), pve("23 04:32", **both))
    assert desk.state("23 04:33", "jellyfin") is State.NEVER


def test_rule_1_while_its_source_cannot_be_read_the_last_plan_stays_in_force() -> None:
    desk = Desk(settings(replace(PVE, stale_after=at("23 00:00") - at("20 00:00")), PBS))
    desk.take(pbs("22 11:58", group("22 04:05")), pve("22 11:58", night(22)))
    before = desk.history
    desk.take(away("pve", SourceKind.PVE, "22 12:03"), away("pve", SourceKind.PVE, "22 12:08", denied=True))

    assert desk.history.plans == before.plans
    assert desk.history.seen == before.seen


def test_rule_1_a_job_whose_guests_cannot_be_read_keeps_its_promise() -> None:
    desk = Desk().take(pve("22 11:58"))
    desk.take(pve("22 12:03", jobs=(replace(CRITICAL, guests=None),)))

    assert desk.history.plans["guest:pve:101"][0].valid_to is None


def test_rule_1_a_guest_moved_to_another_job_keeps_its_old_due_times_until_then() -> None:
    """Its daily job missed this morning; a weekly one from noon on does not make that good."""
    desk = Desk().take(pbs("22 11:58", group("21 04:05")), pve("22 11:58", night(21)))
    desk.take(pve("22 12:03", night(21), jobs=(replace(CRITICAL, guests=()), WEEKLY)))

    assert desk.state("22 12:04") is State.MISSED
    assert "22 Nov" not in desk.reason("22 12:04")


def test_rule_1_a_guest_moved_to_a_weekly_job_is_not_expected_daily_any_more() -> None:
    desk = Desk().take(pbs("17 11:58", group("17 04:05")), pve("17 11:58", night(17)))
    weekly: dict[str, Any] = {"jobs": (replace(CRITICAL, guests=()), WEEKLY)}
    desk.take(pve("17 12:03", night(17), **weekly))
    desk.take(pbs("20 07:28", group("17 04:05")), pve("20 07:28", **weekly))

    assert desk.state("20 07:30") is State.OK


def test_rule_1_a_guest_on_another_node_or_with_another_name_is_the_same_guest() -> None:
    desk = Desk().take(pbs("22 11:58", group("22 04:05")), pve("22 11:58", night(22)))
    renamed = Guest(101, "lxc", "passwords", "pve2")
    desk.take(pve("22 12:03", night(22), guests=(renamed,)))

    assert len(desk.history.plans["guest:pve:101"]) == 1
    assert desk.state("22 12:04", "passwords") is State.OK
    assert not [note for note in desk.board("22 12:04").notes if "gone from pve" in note.lower()]


def test_rule_1_the_owners_own_schedule_holds_for_the_past_too() -> None:
    desk = Desk(settings(jobs={"pve/backup/critical": JobSetting(schedule="06:00")}))
    desk.take(pbs("22 11:58", group("22 06:05")), pve("22 11:58"))
    desk.take(pve("22 12:03", jobs=(edited("10:00"),)))
    desk.take(pbs("23 05:58", group("22 06:05")), pve("23 05:58", jobs=(edited("10:00"),)))

    assert desk.state("23 05:59") is State.OK


def test_rule_1_a_dump_schedule_edited_at_noon_counts_from_noon() -> None:
    desk = Desk(settings(DATABASEMENT)).take(databasement("22 11:58", "crm"))
    desk.take(databasement("22 12:03", "crm", plans=(replace(DAILY, schedule="0 10 * * *"),)))

    assert desk.state("22 12:04", "crm") is State.OK
    assert row(desk.board("22 12:04"), "crm").next_run == at("23 10:00")


def test_rule_1_a_zone_that_the_configuration_corrects_holds_for_the_past_too() -> None:
    """Databasement doesn't tell its zone, so a corrected zone is no edit of the schedule."""
    desk = Desk(settings(replace(DATABASEMENT, timezone="UTC"))).take(databasement("22 03:40", "crm"))
    assert desk.state("22 03:41", "crm") is State.MISSED

    desk.settings = settings(DATABASEMENT)
    desk.take(databasement("22 03:45", "crm"))
    assert desk.state("22 03:46", "crm") is State.OK


def test_rule_1_a_database_that_joins_a_backup_is_new_until_it_is_due() -> None:
    chosen = replace(DAILY, mode="selected", databases=("crm",))
    desk = Desk(settings(DATABASEMENT)).take(databasement("22 11:58", "crm", plans=(chosen,)))
    desk.take(databasement("22 12:03", "crm", plans=(replace(chosen, databases=("crm", "shop")),)))

    assert desk.state("22 12:04", "shop") is State.NEW


def test_rule_1_a_reading_that_says_the_same_again_changes_nothing() -> None:
    desk = Desk().take(pbs("22 11:58", group("22 04:05")), pve("22 11:58"))
    before = desk.history
    desk.take(pbs("22 12:03", group("22 04:05")), pve("22 12:03"))

    assert desk.history is before


def test_rule_1_an_upstream_whose_schedule_changes_with_every_reading_fills_no_memory() -> None:
    desk = Desk().take(pve("22 00:00"))
    for minute in range(150):
        desk.take(pve(f"22 {1 + minute // 60:02}:{minute % 60:02}", jobs=(edited(f"04:{minute % 60:02}"),)))

    assert len(desk.history.plans["guest:pve:101"]) == MOST_ROWS


# --- rule 2: switched off, deleted, paused ---------------------------------------------------------------------------------


def test_rule_2_a_job_that_is_switched_on_again_still_owes_what_was_due_meanwhile() -> None:
    """Switched off upstream is no consent, so switching it on again is no backup."""
    desk = Desk().take(pbs("20 11:58", group("20 04:05")), pve("20 11:58", night(20)))
    desk.take(pve("20 12:03", night(20), jobs=(edited("04:00", enabled=False),)))
    assert desk.state("20 12:04") is State.WARNING

    desk.take(pbs("22 12:03", group("20 04:05")), pve("22 12:03", night(20), jobs=(CRITICAL,)))
    assert desk.state("22 12:04") is State.MISSED


def test_rule_2_a_job_switched_off_over_lunch_is_forgiven() -> None:
    desk = Desk().take(pbs("20 11:58", group("20 04:05")), pve("20 11:58", night(20)))
    desk.take(pve("20 12:03", night(20), jobs=(edited("04:00", enabled=False),)))
    desk.take(pve("20 13:03", night(20)), pbs("20 13:03", group("20 04:05")))

    assert desk.state("20 13:04") is State.OK


def test_rule_2_a_job_that_was_off_while_another_one_did_its_work_owes_nothing() -> None:
    weekly_too = (replace(CRITICAL, enabled=False), WEEKLY)
    desk = Desk().take(pbs("16 11:58", group("16 04:05")), pve("16 11:58", night(16), jobs=(CRITICAL, WEEKLY)))
    desk.take(pve("16 12:03", night(16), jobs=weekly_too))
    desk.take(pbs("18 12:03", group("16 04:05")), pve("18 12:03", jobs=(CRITICAL, WEEKLY)))

    assert desk.state("18 12:04") is State.OK


def test_rule_2_a_deleted_guest_is_not_expected_and_its_backups_are_kept() -> None:
    desk = Desk().take(pbs("22 11:58", group("22 04:05")), pve("22 11:58", night(22), guests=(VAULTWARDEN, JELLYFIN)))
    desk.take(pve("22 12:03", guests=(JELLYFIN,), jobs=(replace(CRITICAL, guests=(201,)),)))
    found = desk.board("22 12:04")

    assert [one.name for one in found.services] == ["jellyfin"]
    assert "Kept backups of a guest that is gone: pbs:main/ct/101." in found.notes


PAUSED = settings(pauses=(Pause(date(2026, 11, 21), date(2026, 11, 24), (), "holiday"),))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("20 23:59", State.OK),
        ("21 00:00", State.DISABLED),
        ("23 23:59", State.DISABLED),
        ("24 00:01", State.OK),
        ("24 04:01", State.LATE),
        ("24 04:40", State.MISSED),
    ],
)
def test_rule_2_nothing_is_expected_during_a_pause_and_nothing_is_owed_after_it(now: str, expected: State) -> None:
    desk = Desk(PAUSED).take(pbs(now, group("20 04:05")), pve(now))

    assert desk.state(now) is expected


def test_rule_2_a_pause_says_until_when_and_why() -> None:
    desk = Desk(PAUSED).take(pbs("22 12:00", group("20 04:05")), pve("22 12:00"))

    assert desk.reason("22 12:01") == "Paused until Tue 24 Nov 00:00: holiday; newest backup Fri 20 Nov 04:05."
    assert row(desk.board("22 12:01"), "vaultwarden").next_run == at("24 04:00")


def test_rule_2_while_everything_is_paused_the_headline_says_so() -> None:
    found = Desk(PAUSED).take(pbs("22 12:00", group("20 04:05")), pve("22 12:00")).board("22 12:01")

    assert (found.overall.state, found.overall.headline) == (State.DISABLED, "Everything is paused or switched off")


def test_rule_2_a_pause_of_the_backup_server_is_one_of_its_guests_and_upkeep_and_it_may_be_away() -> None:
    given = settings(pauses=(Pause(date(2026, 11, 21), date(2026, 11, 24), ("pbs",)),))
    prune = UpkeepJob(
        "prune", "daily", "main", "", "05:00", False, True, at("20 05:00"), False, at("19 05:00"), at("19 05:01"), "OK"
    )
    desk = Desk(given).take(
        pbs("20 12:00", group("20 04:05"), extra={("upkeep", "prune"): (prune,)}),
        pve("22 12:00"),
        away("pbs", SourceKind.PBS, "22 12:00"),
    )
    found = desk.board("22 12:01")

    assert (row(found, "vaultwarden").verdict.state, found.overall.state) == (State.DISABLED, State.DISABLED)
    assert {one.name: one.verdict.state for one in found.jobs}["pbs/prune/daily"] is State.DISABLED
    assert found.overall.headline == "Everything is paused or switched off"


def test_rule_2_a_pause_of_another_source_changes_nothing() -> None:
    given = settings(PVE, PBS, DATABASEMENT, pauses=(Pause(date(2026, 11, 1), date(2026, 12, 1), ("databasement",)),))
    desk = Desk(given).take(pbs("23 07:28", group("22 04:05")), pve("23 07:28"))

    assert desk.state("23 07:30") is State.MISSED


def test_rule_2_a_job_that_the_configuration_switches_off_makes_its_members_disabled() -> None:
    given = settings(jobs={"pve/backup/critical": JobSetting(disabled=True)})
    desk = Desk(given).take(pbs("23 07:28", group("20 04:05")), pve("23 07:28"))
    found = row(desk.board("23 07:30"), "vaultwarden")

    assert (found.verdict.state, found.next_run) == (State.DISABLED, None)
    assert "switched off in the configuration" in (found.verdict.reason or "")


def test_rule_2_a_guest_in_two_jobs_is_judged_by_the_one_that_is_left() -> None:
    given = settings(jobs={"pve/backup/critical": JobSetting(disabled=True)})
    desk = Desk(given).take(pbs("18 07:28", group("16 04:05")), pve("18 07:28", jobs=(CRITICAL, WEEKLY)))

    assert desk.state("18 07:30") is State.OK


# --- rule 1, last sentence: announced runs ------------------------------------------------------------------------------


def backrest(read: str, next_run: str | None, *runs: Run, plan: str = "photos") -> Report:
    one = Plan(plan, at(next_run) if next_run else None, tuple(sorted(runs, key=lambda run: run.start, reverse=True)))
    return Report("backrest", SourceKind.BACKREST, at(read), readings=readings(read, {("plans",): (one,)}))


def plans_desk(*reports: Report, **changes: Any) -> Desk:
    return Desk(settings(BACKREST, **changes)).take(*reports)


def test_rule_1_backrest_restarted_over_its_due_time_is_missed_although_it_announces_tomorrow() -> None:
    desk = plans_desk(
        backrest("23 02:00", "23 02:15", run("22 02:15")),
        away("backrest", SourceKind.BACKREST, "23 02:05"),
        backrest("23 02:40", "24 02:15", run("22 02:15")),
    )
    assert desk.state("23 02:41", "photos") is State.LATE

    desk.take(backrest("23 02:46", "24 02:15", run("22 02:15")))
    assert desk.state("23 02:47", "photos") is State.MISSED
    assert "due today 02:15" in desk.reason("23 02:47", "photos").lower()

    desk.take(backrest("24 02:30", "25 02:15", run("22 02:15"), run("24 02:15")))
    assert desk.state("24 02:31", "photos") is State.OK


def test_rule_1_a_run_answers_its_announcement() -> None:
    desk = plans_desk(
        backrest("23 02:00", "23 02:15", run("22 02:15")),
        backrest("23 02:30", "24 02:15", run("22 02:15"), run("23 02:15")),
    )

    assert desk.state("23 07:30", "photos") is State.UNKNOWN
    assert desk.state("23 02:31", "photos") is State.OK


def test_rule_1_an_announcement_that_is_replaced_before_it_is_due_is_withdrawn() -> None:
    """The schedule was edited in Backrest at noon."""
    desk = plans_desk(
        backrest("23 11:58", "24 02:15", run("23 02:15")), backrest("23 12:03", "24 20:00", run("23 02:15"))
    )
    desk.take(backrest("24 07:00", "24 20:00", run("23 02:15")))

    assert desk.state("24 07:01", "photos") is State.OK
    assert desk.history.announced["backrest/plan/photos"] == (at("24 20:00"),)


def test_rule_1_a_failed_run_for_an_announcement_is_failed_and_one_by_hand_is_a_warning() -> None:
    first = backrest("22 02:00", "22 02:15", run("21 02:15"))
    desk = plans_desk(first, backrest("23 02:30", "24 02:15", run("22 02:15"), failed("23 02:15")))
    desk.take(backrest("22 02:30", "23 02:15", run("22 02:15")))
    desk.take(backrest("23 02:30", "24 02:15", run("22 02:15"), failed("23 02:15")))
    assert desk.state("23 02:31", "photos") is State.FAILED

    by_hand = plans_desk(first, backrest("22 12:00", "23 02:15", run("22 02:15"), failed("22 11:00")))
    assert by_hand.state("22 12:01", "photos") is State.WARNING


def test_rule_1_a_plan_that_never_ran_is_new_until_what_was_announced_has_passed() -> None:
    desk = plans_desk(backrest("22 12:00", "23 02:15"))
    assert desk.state("22 12:01", "photos") is State.NEW

    desk.take(backrest("23 03:00", "24 02:15"))
    assert desk.state("23 03:01", "photos") is State.NEVER


def test_rule_2_a_plan_switched_off_in_backrest_is_missed_once_its_last_period_has_passed() -> None:
    runs = (run("22 02:15"), run("23 02:15"))
    desk = plans_desk(backrest("22 02:00", "22 02:15"), backrest("22 12:00", "23 02:15", runs[0]))
    desk.take(backrest("23 12:00", None, *runs))
    assert desk.state("23 12:01", "photos") is State.WARNING

    desk.take(backrest("24 03:00", None, *runs))
    assert desk.state("24 03:01", "photos") is State.MISSED


# --- rule 11: vanished ------------------------------------------------------------------------------------------------------


def test_rule_11_a_mapped_guest_that_is_gone_is_a_note_for_thirty_days_and_then_a_wrong_reference() -> None:
    desk = Desk(settings(services=(service("passwords", "101"), service("media", "201"))))
    both = (VAULTWARDEN, JELLYFIN)
    kept = (group("22 04:05"), group("22 04:07", vmid="201"))
    desk.take(
        pbs("22 11:58", *kept), pve("22 11:58", night(22), guests=both, jobs=(replace(CRITICAL, guests=(101, 201)),))
    )
    left: dict[str, Any] = {"guests": (JELLYFIN,), "jobs": (replace(CRITICAL, guests=(201,)),)}
    desk.take(pve("22 12:03", night(22), **left))
    found = desk.board("22 12:04")

    assert ([one.name for one in found.services], found.overall.state) == (["media"], State.OK)
    assert (
        "passwords: gone from pve since today 12:03: vaultwarden (pve:101); nothing expects it any more." in found.notes
    )

    desk.take(pve("2026-12-23 12:03", **left))
    later = desk.board("2026-12-23 12:04")
    assert row(later, "passwords").verdict.state is State.UNKNOWN
    assert "passwords: guests names 101, which pve does not know." in later.notes


def test_rule_11_a_mapped_part_with_its_own_expectation_is_missed_when_it_is_gone() -> None:
    part = PartSetting(PartKind.GUEST, "pbs:main/host/nas", Expectation("sun 06:00"))
    desk = Desk(settings(services=(ServiceSetting("archive", (part,)),)))
    nas = group("22 06:10", vmid="nas", kind="host")
    desk.take(pve("22 11:58", guests=(), jobs=()), pbs("22 11:58", nas))
    assert desk.state("22 12:00", "archive") is State.OK

    desk.take(pbs("22 12:03"), pve("22 12:03", guests=(), jobs=()))
    assert desk.state("22 12:04", "archive") is State.MISSED
    assert desk.reason("22 12:04", "archive") == "Gone from pbs since today 12:03, but still expected."

    desk.take(pbs("22 12:08", nas))
    assert desk.state("22 12:09", "archive") is State.OK


DAILY = DumpPlan("pg", "b1", "Daily", "0 2 * * *", "all", (), None, enabled=True)


def databasement(read: str, *names: str, plans: tuple[DumpPlan, ...] = (DAILY,)) -> Report:
    rows = tuple(Dump(name, "pg", name, run("22 02:00"), file_size=10) for name in names)
    return Report(
        "databasement",
        SourceKind.DATABASEMENT,
        at(read),
        readings=readings(read, {("plans",): plans, ("dumps",): rows}),
    )


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
    desk = Desk(given).take(databasement("22 11:58", "crm", "shop"), databasement("22 12:03", "shop", plans=plans))
    found = desk.board("22 12:04")

    assert {one.name: one.verdict.state for one in found.services} == expected


def test_rule_11_a_mapped_pattern_shows_what_of_it_is_gone() -> None:
    given = settings(DATABASEMENT, services=(service("data", "pg/*", kind=PartKind.DATABASE),))
    desk = Desk(given).take(databasement("22 11:58", "crm", "shop"), databasement("22 12:03", "shop"))
    parts = row(desk.board("22 12:04"), "data").parts

    assert {one.ref: one.verdict.state for one in parts} == {"pg/crm": State.MISSED, "pg/shop": State.OK}


@pytest.mark.parametrize(("last", "expected"), [("24 02:15", State.MISSED), (None, None)], ids=["was on", "was off"])
def test_rule_11_a_mapped_plan_that_is_gone_is_missed_unless_it_was_switched_off_before(
    last: str | None, expected: State | None
) -> None:
    desk = plans_desk(
        backrest("23 02:00", "23 02:15"),
        backrest("23 11:58", last, run("23 02:15")),
        backrest("23 12:03", "24 03:00", plan="other"),
        services=(service("photos", "photos", kind=PartKind.PLAN),),
    )
    found = {one.name: one.verdict.state for one in desk.board("23 12:04").services}

    assert found.get("photos") is expected


def test_rule_11_unmapped_things_are_noted_for_seven_days() -> None:
    desk = Desk().take(pbs("22 11:58"), pve("22 11:58", guests=(VAULTWARDEN, JELLYFIN)), pve("22 12:03"))
    said = "Gone from pve since today 12:03: jellyfin (pve:201)."
    assert said in desk.board("22 12:04").notes

    desk.take(pve("29 12:04"))
    assert not [note for note in desk.board("29 12:05").notes if "jellyfin" in note]


@pytest.mark.parametrize("problem", [Problem("connection refused"), Problem("HTTP 401", denied=True)])
def test_rule_11_a_source_that_cannot_be_read_makes_nothing_vanish(problem: Problem) -> None:
    desk = Desk(settings(services=(service("passwords", "101"),))).take(
        pbs("22 11:58", group("22 04:05")), pve("22 11:58")
    )
    desk.take(Report("pve", SourceKind.PVE, at("22 12:03"), problem=problem))

    assert desk.history.seen["guest:pve:101"].gone is None
    assert not [note for note in desk.board("22 12:04").notes if "gone from pve" in note.lower()]


def test_rule_11_what_may_be_on_a_cluster_that_cannot_be_read_is_unknown_not_gone() -> None:
    other = replace(PVE, name="pve2")
    desk = Desk(settings(PVE, other, PBS, services=(service("passwords", "101"),)))
    desk.take(pbs("22 11:58", group("22 04:05")), pve("22 11:58"), pve("22 12:03", guests=()))
    desk.take(away("pve2", SourceKind.PVE, "22 12:03"))

    assert desk.state("22 12:04", "passwords") is State.UNKNOWN


def test_rule_11_what_is_gone_stays_gone_while_its_list_cannot_be_read_for_a_moment() -> None:
    part = PartSetting(PartKind.GUEST, "pbs:main/host/nas", Expectation("sun 06:00"))
    desk = Desk(settings(services=(ServiceSetting("archive", (part,)),)))
    desk.take(pbs("22 11:58", group("22 06:10", vmid="nas", kind="host")), pbs("22 12:03"))
    desk.take(away("pbs", SourceKind.PBS, "22 12:08"))

    assert desk.state("22 12:09", "archive") is State.MISSED
    assert desk.state("22 12:24", "archive") is State.UNKNOWN


def test_rule_11_what_comes_back_is_there_again() -> None:
    desk = Desk().take(pve("22 11:58"), pve("22 12:03", guests=()), pve("22 12:08"))
    seen = desk.history.seen["guest:pve:101"]

    assert (seen.first, seen.gone) == (at("22 11:58"), None)


def test_rule_11_what_configuration_leaves_out_is_not_noted() -> None:
    desk = Desk(settings(ignore=Ignore(guests=("201",))))
    desk.take(pbs("22 11:58"), pve("22 11:58", guests=(VAULTWARDEN, JELLYFIN)), pve("22 12:03"))

    assert not [note for note in desk.board("22 12:04").notes if "jellyfin" in note]


def test_rule_11_a_namespace_that_cannot_be_read_makes_no_group_vanish() -> None:
    nas = group("22 06:10", vmid="nas", kind="host")
    desk = Desk().take(pbs("22 11:58", nas))
    server = pbs("22 12:03")
    broken = tuple(
        replace(one, facts=(), as_of=None, problem=Problem("HTTP 500")) if one.scope[0] == "snapshots" else one
        for one in server.readings
    )
    desk.take(replace(server, readings=broken))

    assert desk.history.seen["guest:pbs:main/host/nas"].gone is None


ODD = st.sampled_from(["", "/", ":", "a/b", "a:b", "*", "[", "\ud800"])


@given(ODD, ODD, ODD, st.booleans())
def test_whatever_upstreams_call_their_things_remembering_and_judging_never_fail(
    one: str, two: str, three: str, stays: bool
) -> None:
    group_ = BackupGroup(one, two, three, one, ())
    server = Report(
        "pbs",
        SourceKind.PBS,
        at("22 11:58"),
        readings=readings("22 11:58", {("snapshots", one, two): (group_,), ("namespaces", one): ()}),
    )
    dumps = Report(
        "databasement",
        SourceKind.DATABASEMENT,
        at("22 11:58"),
        readings=readings(
            "22 11:58",
            {
                ("plans",): (replace(DAILY, server=one, id=two, schedule=three),),
                ("dumps",): (Dump(one, one, two, run("22 02:00")),),
            },
        ),
    )
    plans = backrest("22 11:58", None, plan=one)
    odd = service("odd", one or "x", two or "x", kind=PartKind.DATABASE)
    desk = Desk(settings(PVE, PBS, DATABASEMENT, BACKREST, services=(odd,)))
    desk.take(server, dumps, plans, pve("22 11:58", guests=(Guest(1, one, two, three),), jobs=(edited(three),)))
    if not stays:
        desk.take(
            *(
                replace(report, readings=tuple(replace(reading, facts=()) for reading in report.readings))
                for report in (server, dumps, plans)
            )
        )

    assert desk.board("22 12:00").sources


def test_nothing_remembered_is_an_empty_history() -> None:
    assert History() == EMPTY
    assert (EMPTY.contact("pve"), History(at("22 12:00")).contact("pve")) == (None, at("22 12:00"))
