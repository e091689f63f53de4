"""Judges one part at one moment: the rules of design §6, each marked with its number.

The questions are asked in this order, and the first that applies answers: Does the owner want it quiet? Can anything be
known? Is it still there? Does anybody promise a backup? Is the newest one worth anything? Is one due, and what became of it?
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, takewhile
from zoneinfo import ZoneInfo

from sidecar.core import words
from sidecar.core.history.history import History
from sidecar.core.model import Outcome, Run, State, Verdict
from sidecar.core.parts.part import CLOCK_TOLERANCE, EARLY, Activity, Part, Plan

from .due import due_time, grace, next_run, second_time

LONGEST_RUN = timedelta(hours=24)
_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A part's verdict and the times that go with it.

    Attributes:
        due: the due time that counts (rule 3); None where none is known.
        good: the newest good run that counts as evidence.
        next_run: the next due time after now, and the plan that promises it.
        grace: how long after a due time a run may still start (rule 4).
    """

    verdict: Verdict
    good: Run | None
    due: datetime | None
    next_run: datetime | None
    plan: Plan | None
    grace: timedelta


@dataclass(frozen=True, slots=True)
class _Case:
    """One part at one moment, with what every rule asks for."""

    part: Part
    now: datetime
    zone: ZoneInfo
    good: Run | None
    due: datetime | None
    grace: timedelta

    def at(self, when: datetime) -> str:
        return words.moment(when, self.now, self.zone)

    def newest(self) -> str:
        if self.good is None:
            return f"no {_noun(self.part)} of {self.part.name} exists"
        return f"newest {_noun(self.part)} {self.at(self.good.start)}"

    def verdict(self, state: State, reason: str, since: datetime | None, action: str | None = None) -> Verdict:
        link = self.part.link if state.rank <= State.WARNING.rank else None
        return Verdict(state, words.sentence(reason), since, words.sentence(action) if action else None, link)


def judge(part: Part, history: History, now: datetime, zone: ZoneInfo) -> Judgement:
    """The verdict of ``part`` at ``now``; times in its reason are read in ``zone``."""
    enabled = tuple(plan for plan in part.plans if plan.enabled and not plan.silenced)
    good = _newest_evident(part, now)
    due = due_time(part, enabled, good, history)
    coming, plan = next_run(part, enabled, now)
    case = _Case(part, now, zone, good, due, grace(part, enabled, now))
    verdict = (
        _disabled(case)
        or _unknown(case)
        or _vanished(case)
        or _unpromised(case, enabled)
        or _worthless(case)
        or _judged_by_time(case)
    )
    return Judgement(verdict, good, due, coming, plan, case.grace)


# --- rule 2: only the owner's configuration or a pause makes a part disabled ---------------------------------------------


def _disabled(case: _Case) -> Verdict | None:
    """Rule 2: a pause, or every job of the part switched off in the configuration. It hides whatever happens meanwhile."""
    part = case.part
    pause = next((one for one in part.pauses if one.start <= case.now < one.end), None)
    if pause is not None:
        why = f": {pause.reason}" if pause.reason else ""
        return case.verdict(State.DISABLED, f"paused until {case.at(pause.end)}{why}; {case.newest()}", pause.start)
    if part.plans and all(plan.silenced for plan in part.plans):
        jobs = words.listed(sorted({plan.job for plan in part.plans}))
        return case.verdict(State.DISABLED, f"{jobs} is switched off in the configuration; {case.newest()}", None)
    return None


# --- rule 6, second half: what may count as evidence ----------------------------------------------------------------


def _evident(part: Part, since: datetime = _FIRST) -> Iterable[Run]:
    """Rule 6: runs that start later than 5 min after the reading are no evidence: a clock is wrong. Newest first."""
    known = dropwhile(part.evidence.is_from_the_future, part.runs)
    return takewhile(lambda run: run.start >= since, known)


def _newest_evident(part: Part, now: datetime) -> Run | None:
    good = next((run for run in _evident(part) if run.good), None)
    return good if good is None or good.start <= now + CLOCK_TOLERANCE else None


