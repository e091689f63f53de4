"""Rule 12: backups of which nobody tells a schedule and that no service names are only kept, once they have no rhythm."""

from __future__ import annotations

from datetime import datetime, timedelta

from sidecar.core.model import Cause, Outcome, Run, State, Verdict

from . import rhythm
from .case import Case
from .out_of_rhythm import usual_gap
from .wording import quoted

#: So long after the newest one, and after so many times its usual gap, nothing more is expected of what no service names.
ENDED_AFTER = timedelta(days=30)
ENDED_AFTER_GAPS = 10


def why_only_kept(case: Case) -> str | None:
    """Rule 12: why nothing is expected of it, so that none of its runs was due; None where it is expected to go on."""
    if case.expectation.named or not case.expectation.only_by_rhythm:
        return None
    return why_nothing_is_expected(case.good, usual_gap(case), case.now)


def why_nothing_is_expected(good: Run | None, gap: timedelta | None, now: datetime) -> str | None:
    """Why what no service names is only kept: it has no rhythm, or that ended long ago; None while it is expected to go on.

    Args:
        good: its newest good run that is kept; None while it has a rhythm: all of them were removed.
        gap: its rhythm; None where it has none.
    """
    if gap is None:
        return f"nothing is expected: {rhythm.UNKNOWN}"
    if good is None:
        return None
    old = now - good.start
    if old <= max(ENDED_AFTER, ENDED_AFTER_GAPS * gap):
        return None
    return (
        f"kept, and nothing is expected any more: it came {rhythm.often(gap)}, and the newest is {rhythm.age(old)} old"
    )


def only_kept(case: Case, why: str) -> Verdict:
    """Rule 12: it is kept, and that is all; but a new failure is told."""
    last = case.later[0] if case.later else None
    if last is not None and last.outcome is Outcome.RUNNING:
        return case.verdict(State.RUNNING, Cause.UNDER_WAY, f"running since {case.at(last.start)}", last.start)
    if last is not None and case.now - last.start <= ENDED_AFTER:
        reason = f"the run of {case.at(last.start)} failed{quoted(last.text)}; {case.newest()}"
        since = last.end or last.start
        return case.verdict(State.WARNING, Cause.OTHER_RUN_FAILED, reason, since, case.part.actions.failed)
    return case.verdict(State.DISABLED, Cause.NOTHING_OWED, f"{why}; {case.newest()}", None)
