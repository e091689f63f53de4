"""When nothing more is expected of what no service names (rule 12)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sidecar.core.judgement.unscheduled import why_nothing_is_expected
from tests.core.factories import run

NEWEST = run("1 04:00")
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(("gap", "limit"), [(1, 30), (3, 30), (7, 70)])
def test_rule_12_a_rhythm_ends_after_thirty_days_and_ten_gaps(gap: int, limit: int) -> None:
    end = NEWEST.start + timedelta(days=limit)

    assert why_nothing_is_expected(NEWEST, timedelta(days=gap), end) is None
    assert "nothing is expected any more" in (why_nothing_is_expected(NEWEST, timedelta(days=gap), end + SECOND) or "")
