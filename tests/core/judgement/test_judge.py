"""The numbered rules of docs/verdicts.md for one part. All times are Berlin's, in November 2026 (the 23rd is a Monday)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from sidecar.core.history.history import EMPTY, History
from sidecar.core.model import Cause, Outcome, PartKind, Run, State, Verdict
from sidecar.core.parts.expectation import Activity, Evidence
from sidecar.core.reports.facts import ReadingGap
from sidecar.core.reports.report import Problem
from tests.core.factories import at, daily, evidence, failed, judged_at, part, run, verdict_of

YESTERDAY = run("22 04:00")


# --- rule 3: the due time that counts ---


@pytest.mark.parametrize(
    ("now", "read", "state"),
    [
        ("23 03:59", "23 03:58", State.OK),
        ("23 04:00", "23 03:58", State.LATE),
        ("23 04:29", "23 04:28", State.LATE),
        ("23 04:30", "23 04:29", State.LATE),
        ("23 04:31", "23 04:30", State.MISSED),
        ("24 12:00", "24 11:59", State.MISSED),
    ],
)
def test_rule_3_before_at_in_and_past_grace(now: str, read: str, state: State) -> None:
    assert verdict_of(part(YESTERDAY, read=read), now).state is state


@pytest.mark.parametrize(
    ("now", "state"), [("23 03:59", State.NEW), ("23 04:05", State.LATE), ("23 04:40", State.NEVER)]
)
def test_rule_3_without_any_good_run_the_first_due_time_counts(now: str, state: State) -> None:
    assert verdict_of(part(read=now, oldest_trace=at("23 00:00")), now).state is state


def test_rule_3_a_missed_backup_says_when_it_was_due_and_what_is_newest() -> None:
    verdict = verdict_of(part(YESTERDAY, read="23 07:26"), "23 07:30")

    assert verdict.reason == "Due today 04:00, nothing had started by 04:30; newest backup Sun 22 Nov 04:00."
    assert verdict.since == at("23 04:30")
    assert verdict.action == "Look at it."


@pytest.mark.parametrize(("start", "answers"), [("23 03:54", False), ("23 03:55", True), ("23 04:00", True)])
def test_rule_3_a_run_may_begin_five_minutes_early(start: str, answers: bool) -> None:
    verdict = verdict_of(part(run(start), read="23 06:00"), "23 06:00")

    assert verdict.state is (State.OK if answers else State.MISSED)


def test_rule_3_a_run_that_came_late_answers_its_due_time() -> None:
    assert verdict_of(part(run("23 09:30"), read="23 10:00"), "23 10:00").state is State.OK


def test_rule_3_a_dead_daily_job_stays_missed_since_its_first_missing_day() -> None:
    for now in ("23 05:00", "24 03:00", "24 04:10", "25 12:00"):
        verdict = verdict_of(part(YESTERDAY, read=now), now)
        assert (verdict.state, verdict.since) == (State.MISSED, at("23 04:30")), now


def test_rule_3_a_failed_run_for_the_due_time_is_failed_at_once() -> None:
    verdict = verdict_of(part(YESTERDAY, failed("23 04:01"), read="23 04:09"), "23 04:09")

    assert verdict.state is State.FAILED
    assert verdict.reason == "The run that ended today 04:08 failed: job errors; newest backup Sun 22 Nov 04:00."
    assert verdict.action == "Fix it."


def test_rule_3_a_success_after_a_failure_heals_it() -> None:
    assert verdict_of(part(failed("23 04:01"), run("23 05:00"), read="23 05:30"), "23 05:30").state is State.OK


def test_rule_3_a_failure_after_the_newest_good_run_but_before_the_due_time_is_a_warning() -> None:
    verdict = verdict_of(part(YESTERDAY, failed("22 15:00"), read="22 16:00"), "22 16:00")

    assert verdict.state is State.WARNING
    assert "outside the schedule failed today 15:00" in (verdict.reason or "")


def test_rule_3_a_failure_before_the_newest_good_run_is_history() -> None:
    assert verdict_of(part(failed("21 15:00"), YESTERDAY, read="22 16:00"), "22 16:00").state is State.OK


def test_rule_3_a_failure_without_any_good_run_is_failed_not_never() -> None:
    assert (
        verdict_of(part(failed("23 04:01"), read="23 09:00", oldest_trace=at("23 00:00")), "23 09:00").state
        is State.FAILED
    )


def test_rule_3_of_two_jobs_the_earlier_due_time_counts() -> None:
    both = (daily("mon 04:00"), daily("22:00", job="late"))
    judged = judged_at(part(YESTERDAY, read="22 23:00", plans=both), at("22 23:00"))

    assert [each.verdict.state for each in judged.judgements] == [State.OK, State.MISSED]
    assert judged.verdict.state is State.MISSED
    assert judged.judgements[1].due == at("22 22:00")
    assert judged.next is not None
    assert judged.next.next_run == at("23 04:00")


def test_a_run_that_finished_with_warnings_is_a_warning() -> None:
    verdict = verdict_of(part(run("22 04:00", Outcome.WARNING, text="2 files"), read="22 12:00"), "22 12:00")

    assert verdict.state is State.WARNING
    assert "finished with warnings: 2 files" in (verdict.reason or "")


@pytest.mark.parametrize("concern", ["an older snapshot failed verification", "the copy on volume s3 failed"])
def test_concerns_make_a_good_backup_a_warning(concern: str) -> None:
    verdict = verdict_of(part(YESTERDAY, read="22 12:00", concerns=(concern,)), "22 12:00")

    assert verdict.state is State.WARNING
    assert concern in (verdict.reason or "").lower()


def test_a_newest_backup_that_is_worth_nothing_is_failed() -> None:
    broken = part(YESTERDAY, read="22 12:00", unusable="the newest backup failed verification")

    assert verdict_of(broken, "22 12:00").state is State.FAILED


# --- rule 4: grace ---


@pytest.mark.parametrize(
    ("schedule", "due", "starts_seen", "grace"),
    [
        ("04:00", "23 04:00", True, timedelta(minutes=30)),
        ("04:00", "23 04:00", False, timedelta(hours=3)),
        ("*/6:00", "22 06:00", False, timedelta(hours=1, minutes=30)),
        ("*:00", "22 05:00", False, timedelta(minutes=30)),
        ("mon 04:00", "23 04:00", False, timedelta(hours=3)),
    ],
)
def test_rule_4_grace_is_short_where_starts_are_seen(
    schedule: str, due: str, starts_seen: bool, grace: timedelta
) -> None:
    def state_at(offset: timedelta) -> State:
        now = at(due) + grace + offset
        made = part(
            YESTERDAY,
            read=None,
            plans=(daily(schedule),),
            starts_seen=starts_seen,
            evidence=Evidence(source="pbs", as_of=now, stale_after=timedelta(hours=1)),
        )
        return judged_at(made, now).verdict.state

    assert state_at(timedelta(seconds=-1)) is State.LATE
    assert state_at(timedelta(0)) is State.MISSED


def test_rule_4_the_owners_grace_wins() -> None:
    patient = part(YESTERDAY, read="23 09:59", plans=(daily(grace=timedelta(hours=6)),))

    assert verdict_of(patient, "23 09:59").state is State.LATE


def test_rule_4_grace_is_added_in_utc_across_the_clock_change() -> None:
    """In Berlin the clocks go forward at 02:00 on 29 March 2026: 01:50 plus 30 min is 03:20 on the wall."""
    assert state_after("2026-03-29 01:50", minutes=29) is State.LATE
    assert state_after("2026-03-29 01:50", minutes=30) is State.MISSED


def test_rule_7_a_time_that_exists_twice_is_due_at_the_first_and_may_be_kept_at_the_second() -> None:
    """In Berlin 02:50 comes twice on 25 October 2026, and schedulers disagree which one they take."""
    assert state_after("2026-10-25 02:50", minutes=0) is State.LATE
    assert state_after("2026-10-25 02:50", minutes=89) is State.LATE
    assert state_after("2026-10-25 02:50", minutes=90) is State.MISSED
    for kept in (0, 60):
        assert state_after("2026-10-25 02:50", minutes=90, kept=kept) is State.OK


def state_after(due: str, *, minutes: int, kept: int | None = None) -> State:
    """Of a part that is due daily at that time of day, so many minutes after it, read just then; ``kept``: when it ran."""
    now = at(due) + timedelta(minutes=minutes)
    runs = [Run(start=at(due) - timedelta(days=1), end=at(due) - timedelta(days=1), outcome=Outcome.OK)]
    if kept is not None:
        runs.append(Run(start=at(due) + timedelta(minutes=kept), end=now, outcome=Outcome.OK))
    made = part(
        *runs,
        read=None,
        plans=(daily(due.split()[-1]),),
        evidence=Evidence(source="pbs", as_of=now, stale_after=timedelta(hours=1)),
    )
    return judged_at(made, now).verdict.state


# --- rule 5: running ---


def test_rule_5_an_unfinished_run_replaces_missed() -> None:
    verdict = verdict_of(
        part(YESTERDAY, run("23 04:02", Outcome.RUNNING), read="23 05:00", longest=timedelta(hours=1)), "23 05:00"
    )

    assert (verdict.state, verdict.since) == (State.RUNNING, at("23 04:02"))
    assert verdict.reason == "Running since today 04:02, usually 1h."


@pytest.mark.parametrize(
    ("starts_seen", "longest", "limit"),
    [
        (True, timedelta(hours=1), timedelta(hours=12)),
        (True, timedelta(hours=30), timedelta(hours=60)),
        (True, None, timedelta(days=7)),
        (False, timedelta(hours=2), timedelta(hours=4)),
        (False, timedelta(minutes=2), timedelta(hours=3)),
        (False, None, timedelta(hours=24)),
    ],
)
def test_rule_5_a_run_is_under_way_for_a_time_that_depends_on_what_shows_it(
    *, starts_seen: bool, longest: timedelta | None, limit: timedelta
) -> None:
    def state_at(moment: datetime) -> State:
        made = part(
            YESTERDAY,
            run("23 04:02", Outcome.RUNNING),
            read=None,
            evidence=Evidence(source="pbs", as_of=moment, stale_after=timedelta(hours=1)),
            longest=longest,
            starts_seen=starts_seen,
        )
        return judged_at(made, moment).verdict.state

    assert state_at(at("23 04:02") + limit) is State.RUNNING
    assert state_at(at("23 04:02") + limit + timedelta(minutes=1)) is State.MISSED


def test_rule_5_what_runs_too_long_says_since_when_and_how_long_is_too_long() -> None:
    stuck = part(YESTERDAY, run("23 04:02", Outcome.RUNNING), read="23 17:00", longest=timedelta(hours=1))

    assert verdict_of(stuck, "23 17:00").reason == (
        "Running since today 04:02, longer than 12h; newest backup Sun 22 Nov 04:00."
    )


def test_rule_2_a_job_that_is_off_is_failed_only_by_a_run_for_what_is_due() -> None:
    """What it owed by its schedule before came and went without a run; the failure in the evening was something extra."""
    off = daily(enabled=False, valid_from=at("22 05:00"))
    before = daily(valid_to=at("22 05:00"))
    made = part(run("21 04:00"), failed("21 20:00"), read="22 12:00", plans=(off,))
    owing = replace(made, expectations=(replace(made.expectations[0], past=(before,)),))

    assert verdict_of(made, "22 12:00").state is State.FAILED
    assert judged_at(owing, at("22 12:00")).judgements[0].due == at("22 04:00")
    assert verdict_of(owing, "22 12:00").cause is Cause.SWITCHED_OFF_UPSTREAM


def test_rule_5_a_first_run_that_takes_too_long_is_never_as_long_as_there_is_no_good_one() -> None:
    def after(now: str) -> Verdict:
        endless = Activity(at("12 04:01"))
        return verdict_of(part(read=now, activities=(endless,), oldest_trace=at("12 00:00")), now)

    assert after("19 04:01").state is State.RUNNING
    assert after("19 12:00").state is State.NEVER
    assert "longer than 7d" in (after("19 12:00").reason or "")


def test_rule_5_a_task_that_may_still_reach_it_replaces_missed() -> None:
    waiting = part(YESTERDAY, read="23 07:26", activities=(Activity(at("23 04:00"), timedelta(hours=3)),))

    assert verdict_of(waiting, "23 07:26").state is State.RUNNING


def test_rule_5_a_task_from_before_the_due_time_is_another_runs() -> None:
    waiting = part(YESTERDAY, read="23 07:26", activities=(Activity(at("23 03:00"), timedelta(hours=9)),))

    assert verdict_of(waiting, "23 07:26").state is State.MISSED


def test_rule_5_running_does_not_hide_a_failure() -> None:
    again = part(YESTERDAY, failed("23 04:01"), run("23 05:00", Outcome.RUNNING), read="23 05:05")

    assert verdict_of(again, "23 05:05").state is State.FAILED


# --- rule 6: evidence has a time ---


@pytest.mark.parametrize(
    ("now", "read", "state"),
    [
        ("23 04:35", "23 04:28", State.LATE),
        ("23 04:47", "23 04:28", State.LATE),
        ("23 04:49", "23 04:28", State.UNKNOWN),
        ("22 12:00", "22 11:41", State.OK),
        ("22 12:02", "22 11:41", State.UNKNOWN),
    ],
)
def test_rule_6_old_readings_prove_nothing(now: str, read: str, state: State) -> None:
    assert verdict_of(part(YESTERDAY, read=read), now).state is state


def test_rule_6_unknown_says_since_when_why_and_what_was_newest() -> None:
    away = part(YESTERDAY, read=None, evidence=evidence("23 06:02", Problem("connection refused", "start it")))
    verdict = verdict_of(away, "23 07:30")

    assert verdict.state is State.UNKNOWN
    assert verdict.reason == "Can't read pbs since today 06:02: connection refused; newest backup Sun 22 Nov 04:00."
    assert (verdict.since, verdict.action) == (at("23 06:02"), "Start it.")


def test_rule_6_what_was_never_read_is_unknown_whatever_runs_there_are() -> None:
    assert verdict_of(part(YESTERDAY, read=None), "22 12:00").state is State.UNKNOWN


def test_rule_6_runs_from_the_future_are_no_evidence() -> None:
    """A client whose clock is a day ahead must not keep its guest green."""
    verdict = verdict_of(part(run("24 04:00"), read="23 07:26"), "23 07:30")

    assert verdict.state is State.NEVER
    assert "a backup of Tue 24 Nov 04:00 lies in the future: a clock is wrong" in str(verdict.reason)


def test_rule_6_a_reading_from_the_future_proves_nothing_and_says_why() -> None:
    verdict = verdict_of(part(YESTERDAY, read="24 07:26"), "23 07:30")

    assert verdict.state is State.UNKNOWN
    assert verdict.reason == (
        "The last reading of pbs, Tue 24 Nov 07:26, lies in the future: the clock of this machine was set back; "
        "newest backup Sun 22 Nov 04:00."
    )


def seen(as_of: str, **gaps: tuple[str, str]) -> Evidence:
    over = {name: ReadingGap(at(start), at(end)) for name, (start, end) in gaps.items()}
    return replace(evidence(as_of), gap=over.get("gap"), starts_gap=over.get("starts_gap"))


@pytest.mark.parametrize(
    ("as_of", "gaps", "state"),
    [
        ("23 08:00", {"gap": ("22 23:00", "23 08:00")}, State.LATE),
        ("23 08:14", {"gap": ("22 23:00", "23 08:00")}, State.LATE),
        ("23 08:15", {"gap": ("22 23:00", "23 08:00")}, State.MISSED),
        ("23 08:00", {"gap": ("23 04:31", "23 08:00")}, State.MISSED),
        ("23 06:00", {"starts_gap": ("22 23:00", "23 06:00")}, State.LATE),
        ("23 06:15", {"starts_gap": ("22 23:00", "23 06:00")}, State.MISSED),
        ("23 07:00", {"starts_gap": ("22 23:00", "23 07:00")}, State.MISSED),
        ("23 08:00", {"starts_gap": ("22 23:00", "23 08:00")}, State.MISSED),
    ],
    ids=[
        "just back",
        "still catching up",
        "back for a quarter of an hour",
        "it was missed before it went away",
        "only the starts could not be seen",
        "and can be seen again",
        "what lies there has just shown it",
        "what lies there has shown it long ago",
    ],
)
def test_rule_6_a_source_that_slept_has_a_quarter_of_an_hour_to_catch_up(
    as_of: str, gaps: dict[str, tuple[str, str]], state: State
) -> None:
    verdict = verdict_of(part(YESTERDAY, read=None, evidence=seen(as_of, **gaps)), as_of)

    assert verdict.state is state
    assert (f"back since {as_of[3:6]}00" in str(verdict.reason)) is (state is State.LATE)


# --- rule 2: who owes a backup ---


def test_rule_2_a_guest_in_no_job_is_a_warning() -> None:
    uncovered = replace(part(YESTERDAY, read="23 12:00"), expectations=())
    verdict = verdict_of(uncovered, "23 12:00")

    assert (verdict.state, verdict.action) == (State.WARNING, "Cover it.")
    assert "no enabled job backs it up" in (verdict.reason or "").lower()


@pytest.mark.parametrize(
    ("now", "state"), [("22 12:00", State.WARNING), ("23 04:29", State.WARNING), ("23 04:31", State.MISSED)]
)
def test_rule_2_switched_off_upstream_is_not_consent(now: str, state: State) -> None:
    assert verdict_of(part(YESTERDAY, read=now, plans=(daily(enabled=False),)), now).state is state


def test_rule_2_a_schedule_that_cannot_be_read_is_a_warning_with_its_text() -> None:
    unreadable = replace(
        daily(), schedule=None, text="so oft es geht", trouble="unable to read schedule 'so oft es geht'"
    )
    verdict = verdict_of(part(YESTERDAY, read="23 12:00", plans=(unreadable,)), "23 12:00")

    assert verdict.state is State.WARNING
    assert "so oft es geht" in (verdict.reason or "")


def test_rule_2_an_unreadable_schedule_beside_a_good_schedule_is_still_reported() -> None:
    unreadable = replace(daily(), schedule=None, text="x", trouble="unable to read schedule 'x'")
    verdict = verdict_of(part(YESTERDAY, read="22 12:00", plans=(daily(), unreadable)), "22 12:00")

    assert verdict.state is State.WARNING


# --- rule 1, without memory: due times count from the oldest trace ----------------------------------------------------------


@pytest.mark.parametrize(
    ("trace", "contact", "state"),
    [
        ("1 04:00", None, State.NEVER),
        ("23 04:10", None, State.NEW),
        (None, "23 04:10", State.NEW),
        (None, "22 12:00", State.NEVER),
    ],
)
def test_rule_1_without_a_good_run_due_times_count_from_the_oldest_trace(
    trace: str | None, contact: str | None, state: State
) -> None:
    made = part(read="23 07:30", oldest_trace=at(trace) if trace else None)
    history = History(first_contact=at(contact)) if contact else EMPTY

    assert judged_at(made, at("23 07:30"), history).verdict.state is state


# --- announced runs (Backrest) ---


def announced(when: str) -> dict[str, Any]:
    return {"plans": (replace(daily(), schedule=None, text=None, announced=at(when)),), "every_run_was_due": True}


def test_an_announced_run_is_a_due_time() -> None:
    assert verdict_of(part(YESTERDAY, read="23 02:10", **announced("23 02:15")), "23 02:10").state is State.OK
    assert verdict_of(part(YESTERDAY, read="23 02:50", **announced("23 02:15")), "23 02:50").state is State.MISSED


def test_a_plans_newest_run_that_failed_is_failed_although_the_next_one_is_announced_for_tomorrow() -> None:
    made = part(YESTERDAY, failed("23 02:15"), read="23 07:00", **announced("24 02:15"))

    assert verdict_of(made, "23 07:00").state is State.FAILED


def test_a_dump_is_called_a_dump() -> None:
    verdict = verdict_of(part(read="23 07:30", kind=PartKind.DATABASE, name="n8n", noun="dump"), "23 07:30")

    assert verdict.reason == "Due Sun 1 Nov 04:00, nothing had started by 04:30, and no dump of n8n exists."
