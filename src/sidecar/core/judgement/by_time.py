"""Rule 3: is a run due, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sidecar.core import words
from sidecar.core.model import Cause, Outcome, Run, State, Verdict
from sidecar.core.parts.expectation import Activity

from .case import Case
from .due import back_since, begun_for, deadline_of, is_evident
from .under_way import running, running_too_long, within_limit
from .wording import quoted


def by_time(case: Case, activity: Activity | None) -> Verdict:
    """Rule 3: before D ok or new; from D late, from D + grace missed or never; a failure at once."""
    if case.due is None:
        return _before_due(case)
    failed = newest_failure(case, case.due)
    if failed is not None:
        return run_failed(case, failed)
    if case.now < case.due:
        return _before_due(case)
    under_way = within_limit(case, activity)
    if under_way is not None:
        return running(case, under_way)
    overdue = _overdue(case, case.due, activity)
    if activity is None or activity.blocks_queue or overdue.state is State.LATE:
        return overdue
    return running_too_long(case, activity)


def _before_due(case: Case) -> Verdict:
    if case.cancelled is not None:
        run = case.cancelled
        reason = f"the run of {case.at(run.start)} was cancelled{quoted(run.text)}; {case.newest()}"
        return case.verdict(State.WARNING, Cause.RUN_CANCELLED, reason, run.end or run.start, case.part.actions.failed)
    if case.good is None:
        first = f"nothing was due yet; first run {case.at(case.due)}" if case.due else "nothing was ever due"
        if (since := case.expectation.read_since) is not None:
            first = f"no run is known since {case.at(since)}, and older ones could not be read"
        return case.verdict(State.NEW, Cause.NOTHING_WAS_DUE, first, None)
    return case.verdict(State.OK, Cause.IN_TIME, case.newest(), case.good.start)


def newest_failure(case: Case, due: datetime) -> Run | None:
    """Rule 3: a finished run begun at or after D that failed."""
    if not case.later:
        return None
    failed = (run for run in case.later if run.outcome is Outcome.FAILED and not run.cancelled)
    return next(iter(begun_for(case.expectation, failed, due)), None)


def last_failure(case: Case) -> Run | None:
    """The newest run, where it failed after the newest good one."""
    last = case.later[0] if case.later else None
    return last if last is not None and last.outcome is Outcome.FAILED and not last.cancelled else None


def run_failed(case: Case, run: Run) -> Verdict:
    """Rule 3: the verdict that a run which failed leads to."""
    ended = f"that ended {case.at(run.end)}" if run.end else f"of {case.at(run.start)}"
    reason = f"the run {ended} failed{quoted(run.text)}; {case.newest()}"
    verdict = case.verdict(State.FAILED, Cause.RUN_FAILED, reason, run.end or run.start, case.part.actions.failed)
    return replace(verdict, link=case.part.task or verdict.link)


def _overdue(case: Case, due: datetime, activity: Activity | None) -> Verdict:
    """Rules 3, 6 and 7: missed and never need readings from after D + grace; with older ones it stays late."""
    deadline = deadline_of(case.expectation, due, case.grace)
    held_up_by = activity if activity and activity.blocks_queue and activity.start <= deadline else None
    if not is_evident(case.expectation, due, case.grace, case.now):
        back = back_since(case.expectation, due, case.grace, case.now)
        slept = f"; its source is back since {words.clock(back, due, case.now, case.zone)}" if back else ""
        reason = f"due {case.at(due)}, nothing has started yet{slept}; {case.newest()}"
        return case.verdict(State.LATE, Cause.WAITING, reason, due)
    by = words.clock(deadline, due, case.now, case.zone)
    reason, ahead = f"due {case.at(due)}, nothing had started by {by}", _from_the_future(case)
    hint = case.expectation.hint(case.expectation, case.now) if case.expectation.hint else None
    ahead += f"; {hint}" if hint else ""
    if held_up_by is not None:
        reason += f": it waits for {held_up_by.name or 'what runs'}, which runs since {case.at(held_up_by.start)}"
    origin = case.expectation.holds_up(held_up_by.start, held_up_by.name or "the queue") if held_up_by else None
    if case.good is None:
        never = f"{reason}{case.nothing_yet()}{ahead}"
        action = case.part.actions.never
        return replace(case.verdict(State.NEVER, Cause.NOTHING_STARTED, never, deadline, action), origin=origin)
    missed = f"{reason}; {case.newest()}{ahead}"
    action = case.part.actions.missed
    return replace(case.verdict(State.MISSED, Cause.NOTHING_STARTED, missed, deadline, action), origin=origin)


def _from_the_future(case: Case) -> str:
    """Rule 6: what is no evidence is told all the same, for it says what to fix."""
    run = next((run for run in case.expectation.observed.runs if case.evidence.is_from_the_future(run)), None)
    return f"; a {case.part.noun} of {case.at(run.start)} lies in the future: a clock is wrong" if run else ""
