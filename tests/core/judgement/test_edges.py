"""The judge at its edges: the very moment at which a limit is reached, and what is said where two things meet."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sidecar.core.judgement.evidence import newest_evident
from sidecar.core.model import Cause, Outcome, Run, State
from sidecar.core.parts.expectation import Activity, Evidence, PauseWindow, ScheduleInForce
from sidecar.core.reports.report import Problem
from tests.core.factories import STALE_AFTER, at, daily, evidence, failed, judged_at, part, run, verdict_of

YESTERDAY = run("22 04:00")
NOON = "22 12:00"
OFF = (daily(enabled=False),)


def announced(*whens: str, **changes: Any) -> ScheduleInForce:
    *before, newest = (at(when) for when in whens)
    return replace(daily(), schedule=None, text=None, announced=newest, announced_before=tuple(before), **changes)


# --- rule 1: jobs that ended ---


def test_rule_1_a_job_that_ended_and_owes_nothing_has_no_say() -> None:
    """Its destination can't be read any more; nobody needs it."""
    made = part(YESTERDAY, read=NOON)
    (daily_job,) = made.expectations
    away = replace(daily_job.observed, evidence=evidence("20 12:00", Problem("connection refused")))
    ended = replace(daily_job, schedule=None, observed=away)
    owing = replace(ended, past=(daily("05:00", valid_to=at("22 06:00")),))

    assert verdict_of(replace(made, expectations=(daily_job, ended)), NOON).state is State.OK
    assert verdict_of(replace(made, expectations=(daily_job, owing)), NOON).state is State.UNKNOWN


@pytest.mark.parametrize("saved_elsewhere", ["22 05:00", "22 06:00"])
def test_rule_1_what_failed_for_an_ended_job_is_over_once_a_backup_lies_anywhere(saved_elsewhere: str) -> None:
    made = part(run(saved_elsewhere), read=NOON)
    (daily_job,) = made.expectations
    there = replace(daily_job.observed, runs=(failed("22 05:00"), run("21 05:00")))
    former = daily("05:00", valid_to=at("24 00:00"))
    ended = replace(daily_job, schedule=None, past=(former,), observed=there)

    assert judged_at(replace(made, expectations=(daily_job, ended)), at(NOON)).judgements[1].verdict.state is State.OK


def test_rule_1_what_an_ended_job_never_did_is_never() -> None:
    made = part(read=NOON, oldest_trace=at("20 00:00"))
    (daily_job,) = made.expectations
    ended = replace(daily_job, schedule=None, past=(daily("05:00", valid_to=at("24 00:00")),))

    assert (
        judged_at(replace(made, expectations=(daily_job, ended)), at(NOON)).judgements[1].verdict.state is State.NEVER
    )


def test_rule_1_a_run_that_failed_before_its_schedule_was_known_is_failed() -> None:
    late_known = announced("24 04:00", valid_from=at("22 00:00"))
    made = part(failed("21 04:00"), read=NOON, plans=(late_known,), every_run_was_due=True)

    assert verdict_of(made, NOON).state is State.FAILED


# --- rule 2: who owes a backup ---


@pytest.mark.parametrize(
    ("now", "state"),
    [("22 16:00", State.RUNNING), ("22 22:00", State.RUNNING), ("22 22:01", State.WARNING), ("23 12:00", State.MISSED)],
)
def test_rule_2_what_still_runs_of_a_job_that_was_switched_off_is_running_up_to_its_limit(
    now: str, state: State
) -> None:
    under_way = run("22 10:00", Outcome.RUNNING)
    verdict = verdict_of(part(YESTERDAY, under_way, read=now, plans=OFF, longest=timedelta(hours=1)), now)

    assert verdict.state is state
    if state is State.RUNNING:
        assert verdict.reason == "Running since today 10:00, usually 1h."


def test_rule_2_a_cancelled_run_of_a_job_that_was_switched_off_is_no_failure() -> None:
    cancelled = replace(failed("22 10:00"), cancelled=True)

    assert verdict_of(part(YESTERDAY, cancelled, read=NOON, plans=OFF), NOON).cause is Cause.SWITCHED_OFF_UPSTREAM


