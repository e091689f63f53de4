"""When something is due by one expectation: the due time that counts, the next one, and the grace (rules 1, 3, 4, 7 and 8)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.model import Outcome, Run
from sidecar.core.parts.expectation import FIRST, SHORT_GRACE, Expectation, PauseWindow, ScheduleInForce
from sidecar.core.parts.part import Part

#: Rule 4: the longest grace where starts can't be seen.
LONGEST_GRACE = timedelta(hours=3)

Pauses = tuple[PauseWindow, ...]


def due_time(
    expectation: Expectation,
    pauses: Pauses,
    good: Run | None,
    oldest: datetime | None = None,
) -> datetime | None:
    """Rule 3: D, the first due time after the one that the newest good run answers; without one the first that is known.

    Args:
        good: the newest good run that counts: see Judgement.
        oldest: no due time before this is known; asked only where no run is good.
    """
    # What ended before that run owes nothing more; left out here, it need not be asked.
    owed = [past for past in expectation.past if good is None or past.valid_to is None or past.valid_to > good.start]
    if expectation.owes and expectation.schedule is not None:
        owed.append(expectation.schedule)
    dues = [_first_due(expectation, schedule, pauses, good, oldest) for schedule in owed]
    if expectation.every_run_was_due:
        dues.append(_first_failure(expectation, good))
    due = min((due for due in dues if due), default=None)
    return _unless_confirmed(expectation, due) if good is not None and due is not None else due


def oldest_known(part: Part, expectation: Expectation, known_since: datetime | None) -> datetime | None:
    """Rule 1: no due time before this is known. ``known_since``: see History.known_since."""
    known = [moment for moment in (part.oldest_trace, known_since) if moment is not None]
    oldest = min(known, default=expectation.observed.evidence.as_of)
    cut_off = expectation.read_since
    return oldest if oldest is None or cut_off is None else max(oldest, cut_off)


def _first_failure(expectation: Expectation, good: Run | None) -> datetime | None:
    """The first failed run after the newest good one, where each run was due when it began.

    What began while another schedule was in force answers that one (rule 1).
    """
    failed = (run.start for run in expectation.observed.runs if run.outcome is Outcome.FAILED)
    own = (start for start in failed if not any(before.in_force(start) for before in expectation.past))
    return min((start for start in own if good is None or start > good.start), default=None)


def _unless_confirmed(expectation: Expectation, due: datetime) -> datetime | None:
    """Rule 8: PBS itself says when something is due next, unless a run for an earlier due time was seen to fail."""
    until, schedule = expectation.confirmed_until, expectation.schedule
    if until is None or schedule is None or until <= due:
        return due
    begun = due - schedule.early(due)
    if any(run.start >= begun and not run.good for run in expectation.observed.runs):
        return due
    return schedule.due_after(until - datetime.resolution)


def next_run(expectation: Expectation, pauses: Pauses, now: datetime) -> datetime | None:
    """The next due time after ``now``; None while the job is switched off."""
    if not expectation.owes or expectation.schedule is None:
        return None
    return _not_paused(expectation.schedule, pauses, expectation.schedule.due_after(now))


def grace(expectation: Expectation, now: datetime) -> timedelta:
    """Rule 4: 30 min where starts can be seen, else a quarter of the period, 30 min to 3 h; the owner's word wins."""
    in_force = expectation.schedule
    if in_force is not None and in_force.grace is not None:
        return in_force.grace
    if expectation.starts_seen:
        return SHORT_GRACE
    return unseen_grace(expectation, now)


def unseen_grace(expectation: Expectation, now: datetime) -> timedelta:
    """Rule 4: the grace where starts can't be seen."""
    in_force = expectation.schedule
    period = in_force.schedule.period(now) if in_force is not None and in_force.schedule else None
    return min(max(period / 4, SHORT_GRACE), LONGEST_GRACE) if period else LONGEST_GRACE


def deadline_of(expectation: Expectation, due: datetime, grace_: timedelta) -> datetime:
    """Rules 3 and 7: until when a run for ``due`` may start."""
    return due + grace_ + second_time(due, expectation.schedules)