def _unknown(case: _Case) -> Verdict | None:
    """Rule 6: readings older than ``stale_after`` prove nothing, whatever the schedule."""
    part, evidence = case.part, case.part.evidence
    if part.note is not None:
        return case.verdict(State.UNKNOWN, part.note, None, part.actions.unreadable)
    if not evidence.stale(case.now):
        return None
    cause = evidence.problem.cause if evidence.problem else "it did not answer"
    action = (evidence.problem.action if evidence.problem else None) or part.actions.unreadable
    if evidence.as_of is None:
        if evidence.problem is None:
            return case.verdict(State.UNKNOWN, f"nothing was read from {evidence.source} yet", None)
        return case.verdict(State.UNKNOWN, f"can't read {evidence.source}: {cause}", None, action)
    reason = f"can't read {evidence.source} since {case.at(evidence.as_of)}: {cause}; {case.newest()}"
    return case.verdict(State.UNKNOWN, reason, evidence.as_of, action)


# --- rule 11: what was there and is gone --------------------------------------------------------------------------------


def _vanished(case: _Case) -> Verdict | None:
    """Rule 11: a mapped part that was seen before and is still expected. What it kept is gone with it, so it is missed."""
    part = case.part
    if part.gone is None:
        return None
    reason = f"gone from {part.source} since {case.at(part.gone)}, but still expected"
    return case.verdict(State.MISSED, reason, part.gone, part.actions.missed)


# --- rule 2: who promises a backup ----------------------------------------------------------------------------------


def _unpromised(case: _Case, enabled: tuple[Plan, ...]) -> Verdict | None:
    """Rule 2: in no enabled job is a warning; switched off upstream is not consent and turns into missed."""
    part = case.part
    if any(plan.schedule or plan.announced for plan in enabled):
        return None
    unreadable = next((plan for plan in enabled if plan.trouble), None)
    if unreadable is not None:
        reason = f"the schedule of {unreadable.job} can't be read: {unreadable.trouble}; {case.newest()}"
        return case.verdict(State.WARNING, reason, None, f"say when it runs: jobs, {unreadable.job}, schedule")
    if part.plans:
        return _switched_off(case)
    reason = f"no enabled job backs it up; {case.newest()}"
    return case.verdict(State.WARNING, reason, None, part.actions.uncovered)


def _switched_off(case: _Case) -> Verdict:
    """Rule 2: a warning until the newest backup is older than the last known period and grace, then missed."""
    part = case.part
    plans = [plan for plan in part.plans if not plan.silenced]
    jobs = words.listed(sorted({plan.job for plan in plans}))
    reason = f"job {jobs} is switched off; {case.newest()}"
    period = max((period for plan in plans if (period := plan.last_period(case.now))), default=None)
    if case.good is None or period is None:
        return case.verdict(State.WARNING, reason, None, part.actions.uncovered)
    limit = case.good.start + period + case.grace
    if case.now < limit:
        return case.verdict(State.WARNING, reason, None, part.actions.uncovered)
    return case.verdict(State.MISSED, f"{reason}, the limit was {case.at(limit)}", limit, part.actions.uncovered)


# --- the newest backup itself ---------------------------------------------------------------------------------------


def _worthless(case: _Case) -> Verdict | None:
    """A newest backup that failed verification, or whose file is gone or empty, is a failure (design §2, rule 9)."""
    part = case.part
    if part.broken is None or case.good is None:
        return None
    reason = f"{part.broken}; {case.newest()}"
    return case.verdict(State.FAILED, reason, part.verified_at or case.good.start, part.actions.failed)


# --- rules 3 to 6: is one due, and what became of it ------------------------------------------------------------------


def _judged_by_time(case: _Case) -> Verdict:
    """Rule 3: before D ok or new; from D late, from D + grace missed or never; a failure at once."""
    due = case.due
    if due is None:
        return _before_due(case)
    failed = _newest_failure(case, due)
    if failed is not None:
        return _failed(case, failed)
    if case.now < due:
        return _before_due(case)
    return _running(case, due) or _overdue(case, due)


def _before_due(case: _Case) -> Verdict:
    part = case.part
    if case.good is None:
        first = f"nothing was due yet; first run {case.at(case.due)}" if case.due else "nothing was ever due"
        return case.verdict(State.NEW, first, None)
    extra = _failure_outside_schedule(case, case.good)
    concerns = [*part.concerns, *extra]
    concerns += [
        f"the schedule of {plan.job} can't be read: {plan.trouble}"
        for plan in part.plans
        if plan.trouble and not plan.silenced
    ]
    if case.good.outcome is Outcome.WARNING:
        concerns.insert(0, f"the newest {_noun(part)} finished with warnings{_quoted(case.good.text)}")
    if concerns:
        return case.verdict(
            State.WARNING,
            f"{'; '.join(concerns)}; {case.newest()}",
            case.good.start,
            part.actions.concerned or part.actions.failed,
        )
    return case.verdict(State.OK, case.newest(), case.good.start)


