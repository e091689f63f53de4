"""Databases (Databasement) and plans (Backrest) as parts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY
from sidecar.core.model import Board, Copy, Outcome, PartKind, Run, SourceKind, State
from sidecar.core.reports import coverage
from sidecar.core.reports.facts import BackrestPlan, Dump, DumpCopy, DumpPlan
from sidecar.core.reports.report import Report
from sidecar.core.settings import ExpectSetting, JobSetting, PartSetting, ServiceSetting
from tests.core.factories import at, failed, run
from tests.core.sample_reports import BACKREST, DATABASEMENT, away, judged, readings, row, service, settings

SELECTED = DumpPlan(
    server="pg", id="b1", schedule_name="Daily", schedule="0 2 * * *", mode="selected", databases=("crm", "n8n")
)


def dump(start: str, database: str = "crm", outcome: Outcome = Outcome.OK, **changes: Any) -> Dump:
    begun = run(start, outcome, text="refused" if outcome is Outcome.FAILED else None)
    return replace(
        Dump(
            id=f"{database}{start}",
            server="pg",
            database=database,
            run=begun,
            changed_at=begun.end or begun.start,
            file_size=10,
        ),
        **changes,
    )


def databasement(read: str, *facts: Dump, plans: tuple[DumpPlan, ...] = (SELECTED,)) -> Report:
    return Report(
        source="databasement",
        kind=SourceKind.DATABASEMENT,
        at=at(read),
        readings=readings(read, {("plans",): plans, ("dumps",): facts}),
    )


def state(now: str, *facts: Dump, name: str = "crm", **changes: Any) -> State:
    return row(dumps_board(now, *facts, **changes), name).verdict.state


def dumps_board(now: str, *facts: Dump, read: str | None = None, **changes: Any) -> Board:
    return judged(now, databasement(read or now, *facts, **changes), given=settings(DATABASEMENT))


def test_a_database_is_ok_with_last_nights_dump() -> None:
    service = row(dumps_board("23 07:30", dump("22 02:00"), dump("23 02:00")), "crm")

    assert (service.verdict.state, service.count, service.next_run) == (State.OK, None, at("24 02:00"))
    assert (service.parts[0].job, service.parts[0].count) == ("databasement/dump/Daily", 2)


def test_a_database_that_is_named_and_was_never_dumped_is_never_once_a_dump_was_due() -> None:
    """It may be new at first contact; from the first due time after that its dump is missing."""
    seen = databasement("23 07:30", dump("22 02:00"), dump("23 02:00"))
    states = [
        row(judged("23 07:30", seen, given=settings(DATABASEMENT), since=since), "n8n").verdict.state
        for since in ("23 07:00", "22 12:00")
    ]

    assert states == [State.NEW, State.NEVER]


@pytest.mark.parametrize(
    ("ref", "means"),
    [
        ("pg/crm", ["pg/crm"]),
        ("databasement:pg/crm", ["pg/crm"]),
        ("pg/*", ["pg/crm", "pg/n8n"]),
        ("pg/?8n", ["pg/n8n"]),
        ("pg/[cd]rm", ["pg/crm"]),
        ("databasement:*/*", ["pg/crm", "pg/n8n"]),
    ],
)
def test_a_reference_means_the_database_of_that_name_or_all_that_fit_its_pattern(ref: str, means: list[str]) -> None:
    given = settings(DATABASEMENT, services=(service("data", ref, kind=PartKind.DATABASE),))
    read = databasement("23 07:30", dump("23 02:00"), dump("23 02:00", "n8n"))

    assert [part.ref for part in row(judged("23 07:30", read, given=given), "data").parts] == means


def test_the_configured_zone_is_the_schedules() -> None:
    """Databasement's API does not report its time zone: 02:00 in New York is 08:00 in Berlin."""
    given = settings(replace(DATABASEMENT, timezone="America/New_York"))
    board = judged("23 07:30", databasement("23 07:30", dump("22 08:00")), given=given)

    assert row(board, "crm").next_run == at("23 08:00")


@pytest.mark.parametrize(
    ("minutes", "expected"), [(0, State.RUNNING), (3, State.RUNNING), (4, State.FAILED), (60, State.FAILED)]
)
def test_a_failed_row_may_still_be_retried_for_four_minutes(minutes: int, expected: State) -> None:
    changed = at("23 02:07")
    broken = dump("23 02:00", outcome=Outcome.FAILED, changed_at=changed)
    now = changed + timedelta(minutes=minutes)
    report = databasement("23 02:07", dump("22 02:00"), broken)
    report = replace(report, readings=tuple(replace(reading, as_of=now) for reading in report.readings))
    judged = board({"databasement": report}, EMPTY, settings(DATABASEMENT), now)

    assert row(judged, "crm").verdict.state is expected


