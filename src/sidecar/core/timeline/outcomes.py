"""One member of a job over time: what was due for it, and what became of each due time.

The newest due time has the verdict of the board. Older ones are told from the runs that are still known, and where none
is known, only what can be said with a good conscience: retention removes old backups, and Backrest their runs as well.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from sidecar.core.model import Outcome, Run, State, Verdict, worst
from sidecar.core.parts.part import Plan

from .window import Window

#: So many due times in a row that have their backups prove that retention removed nothing newer than them, for it
#: thins from the old end. Two may stand side by side by chance: the last of a week and the last of a month.
UNTHINNED = 3

_OK = Outcome.OK
_STATES = {
    Outcome.OK: State.OK,
    Outcome.WARNING: State.WARNING,
    Outcome.FAILED: State.FAILED,
    Outcome.RUNNING: State.RUNNING,
}


#: States of the board that tell what became of a due time to which no run belongs.
_TELLING = frozenset({State.LATE, State.RUNNING, State.MISSED, State.NEVER, State.UNKNOWN, State.DISABLED})


@dataclass(frozen=True, slots=True)
class JobMember:
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
class MemberOutcome:
    """What became of one due time for one member. ``again``: the next good run after one that did not work out."""

    name: str
    state: State
    run: Run | None = None
    reason: str | None = None
    again: Run | None = None


class OutcomeResolver:
    """Tells what became of the due times of a window for one member."""

    def __init__(self, track: JobMember, shown: Window, now: datetime) -> None:
        self._track = track
        self._now = now
        self._window = shown
        self._answers = shown.answers(track.runs)
        last = bisect_right(shown.every, now) - 1
        behind = shown.following is not None and shown.following <= now
        in_force = any(plan.valid_to is None for plan in track.plans)
        self._newest = last if in_force and not behind else -1

    def fine(self) -> list[Run | None]:
        """By place the one good run of a due time of which nothing more is to be told; None where there is more."""
        found = [runs[0] if len(runs) == 1 and runs[0].outcome is _OK else None for runs in self._answers]
        if self._newest >= 0:
            found[self._newest] = None
        return found

    def became(self, place: int) -> MemberOutcome | None:
        """What became of a due time, whatever it was; None where nothing can be told."""
        due, runs = self._window.every[place], self._answers[place]
        newest = place == self._newest
        unfinished = next((run for run in runs if run.outcome is Outcome.RUNNING), None)
        good = next((run for run in reversed(runs) if run.good), None)
        if good is not None:
            return self._good(good, newest=newest)
        if unfinished is not None:
            return self._unfinished(unfinished)
        if runs and (newest or due >= self._unthinned_from or not self._track.failures_are_gaps):
            again = self._good_after(runs[-1].start)
            return MemberOutcome(self._track.name, State.FAILED, runs[-1], runs[-1].text, again)
        return self._unanswered_now(due) if newest else self._unanswered_before(due)

    def _good(self, run: Run, *, newest: bool) -> MemberOutcome:
        """The newest one is worth no more than the board says: a dump file may be gone, a verification failed."""
        verdict, state = self._track.verdict, _STATES[run.outcome]
        if newest and verdict.state in (State.FAILED, State.WARNING):
            return MemberOutcome(self._track.name, worst([verdict.state, state]), run, verdict.reason)
        return MemberOutcome(self._track.name, state, run, run.text if state is State.WARNING else None)

    def _unfinished(self, run: Run) -> MemberOutcome:
        """Rule 5: running, but not for ever: the board says when it is missed."""
        verdict = self._track.verdict
        state = State.MISSED if verdict.state is State.MISSED else State.RUNNING
        return MemberOutcome(self._track.name, state, run, verdict.reason)

    def _unanswered_now(self, due: datetime) -> MemberOutcome | None:
        verdict = self._track.verdict
        if verdict.state in _TELLING:
            return MemberOutcome(self._track.name, verdict.state, None, verdict.reason)
        late = verdict.state is not State.NEW and self._now < due + self._track.grace
        return MemberOutcome(self._track.name, State.LATE) if late else None

    def _unanswered_before(self, due: datetime) -> MemberOutcome | None:
        """Rules 3 and 6, looking back: missed needs a reading from after the grace, and no retention that explains it."""
        track = self._track
        if track.known_since is None or due < track.known_since:
            return None
        if track.as_of is None or track.as_of < due + track.grace:
            return MemberOutcome(track.name, State.UNKNOWN, None, "nothing was read since")
        again = self._good_after(due)
        if again is not None and track.thinned and due < self._unthinned_from:
            return None
        never = again is None and track.verdict.state is State.NEVER
        return MemberOutcome(track.name, State.NEVER if never else State.MISSED, None, None, again)

    def _good_after(self, moment: datetime) -> Run | None:
        later = bisect_right(self._track.runs, moment, key=_begun)
        return next((run for run in self._track.runs[later:] if run.good), None)

    @cached_property
    def _unthinned_from(self) -> datetime:
        """Retention removed nothing that was due from then on; the far future where that is not proved."""
        in_a_row = 0
        for due, runs in zip(self._window.every, self._answers, strict=True):
            in_a_row = in_a_row + 1 if any(run.good for run in runs) else 0
            if in_a_row == UNTHINNED:
                return due
        return datetime.max.replace(tzinfo=UTC)


def _begun(run: Run) -> datetime:
    return run.start
