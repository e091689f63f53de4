"""A part beside its expectations: which verdict is its own, its newest backup, and what comes next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.history.history import History
from sidecar.core.model import Cause
from sidecar.core.parts.expectation import PauseWindow, ScheduleInForce
from tests.core.factories import at, daily, judged_at, part, run, verdict_of

NOON = "22 12:00"
YESTERDAY = run("22 04:00")

NIGHTLY, WEEKLY, ONCE = daily(), daily("mon 22:00", job="weekly"), daily("2020-1-1", job="once")
OFF = daily("05:00", job="off", enabled=False)


@pytest.mark.parametrize(
    ("schedules", "job"),
    [
        ((NIGHTLY, WEEKLY), "critical"),
        ((WEEKLY, NIGHTLY), "critical"),
        ((OFF, ONCE, WEEKLY), "weekly"),
        ((OFF, ONCE), "off"),
        ((ONCE,), "once"),
    ],
    ids=["first", "second", "the only one that comes again", "none comes again", "one job"],
)
def test_what_comes_next_of_a_part_is_the_earliest_next_run_of_its_jobs(
    schedules: tuple[ScheduleInForce, ...], job: str
) -> None:
    judged = judged_at(part(YESTERDAY, read=NOON, plans=schedules), at(NOON))

    assert judged.next is not None
    assert judged.next.expectation.job.id == job


def test_rule_2_a_part_whose_only_job_ended_is_in_no_job() -> None:
    made = part(YESTERDAY, read=NOON)
    ended = replace(made, expectations=(replace(made.expectations[0], schedule=None),))
    judged = judged_at(ended, at(NOON))

    assert judged.verdict.cause is Cause.IN_NO_JOB
    assert judged.next is None


def test_rule_2_a_part_in_no_job_is_paused_and_gone_like_any_other() -> None:
    bare = part(YESTERDAY, read=NOON, expectations=())
    pause = PauseWindow(at("21 00:00"), at("24 00:00"))

    assert verdict_of(replace(bare, pauses=(pause,)), NOON).reason == (
        "Paused until Tue 24 Nov 00:00; newest backup today 04:00."
    )
    assert verdict_of(replace(bare, gone=at("22 10:00")), NOON).reason == (
        "Gone from pve since today 10:00, but still expected."
    )


def test_the_newest_backup_of_a_part_lies_at_any_destination() -> None:
    """Its job leads to a storage that got the last one on the 21st; the newest lies elsewhere."""
    made = part(YESTERDAY, read=NOON)
    expectation = made.expectations[0]
    there = replace(expectation, observed=replace(expectation.observed, runs=(run("21 04:00"),)))
    judged = judged_at(replace(made, expectations=(there,)), at(NOON))

    assert judged.judgements[0].good == run("21 04:00")
    assert judged.good == YESTERDAY


def test_rule_1_due_times_count_from_the_first_contact_with_its_own_source() -> None:
    """Its cluster was configured on the evening of the 22nd, long after the first source."""
    history = History(first_contact=at("1 12:00"), contacts={"pve": at("22 20:00")})
    made = part(read="23 07:30", oldest_trace=None)

    assert judged_at(made, at("23 07:30"), history).judgements[0].due == at("23 04:00")
