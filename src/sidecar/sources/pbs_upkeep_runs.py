"""Runs of PBS's upkeep jobs. Its lists of jobs report only the last one, its task list earlier ones (PBS-24, PBS-28)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from sidecar.core.history.upkeep_runs import newest_first
from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import Task, TaskResult, UpkeepJob

#: The tasks of upkeep jobs, by kind of job.
TASK_TYPES = {"gc": "garbage_collection", "prune": "prunejob", "verify": "verificationjob", "sync": "syncjob"}

_KINDS = {task: kind for kind, task in TASK_TYPES.items()}

_NO_LOGS: Mapping[str, str | None] = MappingProxyType({})

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


def with_runs(
    jobs: Iterable[UpkeepJob], tasks: Iterable[Task], logs: Mapping[str, str | None] = _NO_LOGS
) -> Iterator[UpkeepJob]:
    """The jobs, each with those of its runs that are in the task list.

    The worker id of a prune names no job, only where it prunes: of two jobs for the same place neither gets any.

    Args:
        logs: by UPID the status of a task with what its log adds.
    """
    jobs = tuple(jobs)
    runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
    texts: dict[tuple[str, str], dict[datetime, str]] = defaultdict(dict)
    for task in tasks:
        if (kind := _KINDS.get(task.type)) is not None:
            key = kind, _job_in(kind, task.id)
            runs[key].append(upkeep_run(task.start, task.end, task.status))
            if text := logs.get(task.upid):
                texts[key][task.start] = text
    shared = Counter(_key(job) for job in jobs)
    for listed in jobs:
        job, key = _without_wrong_start(listed), _key(listed)
        if shared[key] == 1 and key in runs:
            yield replace(job, runs=tuple(_explained(run, texts[key]) for run in _merged(job.runs, runs[key])))
        else:
            yield job


def is_explained_by_log(task: Task) -> bool:
    """A run of an upkeep job whose status says that something was wrong, and not what."""
    return task.type in _KINDS and task.end is not None and task.result in (TaskResult.FAILED, TaskResult.WARNINGS)


def _explained(run: Run, texts: Mapping[datetime, str]) -> Run:
    """Both the list of jobs and the list of tasks tell of a run; the log is that of its start."""
    text = texts.get(run.start)
    return replace(run, text=text) if text and run.outcome in (Outcome.FAILED, Outcome.WARNING) else run


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
