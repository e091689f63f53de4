"""Jobs that are switched off, and schedules that can't be read (rule 2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sidecar.core.model import Cause, Outcome, State
from tests.core.factories import (
    at,
    daily,
    failed,
    judged_at,
    part,
    run,
    verdict_of,
)

YESTERDAY = run("22 04:00")
NOON = "22 12:00"
OFF = (daily(enabled=False),)


@pytest.mark.parametrize(
    ("now", "state"), [("22 12:00", State.WARNING), ("23 04:29", State.WARNING), ("23 04:31", State.MISSED)]
)
def test_rule_2_switched_off_upstream_is_not_consent(now: str, state: State) -> None:
    assert verdict_of(part(YESTERDAY, read=now, plans=(daily(enabled=False),)), now).state is state


def test_rule_2_a_job_that_is_off_is_failed_only_by_a_run_for_what_is_due() -> None:
    """What it owed by its schedule before came and went without a run; the failure in the evening was something extra."""
    off = daily(enabled=False, valid_from=at("22 05:00"))
    before = daily(valid_to=at("22 05:00"))
    made = part(run("21 04:00"), failed("21 20:00"), read="22 12:00", plans=(off,))
    owing = replace(made, expectations=(replace(made.expectations[0], past=(before,)),))

    assert verdict_of(made, "22 12:00").state is State.FAILED
    assert judged_at(owing, at("22 12:00")).judgements[0].due == at("22 04:00")
    assert verdict_of(owing, "22 12:00").cause is Cause.SWITCHED_OFF_UPSTREAM


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