def is_evident(expectation: Expectation, due: datetime, grace_: timedelta, now: datetime) -> bool:
    """Rule 6: that nothing started for ``due`` is shown by a reading from after its deadline."""
    as_of, deadline = expectation.observed.evidence.as_of, deadline_of(expectation, due, grace_)
    if now < deadline or as_of is None or as_of < deadline:
        return False
    return back_since(expectation, due, grace_, now) is None


def back_since(expectation: Expectation, due: datetime, grace_: timedelta, now: datetime) -> datetime | None:
    """Rule 6: since when a source is back that slept at the deadline, as long as it has to catch up; else None.

    Where only the starts could not be seen, what lies at the destination still shows it after the grace for that.
    """
    evidence = expectation.observed.evidence
    if evidence.gap is None and evidence.starts_gap is None:
        return None
    deadline = deadline_of(expectation, due, grace_)
    if evidence.gap is not None and evidence.just_over(evidence.gap, deadline):
        return evidence.gap.end
    unseen = deadline_of(expectation, due, unseen_grace(expectation, now))
    starts = evidence.starts_gap
    if starts is None or not evidence.just_over(starts, deadline) or evidence.as_of is None:
        return None
    return starts.end if evidence.as_of < unseen else None


def early(expectation: Expectation, due: datetime) -> timedelta:
    """Rule 3: how much before ``due`` a run may begin, by the schedule that it is a due time of."""
    return min(
        (schedule.early(due) for schedule in expectation.schedules if schedule.in_force(due)), default=timedelta()
    )


def begun_for(expectation: Expectation, runs: Iterable[Run], due: datetime) -> list[Run]:
    """Rule 3: those of the runs that began for ``due`` or later."""
    since = due - early(expectation, due)
    return [run for run in runs if run.start >= since]


def second_time(due: datetime, schedules: Iterable[ScheduleInForce]) -> timedelta:
    """Rule 7: how much later the same local time comes again; nothing where it comes once.

    It is due once, at the first, but schedulers disagree which of the two they take (SCHED-4), so the second is
    waited for as well.
    """
    zones = {schedule.timezone for schedule in schedules if schedule.schedule and schedule.timezone}
    local = [due.astimezone(ZoneInfo(zone)) for zone in zones]
    again = [time.replace(fold=1).astimezone(UTC) - due for time in local]
    return max(again, default=timedelta())


def _first_due(
    expectation: Expectation,
    schedule: ScheduleInForce,
    pauses: Pauses,
    good: Run | None,
    oldest: datetime | None,
) -> datetime | None:
    if good is not None:
        due = schedule.first_due_after_run(good.start)
        if expectation.busy_is_kept and due is not None and good.end is not None and due <= good.end:
            due = schedule.due_after(good.end)
    elif schedule.schedule is None:
        due = schedule.due_after(FIRST)
    else:
        due = _first_known(expectation, schedule, oldest)
    return _not_paused(schedule, pauses, due)


def _first_known(expectation: Expectation, schedule: ScheduleInForce, oldest: datetime | None) -> datetime | None:
    """Rule 1: the first due time from the oldest trace on, or an earlier one that a failed run was for."""
    due = schedule.due_after(oldest - timedelta(seconds=1)) if oldest is not None else None
    failed = (run.start for run in expectation.observed.runs if run.outcome is not Outcome.OK)
    first_failed = min((start for start in failed if start not in expectation.not_its_own), default=None)
    answered = schedule.answered_by(first_failed) if first_failed is not None else None
    return min((moment for moment in (due, answered) if moment is not None), default=None)


def _not_paused(schedule: ScheduleInForce, pauses: Pauses, due: datetime | None) -> datetime | None:
    """The due time, or the first after it that no pause excuses."""
    while due is not None and (pause := next((each for each in pauses if each.start <= due < each.end), None)):
        due = schedule.due_after(pause.end - datetime.resolution)
    return due
