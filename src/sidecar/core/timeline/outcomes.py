"""One expectation over time: what became of each of its due times.

Due times from D on are still open: each has its own state, and the worst of them is the judge's verdict on the
expectation. Older ones rest on the runs that are still known, and where none is known, only what can be said for
sure: retention removes old backups, and Backrest their runs as well.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from sidecar.core.judgement.due import is_evident
from sidecar.core.model import Cause, Outcome, Run, State, worst

from .members import JobMember
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


@dataclass(frozen=True, slots=True)
class MemberOutcome:
    """What became of one due time for one member. ``again``: the next good run after one that did not work out."""

    name: str
    state: State
    run: Run | None = None
    reason: str | None = None
    again: Run | None = None

    @property
    def kept(self) -> bool:
        """A good run answered it, and what it left is worth something."""
        return self.state in (State.OK, State.WARNING) and self.run is not None and self.run.good


class OutcomeResolver:
    """Tells what became of the due times of a window for one member."""

    def __init__(self, member: JobMember, shown: Window, now: datetime) -> None:
        self._member = member
        self._judgement = member.judgement
        self._verdict = member.judgement.verdict
        self._now = now
        self._window = shown
        self._answers = shown.answers(member.runs)
        self._lowers_newest = self._verdict.cause in (Cause.NEWEST_UNUSABLE, Cause.CONCERNS)

    def fine(self) -> list[Run | None]:
        """By place the one good run of a due time of which nothing more need be shown; None where there is more."""
        fine = [runs[0] if len(runs) == 1 and runs[0].outcome is _OK else None for runs in self._answers]
        if self._lowers_newest and self._judgement.good in fine:
            fine[fine.index(self._judgement.good)] = None
        return fine

    def of(self, place: int) -> MemberOutcome | None:
        """What became of a due time, whatever it was; None where nothing is known."""
        due, runs = self._window.every[place], self._answers[place]
        good = next((run for run in reversed(runs) if run.good), None)
        if good is not None:
            return self._good(good)
        if self._judgement.due is not None and due >= self._judgement.due:
            return self._open(due, runs)
        return self._closed(due, runs)

    def _good(self, run: Run) -> MemberOutcome:
        """The newest occurrence is never better than the board's verdict: a dump file may be gone, a verification failed."""
        state = _STATES[run.outcome]
        if self._lowers_newest and run == self._judgement.good:
            return self._outcome(worst([self._verdict.state, state]), run, self._verdict.reason)
        return self._outcome(state, run, run.text if state is State.WARNING else None)

    def _open(self, due: datetime, runs: Sequence[Run]) -> MemberOutcome:
        """Rules 3, 5 and 6 for one due time from D on, as the judge asks them of D."""
        if self._verdict.state is State.UNKNOWN:
            return self._outcome(State.UNKNOWN, runs[-1] if runs else None, self._verdict.reason)
        failed = next((run for run in reversed(runs) if run.outcome is Outcome.FAILED), None)
        if failed is not None:
            return self._outcome(State.FAILED, failed, failed.text)
        if self._verdict.state is State.DISABLED:
            return self._outcome(State.DISABLED, runs[-1] if runs else None, self._verdict.reason)
        if self._judgement.under_way:
            return self._outcome(State.RUNNING, runs[-1] if runs else None, self._reason(due, State.RUNNING))
        if not is_evident(self._judgement.expectation, due, self._judgement.grace, self._now):
            return self._outcome(State.LATE, None, self._reason(due, State.LATE))
        state = State.NEVER if self._judgement.good is None else State.MISSED
        return self._outcome(state, runs[-1] if runs else None, self._reason(due, state))

    def _closed(self, due: datetime, runs: Sequence[Run]) -> MemberOutcome | None:
        """A due time before D: another one was answered since, or nothing is owed any more."""
        unfinished = next((run for run in runs if run.outcome is Outcome.RUNNING), None)
        if unfinished is not None:
            return self._outcome(State.RUNNING, unfinished, None)
        again = self._good_after(runs[-1].start) if runs else None
        # Retention removes no backup that would be the newest.
        if runs and (due >= self._unthinned_from or not self._member.failures_are_gaps or again is None):
            state = State.WARNING if runs[-1].cancelled else State.FAILED
            return self._outcome(state, runs[-1], runs[-1].text, again)
        covering = self._covering(due)
        if covering is not None:
            return self._outcome(_STATES[covering.outcome], covering, None) if self._is_last_in(due, covering) else None
        return self._unanswered(due)

    def _unanswered(self, due: datetime) -> MemberOutcome | None:
        """Rules 3 and 6, looking back: missed needs a reading from after the grace, and no retention that explains it."""
        member = self._member
        if member.known_since is None or due < member.known_since:
            return None
        if member.as_of is None or member.as_of < due + self._judgement.grace:
            return self._outcome(State.UNKNOWN, None, "nothing was read since")
        again = self._good_after(due)
        if again is not None and member.thinned and due < self._unthinned_from:
            return None
        never = again is None and self._verdict.state is State.NEVER
        return self._outcome(State.NEVER if never else State.MISSED, None, None, again)

    def _covering(self, due: datetime) -> Run | None:
        """Rule 8: the run that was under way at ``due``, where such a run answers for what passes meanwhile."""
        if not self._judgement.expectation.busy_is_kept:
            return None
        place = bisect_right(self._member.runs, due, key=_begun) - 1
        run = self._member.runs[place] if place >= 0 else None
        return run if run is not None and run.end is not None and due <= run.end else None

    def _is_last_in(self, due: datetime, run: Run) -> bool:
        place = bisect_right(self._window.every, due)
        following = self._window.every[place] if place < len(self._window.every) else None
        return run.end is not None and (following is None or following > run.end)

    def _reason(self, due: datetime, state: State) -> str | None:
        """The judge's own words are about D; for later ones the state is enough."""
        return self._verdict.reason if due == self._judgement.due and self._verdict.state is state else None

    def _outcome(self, state: State, run: Run | None, reason: str | None, again: Run | None = None) -> MemberOutcome:
        return MemberOutcome(self._member.name, state, run, reason, again)

    def _good_after(self, moment: datetime) -> Run | None:
        later = bisect_right(self._member.good, moment, key=_begun)
        return next((run for run in self._member.good[later:] if run.good), None)

    @cached_property
    def _unthinned_from(self) -> datetime:
        """Retention removed nothing that was due from then on; the far future where that is not proved."""
        in_a_row = 0
        for due, runs in zip(self._window.every, self._answers, strict=True):
            good = runs and (runs[0].good or any(run.good for run in runs))
            in_a_row = in_a_row + 1 if good else 0
            if in_a_row == UNTHINNED:
                return due
        return datetime.max.replace(tzinfo=UTC)


def _begun(run: Run) -> datetime:
    return run.start
