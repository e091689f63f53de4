"""Where the guests of some jobs are kept: groups on backup servers, archives elsewhere, and how well that is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sidecar.core.reports import snapshots
from sidecar.core.reports.facts import Archive, Guest, Storage, Task
from sidecar.core.reports.group_index import GroupIndex
from sidecar.core.reports.report import Reading, Report
from sidecar.core.reports.snapshots import SnapshotSummary
from sidecar.core.settings import SourceSetting

from . import joins
from .inputs import Inputs
from .joins import Place


@dataclass(frozen=True, slots=True)
class GuestBackups:
    """What is kept of one guest: snapshots and archives; and its uploads that failed."""

    stock: SnapshotSummary
    archives: tuple[Archive, ...]
    failures: tuple[Task, ...]

    def begun(self) -> list[datetime]:
        """When anything began to be saved, finished or not."""
        return [*self.stock.begun, *(one.time for one in self.archives)]


class Destination:
    """Storages as the guests on one node reach them.

    Attributes:
        places: the namespaces on backup servers that they lead to.
        evidences: how old the lists are of what is kept there.
        oldest: since when they have been used: the oldest trace of anything.
    """

    def __init__(
        self, lab: Inputs, source: SourceSetting, report: Report, storages: Sequence[Storage], node: str
    ) -> None:
        self.storages = tuple(storages)
        self.places = _places(lab, source, storages)
        archive_readings = _archive_readings(report, storages, node)
        self.evidences = (
            *(lab.evidence(one.source, one.reading(lab.reports.get(one.source.name))) for one in self.places),
            *(lab.evidence(source, reading) for reading in archive_readings),
        )
        self._shelves: tuple[tuple[Place, GroupIndex], ...] = tuple((one, lab.shelf(one.source)) for one in self.places)
        self._archives: dict[int, list[Archive]] = defaultdict(list)
        for reading in archive_readings:
            for archive in reading.of(Archive):
                self._archives[archive.vmid].append(archive)
        self.oldest = min(self._traces(), default=None)

    def kept(self, guest: Guest) -> GuestBackups:
        """What is kept of ``guest`` there."""
        kind, ident = guest.backup_type, str(guest.vmid)
        failed = (shelf.failed_uploads(place.datastore, kind, ident) for place, shelf in self._shelves)
        return GuestBackups(
            stock=self._stock(kind, ident),
            archives=tuple(self._archives.get(guest.vmid, ())),
            failures=tuple(task for tasks in failed for task in tasks),
        )

    def _stock(self, kind: str, ident: str) -> SnapshotSummary:
        found = ((shelf, shelf.group(place.datastore, place.namespace, kind, ident)) for place, shelf in self._shelves)
        there = [(shelf, group) for shelf, group in found if group]
        if len(there) == 1:
            shelf, group = there[0]
            return shelf.stock(group)
        return snapshots.stock(group for _, group in there)

    def _traces(self) -> Iterable[datetime]:
        for place, shelf in self._shelves:
            if (oldest := shelf.oldest_trace(place.datastore)) is not None:
                yield oldest
        for archives in self._archives.values():
            yield from (one.time for one in archives)


def _places(lab: Inputs, source: SourceSetting, storages: Iterable[Storage]) -> tuple[Place, ...]:
    found = (joins.place_of(lab, source, storage) for storage in storages)
    return tuple(dict.fromkeys(place for place in found if place is not None))


def _archive_readings(report: Report, storages: Iterable[Storage], node: str) -> list[Reading]:
    return [
        reading
        for storage in storages
        if storage.type != "pbs"
        for reading in report.within("archives")
        if reading.scope[-1] == storage.name and reading.scope[1] in ("shared", node)
    ]
