"""Jobs that nothing is due by now: switched off, with a schedule that can't be read, or never due (rules 2 and 8)."""

from __future__ import annotations

from sidecar.core.model import Cause, Outcome, State, Verdict
from sidecar.core.parts.expectation import Activity, ScheduleInForce

from .by_time import by_time, last_failure, newest_failure, run_failed
from .case import Case
from .out_of_rhythm import usual_gap
from .under_way import running, within_limit
from .wording import quoted


def silenced(case: Case) -> Verdict | None:
    """Rule 2: only the owner's configuration makes an expectation disabled."""
    in_force = case.expectation.schedule
    if in_force is None or not in_force.silenced:
        return None
    reason = f"{in_force.job} is switched off in the configuration; {case.newest()}"
    return case.verdict(State.DISABLED, Cause.SWITCHED_OFF_HERE, reason, None)


def nothing_owed(case: Case) -> Verdict | None:
    """Rule 8: what never has to run is disabled, but a last run that failed is still told."""
    why = case.expectation.nothing_owed
    if why is None:
        return None
    last = case.later[0] if case.later else case.good
    if last is not None and last.outcome is Outcome.RUNNING:
        return case.verdict(State.RUNNING, Cause.UNDER_WAY, f"running since {case.at(last.start)}", last.start)
    if last is not None and last.outcome in (Outcome.FAILED, Outcome.WARNING):
        ended = "failed" if last.outcome is Outcome.FAILED else "finished with warnings"
        reason = f"{why}; the run of {case.at(last.start)} {ended}{quoted(last.text)}"
        return case.verdict(State.WARNING, Cause.RUN_FAILED, reason, last.end or last.start, case.part.actions.failed)
    return case.verdict(State.DISABLED, Cause.NOTHING_OWED, why, None)


def switched_off(case: Case, activity: Activity | None) -> Verdict | None:
    """Rule 2: switched off upstream is no consent: a warning, then missed. A schedule that can't be read is a warning.

    What was due before that is still owed (rule 1): the worse of both counts.
    """
    in_force = case.expectation.schedule
    if in_force is None or case.expectation.only_by_rhythm:
        return None
    if in_force.enabled and (in_force.schedule or in_force.announcements):
        return None
    verdict = (
        _unreadable_schedule(case, in_force)
        if in_force.enabled and in_force.trouble
        else _off(case, in_force, activity)
    )
    if case.due is None:
        return verdict
    return min(verdict, by_time(case, activity), key=lambda each: each.state.rank)


def _unreadable_schedule(case: Case, in_force: ScheduleInForce) -> Verdict:
    reason = f"the schedule of {in_force.job} can't be read: {in_force.trouble}; {case.newest()}"
    say = f"say when it runs: jobs, {in_force.job}, schedule"
    return case.verdict(State.WARNING, Cause.SCHEDULE_UNREADABLE, reason, None, say)


def _off(case: Case, in_force: ScheduleInForce, activity: Activity | None) -> Verdict:
    failed = newest_failure(case, case.due) if case.due is not None else last_failure(case)
    if failed is not None:
        return run_failed(case, failed)
    under_way = within_limit(case, activity)
    if under_way is not None:
        return running(case, under_way)
    reason = f"job {case.expectation.job} is switched off; {case.newest()}"
    period = in_force.last_period(case.now) or usual_gap(case)
    limit = case.good.start + period + case.grace if case.good is not None and period is not None else None
    action = case.part.actions.uncovered
    if limit is None or case.now < limit:
        return case.verdict(State.WARNING, Cause.SWITCHED_OFF_UPSTREAM, reason, None, action)
    reason = f"{reason}, the limit was {case.at(limit)}"
    return case.verdict(State.MISSED, Cause.SWITCHED_OFF_UPSTREAM, reason, limit, action)
