"""Rule 1: plans and announced runs are remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY, History, PlanRow
from sidecar.core.history.record import MOST_ROWS
from sidecar.core.model import Cause, PartKind, SourceKind, State
from sidecar.core.reports.facts import BackupGroup, Dump, Guest, Task, UpkeepJob, Zone
from sidecar.core.reports.report import Reading, Report
from sidecar.core.settings import JobSetting
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
from tests.core.sample_reports import (
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

# --- rule 1: plans are remembered ------------------------------------------------------------------------------------------


def test_rule_1_a_schedule_edited_at_noon_counts_from_noon() -> None:
    keeper = BoardKeeper().take(pbs("22 11:58", group("22 04:05")), pve("22 11:58", vzdump_on(22)))
    keeper.take(pve("22 12:03", vzdump_on(22), jobs=(edited("10:00"),)))

    assert keeper.state("22 12:04") is State.OK
    assert row(keeper.board("22 12:04"), "vaultwarden").next_run == at("23 10:00")


def test_rule_1_without_memory_the_same_edit_would_be_red() -> None:
    """Why history is kept: the new schedule's 10:00 has passed today, but it was not in force then."""
    reports = {
        report.source: report
        for report in (pbs("22 12:03", group("22 04:05")), pve("22 12:03", jobs=(edited("10:00"),)))
    }

    assert row(board(reports, EMPTY, settings(), at("22 12:04")), "vaultwarden").verdict.state is State.MISSED


def test_rule_1_a_due_time_missed_before_the_edit_stays_missed_until_a_good_run() -> None:
    keeper = BoardKeeper().take(pbs("22 11:58", group("21 04:05")), pve("22 11:58", vzdump_on(21)))
    keeper.take(pve("22 12:03", vzdump_on(21), jobs=(edited("20:00"),)))

    assert keeper.state("22 12:04") is State.MISSED
    assert "due today 04:00" in keeper.reason("22 12:04").lower()

    healed = vzdump("22 20:00", "22 20:10")
    keeper.take(pbs("22 20:20", group("21 04:05", "22 20:05")), pve("22 20:20", healed, jobs=(edited("20:00"),)))
    assert keeper.state("22 20:21") is State.OK


def test_rule_1_a_night_that_failed_before_the_edit_stays_failed() -> None:
    """The task of 04:00 belongs to the schedule that was in force at 04:00."""
    broken = vzdump("22 04:00", "22 04:10", "job errors")
    keeper = BoardKeeper().take(pbs("22 11:58", group("21 04:05")), pve("22 11:58", vzdump_on(21), broken))
    assert keeper.state("22 11:59") is State.FAILED

    keeper.take(pve("22 12:03", vzdump_on(21), broken, jobs=(edited("20:00"),)))
    assert keeper.state("22 12:04") is State.FAILED


def test_rule_1_a_zone_that_changes_is_an_edit_too() -> None:
    keeper = BoardKeeper().take(pve("22 11:58"))
    moved = pve("22 12:03")
    zone = Reading(("zone", "pve1"), at("22 12:03"), (Zone("pve1", "America/New_York"),))
    keeper.take(
        replace(moved, readings=tuple(zone if reading.scope == zone.scope else reading for reading in moved.readings))
    )

    old, new = keeper.history.plans["guest:pve:101"]
    assert (old.timezone, old.valid_to) == ("Europe/Berlin", at("22 12:03"))
    assert (new.timezone, new.valid_from) == ("America/New_York", at("22 12:03"))


def test_rule_1_at_first_contact_a_plan_counts_from_before() -> None:
    keeper = BoardKeeper().take(pbs("23 07:28", group("1 04:05", vmid="999"), group("20 04:05")), pve("23 07:28"))

    assert keeper.history.plans["guest:pve:101"] == (
        PlanRow(
            job="pve/backup/critical",
            schedule="04:00",
            timezone="Europe/Berlin",
            enabled=True,
            destination="pbs-main=main/",
        ),
    )
    assert keeper.state("23 07:30") is State.MISSED


