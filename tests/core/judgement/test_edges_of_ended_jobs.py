"""What jobs that ended still owed, beside jobs that can answer it, that can't, and none at all (rules 1 and 2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.ids import JobId, SourceName
from sidecar.core.model import Cause, State
from sidecar.core.parts.expectation import Expectation, ScheduleInForce
from sidecar.core.parts.part import Part
from tests.core.factories import at, daily, judged_at, part, run, verdict_of

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