def test_a_server_that_could_not_be_reached_fails_all_of_its_databases() -> None:
    broken = dump("23 02:00", "(all databases)", Outcome.FAILED, whole_server=True)
    board = dumps_board("23 07:30", dump("22 02:00"), dump("22 02:00", "n8n"), broken)

    assert {service.name: service.verdict.state for service in board.services} == {
        "crm": State.FAILED,
        "n8n": State.FAILED,
    }


@pytest.mark.parametrize(
    ("changes", "expected", "says"),
    [
        ({"file_size": 0}, State.FAILED, "empty file"),
        ({"file_exists": False}, State.FAILED, "is gone"),
        (
            {"copies": (DumpCopy("nas", True), DumpCopy("s3", False, "access denied"))},
            State.WARNING,
            "volume s3 failed: access denied",
        ),
        ({"copies": (DumpCopy("nas", False), DumpCopy("s3", False))}, State.FAILED, "is gone"),
        ({"copies": (DumpCopy("nas", True), DumpCopy("s3", None))}, State.OK, "newest dump"),
    ],
)
def test_what_a_dumps_file_is_worth(changes: dict[str, Any], expected: State, says: str) -> None:
    verdict = row(dumps_board("23 07:30", dump("23 02:00", **changes)), "crm").verdict

    assert verdict.state is expected
    assert says in (verdict.reason or "").lower()


@pytest.mark.parametrize("expect", [None, ExpectSetting("0 2 * * *")], ids=["by its backup", "by its owner"])
@pytest.mark.parametrize(
    ("now", "copy", "state", "copied", "service"),
    [
        ("23 02:10", DumpCopy("s3", True), State.OK, "23 02:00", State.OK),
        ("23 02:10", DumpCopy("s3", None), State.LATE, "22 02:00", State.OK),
        ("23 02:40", DumpCopy("s3", None), State.MISSED, "22 02:00", State.WARNING),
        ("23 02:40", DumpCopy("s3", False), State.FAILED, "22 02:00", State.WARNING),
        ("23 02:40", None, State.MISSED, "22 02:00", State.WARNING),
    ],
)
def test_an_off_site_copy_is_there_late_or_failed(
    now: str, copy: DumpCopy | None, state: State, copied: str, service: State, expect: ExpectSetting | None
) -> None:
    """The dump ends two minutes after it began; half an hour later its copy is late."""
    nas = DumpCopy("nas", True)
    newest = dump("23 02:00", copies=(nas, copy) if copy else (nas,))
    before = dump("22 02:00", copies=(nas, DumpCopy("s3", True)))
    part = PartSetting(PartKind.DATABASE, "pg/crm", expect)
    given = settings(DATABASEMENT, offsite=("databasement/s3",), services=(ServiceSetting(name="crm", parts=(part,)),))

    crm = row(judged(now, databasement(now, before, newest), given=given), "crm")

    assert crm.copies == (Copy("databasement/s3", state, at(copied)),)
    assert crm.verdict.state is service


def test_an_off_site_copy_gets_late_between_two_readings() -> None:
    """The same report is judged again and again; another database's copy is there."""
    there = DumpCopy("s3", True)
    report = databasement(
        "23 02:10",
        dump("22 02:00", copies=(there,)),
        dump("23 02:00", copies=(DumpCopy("s3", None),)),
        dump("23 01:00", "n8n", copies=(there,)),
    )
    given = settings(DATABASEMENT, offsite=("databasement/s3",))
    times = ("23 02:10", "23 02:36", "23 02:37", "23 02:38")
    rows = [row(judged(now, report, given=given), "crm") for now in times]

    assert [row.copies[0].state for row in rows] == [State.LATE, State.LATE, State.MISSED, State.MISSED]


def test_a_volume_that_a_database_never_used_is_none_of_its_places() -> None:
    given = settings(DATABASEMENT, offsite=("databasement/tape", "databasement/s3"))
    report = databasement("23 07:30", dump("23 02:00", copies=(DumpCopy("s3", True),)))

    assert [copy.job for copy in row(judged("23 07:30", report, given=given), "crm").copies] == ["databasement/s3"]