def test_rule_1_a_new_guest_in_a_job_that_takes_all_is_new_until_its_first_due_time_even_in_an_old_datastore() -> None:
    old = group("1 04:05", "22 04:05")
    both: dict[str, Any] = {"guests": (VAULTWARDEN, JELLYFIN), "jobs": (replace(CRITICAL, guests=(101, 201)),)}
    keeper = BoardKeeper().take(pbs("22 11:58", old), pve("22 11:58", vzdump_on(22)))
    keeper.take(pve("22 12:03", vzdump_on(22), **both))

    assert keeper.state("22 12:04", "jellyfin") is State.NEW
    assert keeper.reason("22 12:04", "jellyfin") == "Nothing was due yet; first run Mon 23 Nov 04:00."
    assert row(keeper.board("22 12:04"), "jellyfin").last_run is None, "the task of 04:00 was not meant for it"
    assert keeper.board("22 12:04").overall.state is State.OK

    keeper.take(pbs("23 04:02", old), pve("23 04:02", vzdump("22 04:00", "22 04:10"), **both))
    assert keeper.state("23 04:03", "jellyfin") is State.LATE
    keeper.take(pbs("23 04:32", old), pve("23 04:32", **both))
    assert keeper.state("23 04:33", "jellyfin") is State.NEVER


def test_rule_1_while_its_source_cannot_be_read_the_last_plan_stays_in_force() -> None:
    keeper = BoardKeeper(settings(replace(PVE, stale_after=at("23 00:00") - at("20 00:00")), PBS))
    keeper.take(pbs("22 11:58", group("22 04:05")), pve("22 11:58", vzdump_on(22)))
    before = keeper.history
    keeper.take(away("pve", SourceKind.PVE, "22 12:03"), away("pve", SourceKind.PVE, "22 12:08", denied=True))

    assert keeper.history.plans == before.plans
    assert keeper.history.seen == before.seen


def test_rule_1_a_job_whose_guests_cannot_be_read_still_expects_a_backup() -> None:
    keeper = BoardKeeper().take(pve("22 11:58"))
    keeper.take(pve("22 12:03", jobs=(replace(CRITICAL, guests=None),)))

    assert keeper.history.plans["guest:pve:101"][0].valid_to is None


def test_rule_1_a_guest_moved_to_another_job_keeps_its_old_due_times_until_then() -> None:
    """Its daily job missed this morning; a weekly one from noon on does not make that good."""
    keeper = BoardKeeper().take(pbs("22 11:58", group("21 04:05")), pve("22 11:58", vzdump_on(21)))
    keeper.take(pve("22 12:03", vzdump_on(21), jobs=(replace(CRITICAL, guests=()), WEEKLY)))

    assert keeper.state("22 12:04") is State.MISSED
    assert "22 Nov" not in keeper.reason("22 12:04")


def test_rule_1_a_guest_moved_to_a_weekly_job_is_not_expected_daily_any_more() -> None:
    keeper = BoardKeeper().take(pbs("17 11:58", group("17 04:05")), pve("17 11:58", vzdump_on(17)))
    weekly: dict[str, Any] = {"jobs": (replace(CRITICAL, guests=()), WEEKLY)}
    keeper.take(pve("17 12:03", vzdump_on(17), **weekly))
    keeper.take(pbs("20 07:28", group("17 04:05")), pve("20 07:28", **weekly))

    assert keeper.state("20 07:30") is State.OK


@pytest.mark.parametrize(
    ("night", "what"),
    [(vzdump("21 04:00", "21 04:10"), "missed"), (vzdump("22 04:00", "22 04:10", "job errors"), "failed")],
    ids=["missed", "failed"],
)
def test_rule_2_what_a_deleted_job_still_owed_is_no_longer_red_for_nobody_can_make_up_for_it(
    night: Task, what: str
) -> None:
    keeper = BoardKeeper().take(pbs("22 11:58", group("21 04:05")), pve("22 11:58", night))
    assert keeper.state("22 11:59") == what

    keeper.take(pve("22 12:03", night, jobs=()))
    verdict = row(keeper.board("22 12:04"), "vaultwarden").verdict
    assert (verdict.state, verdict.cause) == (State.WARNING, Cause.IN_NO_JOB)
    assert verdict.reason == (
        "No enabled job backs it up since today 12:03: critical covered it before, and the backup that was due today "
        "04:00 did not come; newest backup Sat 21 Nov 04:05."
    )
    assert keeper.calendar("22 00:00", "22 12:00", "22 12:04") == [("22 04:00", what)], "the past stays what it was"

    keeper.take(pbs("30 11:58", group("21 04:05")), pve("30 11:58", night, jobs=()))
    assert keeper.state("30 11:59") is State.WARNING

    keeper.take(pve("30 12:03", night, jobs=(edited("20:00"),)))
    assert keeper.state("30 12:04") == what, "a job that covers it again owes it again"
    keeper.take(pbs("30 20:20", group("21 04:05", "30 20:05")), pve("30 20:20", night, jobs=(edited("20:00"),)))
    assert keeper.state("30 20:21") is State.OK