@pytest.mark.parametrize(("now", "state"), [("23 04:29", State.WARNING), ("23 04:30", State.MISSED)])
def test_rule_2_switched_off_is_missed_from_the_limit_on(now: str, state: State) -> None:
    assert verdict_of(part(YESTERDAY, read=now, plans=OFF), now).state is state


def test_rule_2_what_still_runs_may_answer_what_a_job_owed_before_it_was_switched_off() -> None:
    made = part(run("21 04:00"), run("22 04:01", Outcome.RUNNING), read=NOON, plans=OFF)
    owing = replace(made.expectations[0], past=(daily(valid_to=at("22 05:00")),))

    assert verdict_of(replace(made, expectations=(owing,)), NOON).state is State.RUNNING


def test_rule_2_switched_off_is_told_before_a_schedule_that_cannot_be_read() -> None:
    unreadable = replace(daily(), schedule=None, trouble="unable to read schedule", enabled=False)

    verdict = verdict_of(part(YESTERDAY, read=NOON, plans=(unreadable,)), NOON)

    assert verdict.cause is Cause.SWITCHED_OFF_UPSTREAM


@pytest.mark.parametrize(
    ("now", "state"),
    [("22 11:59", State.OK), (NOON, State.DISABLED), ("22 13:59", State.DISABLED), ("22 14:00", State.OK)],
)
def test_rule_2_a_pause_begins_with_its_first_moment_and_is_over_at_its_last(now: str, state: State) -> None:
    pause = PauseWindow(at(NOON), at("22 14:00"))

    assert verdict_of(part(YESTERDAY, read=now, pauses=(pause,)), now).state is state


def test_rule_2_what_is_in_no_job_and_was_never_saved_is_never() -> None:
    verdict = verdict_of(part(read=NOON, absent=True, expectations=()), NOON)

    assert (verdict.state, verdict.cause) == (State.NEVER, Cause.NOTHING_STARTED)
    assert (verdict.reason, verdict.action) == ("No backup of vaultwarden exists.", "Begin it.")


# --- rule 3 ---


def test_everything_that_is_wrong_with_a_good_backup_is_told_its_own_run_first() -> None:
    warned = run("22 04:00", Outcome.WARNING, text="2 files")
    made = part(warned, failed("22 10:00"), read=NOON, concerns=("an older snapshot is corrupt", "a copy failed"))

    assert verdict_of(made, NOON).reason == (
        "The newest backup finished with warnings: 2 files; an older snapshot is corrupt; a copy failed; "
        "a later run outside the schedule failed today 10:00: job errors; newest backup today 04:00."
    )


def test_rule_3_of_several_failures_outside_the_schedule_the_newest_is_told() -> None:
    made = part(YESTERDAY, failed("22 09:00", "disk full"), failed("22 10:00", "still full"), read=NOON)

    assert verdict_of(made, NOON).reason == (
        "A later run outside the schedule failed today 10:00: still full; newest backup today 04:00."
    )


@pytest.mark.parametrize(
    ("start", "state"), [("23 03:54", State.WARNING), ("23 03:55", State.FAILED), ("23 04:10", State.FAILED)]
)
def test_rule_3_a_run_that_failed_is_one_for_the_due_time_as_early_as_a_good_one(start: str, state: State) -> None:
    made = part(YESTERDAY, failed(start), read="23 04:20")

    assert verdict_of(made, "23 04:20").state is state


def test_rule_3_a_limit_on_the_next_day_is_told_with_its_day() -> None:
    made = part(run("21 23:45"), read="23 07:00", plans=(daily("23:45"),))

    assert verdict_of(made, "23 07:00").reason == (
        "Due Sun 22 Nov 23:45, nothing had started by today 00:15; newest backup Sat 21 Nov 23:45."
    )


