"""What of a cluster's jobs and storages can't be seen, why, and what helps (rule 6)."""

from __future__ import annotations

from sidecar.core.reports.facts import BackupJob
from sidecar.core.reports.grants import on_node
from sidecar.core.reports.report import Problem, ProblemKind, Report, guests_of, hidden_below

from . import joins
from .destination import Destination
from .inputs import Inputs


def unseen_jobs(report: Report) -> Problem | None:
    """Why no job is known at all, as long as none was ever read or the token may not see them any more."""
    reading = report.reading("jobs")
    return reading.trouble if reading is not None and reading.as_of is None else None


def why_no_job(report: Report) -> str | None:
    """Why nobody can tell which jobs a guest without one is in."""
    unread = next((job for job in report.facts(BackupJob) if job.id and job.enabled and job.guests is None), None)
    if unread is not None:
        return f"can't tell whether job {unread.id} covers it: {why_unread(report, unread.id)}"
    if (unseen := unseen_jobs(report)) is not None:
        return f"can't tell which job covers it: {unseen.cause}"
    return None


def why_unread(report: Report, job: str) -> str:
    """Why the guests of a job are not known, in the words of the source's own limit."""
    what = guests_of(job)
    return next((limit.text for limit in report.limits if limit.culprit == what), f"{what} could not be read")


def destination_problem(inputs: Inputs, report: Report, job: BackupJob, destination: Destination) -> Problem | None:
    """Why nothing can be known of what a job saves although its cluster answers."""
    if not destination.storages:
        return _storage_unseen(report, job)
    if destination.leads_nowhere:
        if (unread := joins.may_lead_to(inputs, destination.storages)) is not None:
            return unread
        return Problem(
            f"storage {destination.storages[0].name} leads to no configured Proxmox Backup Server",
            "Add that server to sources, or name it under storages of the PVE source.",
            kind=ProblemKind.NOT_REPORTED,
        )
    return None


def _storage_unseen(report: Report, job: BackupJob) -> Problem:
    name = f"storage {job.storage}" if job.storage else "the storage"
    reading = report.reading("storages")
    if reading is not None and (trouble := reading.trouble) is not None:
        return Problem(f"{name} of job {job.id} can't be seen: {trouble.cause}", trouble.action, kind=trouble.kind)
    if job.storage is None:
        return Problem(
            f"job {job.id} names no storage",
            f"Give job {job.id} a storage.",
            kind=ProblemKind.NOT_REPORTED,
        )
    hidden = hidden_below(report, "/storage")
    if hidden is None:
        return Problem(
            f"{name}, which job {job.id} writes to, is not in the list of the cluster's storages",
            f"Correct the storage of job {job.id}.",
            kind=ProblemKind.NOT_REPORTED,
            culprit=job.storage,
        )
    path = f"/storage/{job.storage}"
    return Problem(
        f"the storage of job {job.id} is not visible: the token needs Datastore.Audit on {path}",
        f"Grant PVEAuditor to the token and to its user: {on_node(path, hidden.grantees)}",
        kind=ProblemKind.NO_PERMISSION,
        culprit=path,
    )
