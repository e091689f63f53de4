"""Counts of runs: each decision once, only what was owed, and only for jobs that there are."""

from __future__ import annotations

import pytest

from sidecar.core.history.run_counts import NOTHING_COUNTED, RunCounts, counted
from sidecar.core.history.verdict_log import FinalOccurrence, FinalState
from tests.core.factories import at

DAILY, WEEKLY = "pve/backup/daily", "pve/backup/weekly"


def final(state: FinalState, job: str = DAILY, day: int = 22) -> FinalOccurrence:
    due = at(f"{day} 04:00")
    return FinalOccurrence(
        member="guest:pve:101", job=job, destination="pbs", due=due, state=state, run_start=None, decided_at=due
    )


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        (FinalState.KEPT, RunCounts(due=1, kept=1)),
        (FinalState.KEPT_LATE, RunCounts(due=1, kept=1)),
        (FinalState.FAILED, RunCounts(due=1, failed=1)),
        (FinalState.MISSED, RunCounts(due=1, missed=1)),
        (FinalState.NOT_OBSERVED, RunCounts(due=1)),
        (FinalState.PAUSED, RunCounts()),
        (FinalState.SKIPPED, RunCounts()),
    ],
)
def test_what_became_of_a_due_time_counts_if_something_was_owed(state: FinalState, counts: RunCounts) -> None:
    assert counted(NOTHING_COUNTED, [final(state)], [DAILY]) == {DAILY: counts}


def test_counts_grow_and_jobs_are_counted_apart() -> None:
    first = counted(NOTHING_COUNTED, [final(FinalState.KEPT), final(FinalState.KEPT, WEEKLY)], [DAILY, WEEKLY])
    second = counted(first, [final(FinalState.FAILED, day=23)], [DAILY, WEEKLY])

    assert second == {DAILY: RunCounts(due=2, kept=1, failed=1), WEEKLY: RunCounts(due=1, kept=1)}
    assert first[DAILY] == RunCounts(due=1, kept=1)
    assert counted(second, [], [DAILY, WEEKLY]) == second


def test_a_job_that_is_gone_is_forgotten_and_one_that_nobody_shows_is_not_counted() -> None:
    first = counted(NOTHING_COUNTED, [final(FinalState.KEPT)], [DAILY])

    assert counted(first, [final(FinalState.KEPT)], [WEEKLY]) == {}
