"""Copies that a backup server pulled from another one: the sync job that makes them answers for them (rule 11)."""

from __future__ import annotations

from sidecar.core.reports.facts import BackupGroup, UpkeepJob
from sidecar.core.reports.report import Report


def copied_by(report: Report, group: BackupGroup) -> UpkeepJob | None:
    """The sync job that pulled it: it is inside the job's target, and belongs to the job's owner."""
    for job in report.facts(UpkeepJob):
        inside = not job.namespace or f"{group.namespace}/".startswith(f"{job.namespace}/")
        mine = job.owner is not None and job.owner == group.owner
        if job.kind == "sync" and job.datastore == group.datastore and inside and mine:
            return job
    return None
