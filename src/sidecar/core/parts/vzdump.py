"""Which vzdump tasks covered which guest: task ids name a guest or nobody, never the job (PVE-14)."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from itertools import accumulate, chain
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import BackupJob, Guest, Task
from sidecar.core.schedules.schedule import EARLY

from . import vzdump_words
from .expectation import Activity, ScheduleInForce
from .vzdump_batch import NEVER, OUTCOMES, JobBatches, VzdumpBatch
from .vzdump_owner import LogOwners

#: How long after a due time a task may begin and still be the job's own: PVE's scheduler looks once a minute.
STARTS_WITHIN = timedelta(minutes=30)

#: By job when something of each guest began to be saved that is in no other job: what proves whose a task is.
Begun: TypeAlias = Mapping[str, Sequence[Sequence[datetime]]]


class NodeTasks:
    """The vzdump tasks on one node, looked up instead of searched.

    Args:
        begun: what proves whose a task is.
        jobs: all jobs; a task's log says whose it is.

    Attributes:
        runs: what they and the backups of a guest prove, by guest, job and destination; with what else that follows from.
    """

    def __init__(self, tasks: Iterable[Task], begun: Begun, jobs: Iterable[BackupJob] = ()) -> None:
        tasks = tuple(tasks)
        self.begun = begun
        self.runs: dict[tuple[int, str, str], tuple[object, tuple[Run, ...]]] = {}
        self._batches: dict[object, JobBatches] = {}
        self._by_id: dict[str, list[Task]] = defaultdict(list)
        for task in tasks:
            self._by_id[task.id].append(task)
        shared = self._by_id.pop("", [])
        self._by_start: dict[datetime, list[Task]] = defaultdict(list)
        for task in sorted(shared, key=_start, reverse=True):
            self._by_start[task.start].append(task)
        self._by_end = sorted(shared, key=end_of)
        self._logs = LogOwners(tasks, jobs)
        self._owners = {**owners(tasks, begun), **self._logs.certain}

    def batches(self, job: str, schedules: Sequence[ScheduleInForce], storage: str | None = None) -> JobBatches:
        """What a job did, in tasks that handle several guests: those that began for one due time together.

        Then those by themselves that began for none and are its own by their logs.

        Args:
            schedules: the job's own at one destination, in force now or before.
            storage: that destination.
        """
        # The same tasks are asked on every board until they are read again.
        key = (job, storage, *(schedule.when for schedule in schedules))
        if key not in self._batches:
            self._batches[key] = JobBatches.of(self._batches_of(job, schedules, storage))
        return self._batches[key]

    def _batches_of(
        self, job: str, schedules: Sequence[ScheduleInForce], storage: str | None
    ) -> tuple[VzdumpBatch, ...]:
        by_due: dict[datetime, list[Task]] = {}
        unscheduled: list[Task] = []
        dues = _dues(tuple(self._by_start), schedules)
        owner_of = self._owners.get
        for tasks, due in zip(self._by_start.values(), dues, strict=True):
            if due:
                mine = [task for task in tasks if owner_of(task.upid, job) == job]
                mine = mine if self._logs.is_empty else [task for task in mine if self._logs.fits(task, job, storage)]
                if mine:
                    by_due.setdefault(due, []).extend(mine)
            elif not self._logs.is_empty:
                unscheduled += (task for task in tasks if self._logs.is_of(task, job, storage))
        batches = [VzdumpBatch.of(tasks) for tasks in by_due.values()]
        if unscheduled:
            batches += (VzdumpBatch.of([task], scheduled=False) for task in unscheduled)
            batches.sort(key=_start, reverse=True)
        return tuple(batches)

    def single(
        self,
        guest: Guest,
        schedules: Sequence[ScheduleInForce],
        job: str = "",
        storage: str | None = None,
        others: Sequence[ScheduleInForce] = (),
    ) -> list[VzdumpBatch]:
        """The tasks that handled just this guest, each by itself, newest first.

        Rule 3: those whose log names this storage. Without a log those that began for a due time of these schedules: one
        that fits none ("Backup now") may have gone anywhere and accuses nobody, and one that began for a due time of
        another job of the guest (``others``) may be that one's.
        """
        own = self._by_id.get(str(guest.vmid))
        if not own:
            return []
        tasks = sorted(own, key=_start, reverse=True)
        starts = [task.start for task in tasks]
        dues, rivals = _dues(starts, schedules), _dues(starts, others)
        batches = []
        for task, due, rival in zip(tasks, dues, rivals, strict=True):
            if task.log is None and due is not None and rival is not None and _is_rivals(task, due, rival):
                continue
            if self._logs.fits(task, job, storage) if due is not None else self._logs.is_of(task, job, storage):
                batches.append(VzdumpBatch.of([task], scheduled=due is not None))
        return batches

    def oldest_of(self, guest: Guest) -> datetime | None:
        """When the oldest task that names the guest began."""
        own = self._by_id.get(str(guest.vmid))
        return min(task.start for task in own) if own else None

    def upload(self, guest: Guest, begun: datetime, listed: datetime) -> Run | None:
        """What becomes of an upload of the guest that was not finished when it was ``listed``; None where no task tells.

        It runs while a task does that may have begun it, and is over once all of these are (rule 5).
        """
        every = (*self._by_id.get(str(guest.vmid), ()), *self._by_end)
        mine = [task for task in every if task.start - EARLY <= begun <= end_of(task)]
        if any(task.end is None for task in mine):
            return Run(start=begun, end=None, outcome=Outcome.RUNNING)
        last = max(mine, key=end_of, default=None)
        if last is None or last.end is None or last.end > listed:
            return None
        text = f"its upload was not finished when its task ended: {last.status}"
        return Run(start=begun, end=last.end, outcome=Outcome.FAILED, text=text)

    def open_ended(self, guest: Guest, job: str, seen_until: datetime | None, storage: str | None = None) -> list[Task]:
        """Tasks for the guest, or for several of this job's, that run or ended after the backups were listed.

        Not those whose log says that they go elsewhere, are not for this guest, or failed with it already.
        """
        tasks = self._open_ended(guest, job, seen_until)
        if self._logs.is_empty:
            return tasks
        return [task for task in tasks if self._logs.fits(task, job, storage) and not vzdump_words.is_over(guest, task)]

    def _open_ended(self, guest: Guest, job: str, seen_until: datetime | None) -> list[Task]:
        own = self._by_id.get(str(guest.vmid), [])
        if seen_until is None:
            return [*(task for task in self._by_end if self._may_be_of(task, job)), *own]
        tasks = [task for task in own if end_of(task) > seen_until]
        if not self._by_end or end_of(self._by_end[-1]) <= seen_until:
            return tasks
        later = self._by_end[bisect_right(self._by_end, seen_until, key=end_of) :]
        return [*(task for task in later if self._may_be_of(task, job)), *tasks]

    def _may_be_of(self, task: Task, job: str) -> bool:
        return self._owners.get(task.upid, job) == job


def _is_rivals(task: Task, due: datetime, rival: datetime) -> bool:
    """It is another job's, which was due at ``rival``; of two at the same minute, one that ended well may be of either."""
    return rival > due or (rival == due and task.result in OUTCOMES)


