"""What a job owes its members, as judged: counted as they come, for a job may have thousands of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sidecar.core.judgement.judge import Judgement
from sidecar.core.model import Cause, Run, State
from sidecar.core.parts.expectation import ScheduleInForce


@dataclass(slots=True, kw_only=True)
class JobMembers:
    """All members of one job.

    Attributes:
        schedule: what it owes the last of them.
        number: how many they are.
        good: how many of them are ok, or have a backup although something is wrong with it.
        worst: the first of the judgements that are as bad as the worst.
        bad: the names of those that are as bad as the worst; of good ones nobody asks for names.
        since: since when the first of these is as it is; None where that is not told.
    """

    schedule: ScheduleInForce
    number: int = 0
    good: int = 0
    worst: Judgement | None = None
    bad: list[str] = field(default_factory=list)
    since: datetime | None = None
    _task: Run | None = field(default=None, init=False)
    _run: Run | None = field(default=None, init=False)

    def add(self, name: str, judgement: Judgement) -> None:
        """Counts one more. ``name``: what its service is called."""
        self.number += 1
        self.good += _is_good(judgement)
        self._weigh(name, judgement)
        expectation = judgement.expectation
        self._task = _later(self._task, expectation.task)
        self._run = _later(self._run, expectation.observed.runs[0] if expectation.observed.runs else None)

    def _weigh(self, name: str, judgement: Judgement) -> None:
        verdict = judgement.verdict
        state, worst = verdict.state, self.worst.verdict.state if self.worst is not None else None
        if worst is None or (state is not worst and state.rank < worst.rank):
            self.worst, self.bad, self.since = judgement, [], None
        elif state is not worst:
            return
        if verdict.since is not None and (self.since is None or verdict.since < self.since):
            self.since = verdict.since
        if state is not State.OK:
            self.bad.append(name)

    @property
    def last_run(self) -> Run | None:
        """Rule 8: the task, where the job has one for many; else the newest run of any member."""
        return self._task or self._run


def _is_good(judgement: Judgement) -> bool:
    """A warning may have a backup, or be one because there is none or the last one was cancelled."""
    verdict = judgement.verdict
    if verdict.state is State.OK:
        return True
    return verdict.state is State.WARNING and judgement.good is not None and verdict.cause is not Cause.RUN_CANCELLED


def _later(run: Run | None, other: Run | None) -> Run | None:
    """Of two that began at the same time the first."""
    if run is None or other is None:
        return other if run is None else run
    return other if other is not run and other.start > run.start else run
