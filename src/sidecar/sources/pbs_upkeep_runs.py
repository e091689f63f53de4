"""Earlier runs of PBS's upkeep jobs, from its task list: its lists of jobs tell only the last one (pbs.md §2.9, §2.11)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from sidecar.core.history.upkeep_runs import outcome
from sidecar.core.model import Run
from sidecar.core.reports.facts import Task, UpkeepJob

#: The tasks of upkeep jobs, by kind of job.
TASK_TYPES = {"gc": "garbage_collection", "prune": "prunejob", "verify": "verificationjob", "sync": "syncjob"}

_KINDS = {task: kind for kind, task in TASK_TYPES.items()}


def with_runs(jobs: Iterable[UpkeepJob], tasks: Iterable[Task]) -> Iterator[UpkeepJob]:
    """The jobs, each with those of its runs that are in the task list.

    The worker id of a prune names no job, only where it prunes: of two jobs for the same place neither gets any.
    """
    jobs = tuple(jobs)
    runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for task in sorted(tasks, key=lambda one: one.start, reverse=True):
        if (kind := _KINDS.get(task.type)) is not None:
            runs[kind, _job_in(kind, task.id)].append(Run(task.start, task.end, outcome(task.status), text=task.status))
    shared = Counter(_key(job) for job in jobs)
    for job in jobs:
        key = _key(job)
        yield replace(job, runs=tuple(runs[key])) if shared[key] == 1 and runs.get(key) else job


def _job_in(kind: str, worker_id: str) -> str:
    """Verify and sync: "store:job", "remote:store:store:ns:job"; the others: the place."""
    return worker_id.rsplit(":", 1)[-1] if kind in ("verify", "sync") else worker_id


def _key(job: UpkeepJob) -> tuple[str, str]:
    if job.kind == "prune":
        return job.kind, ":".join(filter(None, (job.datastore, job.namespace)))
    return job.kind, job.id
