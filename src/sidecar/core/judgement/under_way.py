"""Rule 5: what runs may still answer what is due, but not for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sidecar.core import words
from sidecar.core.model import Cause, Outcome, State, Verdict
from sidecar.core.parts.expectation import SHOWN_AT_MOST, Activity

from .case import Case
from .due import early
from .progress import in_words

#: How long a run may be under way at least, while the upstream itself shows that it is not over.
SHOWN_AT_LEAST = timedelta(hours=12)

#: And where no list of what runs can be read, and nothing tells how long such runs take.
UNSEEN_AT_MOST = timedelta(hours=24)


def activity_under_way(case: Case) -> Activity | None:
    """Rule 5: the oldest unfinished run that began at or after D, or whatever holds up the queue."""
    due = case.due
    every = [Activity(run.start, case.expectation.longest) for run in case.later if run.outcome is Outcome.RUNNING]
    if due is not None and case.expectation.activities:
        begin = due - early(case.expectation, due)
        every += [
            activity for activity in case.expectation.activities if activity.blocks_queue or activity.start >= begin
        ]
    return min(every, key=lambda activity: activity.start, default=None)


def within_limit(case: Case, activity: Activity | None) -> Activity | None:
    """The activity, as long as it does not take too long."""
    return activity if activity is not None and case.now <= activity.start + _limit(case, activity) else None


def running(case: Case, activity: Activity) -> Verdict:
    """Rule 5: an unfinished run replaces late and missed."""
    since = case.at(activity.start)
    if activity.blocks_queue:
        reason = f"waits for {activity.name}, which runs" if activity.name else "waits for what runs"
        return case.verdict(State.RUNNING, Cause.UNDER_WAY, f"{reason} since {since}", activity.start)
    rest = f", usually {words.duration(activity.usual)}" if activity.usual else ""
    now_at = in_words(activity.progress, case.at) if activity.progress else ""
    return case.verdict(State.RUNNING, Cause.UNDER_WAY, f"running since {since}{rest}{now_at}", activity.start)


def running_too_long(case: Case, activity: Activity) -> Verdict:
    """Rule 5: but not for ever. Then it is like nothing at all: never without any good run (rule 3)."""
    limit = _limit(case, activity)
    now_at = in_words(activity.progress, case.at) if activity.progress else ""
    reason = f"running since {case.at(activity.start)}, longer than {words.duration(limit)}{now_at}; {case.newest()}"
    state, action = State.MISSED, case.part.actions.missed
    if case.good is None:
        state, action = State.NEVER, case.part.actions.never
    verdict = case.verdict(state, Cause.UNDER_WAY_TOO_LONG, reason, activity.start + limit, action)
    return replace(verdict, origin=case.expectation.holds_up(activity.start, case.part.name))


def _limit(case: Case, activity: Activity) -> timedelta:
    """Rule 5: twice as long as the longest run that is remembered, and longer where the upstream shows what runs."""
    if case.expectation.starts_seen or activity.start in case.expectation.observed.shown:
        return max(SHOWN_AT_LEAST, 2 * activity.usual) if activity.usual else SHOWN_AT_MOST
    return max(case.grace, 2 * activity.usual) if activity.usual else UNSEEN_AT_MOST
