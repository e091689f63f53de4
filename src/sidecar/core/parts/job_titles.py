"""What people call a job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sidecar.core.ids import JobId
from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import BackupJob

from .inputs import Inputs
from .part import Part

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

#: Kinds of what no upstream knows as a job: the owner expects it, or it comes by itself.
WITHOUT_JOB = ("guest", "group", "database")


def title(inputs: Inputs, job: JobId, service: str | None = None) -> str:
    """The owner's word, what is written beside it in PVE, the service that it is for, else its kind and id.

    Args:
        service: see ``services_of``.
    """
    own = inputs.settings.jobs.get(str(job))
    comment = _comment(inputs, job) if job.kind == "backup" else None
    called = comment or service or f"{_owner(inputs, job)}{_KINDS.get(job.kind, job.kind)} {job.id}"
    return (own.title if own else None) or called


def services_of(parts: Iterable[tuple[str, Part]]) -> dict[JobId, str]:
    """What no upstream knows as a job is called like its service; several of one service are told apart by their parts.

    Args:
        parts: each with the name of its service.
    """
    found: dict[str, dict[JobId, str]] = defaultdict(dict)
    known: set[JobId] = set()
    for service, part in parts:
        for expectation in part.expectations:
            if expectation.job.kind in WITHOUT_JOB and expectation.job not in known:
                known.add(expectation.job)
                found[service][expectation.job] = part.ref
    return {
        job: service if len(jobs) == 1 else f"{service} ({ref})"
        for service, jobs in found.items()
        for job, ref in jobs.items()
    }


def _owner(inputs: Inputs, job: JobId) -> str:
    """Upkeep is called by the upstream that does it."""
    source = inputs.settings.source(job.source)
    return _OWNERS.get(source.kind, "") if source is not None and job.kind not in _BACKUPS else ""


def _comment(inputs: Inputs, job: JobId) -> str | None:
    """What the owner of a PVE job wrote beside it."""
    report = inputs.reports.get(job.source)
    reading = report.reading("jobs") if report else None
    return next((each.comment for each in reading.of(BackupJob) if each.id == job.id), None) if reading else None
