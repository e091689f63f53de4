"""Since when a job leaves out volumes of its guests: what changed is worth a word (rule 13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from .facts import BackupJob, LeftOutVolume


def with_since(job: BackupJob, before: BackupJob | None, seen: datetime | None) -> BackupJob:
    """``job`` with what is known from ``before``, the same job as it was read last. ``seen``: when it was read now."""
    if before is None or before.left_out is None or before.guests is None:
        return job
    if job.left_out is None:
        return replace(job, left_out=before.left_out)
    known = {(volume.vmid, volume.volume): volume for volume in before.left_out}
    covered = frozenset(before.guests)
    return replace(job, left_out=tuple(_since(volume, known, covered, seen) for volume in job.left_out))


def _since(
    volume: LeftOutVolume,
    known: dict[tuple[int, str], LeftOutVolume],
    covered: frozenset[int],
    seen: datetime | None,
) -> LeftOutVolume:
    """A guest that is new in the job brought its volumes along: nothing changed."""
    before = known.get((volume.vmid, volume.volume))
    if before is not None:
        return replace(volume, since=before.since)
    return replace(volume, since=seen) if volume.vmid in covered else volume
