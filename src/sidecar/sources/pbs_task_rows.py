"""The rows of a backup server's whole list of tasks, one by one: of 50,000 only those are kept that somebody asks for later."""

from __future__ import annotations

from typing import Any

from sidecar.core.reports.facts import Task
from sidecar.core.reports.shared import KnownFacts

from . import pbs_parse
from .task_list import Recent
from .upid import process_of

#: A server that was started more often within these days does not tell its starts by its processes.
_MOST_PROCESSES = 200


class TaskRows:
    """Makes tasks of rows. ``known``: the tasks that were listed before."""

    def __init__(self, known: KnownFacts) -> None:
        self._known = known
        self._recent = Recent()
        self._processes: set[str] = set()

    @property
    def processes(self) -> frozenset[str] | None:
        """The processes that ran the tasks, so far; None: too many to tell."""
        return frozenset(self._processes) if len(self._processes) <= _MOST_PROCESSES else None

    def parse(self, row: Any) -> Task | None:
        """The task of a row, where it is of interest or recent. Raises UnreadableError."""
        task = pbs_parse.parse_any_task(row)
        if task is None:
            return None
        if len(self._processes) <= _MOST_PROCESSES:
            self._processes.add(process_of(task.upid))
        is_recent = self._recent.keeps(task)
        return self._known.same(task) if is_recent or pbs_parse.is_of_interest(task) else None
