"""Judges one part at one moment: the rules of design §6, each marked with its number.

The questions are asked in this order, and the first that applies answers: Can anything be known? Does anybody promise a
backup? Is the newest one worth anything? Is one due, and what became of it?
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from . import words
from .history import History
from .model import Outcome, Run, State, Verdict
from .part import CLOCK_TOLERANCE, EARLY, Activity, Part, Plan

SHORT_GRACE = timedelta(minutes=30)
LONGEST_GRACE = timedelta(hours=3)
LONGEST_RUN = timedelta(hours=24)


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

    @property
    def deadline(self) -> datetime | None:
        return self.due + self.grace if self.due else None

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
    enabled = tuple(plan for plan in part.plans if plan.enabled)
    good = _newest_evident(part, now)
    due = _due(part, enabled, good, history)
    next_run, plan = _next(enabled, now)
    case = _Case(part, now, zone, good, due, _grace(part, enabled, now))
    verdict = _unknown(case) or _unpromised(case, enabled) or _worthless(case) or _judged_by_time(case)
    return Judgement(verdict, good, due, next_run, plan, case.grace)


# --- rule 6, second half: what may count as evidence ----------------------------------------------------------------


def _evident(part: Part) -> Iterable[Run]:
    """Rule 6: runs that start later than 5 min after the reading are no evidence: a clock is wrong."""
    as_of = part.evidence.as_of
    return (run for run in part.runs if as_of is not None and run.start <= as_of + CLOCK_TOLERANCE)


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
    jobs = words.listed(sorted({plan.job for plan in part.plans}))
    reason = f"job {jobs} is switched off; {case.newest()}"
    periods = [plan.schedule.period(case.now) for plan in part.plans if plan.schedule]
    period = max((period for period in periods if period), default=None)
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


def _due(part: Part, enabled: tuple[Plan, ...], good: Run | None, history: History) -> datetime | None:
    """Rule 3: D, the first due time after the one that the newest good run answers; without one the first that is known."""
    announced = [plan.announced for plan in enabled if plan.announced]
    if good is not None:
        answered_until = good.start + EARLY
    else:
        first = part.first_due_after or history.first_contact or part.evidence.as_of
        if first is None:
            return min(announced, default=None)
        answered_until = first - timedelta(seconds=1)
    due = [plan.schedule.next_after(answered_until) for plan in enabled if plan.schedule]
    return min([*(one for one in due if one), *announced], default=None)


def _next(enabled: tuple[Plan, ...], now: datetime) -> tuple[datetime | None, Plan | None]:
    coming = [(plan.schedule.next_after(now), plan) for plan in enabled if plan.schedule]
    coming += [(plan.announced, plan) for plan in enabled if plan.announced and plan.announced > now]
    known = [(when, plan) for when, plan in coming if when is not None]
    if known:
        return min(known, key=lambda pair: pair[0])
    return None, next(iter(enabled), None)


def _grace(part: Part, enabled: tuple[Plan, ...], now: datetime) -> timedelta:
    """Rule 4: 30 min where starts can be seen, else a quarter of the period, 30 min to 3 h; the owner's word wins."""
    own = [plan.grace for plan in enabled if plan.grace is not None]
    if own:
        return max(own)
    if part.starts_seen:
        return SHORT_GRACE
    periods = [plan.schedule.period(now) for plan in (enabled or part.plans) if plan.schedule]
    period = min((period for period in periods if period), default=None)
    return min(max(period / 4, SHORT_GRACE), LONGEST_GRACE) if period else LONGEST_GRACE


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
    concerns += [f"the schedule of {plan.job} can't be read: {plan.trouble}" for plan in part.plans if plan.trouble]
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
    if case.part.unscheduled_runs_count:
        since = (
            min(since, case.good.start + timedelta(seconds=1)) if case.good else datetime.min.replace(tzinfo=due.tzinfo)
        )
    runs = (run for run in _evident(case.part) if run.outcome is Outcome.FAILED)
    return next((run for run in runs if run.start >= since), None)


def _failure_outside_schedule(case: _Case, good: Run) -> list[str]:
    """Rule 3: one that failed after the newest good run but before D is a warning."""
    later = (run for run in _evident(case.part) if run.outcome is Outcome.FAILED and run.start > good.start)
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
    own = [Activity(run.start, case.part.longest) for run in _evident(case.part) if run.outcome is Outcome.RUNNING]
    since = case.good.start if case.good else datetime.min.replace(tzinfo=due.tzinfo)
    shared = [activity for activity in case.part.activities if activity.holds_up or activity.start >= due - EARLY]
    return min(
        (run for run in [*own, *shared] if run.holds_up or run.start > since), key=lambda run: run.start, default=None
    )


def _overdue(case: _Case, due: datetime) -> Verdict:
    """Rule 3 and 6: missed and never need readings from after D + grace; with older ones it stays late."""
    part, deadline = case.part, due + case.grace
    as_of = part.evidence.as_of
    if case.now < deadline or as_of is None or as_of < deadline:
        return case.verdict(State.LATE, f"due {case.at(due)}, nothing has started yet; {case.newest()}", due)
    by = words.clock(deadline, due, case.now, case.zone)
    reason = f"due {case.at(due)}, nothing had started by {by}"
    if case.good is None:
        return case.verdict(State.NEVER, f"{reason}, and {case.newest()}", deadline, part.actions.never)
    return case.verdict(State.MISSED, f"{reason}; {case.newest()}", deadline, part.actions.missed)


def _noun(part: Part) -> str:
    return "dump" if part.kind == "database" else "backup"


def _quoted(text: str | None) -> str:
    return f": {' '.join(text.split())}" if text and text.strip() else ""