def _dues(starts: Sequence[datetime], schedules: Sequence[ScheduleInForce]) -> list[datetime | None]:
    """The due time for which tasks began at each moment, newest first; None where they began for none."""
    if not starts or not schedules:
        return [None] * len(starts)
    limit = schedules[0].grace or STARTS_WITHIN
    too_early = starts[-1] - limit
    newest = _dues_of(starts, schedules[0])
    for schedule in schedules[1:]:
        if schedule.valid_to is None or schedule.valid_to > too_early:
            newest = [_later(*pair) for pair in zip(newest, _dues_of(starts, schedule), strict=True)]
    return [due if due and start - due <= limit else None for start, due in zip(starts, newest, strict=True)]


def _later(due: datetime | None, other: datetime | None) -> datetime | None:
    return max(due, other) if due and other else due or other


def _dues_of(starts: Sequence[datetime], schedule: ScheduleInForce) -> list[datetime | None]:
    """The due time of one schedule that each moment answers. Whatever began since then answers the same: asked once."""
    dues: list[datetime | None] = []
    due: datetime | None = None
    for start in starts:
        if due is None or start < due - schedule.early(due):
            due = schedule.answered_by(start)
        dues.append(due)
    return dues


def may_still_reach(
    open_ended: Iterable[Task], backups: list[datetime], usual: timedelta | None, guest: Guest
) -> tuple[Activity, ...]:
    """Of tasks that may not be over for a guest those that left no snapshot of it so far."""
    newest = max(backups, default=None)
    left = (task for task in open_ended if newest is None or newest < task.start - EARLY)
    return tuple(Activity(task.start, usual, progress=vzdump_words.progress(guest, task)) for task in left)


def owners(tasks: Iterable[Task], begun: Begun) -> dict[str, str]:
    """By UPID the job that a task which handles several guests must belong to, where that is proved.

    Tasks on one node work one after another (vzdump's lock), in whatever order they get it. What began to be saved while
    no other one was under way was saved by this one, so it belongs to the only job which that guest is in.

    Args:
        begun: see ``Begun``.
    """
    every = sorted(tasks, key=_start)
    latest = list(accumulate(map(end_of, every), max))
    times = {job: sorted(chain.from_iterable(guests)) for job, guests in begun.items()}
    first_after = cache(partial(_first_after, times))
    jobs = {}
    for place, task in enumerate(every):
        if not task.id and (first := _first_alone(task, _others(place, every, latest), first_after)):
            jobs[task.upid] = first.job
    return jobs


def _others(place: int, every: Sequence[Task], latest: Sequence[datetime]) -> Sequence[Task]:
    """The tasks that were under way together with one of them. ``latest``: the last end of it and those before it."""
    task, first = every[place], place
    while first > 0 and latest[first - 1] >= task.start:
        first -= 1
    past = bisect_right(every, end_of(task), key=_start)
    return [other for other in every[first:past] if other is not task and end_of(other) >= task.start]


def _first_alone(task: Task, others: Iterable[Task], first_after: Callable[[datetime], _Begun | None]) -> _Begun | None:
    """What began to be saved first while the task was the only one; None where nothing did."""
    since = task.start
    for other in sorted(others, key=_start):
        first = first_after(since)
        if first is None or first.at > end_of(task):
            return None
        if first.at < other.start:
            return first
        since = max(since, end_of(other))
    first = first_after(since) if since < NEVER else None
    return first if first is not None and first.at <= end_of(task) else None


class _Begun(NamedTuple):
    at: datetime
    job: str


def _first_after(times: Mapping[str, Sequence[datetime]], moment: datetime) -> _Begun | None:
    """What began to be saved first after ``moment``. ``times``: by job, oldest first."""
    later = ((job, moments, bisect_right(moments, moment)) for job, moments in times.items())
    return min((_Begun(moments[place], job) for job, moments, place in later if place < len(moments)), default=None)


_start = attrgetter("start")


def end_of(task: Task) -> datetime:
    """When it ended; far in the future while it runs."""
    return task.end or NEVER