def test_switched_off_at_its_server_is_no_consent() -> None:
    plans = (replace(SELECTED, enabled=False),)

    assert state("23 07:30", dump("23 02:00"), plans=plans) is State.WARNING
    assert state("24 07:30", dump("23 02:00"), plans=plans) is State.MISSED


@pytest.mark.parametrize(
    ("mode", "names", "pattern", "covered"),
    [
        ("all", (), None, True),
        ("selected", ("crm",), None, True),
        ("selected", ("shop",), None, False),
        ("pattern", (), "^crm", True),
        ("pattern", (), "^shop", False),
        ("pattern", (), "^(?!archive_).*", True),
        ("pattern", (), "^(?!cr)", False),
        ("pattern", (), "^CRM", True),
        ("pattern", (), "(a+)+$", False),
        ("pattern", (), "[", False),
        ("pattern", (), None, False),
        ("pattern", (), r"(.)\1", None),
        ("excluded", ("shop",), None, True),
        ("excluded", ("crm",), None, False),
        ("unknown", (), None, None),
    ],
)
def test_which_configuration_covers_a_database(
    mode: str, names: tuple[str, ...], pattern: str | None, covered: bool | None
) -> None:
    assert coverage.covers(replace(SELECTED, mode=mode, databases=names, pattern=pattern), "crm") is covered


def test_where_nobody_can_tell_whether_a_pattern_takes_it_a_database_is_unknown_and_the_cure_is_named() -> None:
    plans = (replace(SELECTED, id="b2", schedule_name="Odd", mode="pattern", pattern=r"^(.)\1", databases=()),)
    verdict = dumps_board("23 07:30", dump("23 02:00"), plans=plans).services[0].verdict

    assert verdict.state is State.UNKNOWN
    assert verdict.reason is not None
    assert "can't be told whether Odd takes this database" in verdict.reason
    assert "expect" in verdict.reason
    off = (replace(plans[0], enabled=False), SELECTED)
    assert state("23 07:30", dump("23 02:00"), plans=off) is State.OK


def test_a_database_that_a_configuration_leaves_out_is_no_part_of_it() -> None:
    plans = (replace(SELECTED, mode="excluded", databases=("legacy",)),)

    assert [row.name for row in dumps_board("23 07:30", dump("23 02:00"), plans=plans).services] == ["crm"]


def test_a_database_that_nothing_covers_any_more_is_a_warning_while_dumps_are_kept() -> None:
    assert state("23 07:30", dump("23 02:00", "old"), name="old") is State.WARNING
    assert all(
        service.name != "gone" for service in dumps_board("23 07:30", dump("23 02:00", "gone", Outcome.FAILED)).services
    )


# --- a zone that is not the one of its schedules ---


def hinted(*starts: str, schedule: str = "0 2 * * *", **changes: Any) -> str:
    """The reason at 07:30 in Berlin, where the schedule is taken for one in UTC."""
    plans = (replace(SELECTED, schedule=schedule),)
    given = settings(replace(DATABASEMENT, timezone="UTC"), **changes)
    seen = databasement("23 07:30", *(dump(start) for start in starts), plans=plans)
    return row(judged("23 07:30", seen, given=given), "crm").verdict.reason or ""


EVERY_NIGHT = ("21 02:00", "22 02:00", "23 02:00")


def test_runs_that_all_lie_the_same_hours_beside_their_due_times_point_at_the_zone() -> None:
    told = hinted(*EVERY_NIGHT)

    assert "due today 03:00" in told.lower()
    assert "every dump begins 1 h before its due time" in told
    assert "sources.databasement.timezone (UTC)" in told


def test_where_the_job_has_a_zone_of_its_own_that_one_is_named() -> None:
    jobs = {"databasement/dump/Daily": JobSetting(timezone="UTC")}

    assert "jobs.databasement/dump/Daily.timezone (UTC)" in hinted(*EVERY_NIGHT, jobs=jobs)


@pytest.mark.parametrize(
    ("starts", "schedule"),
    [
        (EVERY_NIGHT[1:], "0 2 * * *"),
        (("21 02:00", "22 01:00", "23 02:00"), "0 2 * * *"),
        (("21 02:20", "22 02:20", "23 02:20"), "0 2 * * *"),
        (("20 03:00", "21 03:00", "22 03:00"), "0 2 * * *"),
        (("21 02:00", "22 02:00", "23 02:00"), "0 * * * *"),
    ],
    ids=["two runs", "not the same hours", "no whole hours", "at their due times", "every hour"],
)
def test_other_runs_do_not(starts: tuple[str, ...], schedule: str) -> None:
    told = hinted(*starts, schedule=schedule)

    assert "nothing had started" in told
    assert "timezone" not in told


