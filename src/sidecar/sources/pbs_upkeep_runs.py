"""Runs of PBS's upkeep jobs. Its lists of jobs report only the last one, its task list earlier ones (PBS-24, PBS-28)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from sidecar.core.history.upkeep_runs import newest_first
from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import Task, TaskResult, UpkeepJob

#: The tasks of upkeep jobs, by kind of job.
TASK_TYPES = {"gc": "garbage_collection", "prune": "prunejob", "verify": "verificationjob", "sync": "syncjob"}

_KINDS = {task: kind for kind, task in TASK_TYPES.items()}

#: Rule 10: upkeep that was interrupted answers its due time, and says so.
_OUTCOMES = {
    TaskResult.RUNNING: Outcome.RUNNING,
    TaskResult.OK: Outcome.OK,
    TaskResult.WARNINGS: Outcome.WARNING,
    TaskResult.UNKNOWN: Outcome.WARNING,
    TaskResult.FAILED: Outcome.FAILED,
}


def upkeep_run(start: datetime, end: datetime | None, status: str | None) -> Run:
    """A run from the status of its task: none while it runs, and a bare error text where it failed (PBS-24)."""
    result = TaskResult.of(status)
    text = None if result is TaskResult.OK else status
    if result is TaskResult.UNKNOWN:
        text = "the server does not know how it ended"
    return Run(start=start, end=None if result is TaskResult.RUNNING else end, outcome=_OUTCOMES[result], text=text)


def with_runs(jobs: Iterable[UpkeepJob], tasks: Iterable[Task]) -> Iterator[UpkeepJob]:
    """The jobs, each with those of its runs that are in the task list.

    The worker id of a prune names no job, only where it prunes: of two jobs for the same place neither gets any.
    """
    jobs = tuple(jobs)
    runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for task in tasks:
        if (kind := _KINDS.get(task.type)) is not None:
            runs[kind, _job_in(kind, task.id)].append(upkeep_run(task.start, task.end, task.status))
    shared = Counter(_key(job) for job in jobs)
    for listed in jobs:
        job, key = _without_wrong_start(listed), _key(listed)
        yield replace(job, runs=_merged(job.runs, runs[key])) if shared[key] == 1 and key in runs else job


def _without_wrong_start(job: UpkeepJob) -> UpkeepJob:
    """While a garbage collection runs, its row still names the last one that succeeded (PBS-23); the task list tells
    when this one began, or nobody does."""
    return replace(job, runs=()) if job.kind == "gc" and job.running else job


def _merged(in_job: Iterable[Run], in_tasks: Iterable[Run]) -> tuple[Run, ...]:
    """Both lists are read at almost the same time: of one run that one which knows its end was read later."""
    return newest_first(sorted([*in_tasks, *in_job], key=lambda run: run.outcome is not Outcome.RUNNING))


def _job_in(kind: str, worker_id: str) -> str:
    """Verify and sync: "store:job", "remote:store:store:ns:job"; the others: the place."""
    return worker_id.rsplit(":", 1)[-1] if kind in ("verify", "sync") else worker_id


def _key(job: UpkeepJob) -> tuple[str, str]:
    if job.kind == "prune":
        return job.kind, ":".join(filter(None, (job.datastore, job.namespace)))
    return job.kind, job.id
