"""What people call a job."""

from __future__ import annotations

from sidecar.core.ids import JobId
from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import BackupJob

from .inputs import Inputs

_KINDS = {
    "backup": "PVE backup",
    "dump": "Databasement",
    "plan": "Backrest",
    "prune": "prune",
    "gc": "garbage collection",
    "verify": "verification",
    "sync": "sync",
    "check": "integrity check",
}
_OWNERS = {SourceKind.PBS: "PBS ", SourceKind.BACKREST: "Backrest "}
_BACKUPS = ("backup", "dump", "plan")


def title(inputs: Inputs, job: JobId) -> str:
    """The owner's word, what is written beside it in PVE, else its kind and id."""
    own = inputs.settings.jobs.get(str(job))
    comment = _comment(inputs, job) if job.kind == "backup" else None
    return (own.title if own else None) or comment or f"{_owner(inputs, job)}{_KINDS.get(job.kind, job.kind)} {job.id}"


def _owner(inputs: Inputs, job: JobId) -> str:
    """Upkeep is called by the upstream that does it."""
    source = inputs.settings.source(job.source)
    return _OWNERS.get(source.kind, "") if source is not None and job.kind not in _BACKUPS else ""


def _comment(inputs: Inputs, job: JobId) -> str | None:
    """What the owner of a PVE job wrote beside it."""
    report = inputs.reports.get(job.source)
    reading = report.reading("jobs") if report else None
    return next((each.comment for each in reading.of(BackupJob) if each.id == job.id), None) if reading else None