def _newest_failure(case: _Case, due: datetime) -> Run | None:
    """Rule 3: a finished run begun at or after D (5 min early) that failed; every run of a plan without known due times."""
    since = due - EARLY
    if case.part.every_run_was_due:
        since = min(since, case.good.start + timedelta(seconds=1)) if case.good else _FIRST
    return next((run for run in _evident(case.part, since) if run.outcome is Outcome.FAILED), None)


def _failure_outside_schedule(case: _Case, good: Run) -> list[str]:
    """Rule 3: one that failed after the newest good run but before D is a warning."""
    runs = _evident(case.part, good.start)
    later = (run for run in runs if run.outcome is Outcome.FAILED and run.start > good.start)
    return [f"a later run outside the schedule failed {case.at(run.start)}{_quoted(run.text)}" for run in later][:1]


def _failed(case: _Case, run: Run) -> Verdict:
    ended = f"that ended {case.at(run.end)}" if run.end else f"of {case.at(run.start)}"
    reason = f"the run {ended} failed{_quoted(run.text)}; {case.newest()}"
    return case.verdict(State.FAILED, reason, run.end or run.start, case.part.actions.failed)


def _running(case: _Case, due: datetime) -> Verdict | None:
    """Rule 5: an unfinished run replaces late and missed, but not for ever."""
    started = _under_way(case, due)
    if started is None:
        return None
    part = case.part
    usual = started.usual
    limit = min(LONGEST_RUN, max(case.grace, 2 * usual)) if usual else LONGEST_RUN
    if case.now <= started.start + limit:
        rest = f", usually {words.duration(usual)}" if usual else ""
        return case.verdict(State.RUNNING, f"running since {case.at(started.start)}{rest}", started.start)
    reason = f"running since {case.at(started.start)}, longer than {words.duration(limit)}; {case.newest()}"
    return case.verdict(State.MISSED, reason, started.start + limit, part.actions.missed)


def _under_way(case: _Case, due: datetime) -> Activity | None:
    since = case.good.start if case.good else _FIRST
    runs = (run for run in _evident(case.part, since) if run.outcome is Outcome.RUNNING)
    own = [Activity(run.start, case.part.longest) for run in runs]
    shared = [activity for activity in case.part.activities if activity.blocks_queue or activity.start >= due - EARLY]
    return min(
        (run for run in [*own, *shared] if run.blocks_queue or run.start > since),
        key=lambda run: run.start,
        default=None,
    )


def _overdue(case: _Case, due: datetime) -> Verdict:
    """Rules 3, 6 and 7: missed and never need readings from after D + grace; with older ones it stays late."""
    part, as_of = case.part, case.part.evidence.as_of
    zones = (plan.timezone for plan in (*part.plans, *part.past) if plan.schedule)
    deadline = due + case.grace + second_time(due, zones)
    if case.now < deadline or as_of is None or as_of < deadline:
        return case.verdict(State.LATE, f"due {case.at(due)}, nothing has started yet; {case.newest()}", due)
    by = words.clock(deadline, due, case.now, case.zone)
    reason, ahead = f"due {case.at(due)}, nothing had started by {by}", _from_the_future(case)
    if case.good is None:
        said = f"{reason}, and {case.newest()}{ahead}"
        return case.verdict(State.NEVER, said, deadline, part.actions.never)
    return case.verdict(State.MISSED, f"{reason}; {case.newest()}{ahead}", deadline, part.actions.missed)


def _from_the_future(case: _Case) -> str:
    """Rule 6: what is no evidence is told all the same, for it says what to mend."""
    run = next((run for run in case.part.runs if case.part.evidence.is_from_the_future(run)), None)
    return f"; a {_noun(case.part)} of {case.at(run.start)} lies in the future: a clock is wrong" if run else ""


def _noun(part: Part) -> str:
    return "dump" if part.kind == "database" else "backup"


def _quoted(text: str | None) -> str:
    return f": {' '.join(text.split())}" if text and text.strip() else ""
