"""How long after a due time a run may still start (rule 4), also where clocks are changed (rule 7)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sidecar.core.model import Outcome, Run, State
from sidecar.core.parts.expectation import Evidence
from tests.core.factories import (
    at,
    daily,
    judged_at,
    part,
    run,
    verdict_of,
)

YESTERDAY = run("22 04:00")


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
