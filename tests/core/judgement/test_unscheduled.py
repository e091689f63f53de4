"""When nothing more is expected of what no service names, and what is said of it then (rule 12)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sidecar.core.judgement.unscheduled import why_nothing_is_expected
from sidecar.core.model import Cause, Outcome, State
from sidecar.core.parts.part import Part
from tests.core.factories import UNTOLD, at, daily, failed, judged_at, run
from tests.core.whole import Whole, guest

NEWEST = run("1 04:00")
SECOND = timedelta(seconds=1)
NOON = "28 12:00"
#: No rhythm can be seen of them.
TWO = (run("20 04:00"), run("28 04:00"))
DAILY_ONCE = tuple(run(f"{day} Oct 04:00") for day in range(20, 29))
FEW = "Nothing is expected: too few backups show how often they come"


@pytest.mark.parametrize(("gap", "limit"), [(1, 30), (3, 30), (7, 70)])
def test_rule_12_a_rhythm_ends_after_thirty_days_and_ten_gaps(gap: int, limit: int) -> None:
    end = NEWEST.start + timedelta(days=limit)

    assert why_nothing_is_expected(NEWEST, timedelta(days=gap), end) is None
    assert "nothing is expected any more" in (why_nothing_is_expected(NEWEST, timedelta(days=gap), end + SECOND) or "")


def unnamed(*runs: Any, read: str = NOON, **changes: Any) -> Part:
    """What no service names and nobody tells a schedule of."""
    return guest(*runs, read=read, plans=(UNTOLD,), by_rhythm=True, **{"named": False, **changes})


ONLY_KEPT = [
    Whole(
        what="no rhythm",
        part=unnamed(*TWO),
        now=NOON,
        state=State.DISABLED,
        cause=Cause.NOTHING_OWED,
        since=None,
        reason=f"{FEW}; newest backup today 04:00.",
    ),
    Whole(
        what="a rhythm that ended",
        part=unnamed(*DAILY_ONCE),
        now=NOON,
        state=State.DISABLED,
        cause=Cause.NOTHING_OWED,
        since=None,
        reason="Kept, and nothing is expected any more: it came every day, and the newest is 31 days old; "
        "newest backup Wed 28 Oct 04:00.",
    ),
    Whole(
        what="running",
        part=unnamed(*TWO, run("28 11:00", Outcome.RUNNING)),
        now=NOON,
        state=State.RUNNING,
        cause=Cause.UNDER_WAY,
        since="28 11:00",
        reason="Running since today 11:00.",
    ),
    Whole(
        what="running, after one that failed",
        part=unnamed(*TWO, failed("28 10:00"), run("28 11:00", Outcome.RUNNING)),
        now=NOON,
        state=State.RUNNING,
        cause=Cause.UNDER_WAY,
        since="28 11:00",
        reason="Running since today 11:00.",
    ),
    Whole(
        what="failed",
        part=unnamed(*TWO, failed("28 10:00")),
        now=NOON,
        state=State.WARNING,
        cause=Cause.OTHER_RUN_FAILED,
        since="28 10:07",
        reason="The run of today 10:00 failed: job errors; newest backup today 04:00.",
        action="Fix it.",
    ),
    Whole(
        what="failed, nobody knows when it ended",
        part=unnamed(*TWO, run("28 10:00", Outcome.FAILED, minutes=None)),
        now=NOON,
        state=State.WARNING,
        cause=Cause.OTHER_RUN_FAILED,
        since="28 10:00",
        reason="The run of today 10:00 failed; newest backup today 04:00.",
        action="Fix it.",
    ),
    Whole(
        what="failed thirty days ago",
        part=unnamed(run("28 Oct 04:00"), failed("29 Oct 12:00")),
        now=NOON,
        state=State.WARNING,
        cause=Cause.OTHER_RUN_FAILED,
        since="29 Oct 12:07",
        reason="The run of Thu 29 Oct 12:00 failed: job errors; newest backup Wed 28 Oct 04:00.",
        action="Fix it.",
    ),
    Whole(
        what="failed before that",
        part=unnamed(run("28 Oct 04:00"), failed("29 Oct 11:59")),
        now=NOON,
        state=State.DISABLED,
        cause=Cause.NOTHING_OWED,
        since=None,
        reason=f"{FEW}; newest backup Wed 28 Oct 04:00.",
    ),
    Whole(
        what="named by a service",
        part=unnamed(*TWO, named=True),
        now=NOON,
        state=State.WARNING,
        cause=Cause.IN_NO_JOB,
        since=None,
        reason="No schedule is known, and too few backups show how often they come; newest backup today 04:00.",
        action="Cover it.",
    ),
]


@pytest.mark.parametrize("case", ONLY_KEPT, ids=lambda case: case.what)
def test_rule_12_what_no_service_names_is_only_kept(case: Whole) -> None:
    case.check()


@pytest.mark.parametrize(("named", "due"), [(True, "29 04:00"), (False, None)])
def test_rule_12_of_what_is_only_kept_nothing_was_due(*, named: bool, due: str | None) -> None:
    """Somebody told its schedule once, and does no longer."""
    made = unnamed(*TWO, named=named, past=(daily(valid_to=at("30 00:00")),))
    (judgement,) = judged_at(made, at(NOON)).judgements

    assert judgement.due == (at(due) if due else None)


def test_rule_12_a_job_that_is_off_or_has_a_schedule_is_no_case_of_this() -> None:
    for schedule in (daily(), replace(UNTOLD, enabled=False)):
        made = guest(*TWO, read=NOON, plans=(schedule,), by_rhythm=True, named=False)
        assert judged_at(made, at(NOON)).verdict.cause is not Cause.NOTHING_OWED
