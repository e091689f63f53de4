"""What jobs that ended still owed, beside jobs that can answer it, that can't, and none at all (rules 1 and 2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.ids import JobId, SourceName
from sidecar.core.model import Cause, State
from sidecar.core.parts.expectation import Expectation, ScheduleInForce
from sidecar.core.parts.part import Part
from sidecar.core.reports.report import Problem
from tests.core.factories import (
    at,
    daily,
    evidence,
    failed,
    judged_at,
    part,
    run,
    verdict_of,
)

YESTERDAY = run("22 04:00")
NOON = "22 12:00"
OFF, OFF_WEEKLY = daily(enabled=False), daily("mon 04:00", job="weekly", enabled=False)


def ended(made: Part, text: str, until: str | None, job: str = "former") -> Expectation:
    """Owed by a job that ended, at the place of the part's own."""
    past = daily(text, job=job, valid_to=at(until) if until else None)
    return replace(made.expectations[0], job=JobId(SourceName("pve"), "backup", job), schedule=None, past=(past,))


@pytest.mark.parametrize(
    ("newest", "jobs", "reason"),
    [
        (
            "20 04:30",
            (("04:00", "22 06:00", "critical"), ("05:00", "22 06:00", "late"), ("06:00", "20 07:00", "older")),
            (
                "No enabled job backs it up since today 06:00: critical and late covered it before, and the backup that "
                "was due Fri 20 Nov 05:00 did not come; newest backup Fri 20 Nov 04:30."
            ),
        ),
        (
            "22 05:00",
            (("04:00", "22 06:00", "critical"),),
            "No enabled job backs it up since today 06:00: critical covered it before; newest backup today 05:00.",
        ),
        (
            "22 11:00",
            (("11:45", "22 11:50", "critical"),),
            "No enabled job backs it up since today 11:50: critical covered it before; newest backup today 11:00.",
        ),
        ("22 05:00", (("23:00", None, "critical"),), "No enabled job backs it up; newest backup today 05:00."),
    ],
    ids=["several, and owed", "one, and nothing owed", "late only", "nobody knows when it ended"],
)
def test_rule_2_in_no_job_tells_what_ended_last_and_what_did_not_come(
    newest: str, jobs: tuple[tuple[str, str | None, str], ...], reason: str
) -> None:
    made = part(run(newest), read=NOON)
    bare = replace(made, expectations=tuple(ended(made, *job) for job in jobs))
    verdict = verdict_of(bare, NOON)

    assert (verdict.cause, verdict.reason) == (Cause.IN_NO_JOB, reason)


@pytest.mark.parametrize(
    ("own", "note", "state", "still_owed"),
    [
        (daily(), None, State.MISSED, True),
        (daily(), "nobody knows storage nas", State.UNKNOWN, False),
        (OFF, None, State.WARNING, False),
        (OFF, "nobody knows storage nas", State.UNKNOWN, False),
    ],
    ids=["a job that runs", "one that can't be seen", "one that is off", "neither"],
)
def test_rule_1_what_an_ended_job_owed_is_owed_as_long_as_a_job_can_answer_it(
    own: ScheduleInForce, note: str | None, state: State, *, still_owed: bool
) -> None:
    made = part(run("22 04:00"), read=NOON, plans=(own,))
    expectations = (replace(made.expectations[0], note=note), ended(made, "05:00", "22 06:00"))
    judged = judged_at(replace(made, expectations=expectations), at(NOON))

    assert judged.verdict.state is state
    assert judged.judgements[1].due == (at("22 05:00") if still_owed else None)


def test_rule_1_what_is_owed_no_longer_takes_the_worst_of_the_jobs_that_are_left() -> None:
    made = part(run("20 04:00"), read=NOON, plans=(OFF_WEEKLY, OFF))
    judged = judged_at(replace(made, expectations=(*made.expectations, ended(made, "05:00", "22 06:00"))), at(NOON))

    assert [each.verdict.state for each in judged.judgements] == [State.WARNING, State.MISSED, State.MISSED]
    assert judged.judgements[2].verdict == judged.judgements[1].verdict


def test_rule_2_what_a_job_owed_before_it_was_edited_and_switched_off_is_missed() -> None:
    """Daily until this morning; then weekly, and off: that alone would be a warning for a week."""
    made = part(run("21 04:00"), read=NOON, plans=(OFF_WEEKLY,))
    owing = replace(made.expectations[0], past=(daily(valid_to=at("22 05:00")),))
    verdict = verdict_of(replace(made, expectations=(owing,)), NOON)

    assert (verdict.state, verdict.cause) == (State.MISSED, Cause.NOTHING_STARTED)
    assert verdict_of(made, NOON).state is State.WARNING


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


def test_rule_2_a_guest_in_no_job_is_a_warning() -> None:
    uncovered = replace(part(YESTERDAY, read="23 12:00"), expectations=())
    verdict = verdict_of(uncovered, "23 12:00")

    assert (verdict.state, verdict.action) == (State.WARNING, "Cover it.")
    assert "no enabled job backs it up" in (verdict.reason or "").lower()


def test_rule_2_what_is_in_no_job_and_was_never_saved_is_never() -> None:
    verdict = verdict_of(part(read=NOON, absent=True, expectations=()), NOON)

    assert (verdict.state, verdict.cause) == (State.NEVER, Cause.NOTHING_STARTED)
    assert (verdict.reason, verdict.action) == ("No backup of vaultwarden exists.", "Begin it.")
