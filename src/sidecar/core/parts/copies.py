"""Copies that a backup server pulled from another one: the sync job that makes them answers for them (rule 11)."""

from __future__ import annotations

from sidecar.core.reports.facts import BackupGroup, UpkeepJob
from sidecar.core.reports.report import Report


def copied_by(report: Report, group: BackupGroup) -> UpkeepJob | None:
    """The sync job that pulled it: it is inside the job's target, and belongs to the job's owner.

    Of several the one with the nearest target, then one that ever succeeded.
    """
    jobs = [job for job in report.facts(UpkeepJob) if job.kind == "sync" and _may_have_pulled(job, group)]
    return max(jobs, key=lambda job: (len(job.namespace), any(run.good for run in job.runs)), default=None)


def _may_have_pulled(job: UpkeepJob, group: BackupGroup) -> bool:
    inside = not job.namespace or f"{group.namespace}/".startswith(f"{job.namespace}/")
    return job.datastore == group.datastore and inside and job.owner is not None and job.owner == group.owner