def test_rule_2_a_guest_whose_job_was_deleted_after_a_good_night_says_since_when() -> None:
    keeper = BoardKeeper().take(pbs("22 11:58", group("22 04:05")), pve("22 11:58", vzdump_on(22)))
    keeper.take(pve("22 12:03", vzdump_on(22), jobs=()))

    assert keeper.state("22 12:04") is State.WARNING
    assert keeper.reason("22 12:04") == (
        "No enabled job backs it up since today 12:03: critical covered it before; newest backup today 04:05."
    )


@pytest.mark.parametrize(
    ("changes", "own", "state"),
    [
        ({"enabled": False}, {}, State.WARNING),
        ({}, {"pve/backup/weekly": JobSetting(disabled=True)}, State.DISABLED),
        ({"storage": "elsewhere"}, {}, State.UNKNOWN),
    ],
    ids=["off upstream", "off by configuration", "not to be seen"],
)
def test_rule_1_what_a_deleted_job_owed_is_not_held_against_one_that_cannot_make_up_for_it(
    changes: dict[str, Any], own: dict[str, JobSetting], state: State
) -> None:
    weekly = replace(WEEKLY, **changes)
    keeper = BoardKeeper(settings(PVE, PBS, jobs=own))
    keeper.take(pbs("22 11:58", group("21 04:05")), pve("22 11:58", vzdump_on(21), jobs=(CRITICAL, weekly)))
    assert keeper.state("22 11:59") is State.MISSED

    keeper.take(pve("22 12:03", vzdump_on(21), jobs=(weekly,)))
    assert keeper.state("22 12:04") is state


def test_rule_2_a_database_that_no_backup_covers_any_more_is_a_warning() -> None:
    keeper = BoardKeeper(settings(DATABASEMENT)).take(databasement("23 11:58", "crm"))
    assert keeper.state("23 11:59", "crm") is State.MISSED

    keeper.take(databasement("23 12:03", "crm", plans=(replace(DAILY, mode="selected", databases=("other",)),)))
    assert keeper.state("23 12:04", "crm") is State.WARNING
    assert keeper.reason("23 12:04", "crm") == (
        "No enabled job backs it up since today 12:03: Daily covered it before, and the dump that was due today 02:00 "
        "did not come; newest dump Sun 22 Nov 02:00."
    )


def test_rule_1_a_guest_on_another_node_or_with_another_name_is_the_same_guest() -> None:
    keeper = BoardKeeper().take(pbs("22 11:58", group("22 04:05")), pve("22 11:58", vzdump_on(22)))
    renamed = Guest(vmid=101, type="lxc", name="passwords", node="pve2")
    keeper.take(pve("22 12:03", vzdump_on(22), guests=(renamed,)))

    assert len(keeper.history.plans["guest:pve:101"]) == 1
    assert keeper.state("22 12:04", "passwords") is State.OK
    assert not [note for note in keeper.board("22 12:04").notes if "gone from pve" in note.lower()]


def test_rule_1_the_owners_own_schedule_holds_for_the_past_too() -> None:
    keeper = BoardKeeper(settings(jobs={"pve/backup/critical": JobSetting(schedule="06:00")}))
    keeper.take(pbs("22 11:58", group("22 06:05")), pve("22 11:58"))
    keeper.take(pve("22 12:03", jobs=(edited("10:00"),)))
    keeper.take(pbs("23 05:58", group("22 06:05")), pve("23 05:58", jobs=(edited("10:00"),)))

    assert keeper.state("23 05:59") is State.OK


def test_rule_1_a_dump_schedule_edited_at_noon_counts_from_noon() -> None:
    keeper = BoardKeeper(settings(DATABASEMENT)).take(databasement("22 11:58", "crm"))
    keeper.take(databasement("22 12:03", "crm", plans=(replace(DAILY, schedule="0 10 * * *"),)))

    assert keeper.state("22 12:04", "crm") is State.OK
    assert row(keeper.board("22 12:04"), "crm").next_run == at("23 10:00")


