"""What runs may still answer what is due, but not for ever (rule 5)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sidecar.core.model import Cause, Outcome, State, Verdict
from sidecar.core.parts.expectation import Activity, Evidence
from tests.core.factories import (
    at,
    failed,
    judged_at,
    part,
    run,
    verdict_of,
)

YESTERDAY = run("22 04:00")


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
    assert "nothing had started by 04:30: it waits for check b2, which runs since Sat 21 Nov 02:00; newest" in str(
        verdict.reason
    )


def test_rule_5_what_waits_too_long_and_what_it_waits_for_have_one_origin() -> None:
    hangs = run("23 02:00", Outcome.RUNNING)
    holder = part(run("22 02:00"), hangs, read="23 15:00", longest=timedelta(hours=1), queue="backrest")
    waits = Activity(hangs.start, timedelta(hours=1), blocks_queue=True, name="backup files")
    behind = part(YESTERDAY, read="23 15:00", activities=(waits,), queue="backrest")
    elsewhere = part(YESTERDAY, read="23 15:00", activities=(waits,), queue="attic")
    origins = [verdict_of(each, "23 15:00").origin for each in (holder, behind, elsewhere)]

    assert [origin.key if origin else None for origin in origins] == [
        "queue:backrest:2026-11-23T01:00:00+00:00",
        "queue:backrest:2026-11-23T01:00:00+00:00",
        "queue:attic:2026-11-23T01:00:00+00:00",
    ]


def test_rule_5_what_began_only_when_the_grace_was_over_held_nothing_up() -> None:
    late = Activity(at("23 04:31"), timedelta(hours=1), blocks_queue=True, name="check b2")
    verdict = verdict_of(part(YESTERDAY, read="23 18:00", activities=(late,), queue="backrest"), "23 18:00")

    assert (verdict.state, verdict.origin) == (State.MISSED, None)
    assert "check b2" not in str(verdict.reason)