@pytest.mark.parametrize(
    ("destination", "words"), [("nas", "Critical to nas: due today 04:00"), (None, "Critical: due today 04:00")]
)
def test_rule_3_of_several_jobs_the_reason_names_the_job_and_its_place_if_it_has_one(
    destination: str | None, words: str
) -> None:
    made = part(YESTERDAY, read="23 07:30", plans=(daily(), daily("mon 22:00", job="weekly")))
    elsewhere = tuple(replace(each, destination=destination) for each in made.expectations)
    verdict = verdict_of(replace(made, expectations=elsewhere), "23 07:30")

    assert (verdict.reason or "").startswith(words)


def test_rule_6_of_several_jobs_each_may_be_impossible_to_tell() -> None:
    made = part(YESTERDAY, read=NOON, plans=(daily(), daily("mon 22:00", job="weekly")))
    first, second = made.expectations
    verdict = verdict_of(replace(made, expectations=(first, replace(second, note="nobody knows storage nas"))), NOON)

    assert (verdict.state, verdict.cause) == (State.UNKNOWN, Cause.CANNOT_TELL)
    assert verdict.reason == "Weekly to pbs-main: nobody knows storage nas."


# --- rule 5: what runs, and for how long ---


@pytest.mark.parametrize(
    ("own", "shared", "since"),
    [
        ("23 04:05", ("23 04:00",), "23 04:00"),
        ("23 04:00", ("23 04:05",), "23 04:00"),
        ("23 04:05", ("23 03:54",), "23 04:05"),
        ("23 04:05", ("23 03:55",), "23 03:55"),
        ("23 04:05", ("23 04:03", "23 04:01", "23 04:02"), "23 04:01"),
    ],
    ids=["the task", "the run", "a task from before", "a task as early as can be", "several tasks"],
)
def test_rule_5_the_oldest_of_all_that_may_still_answer_is_told(own: str, shared: tuple[str, ...], since: str) -> None:
    tasks = tuple(Activity(at(start)) for start in shared)
    made = part(YESTERDAY, run(own, Outcome.RUNNING), read="23 05:00", activities=tasks)

    assert verdict_of(made, "23 05:00").since == at(since)


@pytest.mark.parametrize(("now", "under_way"), [("23 16:02", True), ("23 16:03", False)])
def test_rule_5_a_run_is_under_way_up_to_its_limit(now: str, *, under_way: bool) -> None:
    running = run("23 04:02", Outcome.RUNNING)
    judged = judged_at(part(YESTERDAY, running, read=now, longest=timedelta(hours=1)), at(now))

    assert judged.judgements[0].under_way is under_way
    assert (judged.verdict.state is State.RUNNING) is under_way


@pytest.mark.parametrize(
    ("now", "state", "words"),
    [
        ("23 06:56", State.RUNNING, "Running since today 03:56"),
        ("23 06:58", State.LATE, "nothing has started yet"),
        ("23 07:00", State.MISSED, "Running since today 03:56, longer than 3h"),
    ],
)
def test_rule_5_what_runs_too_long_is_not_missed_before_its_grace_is_over(now: str, state: State, words: str) -> None:
    """It began four minutes early, and what it left so far is all that shows it."""
    under_way = run("23 03:56", Outcome.RUNNING)
    made = part(YESTERDAY, under_way, read=now, starts_seen=False, longest=timedelta(minutes=2))

    assert verdict_of(made, now).state is state
    assert words in (verdict_of(made, now).reason or "")


def test_rule_5_what_waited_in_a_queue_for_too_long_never_started() -> None:
    endless = Activity(at("21 02:00"), timedelta(hours=1), blocks_queue=True, name="check b2")
    verdict = verdict_of(part(YESTERDAY, read="23 07:30", activities=(endless,)), "23 07:30")

    assert (verdict.state, verdict.cause) == (State.MISSED, Cause.NOTHING_STARTED)


# --- rule 6: what may count as evidence ---


@pytest.mark.parametrize(
    ("ahead", "counts"),
    [
        (timedelta(minutes=-1), True),
        (timedelta(minutes=5), True),
        (timedelta(minutes=5, seconds=1), False),
    ],
)
def test_rule_6_a_run_later_than_five_minutes_from_now_is_no_evidence_although_a_reading_tells_it(
    ahead: timedelta, *, counts: bool
) -> None:
    """This machine's clock was set back between two readings."""
    now = at(NOON)
    newest = Run(start=now + ahead, end=now + ahead, outcome=Outcome.OK)
    seen = Evidence(source="pbs", as_of=now, stale_after=STALE_AFTER, newest=now + timedelta(minutes=20))
    made = part(newest, YESTERDAY, read=None, evidence=seen)

    assert newest_evident(made, now) == (newest if counts else YESTERDAY)
    assert judged_at(made, now).judgements[0].good == (newest if counts else YESTERDAY)


