"""One member of a job over time: what was due for it, and what became of each due time.

The newest due time has the verdict of the board. Older ones are told from the runs that are still known, and where none
is known, only what can be said with a good conscience: retention removes old backups, and Backrest their runs as well.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache

from .due_times import due_times
from .model import Outcome, Run, State, Verdict, worst
from .part import EARLY, Plan
from .schedule import Schedule

#: So many due times in a row that have their backups prove that retention removed nothing newer than them, for it
#: thins from the old end. Two may stand side by side by chance: the last of a week and the last of a month.
UNTHINNED = 3

#: How many periods before the window are looked at, and how many due times at most, to find those.
_LOOK_BACK = 8
_LONGEST_LOOK_BACK = timedelta(days=400)

_STATES = {
    Outcome.OK: State.OK,
    Outcome.WARNING: State.WARNING,
    Outcome.FAILED: State.FAILED,
    Outcome.RUNNING: State.RUNNING,
}


#: States of the board that tell what became of a due time to which no run belongs.
_TELLING = frozenset({State.LATE, State.RUNNING, State.MISSED, State.NEVER, State.UNKNOWN, State.DISABLED})


@dataclass(frozen=True, slots=True)
class Track:
    """A member of one or more jobs.

    Attributes:
        name: what people call it.
        runs: what counts as evidence, oldest first.
        plans: the promises that are in force, and those that were before, each for its own time (rule 1).
        grace: how long after a due time a run may still start.
        as_of: how old the knowledge is; None: nothing is known.
        known_since: a due time before this moment is told only when a run answered it.
        thinned: retention may have removed some of its runs with their backups; never those of upkeep.
        failures_are_gaps: some of its failed runs are only a missing backup, which retention may have removed (a guest's).
    """

    name: str
    runs: tuple[Run, ...]
    plans: tuple[Plan, ...]
    verdict: Verdict
    grace: timedelta
    as_of: datetime | None
    known_since: datetime | None
    thinned: bool = True
    failures_are_gaps: bool = False


@dataclass(frozen=True, slots=True)
class Became:
    """What became of one due time for one member. ``again``: the next good run after one that did not work out."""

    name: str
    state: State
    run: Run | None = None
    reason: str | None = None
    again: Run | None = None


def became(
    track: Track, start: datetime, end: datetime, now: datetime, limit: int
) -> Iterator[tuple[str, datetime, Became | None]]:
    """(job, due time, what became of it) for the due times in a window; None for what is planned."""
    promised = [(plan.job, _dues(track, plan, start, end, limit)) for plan in track.plans]
    every = tuple(sorted({due for _, dues in promised for due in dues})) if len(promised) > 1 else promised[0][1]
    if not every:
        return
    window = _Window(track, every, _following(track, end), now)
    for job, dues in promised:
        for due in dues[bisect_left(dues, start) :]:
            if due > now:
                yield job, due, None
            elif (one := window.became(due)) is not None:
                yield job, due, one


def _dues(track: Track, plan: Plan, start: datetime, end: datetime, limit: int) -> tuple[datetime, ...]:
    """The due times of one plan while it was in force (rule 1), some before the window included."""
    if plan.schedule is None:
        return tuple(due for due in _announced(track, plan) if start <= due < end)
    dues = _scheduled(plan.schedule, start, end, limit)
    if plan.valid_from is None and plan.valid_to is None:
        return dues
    return tuple(due for due in dues if plan.in_force(due))


def _announced(track: Track, plan: Plan) -> list[datetime]:
    """Due times without a schedule: what was announced, and runs without an announcement were due when they began."""
    starts = {run.start for run in track.runs}
    # While a run is under way it stands in the place of the next one: plans.py.
    announced = sorted({*plan.kept, *({plan.announced} - starts if plan.announced else ())})
    answered, dues = set(), [*announced]
    for start in sorted(starts):
        place = bisect_right(announced, start + EARLY)
        if place == 0 or place in answered:
            dues.append(start)
        answered.add(place)
    return sorted(due for due in dues if plan.in_force(due))


@lru_cache(maxsize=512)
def _scheduled(schedule: Schedule, start: datetime, end: datetime, limit: int) -> tuple[datetime, ...]:
    """Kept, because all members of a job ask the same."""
    back = min(_LOOK_BACK * (schedule.period(start) or timedelta(days=1)), _LONGEST_LOOK_BACK)
    return due_times(schedule, start - back, start, _LOOK_BACK) + due_times(schedule, start, end, limit)


def _following(track: Track, end: datetime) -> datetime | None:
    """The first due time behind the window: runs from then on answer that one."""
    coming: list[datetime] = []
    for plan in track.plans:
        if plan.schedule is None:
            coming += _announced(track, plan)
        elif (due := plan.due_after(end - EARLY.resolution)) is not None:
            coming.append(due)
    return min((due for due in coming if due >= end), default=None)


class _Window:
    """The due times of a window with the runs that answer them.

    Rule 3: a run answers the last due time at or before its start; it may begin 5 minutes early.
    """

    def __init__(self, track: Track, every: tuple[datetime, ...], following: datetime | None, now: datetime) -> None:
        self.track = track
        self.now = now
        self._every = every
        self._answers = _answers(track.runs, every, following)
        last = bisect_right(every, now) - 1
        judged = any(plan.valid_to is None for plan in track.plans) and (following is None or following > now)
        self._newest = every[last] if last >= 0 and judged else None

    def became(self, due: datetime) -> Became | None:
        """None where nothing can be told."""
        runs = self._answers.get(due, ())
        newest = due == self._newest
        # Nearly always, so nothing else is asked.
        if not newest and len(runs) == 1 and runs[0].outcome is Outcome.OK:
            return Became(self.track.name, State.OK, runs[0])
        unfinished = next((run for run in runs if run.outcome is Outcome.RUNNING), None)
        good = next((run for run in reversed(runs) if run.good), None)
        if good is not None:
            return self._good(good, newest=newest)
        if unfinished is not None:
            return self._unfinished(unfinished)
        if runs and (newest or due >= self._unthinned_from or not self.track.failures_are_gaps):
            state = State.UNKNOWN if runs[-1].text == "unknown" else State.FAILED
            return Became(self.track.name, state, runs[-1], runs[-1].text, self._good_after(runs[-1].start))
        return self._unanswered_now(due) if newest else self._unanswered_before(due)

    def _good(self, run: Run, *, newest: bool) -> Became:
        """The newest one is worth no more than the board says: a dump file may be gone, a verification failed."""
        verdict, state = self.track.verdict, _STATES[run.outcome]
        if newest and verdict.state in (State.FAILED, State.WARNING):
            return Became(self.track.name, worst([verdict.state, state]), run, verdict.reason)
        return Became(self.track.name, state, run, run.text if state is State.WARNING else None)

    def _unfinished(self, run: Run) -> Became:
        """Rule 5: running, but not for ever: the board says when it is missed."""
        verdict = self.track.verdict
        state = State.MISSED if verdict.state is State.MISSED else State.RUNNING
        return Became(self.track.name, state, run, verdict.reason)

    def _unanswered_now(self, due: datetime) -> Became | None:
        verdict = self.track.verdict
        if verdict.state in _TELLING:
            return Became(self.track.name, verdict.state, None, verdict.reason)
        late = verdict.state is not State.NEW and self.now < due + self.track.grace
        return Became(self.track.name, State.LATE) if late else None

    def _unanswered_before(self, due: datetime) -> Became | None:
        """Rules 3 and 6, looking back: missed needs a reading from after the grace, and no retention that explains it."""
        track = self.track
        if track.known_since is None or due < track.known_since:
            return None
        if track.as_of is None or track.as_of < due + track.grace:
            return Became(track.name, State.UNKNOWN, None, "nothing was read since")
        again = self._good_after(due)
        if again is not None and track.thinned and due < self._unthinned_from:
            return None
        never = again is None and track.verdict.state is State.NEVER
        return Became(track.name, State.NEVER if never else State.MISSED, None, None, again)

    def _good_after(self, moment: datetime) -> Run | None:
        later = bisect_right(self.track.runs, moment, key=_begun)
        return next((run for run in self.track.runs[later:] if run.good), None)

    @cached_property
    def _unthinned_from(self) -> datetime:
        """Retention removed nothing that was due from then on; the far future where that is not proved."""
        in_a_row = 0
        for due in self._every:
            in_a_row = in_a_row + 1 if any(run.good for run in self._answers.get(due, ())) else 0
            if in_a_row == UNTHINNED:
                return due
        return datetime.max.replace(tzinfo=UTC)


def _answers(runs: Sequence[Run], every: Sequence[datetime], following: datetime | None) -> dict[datetime, list[Run]]:
    """The runs by the due time that they answer, both oldest first."""
    found: dict[datetime, list[Run]] = {}
    first = bisect_left(runs, every[0] - EARLY, key=_begun)
    for due, behind in zip(every, (*every[1:], following), strict=True):
        last = first
        while last < len(runs) and (behind is None or runs[last].start < behind - EARLY):
            last += 1
        if last > first:
            found[due] = [*runs[first:last]]
        first = last
    return found


def _begun(run: Run) -> datetime:
    return run.start
