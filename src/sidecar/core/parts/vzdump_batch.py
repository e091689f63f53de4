"""Tasks of vzdump that began together on a node: as one run of their job, and how long such runs take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Self

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import Guest, Task, TaskResult
from sidecar.core.schedules.schedule import EARLY
from sidecar.core.value import value

from .expectation import FIRST

#: What a task is worth that did not fail.
OUTCOMES = {TaskResult.OK: Outcome.OK, TaskResult.WARNINGS: Outcome.WARNING}

#: The end of what runs still.
NEVER = datetime.max.replace(tzinfo=UTC)


@value(kw_only=True)
class VzdumpBatch:
    """The tasks on one node that began for one due time. Jobs due at the same minute share them (rule 5).

    Attributes:
        start: when the first of them began.
        end: when the last of them ended; None while one runs.
        since: clocks differ: what they save begins at 5 minutes before them at the earliest.
        until: and 5 minutes after them at the latest.
        scheduled: they began for a due time. Another one is the expectation's own by what its log names (rule 3).
        logged: the log of one of them is known.
    """

    tasks: tuple[Task, ...]
    start: datetime
    end: datetime | None
    since: datetime
    until: datetime
    scheduled: bool = True
    logged: bool = False

    @classmethod
    def of(cls, tasks: Sequence[Task], *, scheduled: bool = True) -> Self:
        """The batch of these tasks, one at least."""
        ends = [task.end for task in tasks if task.end is not None]
        start, end = min(task.start for task in tasks), max(ends) if len(ends) == len(tasks) else None
        until = end + EARLY if end else NEVER
        logged = any(task.log is not None for task in tasks)
        return cls(
            tasks=tuple(tasks),
            start=start,
            end=end,
            since=start - EARLY,
            until=until,
            scheduled=scheduled,
            logged=logged,
        )

    def as_run(self) -> Run:
        """The tasks as the run of their job."""
        if self.end is None:
            return Run(start=self.start, end=None, outcome=Outcome.RUNNING)
        outcomes = [OUTCOMES.get(task.result, Outcome.FAILED) for task in self.tasks]
        worst = next(outcome for outcome in (Outcome.FAILED, Outcome.WARNING, Outcome.OK) if outcome in outcomes)
        return Run(start=self.start, end=self.end, outcome=worst, text=None if worst is Outcome.OK else self.text())

    def names(self, guest: Guest) -> bool:
        """It was for this guest, by the id or the log of a task; a task for several guests without a log does not tell."""
        return any(
            task.id == str(guest.vmid) or (task.log is not None and task.log.covers(guest.vmid) is True)
            for task in self.tasks
        )

    def text(self) -> str:
        """The status texts of the tasks, the bad ones first."""
        words = dict.fromkeys(task.status or "" for task in self.tasks if task.result is not TaskResult.OK)
        return ", ".join(word for word in words if word) or "its task ended OK"


@value()
class JobBatches:
    """The batches of one job on a node, newest first, the newest as a run of the job, and the longest of the last ten.

    ``over``: when the last of them ended; far in the future while one runs.
    """

    every: tuple[VzdumpBatch, ...]
    newest: Run | None
    longest: timedelta | None
    over: datetime

    @classmethod
    def of(cls, every: tuple[VzdumpBatch, ...]) -> Self:
        """What these batches tell, newest first."""
        newest = next((batch for batch in every if batch.scheduled), None)
        over = max((batch.end or NEVER for batch in every), default=FIRST)
        return cls(every, newest.as_run() if newest else None, longest(every), over)


def longest(batches: Iterable[VzdumpBatch]) -> timedelta | None:
    """The longest of the newest ten batches that ended."""
    lengths = (batch.end - batch.start for batch in batches if batch.end and batch.scheduled)
    return max(islice(lengths, 10), default=None)
