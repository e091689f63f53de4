"""The logs of tasks on PBS and PVE: a few of them in each refresh, a part of each, and each of an ended task only once.

A log explains what the lists of tasks and backups already say. So it is never worth a failed refresh: where it can't be
read, what follows without it stands (rule 3).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sidecar.core.reports.facts import Task
from sidecar.core.reports.report import Limit, Problem, ProblemKind
from sidecar.upstream.calls import Call

from .fields import UnreadableError, row_of, whole
from .problems import not_read
from .refresh import Refresh

T = TypeVar("T")

#: Calls for logs in one refresh.
CALLS_AT_MOST = 10

#: Calls that one log may take: its beginning and its end.
_CALLS_A_LOG = 2

#: Lines that are read from the beginning of a log, and the same again from its end.
LINES_AT_ONCE = 500

#: Lines from which on a log is parsed beside the event loop.
_MANY = 50

#: Characters of a line that are looked at: a first line may name a thousand guests.
_LINE = 16_000

#: The log of a task that runs is read again after this time: every five minutes, as rounds come.
_AGAIN = timedelta(minutes=4, seconds=30)

#: A log that could not be read is asked for again after this time.
_REST = timedelta(hours=1)

#: Logs that are of interest at most, and parsed logs that are remembered.
_WANTED, _REMEMBERED = 200, 400

#: After such a problem the next log would fail alike: the rest waits for the next refresh.
_ENDS_THE_REFRESH = (
    ProblemKind.NO_PERMISSION,
    ProblemKind.REFUSED_CREDENTIALS,
    ProblemKind.TIMED_OUT,
    ProblemKind.UNREACHABLE,
    ProblemKind.RATE_LIMITED,
)


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a log: its beginning and, where it is longer, its end. ``is_cut``: lines between them are missing."""

    head: tuple[str, ...]
    tail: tuple[str, ...] = ()
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    """What is known of a task's log: ``ended`` when the task was over when it was read."""

    at: datetime
    ended: bool
    log: T | None = None
    problem: Problem | None = None


class TaskLogs(Generic[T]):
    """Reads logs by ``call`` and remembers by UPID what ``parse`` made of them.

    ``so_far``: what holds of a log that was read while its task ran, once that is over and its end could not be read.
    """

    def __init__(self, call: Call, so_far: Callable[[T], T] | None = None) -> None:
        self._call = call
        self._so_far = so_far
        self._kept: dict[str, _Kept[T]] = {}

    def known(self, task: Task) -> T | None:
        """What was read of its log so far."""
        kept = self._kept.get(task.upid)
        return kept.log if kept is not None else None

    async def read(
        self, refresh: Refresh, wanted: Sequence[Task], parse: Callable[[Task, Lines], T], known: Iterable[Task] = ()
    ) -> Mapping[str, T]:
        """By UPID what is known of the logs of ``wanted``, the most important first. What is missing comes later.

        Args:
            known: tasks whose logs are not worth a call any more: what was read of them before still holds.
        """
        wanted, left = wanted[:_WANTED], CALLS_AT_MOST
        for task in wanted:
            if left < _CALLS_A_LOG:
                break
            if not self._is_due(task, refresh.clock()):
                continue
            kept, calls = await self._ask(refresh, task, parse)
            left -= calls
            self._keep(task.upid, kept)
            if kept.problem is not None and kept.problem.kind in _ENDS_THE_REFRESH:
                break
        refresh.limits += _limits(self._kept[task.upid].problem for task in wanted if task.upid in self._kept)
        every = ((task, self._kept.get(task.upid)) for task in (*wanted, *known))
        return {task.upid: self._log(task, kept.log, kept) for task, kept in every if kept and kept.log is not None}

    def _log(self, task: Task, log: T, kept: _Kept[T]) -> T:
        is_behind = task.end is not None and not kept.ended
        return self._so_far(log) if is_behind and self._so_far is not None else log

    def _is_due(self, task: Task, now: datetime) -> bool:
        kept = self._kept.get(task.upid)
        if kept is None:
            return True
        if kept.problem is not None:
            return now - kept.at >= _REST
        return not kept.ended and (task.end is not None or now - kept.at >= _AGAIN)

    def _keep(self, upid: str, kept: _Kept[T]) -> None:
        before = self._kept.pop(upid, None)
        if kept.log is None and before is not None:
            kept = _Kept(kept.at, before.ended, before.log, kept.problem)
        self._kept[upid] = kept
        while len(self._kept) > _REMEMBERED:
            del self._kept[next(iter(self._kept))]

    async def _ask(self, refresh: Refresh, task: Task, parse: Callable[[Task, Lines], T]) -> tuple[_Kept[T], int]:
        """The log of one task, and how many calls it took."""
        now = refresh.clock()
        path = {"node": task.node, "upid": task.upid}
        first = await refresh.document(_page, self._call, {"start": 0, "limit": LINES_AT_ONCE}, **path)
        if first.only is None:
            return _Kept(now, ended=False, problem=first.problem), 1
        head, total = first.only
        if total <= LINES_AT_ONCE or len(head) < LINES_AT_ONCE:
            return _Kept(now, task.end is not None, await _parsed(task, Lines(head), parse)), 1
        # PVE counts ``start`` from 0, PBS from 1 (PBS-34): of both this is the end, of PVE one line less.
        start = max(total - LINES_AT_ONCE + 1, LINES_AT_ONCE)
        last = await refresh.document(_page, self._call, {"start": start, "limit": LINES_AT_ONCE}, **path)
        if last.only is None:
            return _Kept(now, ended=False, problem=last.problem), 2
        is_cut = start > LINES_AT_ONCE
        return _Kept(now, task.end is not None, await _parsed(task, Lines(head, last.only[0], is_cut), parse)), 2


async def _parsed(task: Task, lines: Lines, parse: Callable[[Task, Lines], T]) -> T:
    """What ``parse`` makes of a log; of a long one in a thread, for it goes through every line with many patterns."""
    many = len(lines.head) + len(lines.tail) > _MANY
    return await asyncio.to_thread(parse, task, lines) if many else parse(task, lines)


def _page(body: Any) -> tuple[tuple[str, ...], int]:
    """Some lines, and how many the log has. Whatever is no text is no line."""
    answer = row_of(body)
    rows = answer.get("data")
    if not isinstance(rows, list):
        raise UnreadableError("data")
    texts = [row.get("t") if isinstance(row, dict) else None for row in rows[:LINES_AT_ONCE]]
    lines = tuple(text[:_LINE].split("\n", 1)[0] if isinstance(text, str) else "" for text in texts)
    return lines, max(whole(answer, "total") or 0, len(lines))


def _limits(problems: Iterable[Problem | None]) -> list[Limit]:
    """A grant that is missing is told. A log that is gone is not: servers clear them away before their lists of tasks."""
    denied = [problem for problem in problems if problem is not None and problem.denied]
    return [not_read("the logs of its tasks", denied[0])] if denied else []
