"""Whose a vzdump task is, as its log tells: it names the storage, and mostly the guests (rule 3, PVE-20)."""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.core.reports.facts import BackupJob, Task
from sidecar.core.reports.vzdump_log import VzdumpLog


class LogOwners:
    """The jobs of the tasks on one node, by their logs. Where a log does not tell, it speaks neither for nor against a job.

    Attributes:
        is_empty: no log is known.
        certain: by UPID the job, where only one comes into question.
    """

    def __init__(self, tasks: Iterable[Task], jobs: Iterable[BackupJob]) -> None:
        logged = [(task.upid, task.log) for task in tasks if task.log is not None]
        self.is_empty = not logged
        jobs = tuple(jobs) if logged else ()
        there = {vmid for job in jobs for vmid in job.guests or ()}
        self._candidates = {upid: _candidates(log, jobs, there) for upid, log in logged}
        self.certain = {upid: min(found) for upid, found in self._candidates.items() if len(found) == 1}

    def fits(self, task: Task, job: str, storage: str | None) -> bool:
        """The log does not say that the task is another job's, or goes elsewhere than to ``storage``."""
        log = task.log
        if log is None:
            return True
        if log.elsewhere or (log.storage is not None and storage is not None and log.storage != storage):
            return False
        candidates = self._candidates.get(task.upid, frozenset())
        return len(candidates) != 1 or job in candidates

    def is_of(self, task: Task, job: str, storage: str | None) -> bool:
        """The log says that the task does what this job owes and no other one: its storage, and guests of the job."""
        if task.log is None or task.log.storage is None or task.log.storage != storage:
            return False
        return self._candidates.get(task.upid) == frozenset({job})


def _candidates(log: VzdumpLog, jobs: Iterable[BackupJob], there: set[int]) -> frozenset[str]:
    """The jobs that save to the storage and have exactly the guests that the log names; without any, those that have some.

    A job that has all of them beside others is no better than one that has some: that one may have been edited since.
    """
    if log.storage is None:
        return frozenset()
    alike = [job for job in jobs if job.storage == log.storage]
    if log.named is None:
        return frozenset(job.id for job in alike)
    named = there.intersection(log.named)
    sharing = [job for job in alike if not named.isdisjoint(job.guests or ())]
    exact = [job for job in sharing if named == set(job.guests or ())]
    return frozenset(job.id for job in exact or sharing)
