"""Volumes of guests that jobs leave out: told by name and reason, for a backup without them is good and incomplete (rule 13)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from sidecar.core import words
from sidecar.core.ids import JobId, SourceName
from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import BackupJob, Guest, LeftOutVolume

from .inputs import Inputs

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


def notes(inputs: Inputs) -> Iterator[str]:
    """What jobs began to leave out during the last 30 days."""
    told = list(_changes(inputs))
    yield from told[:_MOST]
    if len(told) > _MOST:
        yield f"{len(told) - _MOST} more volumes are left out of backups since then."


def _changes(inputs: Inputs) -> Iterator[str]:
    for source, report in inputs.of(SourceKind.PVE):
        if report is None:
            continue
        names = {guest.vmid: guest.name for guest in report.facts(Guest)}
        for job in report.facts(BackupJob):
            for volume in (job.left_out or ()) if job.enabled else ():
                if volume.since is not None and inputs.now - volume.since < NOTED_FOR:
                    who = names.get(volume.vmid) or f"guest {volume.vmid}"
                    since = words.moment(volume.since, inputs.now, inputs.settings.timezone)
                    yield f"{who}: job {source.name}/backup/{job.id} leaves out {volume} since {since}."
