"""What is remembered of upkeep: every run that was seen, what Backrest announced, schedules that were edited or switched off."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from sidecar.core.history.record import MOST_RUNS
from sidecar.core.model import JobRow, Outcome, Run, SourceKind, State
from sidecar.core.reports.facts import BackrestPlan, Repo, UpkeepJob
from sidecar.core.reports.report import Report
from sidecar.core.settings import JobSetting, Pause, Settings
from sidecar.core.timeline.timeline import timeline
from tests.core.factories import at, failed, local, run
from tests.core.remembering import PRUNE, BoardKeeper, pruning
from tests.core.sample_reports import BACKREST, PBS, Scopes, away, pbs, readings, settings


def due_states(
    keeper: BoardKeeper, start: str, end: str, now: str, job: str = "pbs/prune/daily"
) -> list[tuple[str, str]]:
    return keeper.calendar(start, end, now, job)


def job(keeper: BoardKeeper, now: str, name: str = "pbs/prune/daily") -> JobRow:
    return next(job for job in keeper.board(now).jobs if job.name == name)


def nightly(*days: int, keeper: BoardKeeper | None = None) -> BoardKeeper:
    """Looked at every morning at 07:00."""
    made = keeper or BoardKeeper(settings(PBS))
    for day in days:
        made.take(pruning(f"{day} 07:00", run(f"{day} 05:00")))
    return made


# --- rule 8: past runs -----------------------------------------------------------------------------------------------------


def test_rule_8_each_run_that_was_seen_is_listed_although_the_server_reports_only_the_last() -> None:
    keeper = nightly(20, 21, 22, 23)

    assert due_states(keeper, "19 00:00", "25 00:00", "23 07:01") == [
        ("20 05:00", "ok"),
        ("21 05:00", "ok"),
        ("22 05:00", "ok"),
        ("23 05:00", "ok"),
        ("24 05:00", "planned"),
    ]


def test_rule_8_a_past_failure_stays_one_and_says_why() -> None:
    keeper = nightly(20).take(pruning("21 07:00", failed("21 05:00", "unable to lock")))
    nightly(22, keeper=keeper)
    occurrences = timeline(keeper.reports, keeper.history, keeper.settings, at("22 07:01")).occurrences(
        at("21 00:00"), at("22 00:00")
    )

    assert [(str(occurrence.state), occurrence.reason) for occurrence in occurrences] == [
        ("failed", "Unable to lock. Good again today 05:00.")
    ]


def test_rule_8_days_on_which_nobody_looked_are_not_called_missed() -> None:
    """Only the last run is known, so what ran on the 21st and 22nd is not known."""
    assert due_states(nightly(20, 23), "19 00:00", "24 00:00", "23 07:01") == [("20 05:00", "ok"), ("23 05:00", "ok")]


def test_rule_8_where_the_task_list_has_the_runs_between_a_gap_was_missed() -> None:
    keeper = BoardKeeper(settings(PBS)).take(pruning("23 07:00", run("23 05:00"), run("22 05:00"), run("20 05:00")))

    assert due_states(keeper, "19 00:00", "24 00:00", "23 07:01") == [
        ("20 05:00", "ok"),
        ("21 05:00", "missed"),
        ("22 05:00", "ok"),
        ("23 05:00", "ok"),
    ]


def test_rule_8_a_run_is_remembered_as_it_ended() -> None:
    keeper = BoardKeeper(settings(PBS)).take(pruning("23 05:01", run("23 05:00", Outcome.RUNNING)))
    assert [run.outcome for run in keeper.history.runs["pbs/prune/daily"]] == [Outcome.RUNNING]

    keeper.take(pruning("23 05:08", run("23 05:00")))
    assert [run.outcome for run in keeper.history.runs["pbs/prune/daily"]] == [Outcome.OK]


def test_rule_10_a_run_whose_end_nobody_saw_is_a_warning_once_a_later_one_is_there() -> None:
    keeper = BoardKeeper(settings(PBS)).take(pruning("22 05:01", run("22 05:00", Outcome.RUNNING)))
    keeper.take(away("pbs", SourceKind.PBS, "22 05:06"), pruning("23 07:00", run("23 05:00")))

    assert due_states(keeper, "22 00:00", "24 00:00", "23 07:01") == [("22 05:00", "warning"), ("23 05:00", "ok")]


def test_rule_8_a_server_whose_last_run_changes_with_every_reading_fills_no_memory() -> None:
    keeper = BoardKeeper(settings(PBS))
    runs = tuple(replace(run("22 05:00"), start=at("22 05:00") - timedelta(minutes=n)) for n in range(MOST_RUNS + 5))
    keeper.take(pruning("23 07:00", run("23 05:00"), *runs))

    assert len(keeper.history.runs["pbs/prune/daily"]) == MOST_RUNS
    assert keeper.history.runs["pbs/prune/daily"][0] == run("23 05:00")


def test_rule_8_a_reading_with_the_same_runs_changes_nothing() -> None:
    keeper = nightly(22)
    before = keeper.history
    keeper.take(pruning("22 07:05", run("22 05:00")))

    assert keeper.history is before


def collecting(read: str, *runs: Run) -> Report:
    """A backup server with a garbage collection every day at 05:00."""
    job = UpkeepJob(kind="gc", id="main", datastore="main", schedule="05:00", runs=runs)
    return pbs(read, extra={("upkeep", "gc"): (job,)})


def remembered(keeper: BoardKeeper) -> list[tuple[str, Outcome]]:
    """(local start, outcome) of each run that is remembered of the garbage collection."""
    runs = keeper.history.runs["pbs/gc/main"]
    return [(local(run.start), run.outcome) for run in runs]


def ended_at(end: str) -> Run:
    """A failure of which only the end is known, so that it stands for the start."""
    return replace(failed(end), start=at(end), end=at(end))


def test_rule_8_a_run_of_which_first_only_the_end_was_known_is_one_run_once_its_start_is() -> None:
    begun = replace(failed("22 05:00"), end=at("22 05:07"))
    keeper = BoardKeeper(settings(PBS)).take(collecting("22 07:00", ended_at("22 05:07")))
    assert remembered(keeper) == [("22 05:07", Outcome.FAILED)]

    keeper.take(collecting("22 07:05", begun))
    assert remembered(keeper) == [("22 05:00", Outcome.FAILED)]

    before = keeper.history
    keeper.take(collecting("22 07:10", ended_at("22 05:07")))
    assert keeper.history is before


def test_rule_8_a_run_that_was_seen_running_is_the_one_of_which_later_only_the_end_is_known() -> None:
    keeper = BoardKeeper(settings(PBS)).take(collecting("22 05:01", run("22 05:00", Outcome.RUNNING)))
    keeper.take(collecting("22 07:00", ended_at("22 05:07")))

    assert remembered(keeper) == [("22 05:00", Outcome.FAILED)]
    assert keeper.history.runs["pbs/gc/main"][0].end == at("22 05:07")


def test_rule_8_runs_that_took_less_than_a_second_are_runs_of_their_own() -> None:
    short = [replace(run(f"{day} 05:00"), end=at(f"{day} 05:00")) for day in (23, 22, 21)]
    keeper = BoardKeeper(settings(PBS)).take(collecting("23 07:00", *short))

    assert [outcome for _, outcome in remembered(keeper)] == [Outcome.OK] * 3


def test_rule_8_a_good_run_within_one_second_is_not_the_end_of_one_that_was_seen_running_before() -> None:
    short = replace(run("23 05:00"), end=at("23 05:00"))
    keeper = BoardKeeper(settings(PBS)).take(collecting("22 05:01", run("22 05:00", Outcome.RUNNING)))
    keeper.take(collecting("23 07:00", short))

    assert remembered(keeper) == [("23 05:00", Outcome.OK), ("22 05:00", Outcome.WARNING)]


# --- rules 1 and 2: schedules of upkeep ------------------------------------------------------------------------------------


def test_rule_1_past_due_times_of_upkeep_are_those_of_the_schedule_that_was_in_force() -> None:
    keeper = nightly(20, 21).take(pruning("21 12:00", run("21 05:00"), schedule="09:00"))
    keeper.take(pruning("22 12:00", run("22 09:00"), schedule="09:00"))

    assert due_states(keeper, "20 00:00", "24 00:00", "22 12:01") == [
        ("20 05:00", "ok"),
        ("21 05:00", "ok"),
        ("22 09:00", "ok"),
        ("23 09:00", "planned"),
    ]


def test_rule_1_a_list_of_jobs_that_cannot_be_read_ends_no_schedule() -> None:
    keeper = nightly(20)
    made = pruning("21 07:00", run("21 05:00"))
    keeper.take(
        replace(made, readings=tuple(reading for reading in made.readings if reading.scope != ("upkeep", "prune")))
    )
    keeper.take(away("pbs", SourceKind.PBS, "21 07:05"))

    assert keeper.history.plans["upkeep:pbs:prune/daily"][0].valid_to is None


def test_rule_1_jobs_that_are_read_later_than_their_server_count_from_before() -> None:
    keeper = BoardKeeper(settings(PBS)).take(pbs("21 07:00"), pruning("22 07:00", run("22 05:00"), run("21 05:00")))
    assert due_states(keeper, "20 00:00", "23 00:00", "22 07:01") == [("21 05:00", "ok"), ("22 05:00", "ok")]

    added = replace(PRUNE, id="weekly", schedule="sun 06:00")
    later = pruning("22 08:00", run("22 05:00"))
    jobs = tuple(
        replace(reading, facts=(*reading.facts, added)) if reading.scope == ("upkeep", "prune") else reading
        for reading in later.readings
    )
    keeper.take(replace(later, readings=jobs))
    assert keeper.history.plans["upkeep:pbs:prune/weekly"][0].valid_from == at("22 08:00")


@pytest.mark.parametrize(
    ("now", "expected"), [("22 12:01", State.WARNING), ("23 05:29", State.WARNING), ("23 05:31", State.MISSED)]
)
def test_rule_2_upkeep_that_is_switched_off_upstream_is_a_warning_and_then_missed(now: str, expected: State) -> None:
    keeper = nightly(21, 22).take(pruning("22 12:00", run("22 05:00"), disabled=True))
    verdict = job(keeper.take(pruning(now, run("22 05:00"), disabled=True)), now).verdict

    assert verdict.state is expected
    assert verdict.reason is not None
    assert verdict.reason.startswith("Job pbs/prune/daily is switched off; newest run ")
    assert verdict.action == "Switch it on again, or disable pbs/prune/daily under jobs."


@pytest.mark.parametrize("remembering", [True, False], ids=["seen on before", "off at first contact"])
def test_rule_2_what_upkeep_did_before_it_was_switched_off_stays_in_the_calendar(*, remembering: bool) -> None:
    runs = (run("22 05:00"), run("21 05:00"))
    keeper = nightly(21, 22) if remembering else BoardKeeper(settings(PBS))
    keeper.take(pruning("22 12:00", *runs, disabled=True), pruning("24 12:00", *runs, disabled=True))

    assert due_states(keeper, "20 00:00", "26 00:00", "24 12:01") == [("21 05:00", "ok"), ("22 05:00", "ok")]
    assert timeline(keeper.reports, keeper.history, keeper.settings, at("24 12:01")).lines() == ()


def test_rule_2_upkeep_that_the_configuration_switches_off_is_quiet_and_in_no_calendar() -> None:
    off = settings(PBS, jobs={"pbs/prune/daily": JobSetting(disabled=True)})
    keeper = BoardKeeper(off).take(pruning("22 12:00", run("20 05:00"), disabled=True))

    assert job(keeper, "22 12:01").verdict.state is State.DISABLED
    assert due_states(keeper, "19 00:00", "24 00:00", "22 12:01") == []


def test_rule_2_paused_upkeep_stays_in_the_calendar_as_paused() -> None:
    paused = settings(PBS, pauses=(Pause(date(2026, 11, 22), date(2026, 11, 24), ("pbs",)),))
    keeper = nightly(21, keeper=BoardKeeper(paused)).take(pruning("23 12:00", run("21 05:00")))

    assert due_states(keeper, "21 00:00", "25 00:00", "23 12:01") == [
        ("21 05:00", "ok"),
        ("22 05:00", "disabled"),
        ("23 05:00", "disabled"),
        ("24 05:00", "planned"),
    ]


# --- rule 1: what Backrest announces for its repositories ------------------------------------------------------------------


def repository(read: str, announced: str | None, *runs: Run, plan_runs: tuple[Run, ...] = ()) -> Report:
    due = at(announced) if announced else None
    prune = UpkeepJob(kind="prune", id="b2", datastore="b2", next_run=due, runs=runs)
    plan = BackrestPlan("photos", None, plan_runs or (run("1 Nov 02:15"),))
    scopes: Scopes = {("plans",): (plan,), ("repos",): (Repo("b2"),), ("upkeep",): (prune,) if due or runs else ()}
    return Report(source="backrest", kind=SourceKind.BACKREST, at=at(read), readings=readings(read, scopes))


PRUNES = "backrest/prune/b2"


def backrest_keeper(*reports: Report, given: Settings | None = None) -> BoardKeeper:
    return BoardKeeper(given or settings(BACKREST)).take(*reports)


def test_rule_1_upkeep_of_backrest_restarted_over_its_due_time_is_missed_although_the_next_week_is_announced() -> None:
    keeper = backrest_keeper(
        repository("22 05:50", "22 06:00", run("15 Nov 06:00")),
        away("backrest", SourceKind.BACKREST, "22 05:55"),
        repository("22 06:20", "29 06:00", run("15 Nov 06:00")),
    )
    assert job(keeper, "22 06:21", PRUNES).verdict.state is State.LATE

    keeper.take(repository("22 06:36", "29 06:00", run("15 Nov 06:00")))
    row = job(keeper, "22 06:37", PRUNES)
    assert (row.verdict.state, row.next_run) == (State.MISSED, at("29 06:00"))
    assert row.verdict.reason == "Due today 06:00, nothing had started by 06:30; newest run Sun 15 Nov 06:00."

    keeper.take(repository("22 12:00", "29 06:00", run("22 11:00"), run("15 Nov 06:00")))
    assert job(keeper, "22 12:01", PRUNES).verdict.state is State.OK


def test_rule_1_upkeep_that_never_ran_is_new_until_what_was_announced_has_passed() -> None:
    keeper = backrest_keeper(repository("22 05:50", "22 06:00"))
    assert job(keeper, "22 05:51", PRUNES).verdict.state is State.NEW

    keeper.take(repository("22 07:00", "29 06:00"))
    assert job(keeper, "22 07:01", PRUNES).verdict.state is State.NEVER


def test_rule_1_an_announcement_of_upkeep_that_is_replaced_before_it_is_due_is_withdrawn() -> None:
    keeper = backrest_keeper(
        repository("21 12:00", "22 06:00", run("15 06:00")), repository("21 12:05", "23 06:00", run("15 06:00"))
    )
    keeper.take(repository("22 12:00", "23 06:00", run("15 06:00")))

    assert keeper.history.announced[PRUNES] == (at("23 06:00"),)
    assert job(keeper, "22 12:01", PRUNES).verdict.state is State.OK


def test_rule_1_what_was_announced_and_did_not_run_is_missed_in_the_calendar() -> None:
    keeper = backrest_keeper(
        repository("15 05:50", "15 06:00", run("8 Nov 06:00")),
        repository("15 07:00", "22 06:00", run("8 Nov 06:00")),
        repository("22 07:00", "29 06:00", run("22 06:00"), run("8 Nov 06:00")),
    )

    assert due_states(keeper, "8 Nov 00:00", "30 00:00", "22 07:01", PRUNES) == [
        ("08 06:00", "ok"),
        ("15 06:00", "missed"),
        ("22 06:00", "ok"),
        ("29 06:00", "planned"),
    ]


def test_rule_1_the_last_run_is_remembered_when_the_log_is_cut_off_before_it() -> None:
    """A monthly check falls out of the newest 200 operations (BR-8)."""
    given = settings(BACKREST, jobs={PRUNES: JobSetting(schedule="0 7 1 * *")})
    keeper = backrest_keeper(repository("2 Nov 12:00", None, run("1 Nov 07:00")), given=given)
    keeper.take(repository("23 12:00", None))

    row = job(keeper, "23 12:01", PRUNES)
    assert (row.verdict.state, row.verdict.reason) == (State.OK, "Newest run Sun 1 Nov 07:00.")
    assert due_states(keeper, "1 Nov 00:00", "2 Dec 00:00", "23 12:01", PRUNES) == [
        ("01 07:00", "ok"),
        ("01 07:00", "planned"),
    ]


@pytest.mark.parametrize(
    ("now", "expected"), [("16 12:00", State.WARNING), ("22 06:29", State.WARNING), ("22 06:31", State.MISSED)]
)
def test_rule_2_upkeep_that_backrest_announces_no_more_is_a_warning_and_then_missed(now: str, expected: State) -> None:
    runs = (run("15 06:00"), run("8 Nov 06:00"))
    keeper = backrest_keeper(
        repository("8 Nov 05:50", "8 Nov 06:00"),
        repository("8 Nov 07:00", "15 06:00", runs[1]),
        repository("15 07:00", "22 06:00", *runs),
        repository("16 11:00", None, *runs),
        repository(now, None, *runs),
    )

    assert job(keeper, now, PRUNES).verdict.state is expected


def test_rule_8_a_repository_that_is_gone_expects_no_upkeep() -> None:
    keeper = backrest_keeper(repository("15 07:00", "22 06:00", run("15 06:00")))
    gone = repository("16 12:00", None, run("15 06:00"))
    keeper.take(
        replace(
            gone,
            readings=tuple(
                replace(reading, facts=()) if reading.scope == ("repos",) else reading for reading in gone.readings
            ),
        )
    )

    assert [job.name for job in keeper.board("23 12:00").jobs if job.kind == "prune"] == []
