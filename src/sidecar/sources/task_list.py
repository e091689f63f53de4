"""What a server's list of tasks tells from one round to the next: which began, which ended, and whether it is all of them.

Pure: rows in, conclusions out. The server is asked only for tasks that began after some moment, by its own clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from types import MappingProxyType

from sidecar.core.reports.facts import Task

#: So much before the newest task it is asked for again: what was listed then must be there still, and a task that began
#: after the clock of the server was set back by less is seen.
OVERLAP = timedelta(minutes=15)

#: Where no task is known at all, from so much before the last round on.
_WITHOUT_TASKS = timedelta(days=1)

#: Tasks that a light round reads again at most. One that runs for days is not worth a long list every minute: its end is
#: seen in the next full round.
_LOOKED_BACK_AT_MOST = 300


@dataclass(frozen=True, slots=True)
class TaskList:
    """The tasks of a server, or of a node, as far as they are known at ``as_of``, by their UPIDs.

    Attributes:
        recent: all of them, of whatever type, that began a short time ago or run.
        proves: tasks were listed twice in a row, so that none can have been missed in between.
    """

    as_of: datetime
    recent: Mapping[str, Task] = field(default_factory=lambda: MappingProxyType({}))
    proves: bool = False

    @property
    def running(self) -> tuple[Task, ...]:
        """Those that run."""
        return tuple(task for task in self.recent.values() if task.status is None)

    def since(self, *, to_the_oldest: bool) -> datetime:
        """From when on tasks are asked for: a little before the newest one began, and before any that runs.

        ``to_the_oldest``: also where many tasks lie between (a full round).
        """
        starts = sorted((task.start for task in self.recent.values()), reverse=True)
        if not starts:
            return self.as_of - _WITHOUT_TASKS
        since = min([starts[0] - OVERLAP, *(task.start for task in self.running)])
        farthest = next(islice(starts, _LOOKED_BACK_AT_MOST, None), None)
        return since if farthest is None or to_the_oldest else max(since, min(farthest, starts[0] - OVERLAP))


@dataclass(frozen=True, slots=True)
class Change:
    """What a list tells beside the last one.

    Attributes:
        after: what is known now.
        begun: tasks that run and were not known.
        ended: tasks that ended since, whether their beginning was known or not.
        doubt: why the list proves nothing and everything must be read anew; None where it follows from the last one.
    """

    after: TaskList
    begun: tuple[Task, ...] = ()
    ended: tuple[Task, ...] = ()
    doubt: str | None = None

    @property
    def is_news(self) -> bool:
        """Something ran."""
        return bool(self.begun or self.ended)

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All that began or ended."""
        return (*self.begun, *self.ended)


def first_list(tasks: Iterable[Task], as_of: datetime) -> TaskList:
    """A list that was read from far back."""
    return TaskList(as_of, MappingProxyType({task.upid: task for task in _recent(tuple(tasks))}))


class Recent:
    """Tells while a list is read that begins with what runs (PBS-28) which tasks ``first_list`` keeps.

    Where it does not begin with that, a task may be left out; the next list takes it for one that has ended meanwhile.
    """

    def __init__(self) -> None:
        self._newest: datetime | None = None
        self._first_that_runs: datetime | None = None

    def keeps(self, task: Task) -> bool:
        """Whether it began a short time before the newest one so far, or after any that runs."""
        self._newest = max(self._newest or task.start, task.start)
        if task.status is None:
            self._first_that_runs = min(self._first_that_runs or task.start, task.start)
        oldest = self._newest - OVERLAP
        return task.start >= min(oldest, self._first_that_runs or oldest)


def compare(known: TaskList, since: datetime, rows: Sequence[Task], as_of: datetime) -> Change:
    """What the tasks that began at ``since`` or later tell. ``rows`` may hold a task twice: once running, once ended.

    A task that was listed before and is not any more: the list was cleared, or it is another server's, or the token does
    not see the tasks of others any more.
    """
    listed: dict[str, Task] = {}
    for task in rows:
        if task.upid not in listed or listed[task.upid].status is None:
            listed[task.upid] = task
    expected = [task for task in known.recent.values() if task.start >= since]
    missing = [task for task in expected if task.upid not in listed]
    if missing:
        return Change(known, doubt=f"{len(missing)} tasks that were listed before are not listed any more")
    begun, ended = [], []
    for task in listed.values():
        before = known.recent.get(task.upid)
        if task.status is None and before is None:
            begun.append(task)
        elif task.status is not None and (before is None or before.status is None):
            ended.append(task)
    unasked = [task for task in known.recent.values() if task.start < since]
    after = TaskList(
        as_of,
        MappingProxyType({task.upid: task for task in _recent((*listed.values(), *unasked))}),
        proves=bool(expected),
    )
    return Change(after, tuple(begun), tuple(ended))


def merged(tasks: Iterable[Task], change: Change, oldest: datetime) -> tuple[Task, ...]:
    """The tasks of a longer list with what changed, newest first; those before ``oldest`` are forgotten."""
    every = {task.upid: task for task in (*tasks, *change.tasks)}
    kept = (task for task in every.values() if task.start >= oldest or task.status is None)
    return tuple(sorted(kept, key=lambda task: task.start, reverse=True))


def _recent(tasks: Sequence[Task]) -> list[Task]:
    """Those that the next list must show again, and those that run."""
    newest = max((task.start for task in tasks), default=None)
    if newest is None:
        return []
    oldest = min([newest - OVERLAP, *(task.start for task in tasks if task.status is None)])
    return [task for task in tasks if task.start >= oldest]
