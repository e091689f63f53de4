"""Rule 2: switched off, deleted, paused."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sidecar.core.model import SourceKind, State
from sidecar.core.settings import JobSetting, Pause
from tests.core.factories import at, run
from tests.core.remembering import JELLYFIN, PRUNE, VAULTWARDEN, WEEKLY, BoardKeeper, edited, vzdump_on
from tests.core.sample_reports import CRITICAL, DATABASEMENT, PBS, PVE, away, group, pbs, pve, row, settings


def test_rule_2_a_job_that_is_switched_on_again_still_owes_what_was_due_meanwhile() -> None:
    """Switched off upstream is no consent, so switching it on again is no backup."""
    keeper = BoardKeeper().take(pbs("20 11:58", group("20 04:05")), pve("20 11:58", vzdump_on(20)))
    keeper.take(pve("20 12:03", vzdump_on(20), jobs=(edited("04:00", enabled=False),)))
    assert keeper.state("20 12:04") is State.WARNING

    keeper.take(pbs("22 12:03", group("20 04:05")), pve("22 12:03", vzdump_on(20), jobs=(CRITICAL,)))
    assert keeper.state("22 12:04") is State.MISSED


@pytest.mark.parametrize(("now", "expected"), [("20 12:04", State.WARNING), ("21 04:36", State.MISSED)])
def test_rule_2_the_row_of_a_job_that_is_switched_off_says_so_and_is_as_bad_as_its_guests(
    now: str, expected: State
) -> None:
    off = edited("04:00", enabled=False)
    keeper = BoardKeeper().take(pbs(now, group("20 04:05")), pve(now, vzdump_on(20), jobs=(off,)))
    (job,) = keeper.board(now).jobs
    good = 1 if expected is State.WARNING else 0

    assert (job.verdict.state, job.next_run) == (expected, None)
    assert job.verdict.reason == f"Switched off at its source; {good} of 1: vaultwarden {expected}."


def test_rule_2_a_job_switched_off_over_lunch_is_forgiven() -> None:
    keeper = BoardKeeper().take(pbs("20 11:58", group("20 04:05")), pve("20 11:58", vzdump_on(20)))
    keeper.take(pve("20 12:03", vzdump_on(20), jobs=(edited("04:00", enabled=False),)))
    keeper.take(pve("20 13:03", vzdump_on(20)), pbs("20 13:03", group("20 04:05")))

    assert keeper.state("20 13:04") is State.OK


def test_rule_2_a_job_that_was_off_while_another_one_did_its_work_owes_nothing() -> None:
    weekly_too = (replace(CRITICAL, enabled=False), WEEKLY)
    keeper = BoardKeeper().take(
        pbs("16 11:58", group("16 04:05")), pve("16 11:58", vzdump_on(16), jobs=(CRITICAL, WEEKLY))
    )
    keeper.take(pve("16 12:03", vzdump_on(16), jobs=weekly_too))
    keeper.take(pbs("18 12:03", group("16 04:05")), pve("18 12:03", jobs=(CRITICAL, WEEKLY)))

    assert keeper.state("18 12:04") is State.OK


def test_rule_2_a_deleted_guest_is_not_expected_and_its_backups_are_kept() -> None:
    keeper = BoardKeeper().take(
        pbs("22 11:58", group("22 04:05")), pve("22 11:58", vzdump_on(22), guests=(VAULTWARDEN, JELLYFIN))
    )
    keeper.take(pve("22 12:03", guests=(JELLYFIN,), jobs=(replace(CRITICAL, guests=(201,)),)))
    board = keeper.board("22 12:04")

    assert [service.name for service in board.services] == ["jellyfin"]
    assert "Kept backups of a guest that is gone: pbs:main/ct/101." in board.notes


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
    keeper = BoardKeeper(PAUSED).take(pbs(now, group("20 04:05")), pve(now))

    assert keeper.state(now) is expected


def test_rule_2_a_pause_says_until_when_and_why() -> None:
    keeper = BoardKeeper(PAUSED).take(pbs("22 12:00", group("20 04:05")), pve("22 12:00"))

    assert keeper.reason("22 12:01") == "Paused until Tue 24 Nov 00:00: holiday; newest backup Fri 20 Nov 04:05."
    assert row(keeper.board("22 12:01"), "vaultwarden").next_run == at("24 04:00")


def test_rule_2_while_everything_is_paused_the_headline_says_so() -> None:
    board = BoardKeeper(PAUSED).take(pbs("22 12:00", group("20 04:05")), pve("22 12:00")).board("22 12:01")

    assert (board.overall.state, board.overall.headline) == (State.DISABLED, "Everything is paused or switched off")


def test_rule_2_a_pause_of_the_backup_server_is_one_of_its_guests_and_upkeep_and_it_may_be_away() -> None:
    given = settings(pauses=(Pause(date(2026, 11, 21), date(2026, 11, 24), ("pbs",)),))
    prune = replace(PRUNE, next_run=at("20 05:00"), runs=(run("19 05:00"),))
    keeper = BoardKeeper(given).take(
        pbs("20 12:00", group("20 04:05"), extra={("upkeep", "prune"): (prune,)}),
        pve("22 12:00"),
        away("pbs", SourceKind.PBS, "22 12:00"),
    )
    board = keeper.board("22 12:01")

    assert (row(board, "vaultwarden").verdict.state, board.overall.state) == (State.DISABLED, State.DISABLED)
    assert {job.name: job.verdict.state for job in board.jobs}["pbs/prune/daily"] is State.DISABLED
    assert board.overall.headline == "Everything is paused or switched off"


def test_rule_2_a_pause_of_another_source_changes_nothing() -> None:
    given = settings(PVE, PBS, DATABASEMENT, pauses=(Pause(date(2026, 11, 1), date(2026, 12, 1), ("databasement",)),))
    keeper = BoardKeeper(given).take(pbs("23 07:28", group("22 04:05")), pve("23 07:28"))

    assert keeper.state("23 07:30") is State.MISSED


def test_rule_2_a_job_that_the_configuration_switches_off_makes_its_members_disabled() -> None:
    given = settings(jobs={"pve/backup/critical": JobSetting(disabled=True)})
    keeper = BoardKeeper(given).take(pbs("23 07:28", group("20 04:05")), pve("23 07:28"))
    service = row(keeper.board("23 07:30"), "vaultwarden")

    assert (service.verdict.state, service.next_run) == (State.DISABLED, None)
    assert "switched off in the configuration" in (service.verdict.reason or "")


def test_rule_2_a_guest_in_two_jobs_is_judged_by_the_one_that_is_left() -> None:
    given = settings(jobs={"pve/backup/critical": JobSetting(disabled=True)})
    keeper = BoardKeeper(given).take(pbs("18 07:28", group("16 04:05")), pve("18 07:28", jobs=(CRITICAL, WEEKLY)))

    assert keeper.state("18 07:30") is State.OK