def test_rule_1_a_zone_that_the_configuration_corrects_holds_for_the_past_too() -> None:
    """Databasement does not report its time zone, so a corrected zone is no edit of the schedule."""
    keeper = BoardKeeper(settings(replace(DATABASEMENT, timezone="UTC"))).take(databasement("22 03:40", "crm"))
    assert keeper.state("22 03:41", "crm") is State.MISSED

    keeper.settings = settings(DATABASEMENT)
    keeper.take(databasement("22 03:45", "crm"))
    assert keeper.state("22 03:46", "crm") is State.OK


def test_rule_1_a_row_of_an_older_ledger_is_for_all_destinations_of_its_job() -> None:
    """An older ledger has one row for two backups on one schedule; neither of them begins anew with the upgrade."""
    to = {volume: replace(DAILY, id=volume, volumes=(volume,)) for volume in ("local", "s3")}
    desk = BoardKeeper(settings(DATABASEMENT)).take(databasement("21 12:00", "crm"))
    (row_before,) = desk.history.plans["database:databasement:pg/crm"]
    assert row_before.destination is None
    desk.take(databasement("22 12:00", "crm", plans=tuple(to.values())))

    rows = desk.history.plans["database:databasement:pg/crm"]
    assert [(each.destination, each.valid_from, each.valid_to) for each in rows] == [
        ("local", None, None),
        ("s3", None, None),
    ]


def test_rule_1_a_database_that_joins_a_backup_is_new_until_it_is_due() -> None:
    chosen = replace(DAILY, mode="selected", databases=("crm",))
    keeper = BoardKeeper(settings(DATABASEMENT)).take(databasement("22 11:58", "crm", plans=(chosen,)))
    keeper.take(databasement("22 12:03", "crm", plans=(replace(chosen, databases=("crm", "shop")),)))

    assert keeper.state("22 12:04", "shop") is State.NEW


def test_rule_1_a_reading_that_says_the_same_again_changes_nothing() -> None:
    keeper = BoardKeeper().take(pbs("22 11:58", group("22 04:05")), pve("22 11:58"))
    before = keeper.history
    keeper.take(pbs("22 12:03", group("22 04:05")), pve("22 12:03"))

    assert keeper.history is before


def test_rule_1_an_upstream_whose_schedule_changes_with_every_reading_fills_no_memory() -> None:
    keeper = BoardKeeper().take(pve("22 00:00"))
    for minute in range(150):
        keeper.take(pve(f"22 {1 + minute // 60:02}:{minute % 60:02}", jobs=(edited(f"04:{minute % 60:02}"),)))

    assert len(keeper.history.plans["guest:pve:101"]) == MOST_ROWS


# --- rule 1, last sentence: announced runs ------------------------------------------------------------------------------


def test_rule_1_backrest_restarted_over_its_due_time_is_missed_although_it_announces_tomorrow() -> None:
    keeper = plans_keeper(
        backrest("23 02:00", "23 02:15", run("22 02:15")),
        away("backrest", SourceKind.BACKREST, "23 02:05"),
        backrest("23 02:40", "24 02:15", run("22 02:15")),
    )
    assert keeper.state("23 02:41", "photos") is State.LATE

    keeper.take(backrest("23 02:50", "24 02:15", run("22 02:15")))
    assert keeper.state("23 02:51", "photos") is State.LATE
    assert "back since 02:40" in keeper.reason("23 02:51", "photos")

    keeper.take(backrest("23 02:55", "24 02:15", run("22 02:15")))
    assert keeper.state("23 02:56", "photos") is State.MISSED
    assert "due today 02:15" in keeper.reason("23 02:56", "photos").lower()

    keeper.take(backrest("24 02:30", "25 02:15", run("22 02:15"), run("24 02:15")))
    assert keeper.state("24 02:31", "photos") is State.OK


def test_rule_1_a_run_answers_its_announcement() -> None:
    keeper = plans_keeper(
        backrest("23 02:00", "23 02:15", run("22 02:15")),
        backrest("23 02:30", "24 02:15", run("22 02:15"), run("23 02:15")),
    )

    assert keeper.state("23 07:30", "photos") is State.UNKNOWN
    assert keeper.state("23 02:31", "photos") is State.OK


def test_rule_1_an_announcement_that_is_replaced_before_it_is_due_is_withdrawn() -> None:
    """The schedule was edited in Backrest at noon."""
    keeper = plans_keeper(
        backrest("23 11:58", "24 02:15", run("23 02:15")), backrest("23 12:03", "24 20:00", run("23 02:15"))
    )
    keeper.take(backrest("24 07:00", "24 20:00", run("23 02:15")))

    assert keeper.state("24 07:01", "photos") is State.OK
    assert keeper.history.announced["backrest/plan/photos"] == (at("24 20:00"),)


