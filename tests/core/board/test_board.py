"""The board as a whole: services from the map, the headline, sources, jobs, upkeep and room."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY
from sidecar.core.judgement.judged import judged as judged_of
from sidecar.core.model import Board, Outcome, PartKind, ServiceRow, SourceKind, State
from sidecar.core.reports.facts import BackupGroup, BackupJob, Datastore, Guest, Storage, Task, UpkeepJob
from sidecar.core.reports.report import Problem, Reading, Report, keep_what_failed
from sidecar.core.settings import ExpectSetting, Ignore, JobSetting, PartSetting, ServiceSetting, Settings
from tests.core.factories import at, failed, run
from tests.core.sample_reports import (
    CRITICAL,
    PBS,
    PVE,
    STORAGE,
    Scopes,
    away,
    group,
    judged,
    pbs,
    pve,
    row,
    service,
    settings,
    vzdump,
)

VZDUMP = vzdump("22 04:00", "22 05:00")
GUESTS = (
    Guest(vmid=101, type="lxc", name="vaultwarden", node="pve1", tags=("prod",)),
    Guest(vmid=102, type="lxc", name="vault", node="pve1", pool="lab"),
    Guest(vmid=103, type="qemu", name="vaultwarden", node="pve1"),
)
ALL = replace(CRITICAL, guests=(101, 102, 103))
KEPT = (group("22 04:05"), group("22 04:10", vmid="102"), group("22 04:15", vmid="103", kind="vm"))


def three_guests(
    now: str = "22 12:00",
    given: Settings | None = None,
    *,
    read: str = "22 11:58",
    tasks: tuple[Task, ...] = (VZDUMP,),
    extra: Scopes | None = None,
) -> Board:
    return judged(now, pve(read, *tasks, guests=GUESTS, jobs=(ALL,)), pbs(read, *KEPT, extra=extra or {}), given=given)


# --- services ---


def test_without_a_map_every_guest_is_a_service_and_same_names_stay_apart() -> None:
    assert [service.name for service in three_guests().services] == [
        "vault",
        "vaultwarden (pve:101)",
        "vaultwarden (pve:103)",
    ]


def test_a_mapped_service_takes_its_parts_and_the_rest_keeps_its_own_names() -> None:
    board = three_guests(given=settings(services=(service("passwords", "101", "103"),)))

    assert [service.name for service in board.services] == ["passwords", "vault"]
    assert [part.ref for part in row(board, "passwords").parts] == ["101", "103"]
    assert (row(board, "passwords").count, row(board, "passwords").last_backup) == (2, at("22 04:05"))


def test_a_service_is_as_old_as_its_oldest_part_and_unknown_age_wins() -> None:
    guests = (*GUESTS, Guest(vmid=104, type="lxc", name="new", node="pve1"))
    jobs = (replace(CRITICAL, guests=(101, 104)),)
    given = settings(services=(service("both", "101", "104"),))
    board = judged("22 12:00", pve("22 11:58", VZDUMP, guests=guests, jobs=jobs), pbs("22 11:58", *KEPT), given=given)

    assert row(board, "both").last_backup is None


def test_a_reference_that_matches_nothing_is_a_note_and_unknown() -> None:
    board = three_guests(given=settings(services=(service("ghost", "999"),)))

    assert row(board, "ghost").verdict.state is State.UNKNOWN
    assert row(board, "ghost").verdict.reason == "No guest 999 is known to pve."
    assert "ghost: guests names 999, which pve does not know." in board.notes


def test_an_ambiguous_reference_is_a_note_and_unknown() -> None:
    second = replace(pve("22 11:58"), source="pve2", tls_fingerprint=None)
    given = settings(PVE, replace(PVE, name="pve2"), PBS, services=(service("passwords", "101"),))
    board = judged("22 12:00", pve("22 11:58", VZDUMP), second, pbs("22 11:58", *KEPT), given=given)

    assert row(board, "passwords").verdict.state is State.UNKNOWN
    assert any("ambiguous" in note for note in board.notes)


def test_a_reference_may_name_its_source() -> None:
    board = three_guests(given=settings(services=(service("passwords", "pve:101"),)))

    assert row(board, "passwords").verdict.state is State.OK


def test_ignored_guests_are_left_out_and_counted() -> None:
    board = three_guests(given=settings(ignore=Ignore(guests=("101", "pool:lab", "tag:nothing"))))

    assert ([service.name for service in board.services], board.left_out) == (["vaultwarden"], 2)
    assert board.ignored == (("guest", 2),)


def test_notes_about_references_are_told_apart_for_the_doctor() -> None:
    reports = {"pve": pve("22 11:58", VZDUMP, guests=GUESTS, jobs=(ALL,)), "pbs": pbs("22 11:58", *KEPT)}
    given = settings(services=(service("gone", "pve:999"),))

    made = judged_of(reports, EMPTY, given, at("22 12:00"))

    assert made.references == ("gone: guests names pve:999, which pve does not know.",)
    assert set(made.references) <= set(made.notes)


def host(*times: str, expect: ExpectSetting | None = None, now: str = "22 12:00") -> ServiceRow:
    nas = group(*times, vmid="nas", kind="host")
    part = PartSetting(PartKind.GUEST, "pbs:main/host/nas", expect)
    given = settings(services=(ServiceSetting(name="archive", parts=(part,)),))
    return row(judged(now, pve(now, VZDUMP, guests=(), jobs=()), pbs(now, nas), given=given), "archive")


def test_a_host_group_is_judged_by_the_owners_expectation() -> None:
    weekly = ExpectSetting("sun 06:00", "Europe/Berlin", timedelta(hours=12))

    assert host("22 06:10", expect=weekly).verdict.state is State.OK
    assert host("15 06:10", expect=weekly).verdict.state is State.LATE
    assert host("15 06:10", expect=weekly, now="22 18:30").verdict.state is State.MISSED


def test_a_host_group_without_expectation_is_a_warning_never_green() -> None:
    assert host("22 06:10").verdict.state is State.WARNING


# --- groups that are named and empty, guests that are named by their groups ---


def named(ref: str, *groups: BackupGroup, expect: ExpectSetting | None = None, **changes: Any) -> Board:
    given = settings(services=(ServiceSetting(name="named", parts=(PartSetting(PartKind.GUEST, ref, expect),)),))
    return judged("22 12:00", pve("22 11:58", VZDUMP, **changes), pbs("22 11:58", *groups), given=given)


def test_a_group_without_any_backup_in_a_readable_namespace_is_never() -> None:
    verdict = row(named("pbs:main/host/nas", KEPT[0]), "named").verdict

    assert (verdict.state, verdict.reason) == (State.NEVER, "No backup of main/host/nas exists.")
    assert verdict.action == "Run the first backup on its client."


@pytest.mark.parametrize(("schedule", "expected"), [("mon 06:00", State.NEW), ("06:00", State.NEVER)])
def test_with_an_expectation_of_its_own_it_is_as_that_says(schedule: str, expected: State) -> None:
    expect = ExpectSetting(schedule, "Europe/Berlin", timedelta(hours=1))
    given = settings(
        services=(ServiceSetting(name="named", parts=(PartSetting(PartKind.GUEST, "pbs:main/host/nas", expect),)),)
    )
    found = judged("22 12:00", pve("22 11:58", VZDUMP), pbs("22 11:58"), given=given, since="22 01:00")

    assert row(found, "named").verdict.state is expected


def test_a_group_in_a_namespace_that_was_not_read_is_unknown() -> None:
    assert row(named("pbs:main/elsewhere/host/nas", KEPT[0]), "named").verdict.state is State.UNKNOWN


def test_a_guest_that_is_named_by_its_group_has_one_row() -> None:
    found = named("pbs:main/ct/101", KEPT[0])

    assert [service.name for service in found.services] == ["named"]
    assert [(job.name, job.members) for job in found.jobs] == [("pve/backup/critical", 1)]


def test_a_guest_with_another_destination_keeps_a_row_for_it() -> None:
    nas = Storage(name="nas", type="nfs", enabled=True, shared=True)
    weekly = replace(CRITICAL, id="weekly", schedule="sun 03:00", storage="nas")
    found = named("pbs:main/ct/101", KEPT[0], jobs=(CRITICAL, weekly), storages=(STORAGE, nas))

    assert len(found.services) == 2


def test_groups_of_clients_that_nobody_names_are_rows_of_which_nothing_is_expected_without_a_rhythm() -> None:
    board = judged(
        "22 12:00", pve("22 11:58", VZDUMP), pbs("22 11:58", KEPT[0], group("22 06:10", vmid="nas", kind="host"))
    )

    assert row(board, "host/nas").verdict.state is State.DISABLED
    assert (board.overall.headline, board.notes) == ("All 1 backed up", ())


# --- overall and headline ---


def test_what_has_no_backup_at_all_is_not_backed_up() -> None:
    """A guest in no job and without a backup is a warning; so is one of a job that is switched off upstream."""
    off = replace(CRITICAL, id="off", schedule="sun 20:00", enabled=False, guests=(102,))
    jobs = (replace(CRITICAL, guests=(101,)), off)
    found = judged("22 12:00", pve("22 11:58", VZDUMP, guests=GUESTS, jobs=jobs), pbs("22 11:58", KEPT[0]))

    assert {service.name: service.verdict.state for service in found.services} == {
        "vaultwarden (pve:101)": State.OK,
        "vaultwarden (pve:103)": State.WARNING,
        "vault": State.WARNING,
    }
    assert found.overall.headline.startswith("1 of 3 backed up, 2 warnings")
    assert [(job.name, job.members_ok, job.members) for job in found.jobs] == [
        ("pve/backup/off", 0, 1),
        ("pve/backup/critical", 1, 1),
    ]


def test_all_is_well() -> None:
    board = three_guests()

    assert (board.overall.state, board.overall.headline) == (State.OK, "All 3 backed up")
    assert (board.overall.counts, board.as_of, board.next_run) == ({State.OK: 3}, at("22 11:58"), at("23 04:00"))


def test_one_culprit_is_named_and_many_are_counted() -> None:
    given = settings(services=(service("passwords", "101"),))
    board = judged("23 07:30", pve("23 07:28", VZDUMP), pbs("23 07:28", *KEPT), given=given)

    assert board.overall.headline == "1 of 1 need you: passwords missed 04:30"
    assert three_guests("23 07:30", read="23 07:28").overall.headline == "3 of 3 need you"
    assert three_guests("23 07:30", read="23 07:28").overall.state is State.MISSED


def test_a_source_that_is_away_is_named_as_the_reason() -> None:
    given = settings(services=(service("passwords", "101"), service("vault", "102")))
    board = judged(
        "22 12:00",
        pve("22 11:58", VZDUMP, guests=GUESTS[:2], jobs=(ALL,)),
        away("pbs", SourceKind.PBS, "22 11:58"),
        given=given,
    )

    assert board.overall.headline == "Can't tell for 2 of 2: pbs can't be read"
    assert board.overall.state is State.UNKNOWN


def test_running_and_late_do_not_lower_the_state() -> None:
    guests = GUESTS[:2]
    jobs = (
        replace(CRITICAL, guests=(101,)),
        BackupJob(id="noon", schedule="12:00", enabled=True, storage="pbs-main", node=None, guests=(102,)),
    )
    board = judged(
        "22 12:05",
        pve("22 12:04", VZDUMP, guests=guests, jobs=jobs),
        pbs("22 12:04", KEPT[0], group("21 12:01", vmid="102")),
    )

    assert (board.overall.state, board.overall.headline) == (State.OK, "1 of 2 backed up, 1 late")


def test_before_anything_was_read_nothing_is_known() -> None:
    board = judged("22 12:00", given=settings(services=(service("passwords", "101"),)))

    assert board.overall.headline == "Reading for the first time: 0 of 2 sources answered"
    assert (board.overall.state, board.services[0].verdict.state) == (State.UNKNOWN, State.UNKNOWN)
    assert board.services[0].verdict.reason == "Nothing was read from pve yet."


def test_without_any_service_it_is_unknown() -> None:
    assert judged("22 12:00", pve("22 11:58", guests=(), jobs=()), pbs("22 11:58")).overall.state is State.UNKNOWN


# --- sources ---


def test_a_source_keeps_its_readings_over_a_failure_and_says_so() -> None:
    server = keep_what_failed(away("pbs", SourceKind.PBS, "22 12:05"), pbs("22 11:58", *KEPT))
    board = judged("22 12:06", pve("22 12:05", VZDUMP), server)
    shown = next(source for source in board.sources if source.name == "pbs")

    assert row(board, "vaultwarden").verdict.state is State.OK
    assert (shown.verdict.state, shown.version) == (State.WARNING, "3.2.4")
    assert shown.verdict.reason == "Can't be read since today 11:58: connection refused."


def test_a_proved_denial_takes_effect_at_once() -> None:
    server = keep_what_failed(away("pbs", SourceKind.PBS, "22 12:05", "HTTP 401", denied=True), pbs("22 11:58", *KEPT))
    board = judged("22 12:06", pve("22 12:05", VZDUMP), server)

    assert row(board, "vaultwarden").verdict.state is State.UNKNOWN


def test_one_scope_that_failed_keeps_its_last_reading_until_it_is_stale() -> None:
    before = pbs("22 11:58", *KEPT)
    broken = tuple(
        Reading(reading.scope, None, (), Problem("HTTP 400"))
        if reading.scope[0] == "snapshots"
        else replace(reading, as_of=at("22 12:05"))
        for reading in before.readings
    )
    server = keep_what_failed(replace(before, at=at("22 12:05"), readings=broken), before)

    for now, expected in (("22 12:06", State.OK), ("22 12:17", State.OK), ("22 12:19", State.UNKNOWN)):
        board = judged(now, pve(now, VZDUMP), replace(server, readings=server.readings))
        assert row(board, "vaultwarden").verdict.state is expected, now
    assert (
        next(source for source in judged("22 12:06", server).sources if source.name == "pbs").verdict.state
        is State.WARNING
    )


# --- jobs ---


def test_a_backup_job_is_as_bad_as_its_worst_guest() -> None:
    board = judged(
        "23 07:30", pve("23 07:28", VZDUMP, guests=GUESTS[:2], jobs=(ALL,)), pbs("23 07:28", group("23 04:05"), KEPT[1])
    )
    job = next(job for job in board.jobs if job.name == "pve/backup/critical")

    assert (job.verdict.state, job.verdict.reason) == (State.MISSED, "1 of 2: vault missed.")
    assert (job.members, job.members_ok, job.next_run, job.timezone) == (2, 1, at("24 04:00"), "Europe/Berlin")


def test_a_guest_that_is_listed_twice_is_one_member() -> None:
    guests = (GUESTS[0], replace(GUESTS[0], name="other"))
    board = judged("23 07:30", pve("23 07:28", VZDUMP, guests=guests, jobs=(ALL,)), pbs("23 07:28", group("23 04:05")))
    job = next(job for job in board.jobs if job.name == "pve/backup/critical")
    assert (job.members, job.members_ok) == (1, 1)


OFF = replace(ALL, id="old", enabled=False)


@pytest.mark.parametrize(
    ("job", "jobs", "reason"),
    [
        (OFF, (ALL,), "Switched off at its source; its guests are in critical."),
        (OFF, (replace(ALL, id="a"), replace(ALL, id="b")), "Switched off at its source; its guests are in a and b."),
        (replace(OFF, guests=()), (ALL,), "Switched off at its source, and covers nothing."),
        (
            replace(OFF, guests=(999,)),
            (),
            "Switched off at its source; none of the guests that it covers is shown here.",
        ),
        (replace(ALL, guests=()), (), "Covers nothing."),
        (replace(ALL, guests=(999,)), (), "None of the guests that it covers is shown here."),
    ],
)
def test_a_job_without_members_says_what_it_covers(job: BackupJob, jobs: tuple[BackupJob, ...], reason: str) -> None:
    cluster = pve("22 11:58", VZDUMP, guests=GUESTS[:2], jobs=(job, *jobs))
    board = judged("22 12:00", cluster, pbs("22 11:58", *KEPT[:2]))
    verdict = next(shown.verdict for shown in board.jobs if shown.name == f"pve/backup/{job.id}")

    assert (verdict.state, verdict.reason) == (State.WARNING if job.enabled else State.DISABLED, reason)


UPKEEP = UpkeepJob(
    kind="prune",
    id="daily",
    datastore="main",
    schedule="05:00",
    keeps=True,
    next_run=at("23 05:00"),
    runs=(run("22 05:00"),),
)


def ended(outcome: Outcome, text: str | None = None) -> dict[str, object]:
    """Changes to UPKEEP: its last run ended like this."""
    return {"runs": (run("22 05:00", outcome, text=text),)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, State.OK),
        (ended(Outcome.WARNING, "WARNINGS: 2"), State.WARNING),
        (ended(Outcome.FAILED, "unable to lock"), State.FAILED),
        (ended(Outcome.RUNNING), State.RUNNING),
        ({"next_run": at("22 05:00"), "runs": (run("21 05:00"),)}, State.MISSED),
        ({"next_run": at("22 11:40")}, State.OK),
        ({"runs": ()}, State.NEW),
        ({"runs": (), "next_run": at("22 05:00")}, State.NEVER),
        ({"keeps": False}, State.DISABLED),
        ({"schedule": None, "next_run": None}, State.DISABLED),
        ({"disabled": True, "next_run": None}, State.WARNING),
        ({"disabled": True, "next_run": None, "runs": (run("21 05:00"),)}, State.MISSED),
        ({"disabled": True, "next_run": None, **ended(Outcome.FAILED)}, State.FAILED),
        ({"disabled": True, "next_run": None, "runs": ()}, State.WARNING),
    ],
)
def test_rule_8_upkeep(changes: dict[str, object], expected: State) -> None:
    board = three_guests(extra={("upkeep", "prune"): (replace(UPKEEP, **changes),)})  # type: ignore[arg-type]

    assert next(job for job in board.jobs if job.name == "pbs/prune/daily").verdict.state is expected


def test_rule_8_upkeep_that_failed_shows_in_the_headline() -> None:
    board = three_guests(extra={("upkeep", "prune"): (replace(UPKEEP, runs=(failed("22 05:00"),)),)})

    assert (board.overall.state, board.overall.headline) == (State.FAILED, "All 3 backed up: PBS prune daily failed")


def test_rule_8_upkeep_the_owner_switched_off_is_disabled() -> None:
    given = settings(jobs={"pbs/prune/daily": JobSetting(disabled=True, title="Prune")})
    job = next(
        job for job in three_guests(given=given, extra={("upkeep", "prune"): (UPKEEP,)}).jobs if job.kind == "prune"
    )

    assert (job.verdict.state, job.title) == (State.DISABLED, "Prune")


# --- room ---


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        (Datastore(name="main", maintenance=None, total=100, used=50, avail=50), State.OK),
        (Datastore(name="main", maintenance=None, total=100, used=50, avail=50, full_at=at("30 12:00")), State.WARNING),
        (Datastore(name="main", maintenance=None, total=100, used=50, avail=50, full_at=at("20 Dec 12:00")), State.OK),
        (Datastore(name="main", maintenance="offline"), State.UNKNOWN),
        (Datastore(name="main", maintenance="read-only", total=100, used=50, avail=50), State.WARNING),
        (Datastore(name="main", maintenance=None, total=None, used=None, avail=None), State.UNKNOWN),
    ],
)
def test_room_on_a_datastore(store: Datastore, expected: State) -> None:
    assert three_guests(extra={("datastores",): (store,)}).datastores[0].verdict.state is expected


def test_judging_twice_gives_the_same_board() -> None:
    reports = {"pve": pve("22 11:58", VZDUMP), "pbs": pbs("22 11:58", *KEPT)}

    assert board(reports, EMPTY, settings(), at("22 12:00")) == board(reports, EMPTY, settings(), at("22 12:00"))


def test_a_report_of_another_source_never_mixes_in() -> None:
    other: Report = replace(pbs("22 11:58", *KEPT), source="pbs2")

    assert keep_what_failed(away("pbs", SourceKind.PBS, "22 12:00"), other).readings == ()