# --- Backrest ---


def backrest(read: str, *plans: BackrestPlan) -> Report:
    return Report(
        source="backrest", kind=SourceKind.BACKREST, at=at(read), readings=readings(read, {("plans",): plans})
    )


def plan_state(now: str, *plans: BackrestPlan, **changes: Any) -> State:
    return judged(now, backrest(now, *plans), given=settings(BACKREST, **changes)).services[0].verdict.state


def plan(next_run: str | None, *runs: Run) -> BackrestPlan:
    return BackrestPlan("photos", at(next_run) if next_run else None, runs)


@pytest.mark.parametrize(
    ("now", "plan", "expected"),
    [
        ("23 07:30", plan("24 02:15", run("23 02:15")), State.OK),
        ("23 02:20", plan("23 02:15", run("22 02:15")), State.LATE),
        ("23 02:50", plan("23 02:15", run("22 02:15")), State.MISSED),
        ("23 07:30", plan("24 02:15", failed("23 02:15"), run("22 02:15")), State.FAILED),
        ("23 02:20", plan(None, run("23 02:15", Outcome.RUNNING), run("22 02:15")), State.RUNNING),
        ("23 07:30", plan(None, run("23 02:15")), State.WARNING),
        ("23 07:30", plan("24 02:15"), State.NEW),
    ],
    ids=["ok", "late", "missed", "failed", "running", "switched off", "new"],
)
def test_a_plan_is_judged_by_the_runs_that_backrest_announces(now: str, plan: BackrestPlan, expected: State) -> None:
    assert plan_state(now, plan) is expected


DAILY_RUNS = (run("22 02:15"), run("21 02:15"), run("20 02:15"))


@pytest.mark.parametrize(
    ("runs", "next_run", "expected"),
    [
        ((failed("22 11:00"), *DAILY_RUNS), "23 02:15", State.WARNING),
        ((failed("23 02:15"), *DAILY_RUNS), "24 02:15", State.FAILED),
        ((failed("23 11:00"), failed("23 02:15"), *DAILY_RUNS), "24 02:15", State.FAILED),
        ((failed("23 02:15"), DAILY_RUNS[0]), "24 02:15", State.FAILED),
        ((failed("22 11:00"),), "23 02:15", State.FAILED),
        ((failed("22 11:00"), *DAILY_RUNS[:1], run("15 02:15"), run("8 Nov 02:15")), "29 02:15", State.WARNING),
        ((failed("22 11:00"), *DAILY_RUNS[1:]), "23 02:15", State.FAILED),
    ],
    ids=[
        "by hand",
        "the night's",
        "both",
        "nothing to compare with",
        "no good run",
        "weekly, by hand",
        "caught up at noon",
    ],
)
def test_rule_3_without_memory_a_failed_run_counts_unless_the_announced_one_is_the_next_in_turn(
    runs: tuple[Run, ...], next_run: str, expected: State
) -> None:
    """Backrest reports no past due times: a failure is an extra run only where nothing can have been due in between."""
    now = "23 01:00" if next_run == "23 02:15" else "23 12:00"

    assert plan_state(now, plan(next_run, *runs)) is expected


def test_one_running_plan_holds_up_the_others() -> None:
    """Backrest has one queue (BR-7)."""
    busy = BackrestPlan("big", None, (run("23 02:00", Outcome.RUNNING),))
    waiting = replace(plan("23 02:15", run("22 02:15")), id="small")
    board = judged("23 02:50", backrest("23 02:50", busy, waiting), given=settings(BACKREST))

    assert row(board, "small").verdict.state is State.RUNNING


def test_the_owners_schedule_wins_over_announcements() -> None:
    jobs = {"backrest/plan/photos": JobSetting(schedule="15 2 * * *")}

    assert plan_state("23 07:30", plan("29 02:15", run("22 02:15")), jobs=jobs) is State.MISSED


def test_a_mapped_plan_of_a_backrest_that_is_away_is_unknown_with_the_cause() -> None:
    given = settings(BACKREST, services=(service("photos", "photos", kind=PartKind.PLAN),))
    verdict = judged("23 07:30", away("backrest", SourceKind.BACKREST, "23 07:29"), given=given).services[0].verdict

    assert (verdict.state, verdict.reason) == (State.UNKNOWN, "Can't read backrest: connection refused.")