def test_rule_6_a_run_from_the_future_does_not_hide_the_backup_before_it() -> None:
    now = at(NOON)
    ahead = run("22 12:10")
    seen = Evidence(source="pbs", as_of=now, stale_after=STALE_AFTER, newest=now + timedelta(minutes=20))
    made = part(ahead, YESTERDAY, read=None, evidence=seen, expectations=())

    assert verdict_of(made, NOON).reason == "No enabled job backs it up; newest backup today 04:00."


# --- rule 12: rhythm ---

EACH_DAY = tuple(run(f"{day} 04:00") for day in range(10, 19))


@pytest.mark.parametrize(("now", "state"), [("19 10:30", State.OK), ("19 10:31", State.WARNING)])
def test_rule_12_a_quarter_more_than_usual_and_the_grace_are_waited_for(now: str, state: State) -> None:
    made = part(*EACH_DAY, read=now, plans=(announced("24 04:00"),), by_rhythm=True)

    assert verdict_of(made, now).state is state


@pytest.mark.parametrize(
    ("now", "state"),
    [("21 03:59", State.WARNING), ("21 04:00", State.LATE), ("21 04:29", State.LATE), ("21 04:31", State.MISSED)],
)
def test_rule_12_what_was_announced_further_apart_is_waited_for_from_its_due_time_on(now: str, state: State) -> None:
    """Daily up to the 18th; then the plan was edited, and the next run announced for the 21st and the 24th."""
    made = part(*EACH_DAY, read=now, plans=(announced("21 04:00", "24 04:00"),), by_rhythm=True)

    assert verdict_of(made, now).state is state


def test_rule_12_what_was_announced_before_the_last_fourteen_runs_says_nothing_of_today() -> None:
    """One run was announced after two weeks without any; since then it ran twice a day, and now it doesn't."""
    often = [run(f"{day} {hour}:00") for day in range(10, 17) for hour in ("04", "16")]
    edited = announced("9 04:00", "24 04:00")

    def state(*runs: Run) -> State:
        return verdict_of(part(*runs, read="19 04:00", plans=(edited,), by_rhythm=True), "19 04:00").state

    assert state(run("26 Oct 04:00"), *often) is State.WARNING
    assert state(run("26 Oct 04:00"), *often[1:]) is State.OK


def test_rule_12_what_is_missed_is_not_softened_to_a_warning() -> None:
    made = part(YESTERDAY, read="23 07:30", plans=(announced("23 04:00"),), by_rhythm=True, overdue=True)

    assert verdict_of(made, "23 07:30").state is State.MISSED


def test_rule_12_what_has_a_schedule_is_not_compared_with_how_often_it_ran() -> None:
    made = part(*EACH_DAY, read="21 12:00", plans=(daily("mon 04:00"),))

    assert verdict_of(made, "21 12:00").state is State.OK


# --- rule 10: cancelled runs ---


@pytest.mark.parametrize(
    ("other", "state"), [("22 03:40", State.WARNING), ("22 03:56", State.FAILED), ("22 05:00", State.FAILED)]
)
def test_rule_10_a_failure_from_before_the_due_time_is_no_reason_to_miss_a_cancelled_run(
    other: str, state: State
) -> None:
    """Both are since the last good run. The cancelled one answers the due time of 04:00, the other one only from 03:55 on."""
    cancelled = replace(failed("22 04:01"), cancelled=True)
    made = part(run("21 04:00"), *sorted([cancelled, failed(other)], key=lambda each: each.start), read=NOON)

    verdict = verdict_of(made, NOON)

    assert (verdict.state, verdict.cause is Cause.RUN_CANCELLED) == (state, state is State.WARNING)
