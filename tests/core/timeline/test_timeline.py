"""Occurrences: what was due in a window and what became of it, for every job and every line of the configuration."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.history.history import EMPTY, History
from sidecar.core.model import Occurrence, OccurrenceKind, Outcome, Run, SourceKind, State
from sidecar.core.reports.facts import BackrestPlan, BackupJob, Dump, DumpPlan, Guest, Repo, UpkeepJob
from sidecar.core.reports.report import Report
from sidecar.core.settings import CalendarLine, JobSetting, Pause, Settings
from sidecar.core.timeline.timeline import TooManyError, occurrences, timeline
from tests.core import remembering
from tests.core.factories import BERLIN, at, due_states, run
from tests.core.sample_reports import (
    BACKREST,
    DATABASEMENT,
    PBS,
    Scopes,
    away,
    group,
    pbs,
    pve,
    readings,
    service,
    settings,
    vzdump,
)


def due(
    start: str, end: str, now: str, *reports: Report, given: Settings | None = None, **more: Any
) -> list[Occurrence]:
    by_name = {report.source: report for report in reports}
    history: History = more.get("history", EMPTY)
    return list(occurrences(by_name, history, given or settings(), at(start), at(end), at(now)))


def guest_with(*backups: str, now: str, tasks: tuple[Any, ...] = ()) -> tuple[Report, Report]:
    return pve(now, *tasks), pbs(now, group(*backups))


# --- one job, day by day ----------------------------------------------------------------------------------------------


def test_past_due_times_have_their_state_and_future_due_times_are_planned() -> None:
    occurrences = due("22 00:00", "25 00:00", "23 07:30", *guest_with("22 04:00", "23 04:01", now="23 07:29"))

    assert due_states(occurrences) == [("22 04:00", "ok"), ("23 04:00", "ok"), ("24 04:00", "planned")]
    assert [
        (occurrence.job, occurrence.title, occurrence.kind, occurrence.members, occurrence.members_ok)
        for occurrence in occurrences
    ][::2] == [
        ("pve/backup/critical", "PVE backup critical", OccurrenceKind.BACKUP, 1, 1),
        ("pve/backup/critical", "PVE backup critical", OccurrenceKind.BACKUP, 1, None),
    ]
    assert (occurrences[1].run, occurrences[1].reason) == (
        Run(start=at("23 04:01"), end=None, outcome=Outcome.OK, size=1000),
        None,
    )
    assert occurrences[2].grace_until == at("24 04:30")


@pytest.mark.parametrize(
    ("now", "state"),
    [("23 03:59", "planned"), ("23 04:00", "late"), ("23 04:29", "late"), ("23 04:31", "missed")],
)
def test_the_newest_due_time_has_the_verdict_of_the_board(now: str, state: str) -> None:
    assert due_states(due("23 00:00", "24 00:00", now, *guest_with("21 04:00", "22 04:00", now=now))) == [
        ("23 04:00", state)
    ]


def test_the_window_is_half_open() -> None:
    reports = guest_with("22 04:00", now="22 12:00")

    assert due_states(due("23 04:00", "24 04:00", "22 12:00", *reports)) == [("23 04:00", "planned")]


def test_a_run_that_answers_late_is_ok_with_its_time() -> None:
    (occurrence,) = due("23 00:00", "24 00:00", "23 15:00", *guest_with("22 04:00", "23 11:02", now="23 14:59"))

    assert occurrence.state is State.OK
    assert occurrence.run is not None
    assert occurrence.run.start == at("23 11:02")
    assert occurrence.reason == "Began late, today 11:02."


def test_a_run_five_minutes_early_answers_the_due_time_it_is_early_for() -> None:
    reports = guest_with("22 03:56", "23 03:55", now="23 07:00")

    assert due_states(due("22 00:00", "24 00:00", "23 07:00", *reports)) == [("22 04:00", "ok"), ("23 04:00", "ok")]


def test_a_dead_daily_job_missed_every_day_since() -> None:
    occurrences = due("20 00:00", "25 00:00", "23 07:30", *guest_with("19 04:00", "20 04:00", now="23 07:29"))

    assert due_states(occurrences) == [
        ("20 04:00", "ok"),
        ("21 04:00", "missed"),
        ("22 04:00", "missed"),
        ("23 04:00", "missed"),
        ("24 04:00", "planned"),
    ]
    assert (
        occurrences[1].reason == "Due Sat 21 Nov 04:00, nothing had started by 04:30; newest backup Fri 20 Nov 04:00."
    )
    assert occurrences[2].reason == "Nothing ran."


def test_a_gap_among_kept_backups_was_missed_and_the_reason_has_the_next_good_backup() -> None:
    reports = guest_with("16 04:00", "17 04:00", "18 04:00", "20 04:00", "21 04:02", now="21 07:00")
    occurrences = due("19 00:00", "20 00:00", "21 07:00", *reports)

    assert due_states(occurrences) == [("19 04:00", "missed")]
    assert occurrences[0].reason == "Nothing ran. Good again Fri 20 Nov 04:00."


def test_what_retention_may_have_removed_is_not_called_missed() -> None:
    """Daily backups of which only one a week is kept: the days between have left no trace."""
    kept = ["1 Nov 04:00", "8 Nov 04:00", "15 Nov 04:00", "22 04:00", "23 04:00"]
    tasks = tuple(vzdump(f"{day:02} 04:00", f"{day:02} 04:10") for day in range(1, 24))
    occurrences = due("1 Nov 00:00", "24 00:00", "23 07:30", *guest_with(*kept, now="23 07:29", tasks=tasks))

    assert due_states(occurrences) == [(f"{day:02} 04:00", "ok") for day in (1, 8, 15, 22, 23)]


def test_days_before_the_oldest_backup_are_empty() -> None:
    reports = guest_with("22 04:00", "23 04:00", now="23 07:29")

    assert due_states(due("1 Nov 00:00", "24 00:00", "23 07:30", *reports)) == [("22 04:00", "ok"), ("23 04:00", "ok")]


def test_days_after_the_first_contact_count_even_if_nothing_ever_ran() -> None:
    # Another guest's old backup proves nothing about this one: it may be new.
    reports = (pve("23 07:29"), pbs("23 07:29", group("1 Nov 04:00", vmid="300")))
    since = History(first_contact=at("21 12:00"))

    assert due_states(due("1 Nov 00:00", "24 00:00", "23 07:30", *reports)) == []
    assert due_states(due("1 Nov 00:00", "24 00:00", "23 07:30", *reports, history=since)) == [
        ("22 04:00", "never"),
        ("23 04:00", "never"),
    ]


def test_a_failed_task_is_a_failure_of_that_due_time_and_of_no_other() -> None:
    reports = guest_with(
        "18 04:00",
        "19 04:00",
        "20 04:00",
        "22 04:00",
        now="22 07:00",
        tasks=(vzdump("21 04:00", "21 04:20", "job errors"),),
    )
    occurrences = due("20 00:00", "23 00:00", "22 07:00", *reports)

    assert due_states(occurrences) == [("20 04:00", "ok"), ("21 04:00", "failed"), ("22 04:00", "ok")]
    assert occurrences[1].reason == "CT 101 got no snapshot, job errors. Good again today 04:00."


def test_a_source_that_went_away_leaves_the_past_as_it_was_seen_and_the_newest_unknown() -> None:
    seen = guest_with("22 04:00", "23 04:00", now="23 06:00")
    occurrences = due("22 00:00", "26 00:00", "24 07:00", *seen)

    assert due_states(occurrences) == [
        ("22 04:00", "ok"),
        ("23 04:00", "ok"),
        ("24 04:00", "unknown"),
        ("25 04:00", "planned"),
    ]


def test_due_times_that_passed_while_nothing_was_read_are_unknown() -> None:
    occurrences = due("22 00:00", "26 00:00", "25 07:00", *guest_with("21 04:00", "22 04:00", now="22 06:00"))

    assert due_states(occurrences)[1:] == [("23 04:00", "unknown"), ("24 04:00", "unknown"), ("25 04:00", "unknown")]
    assert occurrences[1].reason == (
        "Nothing was read from pbs since Sun 22 Nov 06:00; newest backup Sun 22 Nov 04:00."
    )


# --- several members --------------------------------------------------------------------------------------------------


def two_guests(now: str, *first: str, second: tuple[str, ...]) -> tuple[Report, Report]:
    job = BackupJob(
        id="critical",
        schedule="04:00",
        enabled=True,
        storage="pbs-main",
        node=None,
        guests=(101, 102),
        comment="PBS critical LXC",
    )
    guests = (
        Guest(vmid=101, type="lxc", name="vaultwarden", node="pve1"),
        Guest(vmid=102, type="lxc", name="paperless", node="pve1"),
    )
    return pve(now, jobs=(job,), guests=guests), pbs(now, group(*first), group(*second, vmid="102"))


def test_a_job_is_as_bad_as_its_worst_member_and_says_who() -> None:
    reports = two_guests("23 07:29", "22 04:00", "23 04:00", second=("21 04:00", "22 04:10"))
    occurrences = due(
        "22 00:00", "24 00:00", "23 07:30", *reports, given=settings(services=(service("wallet", "101"),))
    )

    assert [
        (occurrence.title, str(occurrence.state), occurrence.members_ok, occurrence.members)
        for occurrence in occurrences
    ] == [
        ("PBS critical LXC", "ok", 2, 2),
        ("PBS critical LXC", "missed", 1, 2),
    ]
    assert occurrences[0].run == Run(start=at("22 04:00"), end=None, outcome=Outcome.OK, size=2000)
    assert occurrences[1].reason == "paperless missed."


@pytest.mark.parametrize(
    ("newest", "state", "members_ok"),
    [
        (run("22 05:00", Outcome.WARNING), "warning", 1),
        (replace(run("22 05:00", Outcome.FAILED), cancelled=True), "warning", 0),
    ],
    ids=["with warnings", "cancelled"],
)
def test_a_warning_counts_as_backed_up_only_where_a_backup_came(newest: Run, state: str, members_ok: int) -> None:
    keeper = remembering.plans_keeper(remembering.backrest("21 12:00", "22 05:00", run("21 05:00")))
    keeper.take(remembering.backrest("22 12:00", "23 05:00", run("21 05:00"), newest))
    (occurrence,) = due(
        "22 00:00", "23 00:00", "22 12:01", *keeper.reports.values(), given=keeper.settings, history=keeper.history
    )
    (job,) = keeper.board("22 12:01").jobs

    assert (str(occurrence.state), occurrence.members_ok) == (state, members_ok)
    assert (str(job.verdict.state), job.members_ok) == (state, members_ok), "the calendar agrees with the job's row"


def test_members_are_called_by_their_services() -> None:
    reports = two_guests("23 07:29", "21 04:00", second=("21 04:00",))
    (occurrence,) = due(
        "23 00:00", "24 00:00", "23 07:30", *reports, given=settings(services=(service("wallet", "101"),))
    )

    assert occurrence.reason == "wallet missed, paperless missed."


def test_a_part_of_two_services_is_one_member() -> None:
    both = settings(services=(service("wallet", "101"), service("safe", "101")))
    (occurrence,) = due("23 00:00", "24 00:00", "23 07:30", *guest_with("23 04:00", now="23 07:29"), given=both)

    assert occurrence.members == 1


def databases(*dumps: Dump) -> Report:
    plan = DumpPlan(
        server="db", id="p1", schedule_name="Daily", schedule="0 2 * * *", mode="selected", databases=("a", "b")
    )
    scopes: Scopes = {("plans",): (plan,), ("dumps",): dumps}
    return Report(
        source="databasement", kind=SourceKind.DATABASEMENT, at=at("23 07:29"), readings=readings("23 07:29", scopes)
    )


def test_members_that_failed_for_one_reason_share_its_sentence() -> None:
    failed = [
        Dump(id=f"f{name}", server="db", database=name, run=run("22 02:00", Outcome.FAILED, text="access denied"))
        for name in "ab"
    ]
    good = [Dump(id=f"g{name}", server="db", database=name, run=run("23 02:00")) for name in "ab"]
    occurrences = due("22 00:00", "24 00:00", "23 07:30", databases(*failed, *good), given=settings(DATABASEMENT))

    assert [(str(occurrence.kind), str(occurrence.state), occurrence.members_ok) for occurrence in occurrences] == [
        ("dump", "failed", 0),
        ("dump", "ok", 2),
    ]
    assert occurrences[0].reason == "a and b: access denied. Good again today 02:00."


def test_a_pause_expects_nothing_but_shows_what_ran() -> None:
    paused = settings(pauses=(Pause(date(2026, 11, 22), date(2026, 11, 25), ("pve",), "holiday"),))
    occurrences = due(
        "21 00:00", "25 00:00", "23 07:30", *guest_with("21 04:00", "22 04:00", now="23 07:29"), given=paused
    )

    assert due_states(occurrences) == [
        ("21 04:00", "ok"),
        ("22 04:00", "ok"),
        ("23 04:00", "disabled"),
        ("24 04:00", "disabled"),
    ]
    assert occurrences[2].reason == "Paused: holiday."


def test_during_a_pause_the_calendar_says_of_what_was_open_before_what_the_board_says() -> None:
    paused = settings(pauses=(Pause(date(2026, 11, 23), date(2026, 11, 25), (), "holiday"),))
    reports = guest_with("20 04:00", "21 04:00", now="23 07:29")
    keeper = remembering.BoardKeeper(paused).take(*reports)
    (open_still,) = due("22 00:00", "23 00:00", "23 07:30", *reports, given=paused)

    assert open_still.state is keeper.state("23 07:30") is State.DISABLED
    assert str(open_still.reason).startswith("Paused until")


def test_a_job_that_configuration_switches_off_is_not_in_the_calendar() -> None:
    off = settings(jobs=MappingProxyType({"pve/backup/critical": JobSetting(disabled=True)}))

    assert due("23 00:00", "25 00:00", "23 07:30", *guest_with("23 04:00", now="23 07:29"), given=off) == []


# --- Backrest and upkeep ----------------------------------------------------------------------------------------------


def backrest(read: str, *runs: Run, next_run: str | None = None, upkeep: tuple[UpkeepJob, ...] = ()) -> Report:
    plan = BackrestPlan(
        "photos", at(next_run) if next_run else None, tuple(sorted(runs, key=lambda run: run.start, reverse=True))
    )
    scopes: Scopes = {("plans",): (plan,), ("repos",): (Repo("b2"),), ("upkeep",): upkeep}
    return Report(source="backrest", kind=SourceKind.BACKREST, at=at(read), readings=readings(read, scopes))


def prune(*runs: Run, next_run: str | None = None) -> UpkeepJob:
    return UpkeepJob(kind="prune", id="b2", datastore="b2", next_run=at(next_run) if next_run else None, runs=runs)


def test_without_a_known_schedule_each_run_was_due_when_it_began_and_the_announced_one_is_planned() -> None:
    report = backrest("23 07:29", run("22 02:15"), run("23 02:16", Outcome.FAILED, text="locked"), next_run="24 02:15")
    occurrences = due("22 00:00", "26 00:00", "23 07:30", report, given=settings(BACKREST))

    assert due_states(occurrences) == [("22 02:15", "ok"), ("23 02:16", "failed"), ("24 02:15", "planned")]
    assert occurrences[1].reason == "Locked."


def test_the_last_window_of_a_plan_without_schedule_takes_no_runs_from_behind_it() -> None:
    report = backrest("23 07:29", run("20 02:15", Outcome.FAILED, text="locked"), run("22 02:15"), next_run="24 02:15")

    assert due_states(due("20 00:00", "21 00:00", "23 07:30", report, given=settings(BACKREST))) == [
        ("20 02:15", "failed")
    ]


def with_prune(schedule: str = "sun 06:00") -> Settings:
    job = JobSetting(title="Backrest repository prune", schedule=schedule)
    return settings(BACKREST, jobs=MappingProxyType({"backrest/prune/b2": job}))


def upkeep_of(occurrences: list[Occurrence]) -> list[Occurrence]:
    return [occurrence for occurrence in occurrences if occurrence.kind is OccurrenceKind.UPKEEP]


def test_upkeep_of_a_repository_is_judged_by_the_configured_schedule() -> None:
    runs = (run("22 06:00", Outcome.FAILED, text="locked"), run("15 Nov 06:00"), run("8 Nov 06:00"))
    report = backrest("23 07:29", run("1 Nov 02:15"), upkeep=(prune(*runs, next_run="29 06:00"),))
    occurrences = upkeep_of(due("1 Nov 00:00", "30 00:00", "23 07:30", report, given=with_prune()))

    assert due_states(occurrences) == [
        ("08 06:00", "ok"),
        ("15 06:00", "ok"),
        ("22 06:00", "failed"),
        ("29 06:00", "planned"),
    ]
    assert {(occurrence.job, occurrence.title, occurrence.members) for occurrence in occurrences} == {
        ("backrest/prune/b2", "Backrest repository prune", None)
    }
    assert occurrences[2].reason == "Locked."


@pytest.mark.parametrize(
    ("upkeep", "state"),
    [
        ((prune(run("15 Nov 06:00")),), "missed"),
        ((prune(run("22 06:20", Outcome.RUNNING)),), "running"),
        ((), "never"),
    ],
)
def test_upkeep_that_did_not_start_is_missed_and_what_never_ran_is_never(
    upkeep: tuple[UpkeepJob, ...], state: str
) -> None:
    report = backrest("22 06:45", run("1 Nov 02:15"), upkeep=upkeep)
    occurrences = upkeep_of(due("22 00:00", "23 00:00", "22 06:46", report, given=with_prune()))

    assert due_states(occurrences) == [("22 06:00", state)]


def test_a_monthly_check_before_its_first_date_is_planned_only() -> None:
    report = backrest("23 07:29", run("20 02:15"))
    job = JobSetting(schedule="0 7 1 * *")
    given = settings(BACKREST, jobs=MappingProxyType({"backrest/check/b2": job}))
    occurrences = upkeep_of(due("1 Nov 00:00", "31 Dec 00:00", "23 07:30", report, given=given))

    assert [(f"{occurrence.due.astimezone(BERLIN):%d %b %H:%M}", occurrence.state) for occurrence in occurrences] == [
        ("01 Dec 07:00", None)
    ]


def test_jobs_that_only_the_configuration_knows_are_planned_and_unknown_while_their_source_is_away() -> None:
    gone = away("backrest", SourceKind.BACKREST, "23 07:29")
    occurrences = due("15 Nov 00:00", "30 00:00", "23 07:30", gone, given=with_prune())

    assert due_states(occurrences) == [("22 06:00", "unknown"), ("29 06:00", "planned")]
    assert occurrences[0].reason == "Can't read backrest."


@pytest.mark.parametrize(
    ("report", "schedule"),
    [(away("backrest", SourceKind.BACKREST, "23 07:29"), "at noon"), (backrest("23 07:29"), "sun 06:00")],
    ids=["a schedule that nobody can read", "a job that its source does not have"],
)
def test_what_only_the_configuration_knows_is_not_planned(report: Report, schedule: str) -> None:
    given = settings(BACKREST, jobs=MappingProxyType({"backrest/plan/gone": JobSetting(schedule=schedule)}))

    assert due("15 Nov 00:00", "30 00:00", "23 07:30", report, given=given) == []


def test_rule_8_what_passes_while_a_run_is_under_way_is_shown_once_as_answered_by_it() -> None:
    runs = (run("23 07:00", minutes=1), run("23 06:00", minutes=50), run("23 05:45", minutes=1))
    job = UpkeepJob(kind="sync", id="s1", datastore="main", schedule="*:0/15", runs=runs)
    report = pbs("23 07:10", extra={("upkeep", "sync"): (job,)})
    occurrences = due("23 05:40", "23 07:10", "23 07:10", report, given=settings(PBS))

    assert due_states(occurrences) == [("23 05:45", "ok"), ("23 06:00", "ok"), ("23 06:45", "ok"), ("23 07:00", "ok")]
    assert occurrences[2].run == occurrences[1].run


def garbage_collection(read: str, last: str, next_run: str) -> Report:
    runs = (run(last, minutes=60),)
    job = UpkeepJob(kind="gc", id="main", datastore="main", schedule="sat 03:00", next_run=at(next_run), runs=runs)
    return pbs(read, extra={("upkeep", "gc"): (job,)})


def test_pbs_upkeep_shows_its_last_run_and_is_planned_by_its_own_schedule() -> None:
    report = garbage_collection("23 07:29", "21 03:00", "28 03:00")
    occurrences = due("1 Nov 00:00", "6 Dec 00:00", "23 07:30", report, given=settings(PBS))

    assert due_states(occurrences) == [("21 03:00", "ok"), ("28 03:00", "planned"), ("05 03:00", "planned")]


def test_pbs_upkeep_that_stands_still_was_missed_at_each_due_time_since() -> None:
    report = garbage_collection("23 07:29", "7 Nov 03:00", "14 Nov 03:00")
    occurrences = due("1 Nov 00:00", "24 00:00", "23 07:30", report, given=settings(PBS))

    assert due_states(occurrences) == [("07 03:00", "ok"), ("14 03:00", "missed"), ("21 03:00", "missed")]


# --- lines that no API knows, limits, clock changes -------------------------------------------------------------------


def test_calendar_lines_are_planned_and_never_judged() -> None:
    given = settings(calendar=(CalendarLine("Tape to the safe", "0 9 1 * *", "offsite"),))
    occurrences = due("1 Oct 00:00", "2 Dec 00:00", "23 07:30", given=given)

    assert [
        (occurrence.title, occurrence.job, occurrence.state, occurrence.grace_until) for occurrence in occurrences
    ] == [("Tape to the safe", None, None, None)] * 3
    assert due_states(occurrences)[0] == ("01 09:00", "planned")


def test_more_than_were_asked_for_is_an_error_and_never_a_short_answer() -> None:
    job = BackupJob(id="critical", schedule="*:0/5", enabled=True, storage="pbs-main", node=None, guests=(101,))
    month = timeline({"pve": pve("23 07:29", jobs=(job,)), "pbs": pbs("23 07:29")}, EMPTY, settings(), at("23 07:30"))
    begin = at("24 00:00")

    assert len(month.occurrences(begin, begin + timedelta(minutes=5 * 5000))) == 5000
    with pytest.raises(TooManyError, match="more than 5000"):
        month.occurrences(begin, begin + timedelta(minutes=5 * 5001))


NIGHTS = [
    ("Europe/Berlin", "2026-03-28T12:00", "02:15", "2026-03-29T01:15Z", 24),
    ("Europe/Berlin", "2027-03-27T12:00", "02:15", "2027-03-28T01:15Z", 24),
    ("America/New_York", "2026-03-07T12:00", "02:15", "2026-03-08T07:15Z", 24),
    ("America/Santiago", "2026-09-05T12:00", "00:15", "2026-09-06T04:15Z", 24),
    ("Australia/Lord_Howe", "2026-10-03T12:00", "02:15", "2026-10-03T15:45Z", 24),
]


@pytest.mark.parametrize(("zone", "start", "time", "missing", "hours"), NIGHTS)
@pytest.mark.parametrize("cron", [False, True])
def test_a_local_time_that_the_clocks_skip_is_listed_and_not_expected(
    zone: str, start: str, time: str, missing: str, hours: int, *, cron: bool
) -> None:
    hour, minute = time.split(":")
    text = f"{int(minute)} {int(hour)} * * *" if cron else time
    given = Settings(timezone=ZoneInfo(zone), sources=(), calendar=(CalendarLine("Tape", text, "offsite"),))
    begin = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    listed = occurrences({}, EMPTY, given, begin, begin + timedelta(hours=hours), at("23 07:30"))

    (skipped,) = listed
    assert skipped.due == datetime.fromisoformat(missing.replace("Z", "+00:00"))
    assert skipped.state is State.DISABLED
    assert skipped.reason == f"Skipped: clock change, there was no {time} that day."


@pytest.mark.parametrize(
    ("zone", "start", "time", "first"),
    [
        ("Europe/Berlin", "2026-10-24T12:00", "02:15", "2026-10-25T00:15Z"),
        ("America/New_York", "2026-10-31T12:00", "01:15", "2026-11-01T05:15Z"),
        ("Australia/Lord_Howe", "2027-04-03T12:00", "01:45", "2027-04-03T14:45Z"),
        ("UTC", "2026-10-24T12:00", "02:15", "2026-10-25T02:15Z"),
    ],
)
def test_a_local_time_that_exists_twice_is_due_once(zone: str, start: str, time: str, first: str) -> None:
    given = Settings(timezone=ZoneInfo(zone), sources=(), calendar=(CalendarLine("Tape", time, "offsite"),))
    begin = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    listed = occurrences({}, EMPTY, given, begin, begin + timedelta(hours=24), at("23 07:30"))

    assert [occurrence.due for occurrence in listed] == [datetime.fromisoformat(first.replace("Z", "+00:00"))]
    assert listed[0].state is None


def test_a_run_that_comes_although_the_clocks_skipped_its_time_counts() -> None:
    """Backrest's clock moves a time that doesn't exist an hour on (BR-9)."""
    anyway = Run(
        start=datetime(2026, 3, 29, 1, 15, 4, tzinfo=UTC),
        end=datetime(2026, 3, 29, 1, 18, tzinfo=UTC),
        outcome=Outcome.OK,
    )
    before = replace(anyway, start=anyway.start - timedelta(days=1), end=None)
    given = settings(
        BACKREST,
        jobs=MappingProxyType({"backrest/plan/photos": JobSetting(schedule="15 2 * * *", timezone="Europe/Berlin")}),
    )
    report = backrest("2026-03-29 07:00", anyway, before)
    occurrences = due("2026-03-28 00:00", "2026-03-30 00:00", "2026-03-29 07:01", report, given=given)

    assert due_states(occurrences) == [("28 02:15", "ok"), ("29 03:15", "ok")]
    assert occurrences[1].run == anyway
    assert occurrences[1].reason == "Skipped: clock change, there was no 02:15 that day."


def test_a_local_time_that_the_clocks_skip_is_not_listed_of_a_schedule_that_was_changed_before() -> None:
    keeper = remembering.BoardKeeper()
    for hour, schedule in ((10, "02:15"), (12, "04:00")):
        keeper.take(pve(f"2026-03-28 {hour}:00", jobs=(remembering.edited(schedule),)), pbs(f"2026-03-28 {hour}:00"))

    assert keeper.calendar("2026-03-29 00:00", "2026-03-30 00:00", "2026-03-28 12:01") == [("29 04:00", "planned")]


def test_schedules_in_utc_are_never_skipped() -> None:
    given = settings(calendar=(CalendarLine("Tape", "01:15 UTC", "offsite"),))

    assert [
        occurrence.state for occurrence in due("2026-03-28 00:00", "2026-03-30 00:00", "23 07:30", given=given)
    ] == [None, None]


# --- the schedule list ------------------------------------------------------------------------------------------------


def test_every_job_and_line_that_comes_round_is_listed_with_its_due_times_from_today_on() -> None:
    given = settings(calendar=(CalendarLine("Tape to the safe", "0 9 1 * *", "offsite"),))
    reports = {report.source: report for report in guest_with("23 04:00", now="23 07:29")}
    lines = timeline(reports, EMPTY, given, at("23 07:30")).lines()

    assert [(line.title, line.job, line.dues[:2]) for line in lines] == [
        ("PVE backup critical", "pve/backup/critical", (at("23 04:00"), at("24 04:00"))),
        ("Tape to the safe", None, (at("1 Dec 09:00"), datetime(2027, 1, 1, 8, tzinfo=UTC))),
    ]


def test_a_database_that_is_in_no_configuration_has_no_line() -> None:
    report = databases(Dump(id="x", server="db", database="forgotten", run=run("23 02:00")))
    month = timeline({"databasement": report}, EMPTY, settings(DATABASEMENT), at("23 07:30"))

    assert [line.job for line in month.lines()] == ["databasement/dump/Daily"]
