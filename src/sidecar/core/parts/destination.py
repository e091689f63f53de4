"""One storage of PVE as a destination: where it keeps its backups, what lies there, and how well that is known.

What lies on a backup server that is a configured source is told by that one. Of any other PVE tells it itself (PVE-19).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property

from sidecar.core.ids import GroupKey
from sidecar.core.reports import snapshots
from sidecar.core.reports.facts import Archive, BackupGroup, Guest, Storage, Task
from sidecar.core.reports.group_index import GroupIndex
from sidecar.core.reports.report import Report
from sidecar.core.reports.snapshots import SnapshotSummary
from sidecar.core.settings import SourceSetting
from sidecar.core.value import value

from . import joins
from .expectation import Evidence
from .inputs import Inputs
from .joins import Place
from .part import weakest

#: A backup group on a PBS source.
Group = tuple[str, GroupKey]


@value()
class GuestBackups:
    """What is kept of one guest at a destination: snapshots and archives; and its uploads that failed.

    ``groups``: its backup groups there, by source.
    """

    groups: tuple[Group, ...]
    summary: SnapshotSummary
    archives: tuple[Archive, ...]
    failures: tuple[Task, ...]

    def since(self, moment: datetime) -> GuestBackups:
        """Those that began at ``moment`` or later."""
        return GuestBackups(
            groups=self.groups,
            summary=self.summary.since(moment),
            archives=tuple(archive for archive in self.archives if archive.time >= moment),
            failures=tuple(task for task in self.failures if task.start >= moment),
        )

    def begun(self) -> Sequence[datetime]:
        """When anything began to be saved, finished or not."""
        begun = self.summary.begun
        return (*begun, *(archive.time for archive in self.archives)) if self.archives else begun

    @property
    def first_trace(self) -> datetime | None:
        """When something was tried for it first."""
        begun = self.summary.begun
        if not self.archives and not self.failures:
            return begun[-1] if begun else None
        others = (*(archive.time for archive in self.archives), *(task.start for task in self.failures))
        return min((*begun[-1:], *others))

    @property
    def is_settled(self) -> bool:
        """There are only snapshots, and each is finished: they prove the same whenever they are asked."""
        return not (self.summary.unfinished or self.archives or self.failures)

    @property
    def count(self) -> int:
        """Finished backups."""
        return len(self.summary.finished) + len(self.archives)

    @property
    def protected(self) -> int:
        """Finished backups that no prune removes."""
        return len(self.summary.protected) + sum(archive.protected for archive in self.archives)


class Destination:
    """Some storages as the guests on one node reach them: one for an expectation, all of them for a guest in no job.

    Attributes:
        places: the namespaces on backup servers, which are configured sources, that they lead to.
        evidences: how old the lists are of what is kept there.
    """

    def __init__(
        self, inputs: Inputs, source: SourceSetting, report: Report, storages: Sequence[Storage], node: str
    ) -> None:
        self.storages = tuple(storages)
        self.places = _places(inputs, source, storages)
        self._told_by_pve = tuple(
            storage.name
            for storage in storages
            if storage.type != "pbs" or joins.place_of(inputs, source, storage) is None
        )
        self._archive_readings = [
            reading for reading in report.within("archives") if reading.scope[-1] in self._told_by_pve
        ]
        # Of all nodes: a storage that each has for itself is one destination (rule 3).
        # A node that is off must not hide what the others know of their own guests.
        reached = (reading for reading in self._archive_readings if reading.scope[1] in ("shared", node))
        self.evidences = (
            *(place.evidence(inputs) for place in self.places),
            *(inputs.evidence(source, reading) for reading in reached),
        )
        self._now = inputs.now
        self._indexes = tuple(inputs.group_index(place.source) for place in self.places)

    @cached_property
    def key(self) -> str:
        """Equal for destinations that are the same place, whatever PVE calls their storages."""
        places = [(place.source.name, place.datastore, place.namespace) for place in self.places]
        return repr((places, [*self._told_by_pve]))

    @cached_property
    def called(self) -> str | None:
        """What people call it; None where nothing is to be seen of it."""
        return " and ".join(storage.name for storage in self.storages) or None

    @cached_property
    def evidence(self) -> Evidence | None:
        """How well it is known what lies there, whatever is known of tasks; None where nothing is asked."""
        return weakest(self.evidences, self._now) if self.evidences else None

    @property
    def leads_nowhere(self) -> bool:
        """Its storages are on backup servers that are no configured source, and PVE does not tell what they keep."""
        if self.places or self._archive_readings:
            return False
        return all(storage.type == "pbs" for storage in self.storages)

    @property
    def lists_tasks(self) -> bool:
        """A backup server there lists what it does."""
        return any(index.lists_tasks for index in self._indexes)

    def kept(self, guest: Guest) -> GuestBackups:
        """What is kept of ``guest`` there."""
        groups = tuple([(place.source.name, place.group_of(guest)) for place in self.places])
        asked = [(index, key) for index, (_, key) in zip(self._indexes, groups, strict=True)]
        failures = tuple([task for index, key in asked for task in index.failed_uploads(key)])
        if not self._archive_readings:
            return GuestBackups(groups=groups, summary=_summary(asked), archives=(), failures=failures)
        return GuestBackups(
            groups=groups,
            summary=_summary(asked, self._groups_told_by_pve.get((guest.backup_type, str(guest.vmid)), ())),
            archives=tuple(
                [each for each in self._archives.get(guest.vmid, ()) if each.guest_type in (None, guest.type)]
            ),
            failures=failures,
        )

    @cached_property
    def _groups_told_by_pve(self) -> dict[tuple[str, str], list[BackupGroup]]:
        by_guest: dict[tuple[str, str], list[BackupGroup]] = defaultdict(list)
        for reading in self._archive_readings:
            for group in reading.of(BackupGroup):
                by_guest[group.type, group.id].append(group)
        return by_guest

    @cached_property
    def _archives(self) -> dict[int, list[Archive]]:
        by_vmid: dict[int, list[Archive]] = defaultdict(list)
        for reading in self._archive_readings:
            for archive in reading.of(Archive):
                by_vmid[archive.vmid].append(archive)
        return by_vmid


def _summary(groups: Sequence[tuple[GroupIndex, GroupKey]], told_by_pve: Sequence[BackupGroup] = ()) -> SnapshotSummary:
    if len(groups) == 1 and not told_by_pve:
        index, key = groups[0]
        return index.summary(key)
    told = {start: run for index, key in groups for start, run in index.told(key).items()}
    every = [*(group for index, key in groups if (group := index.group(key))), *told_by_pve]
    return snapshots.summary(every, told)


def _places(inputs: Inputs, source: SourceSetting, storages: Iterable[Storage]) -> tuple[Place, ...]:
    places = (joins.place_of(inputs, source, storage) for storage in storages)
    return tuple(dict.fromkeys(place for place in places if place is not None))
