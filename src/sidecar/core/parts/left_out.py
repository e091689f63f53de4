"""Volumes of guests that jobs leave out: told by name and reason, for a backup without them is good and incomplete (rule 13)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from sidecar.core import words
from sidecar.core.ids import JobId, SourceName
from sidecar.core.reports.facts import BackupJob, LeftOutVolume

from .inputs import Inputs
from .part import Part

#: How long a change is noted.
NOTED_FOR = timedelta(days=30)

#: Notes at most; what is more is counted.
_MOST = 20


def by_guest(source: str, jobs: Iterable[BackupJob]) -> Mapping[int, tuple[tuple[JobId, LeftOutVolume], ...]]:
    """By vmid what enabled jobs leave out."""
    every: dict[int, list[tuple[JobId, LeftOutVolume]]] = defaultdict(list)
    for job in jobs:
        for volume in (job.left_out or ()) if job.enabled else ():
            every[volume.vmid].append((JobId(SourceName(source), "backup", job.id), volume))
    return {vmid: tuple(volumes) for vmid, volumes in every.items()}


def notes(inputs: Inputs, parts: Iterable[Part]) -> Iterator[str]:
    """What jobs began to leave out of these guests during the last 30 days."""
    told = list(_changes(inputs, parts))
    yield from told[:_MOST]
    if len(told) > _MOST:
        yield f"{len(told) - _MOST} more volumes are left out of backups since then."


def _changes(inputs: Inputs, parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        for job, volume in part.left_out:
            if volume.since is not None and inputs.now - volume.since < NOTED_FOR:
                since = words.moment(volume.since, inputs.now, inputs.settings.timezone)
                yield f"{part.name}: job {job} leaves out {volume} since {since}."
