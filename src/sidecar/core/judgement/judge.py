"""Judges one expectation at one moment: the rules of docs/verdicts.md, each marked with its number.

The questions are asked in this order, and the first that applies answers: Does the owner want it quiet? Can anything be
known? Is it still there? Does the job owe a backup? Is the newest one worth anything? Is one due, and what became of it?
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import dropwhile, islice
from zoneinfo import ZoneInfo

from sidecar.core import words
from sidecar.core.model import Cause, Outcome, Run, State, Verdict
from sidecar.core.parts.expectation import (
    CLOCK_TOLERANCE,
    SHOWN_AT_MOST,
    Activity,
    Evidence,
    Expectation,
    PauseWindow,
    ScheduleInForce,
)
from sidecar.core.parts.part import Part
from sidecar.core.value import value

from . import rhythm, unscheduled, worth
from .due import back_since, deadline_of, due_time, grace, is_evident, next_run
from .progress import in_words
from .unreadable import unreadable, verdict_of

#: Rule 5: how long a run may be under way at least, while the upstream itself shows that it is not over.
SHOWN_AT_LEAST = timedelta(hours=12)

#: Rule 5: and where no list of what runs can be read, and nothing tells how long such runs take.
UNSEEN_AT_MOST = timedelta(hours=24)

_LOWERED_BY_CONCERNS = (State.LATE, State.RUNNING, State.OK)


@value(kw_only=True)
class Judgement:
    """An expectation's verdict and the times that go with it.

    Attributes:
        due: the due time that counts (rule 3); None where none is known.
        good: the newest good run that counts as evidence: at its destination, or anywhere where no job leads there any more.
        next_run: the next due time after now.
        grace: how long after a due time a run may still start (rule 4).
        under_way: something runs that may still answer what is due (rule 5), and not for too long.
    """

    expectation: Expectation
    verdict: Verdict
    good: Run | None
    due: datetime | None
    next_run: datetime | None
    grace: timedelta
    under_way: bool = False

    @property
    def speaks(self) -> bool:
        """It counts for the part: an ended expectation has a say only while it is still owed something (rule 1)."""
        return self.expectation.schedule is not None or self.due is not None


@value(kw_only=True)
class Case:
    """One expectation of one member at one moment, with what every rule asks for.

    Attributes:
        later: the runs of its own that began after the newest good one, newest first: nearly always none.
        cancelled: one of these that a person ended; it answers its due time (rule 10).
        names_job: others are expected of the part too, so the reason says which one it is about.
    """

    part: Part
    expectation: Expectation
    now: datetime
    zone: ZoneInfo
    good: Run | None
    later: tuple[Run, ...]
    cancelled: Run | None
    due: datetime | None
    grace: timedelta
    names_job: bool

    @property
    def evidence(self) -> Evidence:
        return self.expectation.observed.evidence

    def at(self, when: datetime) -> str:
        return words.moment(when, self.now, self.zone)

    def newest(self) -> str:
        """What is newest, in words. Where others of its destinations have a backup, it names the one that has none."""
        if self.good is None and self.expectation.destination and newest_evident(self.part, self.now) is not None:
            return f"no {self.part.noun} of {self.part.name} exists on {self.expectation.destination}"
        return newest_in_words(self.part, self.good, self.now, self.zone)

    @property
    def about(self) -> str:
        """How a reason begins: "critical to pbs-main: " where the part has several jobs."""
        if not self.names_job:
            return ""
        place = f" to {self.expectation.destination}" if self.expectation.destination else ""
        return f"{self.expectation.job.id}{place}: "

    def verdict(
        self, state: State, cause: Cause, reason: str, since: datetime | None, action: str | None = None
    ) -> Verdict:
        return verdict_of(self.part, state, cause, f"{self.about}{reason}", since, action)


def judge(
    part: Part,
    expectation: Expectation,
    contact: datetime | None,
    now: datetime,
    zone: ZoneInfo,
    *,
    names_job: bool,
) -> Judgement:
    """The verdict of one of the part's expectations at ``now``; times in its reason are read in ``zone``.

    Args:
        contact: when the part's source was read for the first time.
        names_job: see Case.
    """
    good, later = _newest_good(part, expectation, now)
    oldest = _oldest(part, expectation, contact)
    due = due_time(expectation, part.pauses, good, oldest)
    cancelled = _newest_cancelled(expectation, later, due)
    if cancelled is not None:
        due = due_time(expectation, part.pauses, cancelled, oldest)
    case = Case(
        part=part,
        expectation=expectation,
        now=now,
        zone=zone,
        good=good,
        later=later,
        cancelled=cancelled,
        due=due,
        grace=grace(expectation, now),
        names_job=names_job,
    )
    only_kept = _why_only_kept(case)
    if only_kept is not None:
        case = replace(case, due=None)
    activity = _under_way(case)
    in_limit = activity is not None and now <= activity.start + _limit(case, activity)
    verdict = (
        of_the_part_alone(part, now, zone)
        or _silenced(case)
        or _unknown(case)
        or _nothing_owed(case)
        or (_only_kept(case, only_kept) if only_kept is not None else None)
        or _switched_off(case, activity)
        or _unusable(case)
        or _with_concerns(case, _by_rhythm(case, _by_time(case, activity), activity if in_limit else None))
    )
    return Judgement(
        expectation=expectation,
        verdict=verdict,
        good=good,
        due=case.due,
        next_run=next_run(expectation, part.pauses, now),
        grace=case.grace,
        under_way=in_limit,
    )


def _oldest(part: Part, expectation: Expectation, contact: datetime | None) -> datetime | None:
    """Rule 1: no due time before this is known."""
    known = [moment for moment in (part.oldest_trace, contact) if moment is not None]
    oldest = min(known, default=expectation.observed.evidence.as_of)
    cut_off = expectation.read_since
    return oldest if oldest is None or cut_off is None else max(oldest, cut_off)


# --- what holds for a part whatever its jobs say -----------------------------------------------------------------------


def of_the_part_alone(part: Part, now: datetime, zone: ZoneInfo) -> Verdict | None:
    """Rule 2: a pause hides whatever happens meanwhile. Then: a reference that means nothing, and rule 11."""
    pause = next((each for each in part.pauses if each.start <= now < each.end), None)
    if pause is not None:
        return _paused(part, pause, now, zone)
    if part.note is not None:
        return verdict_of(part, State.UNKNOWN, Cause.CANNOT_TELL, part.note, None, part.actions.unreadable)
    if part.gone is not None and not part.evidence.stale(now):
        reason = f"gone from {part.source} since {words.moment(part.gone, now, zone)}, but still expected"
        return verdict_of(part, State.MISSED, Cause.GONE, reason, part.gone, part.actions.missed)
    return None


def in_no_job(part: Part, now: datetime, zone: ZoneInfo, told: str = "") -> Verdict:
    """Rule 2: what no job is for is a warning, as far as anything can be known of it. ``told``: since when, in words."""
    newest = newest_in_words(part, newest_evident(part, now), now, zone)
    if part.evidence.stale(now):
        return unreadable(part, part.evidence, newest, now, zone)
    if part.absent:
        return verdict_of(part, State.NEVER, Cause.NOTHING_STARTED, newest, None, part.actions.never)
    reason = f"no enabled job backs it up{told}; {newest}"
    return verdict_of(part, State.WARNING, Cause.IN_NO_JOB, reason, None, part.actions.uncovered)


def newest_evident(part: Part, now: datetime) -> Run | None:
    """Rule 6: the newest good run of a part at any destination that counts as evidence."""
    return _newest_evident(part.observed.evidence, part.observed.runs, now)


def newest_in_words(part: Part, good: Run | None, now: datetime, zone: ZoneInfo) -> str:
    """What is newest of a part: "newest dump today 02:00", "no backup of web exists"."""
    if good is not None:
        return f"newest {part.noun} {words.moment(good.start, now, zone)}"
    return f"no good {part.noun} is known" if part.noun == "run" else f"no {part.noun} of {part.name} exists"


def _paused(part: Part, pause: PauseWindow, now: datetime, zone: ZoneInfo) -> Verdict:
    why = f": {pause.reason}" if pause.reason else ""
    newest = newest_in_words(part, newest_evident(part, now), now, zone)
    reason = f"paused until {words.moment(pause.end, now, zone)}{why}; {newest}"
    return verdict_of(part, State.DISABLED, Cause.PAUSED, reason, pause.start)


# --- rule 2: only the owner's configuration makes an expectation disabled -------------------------------------------------


def _silenced(case: Case) -> Verdict | None:
    in_force = case.expectation.schedule
    if in_force is None or not in_force.silenced:
        return None
    reason = f"{in_force.job} is switched off in the configuration; {case.newest()}"
    return case.verdict(State.DISABLED, Cause.SWITCHED_OFF_HERE, reason, None)


# --- rule 6, second half: what may count as evidence ----------------------------------------------------------------


def _evident(evidence: Evidence, runs: Iterable[Run]) -> Iterator[Run]:
    """Rule 6: runs that start later than 5 min after the reading are no evidence: a clock is wrong. Newest first."""
    return dropwhile(evidence.is_from_the_future, runs)


def _newest_evident(evidence: Evidence, runs: Iterable[Run], now: datetime) -> Run | None:
    return next((run for run in _evident(evidence, runs) if run.good and run.start <= now + CLOCK_TOLERANCE), None)


def _newest_good(part: Part, expectation: Expectation, now: datetime) -> tuple[Run | None, tuple[Run, ...]]:
    """The newest good run at the destination, and the runs of the expectation's own that began after it.

    What is owed to a destination that no job leads to any more is answered anywhere (rule 1). Runs that answer only
    other expectations at the same destination are not its own (rule 3).
    """
    observed, later = expectation.observed, []
    good = None
    for run in _evident(observed.evidence, observed.runs):
        if run.good and run.start <= now + CLOCK_TOLERANCE:
            good = run
            break
        if run.start not in expectation.not_its_own:
            later.append(run)
    if expectation.schedule is None:
        elsewhere = newest_evident(part, now)
        good = max((run for run in (good, elsewhere) if run), key=lambda run: run.start, default=None)
    return good, tuple(run for run in later if not run.good and (good is None or run.start > good.start))


def _newest_cancelled(expectation: Expectation, later: tuple[Run, ...], due: datetime | None) -> Run | None:
    """Rule 10: the newest run that a person cancelled, if nothing was good since. It excuses no other failure.

    Args:
        due: the due time that it would answer; what failed before that is another matter (rule 3).
    """
    failed = [run for run in later if run.outcome is Outcome.FAILED]
    if not any(run.cancelled for run in failed):
        return None
    if due is not None:
        failed = _begun_for(expectation, failed, due) or failed
    return failed[0] if all(run.cancelled for run in failed) else None


def _begun_for(expectation: Expectation, runs: Iterable[Run], due: datetime) -> list[Run]:
    since = due - early(expectation, due)
    return [run for run in runs if run.start >= since]


def _unknown(case: Case) -> Verdict | None:
    """Rule 6: readings older than ``stale_after`` prove nothing, whatever the schedule."""
    if case.expectation.note is not None:
        return case.verdict(State.UNKNOWN, Cause.CANNOT_TELL, case.expectation.note, None, case.expectation.cure)
    if not case.evidence.stale(case.now):
        return None
    return unreadable(case.part, case.evidence, case.newest(), case.now, case.zone, about=case.about)


# --- rules 2 and 8: does the job owe anything ------------------------------------------------------------------------------


def _nothing_owed(case: Case) -> Verdict | None:
    """Rule 8: what never has to run is disabled, but a last run that failed is still told."""
    why = case.expectation.nothing_owed
    if why is None:
        return None
    last = case.later[0] if case.later else case.good
    if last is not None and last.outcome is Outcome.RUNNING:
        return case.verdict(State.RUNNING, Cause.UNDER_WAY, f"running since {case.at(last.start)}", last.start)
    if last is not None and last.outcome in (Outcome.FAILED, Outcome.WARNING):
        ended = "failed" if last.outcome is Outcome.FAILED else "finished with warnings"
        reason = f"{why}; the run of {case.at(last.start)} {ended}{_quoted(last.text)}"
        return case.verdict(State.WARNING, Cause.RUN_FAILED, reason, last.end or last.start, case.part.actions.failed)
    return case.verdict(State.DISABLED, Cause.NOTHING_OWED, why, None)


def _switched_off(case: Case, activity: Activity | None) -> Verdict | None:
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
    return min(verdict, _by_time(case, activity), key=lambda each: each.state.rank)


def _unreadable_schedule(case: Case, in_force: ScheduleInForce) -> Verdict:
    reason = f"the schedule of {in_force.job} can't be read: {in_force.trouble}; {case.newest()}"
    say = f"say when it runs: jobs, {in_force.job}, schedule"
    return case.verdict(State.WARNING, Cause.SCHEDULE_UNREADABLE, reason, None, say)


def _off(case: Case, in_force: ScheduleInForce, activity: Activity | None) -> Verdict:
    failed = _newest_failure(case, case.due) if case.due is not None else _last_failure(case)
    if failed is not None:
        return _failed(case, failed)
    if activity is not None and case.now <= activity.start + _limit(case, activity):
        return _running(case, activity)
    reason = f"job {case.expectation.job} is switched off; {case.newest()}"
    period = in_force.last_period(case.now) or _usual_gap(case)
    limit = case.good.start + period + case.grace if case.good is not None and period is not None else None
    action = case.part.actions.uncovered
    if limit is None or case.now < limit:
        return case.verdict(State.WARNING, Cause.SWITCHED_OFF_UPSTREAM, reason, None, action)
    reason = f"{reason}, the limit was {case.at(limit)}"
    return case.verdict(State.MISSED, Cause.SWITCHED_OFF_UPSTREAM, reason, limit, action)


# --- the newest backup itself ---------------------------------------------------------------------------------------


def _unusable(case: Case) -> Verdict | None:
    """Rule 9: a newest backup that failed verification, or whose file is gone or empty, is a failure."""
    observed = case.expectation.observed
    if observed.unusable is None or case.good is None:
        return None
    since = observed.verified_at or case.good.start
    reason = f"{observed.unusable}; {case.newest()}"
    return case.verdict(State.FAILED, Cause.NEWEST_UNUSABLE, reason, since, case.part.actions.failed)


def _with_concerns(case: Case, verdict: Verdict) -> Verdict:
    """What is true of a good backup, but no occurrence, makes it a warning whether the next one is due or not."""
    if case.good is None or verdict.state not in _LOWERED_BY_CONCERNS:
        return verdict
    of_the_backup = [*case.expectation.observed.concerns]
    if case.good.outcome is Outcome.WARNING:
        of_the_backup.insert(0, f"the newest {case.part.noun} finished with warnings{_quoted(case.good.text)}")
    shrunk = worth.shrunk(case.part.kind, case.expectation, case.good)
    if shrunk is not None:
        of_the_backup.append(worth.in_words(shrunk, case.part))
    concerns = [*of_the_backup, *_failure_outside_schedule(case)]
    if not concerns:
        return verdict
    cause = Cause.CONCERNS if of_the_backup else Cause.OTHER_RUN_FAILED
    reason = f"{'; '.join(concerns)}; {case.newest()}"
    action = case.part.actions.concerned or case.part.actions.failed
    if shrunk is not None and len(concerns) == 1:
        action = worth.ACTION
    return case.verdict(State.WARNING, cause, reason, case.good.start, action)


def _failure_outside_schedule(case: Case) -> list[str]:
    """Rule 3: one that failed after the newest good run but before D is a warning."""
    failed = (run for run in case.later if run.outcome is Outcome.FAILED and not run.cancelled)
    return [f"a later run outside the schedule failed {case.at(run.start)}{_quoted(run.text)}" for run in failed][:1]


# --- rule 12: how often it came before ----------------------------------------------------------------------------------


def _by_rhythm(case: Case, verdict: Verdict, under_way: Activity | None) -> Verdict:
    """Rule 12: what comes much later than usual is a warning, never red, for nobody promised it."""
    good, quiet = case.good, (State.OK, State.LATE, State.NEW)
    if verdict.state not in quiet or case.evidence.as_of is None:
        return verdict
    if case.expectation.only_by_rhythm and under_way is not None:
        return _running(case, under_way)
    if case.expectation.overdue:
        reason = f"overdue, as {case.part.source} itself says; {case.newest()}"
        return case.verdict(State.WARNING, Cause.OUT_OF_RHYTHM, reason, None, case.part.actions.missed)
    gap = _usual_gap(case)
    if gap is None and case.expectation.only_by_rhythm:
        reason = f"no schedule is known, and {unscheduled.UNKNOWN_RHYTHM}; {case.newest()}"
        return case.verdict(State.WARNING, Cause.IN_NO_JOB, reason, None, case.part.actions.uncovered)
    if good is None and gap is not None and case.expectation.only_by_rhythm:
        reason = f"usually {rhythm.often(gap)}; {case.newest()}"
        return case.verdict(State.WARNING, Cause.OUT_OF_RHYTHM, reason, None, case.part.actions.missed)
    if good is None or gap is None or case.evidence.as_of <= rhythm.limit(good.start, gap, case.grace):
        return _in_rhythm(case, verdict, gap)
    old = rhythm.age(case.now - good.start)
    reason = f"usually {rhythm.often(gap)}; the newest is {old} old; {case.newest()}"
    since = rhythm.limit(good.start, gap, case.grace)
    return case.verdict(State.WARNING, Cause.OUT_OF_RHYTHM, reason, since, case.part.actions.missed)


def _in_rhythm(case: Case, verdict: Verdict, gap: timedelta | None) -> Verdict:
    """Where nothing else says when it is due, the reason tells what it is measured by."""
    if gap is None or not case.expectation.only_by_rhythm:
        return verdict
    return replace(verdict, reason=words.sentence(f"comes about {rhythm.often(gap)}; {case.newest()}"))


def _why_only_kept(case: Case) -> str | None:
    """Rule 12: why nothing is expected of what no service names: none of its runs was due."""
    if case.expectation.named or not case.expectation.only_by_rhythm:
        return None
    return unscheduled.why_nothing_is_expected(case.good, _usual_gap(case), case.now)


def _only_kept(case: Case, why: str) -> Verdict:
    """Rule 12: it is kept, and that is all; but a new failure is told."""
    last = case.later[0] if case.later else None
    if last is not None and last.outcome is Outcome.RUNNING:
        return case.verdict(State.RUNNING, Cause.UNDER_WAY, f"running since {case.at(last.start)}", last.start)
    if last is not None and case.now - last.start <= unscheduled.ENDED_AFTER:
        reason = f"the run of {case.at(last.start)} failed{_quoted(last.text)}; {case.newest()}"
        since = last.end or last.start
        return case.verdict(State.WARNING, Cause.OTHER_RUN_FAILED, reason, since, case.part.actions.failed)
    return case.verdict(State.DISABLED, Cause.NOTHING_OWED, f"{why}; {case.newest()}", None)


def _usual_gap(case: Case) -> timedelta | None:
    """How far apart its good runs are; what the upstream announced may be further apart since the schedule was edited."""
    in_force = case.expectation.schedule
    if not case.expectation.by_rhythm or in_force is None:
        return None
    every = (run.start for run in _evident(case.evidence, case.expectation.observed.runs) if run.good)
    good = tuple(islice(every, 2 * rhythm.MOST_GAPS))
    if remembered := [start for start in case.expectation.remembered if start <= case.now]:
        good = tuple(sorted({*good, *remembered}, reverse=True)[: 2 * rhythm.MOST_GAPS])
    gap = rhythm.usual_gap(good)
    past = [due for due in in_force.announced_before if due <= case.now][-rhythm.MOST_GAPS :]
    announced = rhythm.announced_gap(past, good)
    return None if gap is None else max(gap, announced)


# --- rules 3 to 6: is one due, and what became of it ------------------------------------------------------------------


def _by_time(case: Case, activity: Activity | None) -> Verdict:
    """Rule 3: before D ok or new; from D late, from D + grace missed or never; a failure at once."""
    if case.due is None:
        return _before_due(case)
    failed = _newest_failure(case, case.due)
    if failed is not None:
        return _failed(case, failed)
    if case.now < case.due:
        return _before_due(case)
    if activity is not None and case.now <= activity.start + _limit(case, activity):
        return _running(case, activity)
    overdue = _overdue(case, case.due)
    if activity is None or activity.blocks_queue or overdue.state is State.LATE:
        return overdue
    return _running_too_long(case, activity)


def _before_due(case: Case) -> Verdict:
    if case.cancelled is not None:
        run = case.cancelled
        reason = f"the run of {case.at(run.start)} was cancelled{_quoted(run.text)}; {case.newest()}"
        return case.verdict(State.WARNING, Cause.RUN_CANCELLED, reason, run.end or run.start, case.part.actions.failed)
    if case.good is None:
        first = f"nothing was due yet; first run {case.at(case.due)}" if case.due else "nothing was ever due"
        if (since := case.expectation.read_since) is not None:
            first = f"no run is known since {case.at(since)}, and older ones could not be read"
        return case.verdict(State.NEW, Cause.NOTHING_WAS_DUE, first, None)
    return case.verdict(State.OK, Cause.IN_TIME, case.newest(), case.good.start)


def _newest_failure(case: Case, due: datetime) -> Run | None:
    """Rule 3: a finished run begun at or after D that failed."""
    if not case.later:
        return None
    failed = (run for run in case.later if run.outcome is Outcome.FAILED and not run.cancelled)
    return next(iter(_begun_for(case.expectation, failed, due)), None)


def _last_failure(case: Case) -> Run | None:
    """The newest run, where it failed after the newest good one."""
    last = case.later[0] if case.later else None
    return last if last is not None and last.outcome is Outcome.FAILED and not last.cancelled else None


def _failed(case: Case, run: Run) -> Verdict:
    ended = f"that ended {case.at(run.end)}" if run.end else f"of {case.at(run.start)}"
    reason = f"the run {ended} failed{_quoted(run.text)}; {case.newest()}"
    return case.verdict(State.FAILED, Cause.RUN_FAILED, reason, run.end or run.start, case.part.actions.failed)


def _running(case: Case, activity: Activity) -> Verdict:
    """Rule 5: an unfinished run replaces late and missed."""
    since = case.at(activity.start)
    if activity.blocks_queue:
        reason = f"waits for {activity.name}, which runs" if activity.name else "waits for what runs"
        return case.verdict(State.RUNNING, Cause.UNDER_WAY, f"{reason} since {since}", activity.start)
    rest = f", usually {words.duration(activity.usual)}" if activity.usual else ""
    now_at = in_words(activity.progress, case.at) if activity.progress else ""
    return case.verdict(State.RUNNING, Cause.UNDER_WAY, f"running since {since}{rest}{now_at}", activity.start)


def _running_too_long(case: Case, activity: Activity) -> Verdict:
    """Rule 5: but not for ever. Then it is like nothing at all: never without any good run (rule 3)."""
    limit = _limit(case, activity)
    now_at = in_words(activity.progress, case.at) if activity.progress else ""
    reason = f"running since {case.at(activity.start)}, longer than {words.duration(limit)}{now_at}; {case.newest()}"
    state, action = State.MISSED, case.part.actions.missed
    if case.good is None:
        state, action = State.NEVER, case.part.actions.never
    return case.verdict(state, Cause.UNDER_WAY_TOO_LONG, reason, activity.start + limit, action)


def _limit(case: Case, activity: Activity) -> timedelta:
    """Rule 5: twice as long as the longest run that is remembered, and longer where the upstream shows what runs."""
    if case.expectation.starts_seen or activity.start in case.expectation.observed.shown:
        return max(SHOWN_AT_LEAST, 2 * activity.usual) if activity.usual else SHOWN_AT_MOST
    return max(case.grace, 2 * activity.usual) if activity.usual else UNSEEN_AT_MOST


def _under_way(case: Case) -> Activity | None:
    """Rule 5: the oldest unfinished run that began at or after D, or whatever holds up the queue."""
    due = case.due
    every = [Activity(run.start, case.expectation.longest) for run in case.later if run.outcome is Outcome.RUNNING]
    if due is not None and case.expectation.activities:
        begin = due - early(case.expectation, due)
        every += [
            activity for activity in case.expectation.activities if activity.blocks_queue or activity.start >= begin
        ]
    return min(every, key=lambda activity: activity.start, default=None)


def _overdue(case: Case, due: datetime) -> Verdict:
    """Rules 3, 6 and 7: missed and never need readings from after D + grace; with older ones it stays late."""
    deadline = deadline_of(case.expectation, due, case.grace)
    if not is_evident(case.expectation, due, case.grace, case.now):
        back = back_since(case.expectation, due, case.grace, case.now)
        slept = f"; its source is back since {words.clock(back, due, case.now, case.zone)}" if back else ""
        reason = f"due {case.at(due)}, nothing has started yet{slept}; {case.newest()}"
        return case.verdict(State.LATE, Cause.WAITING, reason, due)
    by = words.clock(deadline, due, case.now, case.zone)
    reason, ahead = f"due {case.at(due)}, nothing had started by {by}", _from_the_future(case)
    hint = case.expectation.hint(case.expectation) if case.expectation.hint else None
    ahead += f"; {hint}" if hint else ""
    if case.good is None:
        never = f"{reason}, and {case.newest()}{ahead}"
        return case.verdict(State.NEVER, Cause.NOTHING_STARTED, never, deadline, case.part.actions.never)
    missed = f"{reason}; {case.newest()}{ahead}"
    return case.verdict(State.MISSED, Cause.NOTHING_STARTED, missed, deadline, case.part.actions.missed)


def early(expectation: Expectation, due: datetime) -> timedelta:
    """Rule 3: how much before ``due`` a run may begin, by the schedule that it is a due time of."""
    return min(
        (schedule.early(due) for schedule in expectation.schedules if schedule.in_force(due)), default=timedelta()
    )


def _from_the_future(case: Case) -> str:
    """Rule 6: what is no evidence is told all the same, for it says what to fix."""
    run = next((run for run in case.expectation.observed.runs if case.evidence.is_from_the_future(run)), None)
    return f"; a {case.part.noun} of {case.at(run.start)} lies in the future: a clock is wrong" if run else ""


def _quoted(text: str | None) -> str:
    return f": {' '.join(text.split())}" if text and text.strip() else ""