def test_rule_1_a_failed_run_for_an_announcement_is_failed_and_one_by_hand_is_a_warning() -> None:
    first = backrest("22 02:00", "22 02:15", run("21 02:15"))
    keeper = plans_keeper(first, backrest("23 02:30", "24 02:15", run("22 02:15"), failed("23 02:15")))
    keeper.take(backrest("22 02:30", "23 02:15", run("22 02:15")))
    keeper.take(backrest("23 02:30", "24 02:15", run("22 02:15"), failed("23 02:15")))
    assert keeper.state("23 02:31", "photos") is State.FAILED

    by_hand = plans_keeper(first, backrest("22 12:00", "23 02:15", run("22 02:15"), failed("22 11:00")))
    assert by_hand.state("22 12:01", "photos") is State.WARNING


def test_rule_1_a_plan_that_never_ran_is_new_until_what_was_announced_has_passed() -> None:
    keeper = plans_keeper(backrest("22 12:00", "23 02:15"))
    assert keeper.state("22 12:01", "photos") is State.NEW

    keeper.take(backrest("23 03:00", "24 02:15"))
    assert keeper.state("23 03:01", "photos") is State.NEVER


def test_rule_2_a_plan_switched_off_in_backrest_is_missed_once_its_last_period_has_passed() -> None:
    runs = (run("22 02:15"), run("23 02:15"))
    keeper = plans_keeper(backrest("22 02:00", "22 02:15"), backrest("22 12:00", "23 02:15", runs[0]))
    keeper.take(backrest("23 12:00", None, *runs))
    assert keeper.state("23 12:01", "photos") is State.WARNING

    keeper.take(backrest("24 03:00", None, *runs))
    assert keeper.state("24 03:01", "photos") is State.MISSED


def test_an_upkeep_job_without_a_name_is_forgotten_like_any_other_once_it_is_gone() -> None:
    nameless = UpkeepJob(kind="prune", id="", datastore="main", schedule="05:00", keeps=True)
    desk = BoardKeeper(settings(PBS)).take(pbs("22 12:00", extra={("upkeep", "prune"): (nameless,)}))
    desk.take(pbs("22 12:05", extra={("upkeep", "prune"): ()}))

    assert [each.valid_to for rows in desk.history.plans.values() for each in rows] == [at("22 12:05")]


ODD = st.sampled_from(["", "/", ":", "a/b", "a:b", "*", "[", "\ud800"])


@given(ODD, ODD, ODD, st.booleans())
def test_whatever_upstreams_call_their_things_remembering_and_judging_never_fail(
    first: str, second: str, third: str, stays: bool
) -> None:
    group_ = BackupGroup(datastore=first, namespace=second, type=third, id=first, snapshots=())
    server = Report(
        source="pbs",
        kind=SourceKind.PBS,
        at=at("22 11:58"),
        readings=readings("22 11:58", {("snapshots", first, second): (group_,), ("namespaces", first): ()}),
    )
    dumps = Report(
        source="databasement",
        kind=SourceKind.DATABASEMENT,
        at=at("22 11:58"),
        readings=readings(
            "22 11:58",
            {
                ("plans",): (replace(DAILY, server=first, id=second, schedule=third),),
                ("dumps",): (Dump(id=first, server=first, database=second, run=run("22 02:00")),),
            },
        ),
    )
    plans = backrest("22 11:58", None, plan=first)
    odd = service("odd", first or "x", second or "x", kind=PartKind.DATABASE)
    keeper = BoardKeeper(settings(PVE, PBS, DATABASEMENT, BACKREST, services=(odd,)))
    keeper.take(
        server,
        dumps,
        plans,
        pve("22 11:58", guests=(Guest(vmid=1, type=first, name=second, node=third),), jobs=(edited(third),)),
    )
    if not stays:
        keeper.take(
            *(
                replace(report, readings=tuple(replace(reading, facts=()) for reading in report.readings))
                for report in (server, dumps, plans)
            )
        )

    assert keeper.board("22 12:00").sources


def test_nothing_remembered_is_an_empty_history() -> None:
    assert History() == EMPTY
    assert (EMPTY.contact("pve"), History(first_contact=at("22 12:00")).contact("pve")) == (None, at("22 12:00"))
