"""Runs that a person cancelled (rule 10)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sidecar.core.model import Cause, State
from tests.core.factories import (
    failed,
    part,
    run,
    verdict_of,
)

YESTERDAY = run("22 04:00")
NOON = "22 12:00"


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
