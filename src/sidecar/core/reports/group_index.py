"""What one backup server keeps, looked up instead of searched: a thousand guests ask for their groups on every board."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime

from . import snapshots
from .cached import cached
from .facts import BackupGroup, Task
from .report import Report
from .snapshots import SnapshotSummary


class GroupIndex:
    """The groups and failed uploads of one report of a backup server; without a report it is empty."""

    def __init__(self, report: Report | None) -> None:
        groups = tuple(report.facts(BackupGroup)) if report else ()
        tasks = report.reading("tasks") if report else None
        self._stocks: dict[tuple[str, str, str, str], SnapshotSummary] = {}
        self._groups = {(one.datastore, one.namespace, one.type, one.id): one for one in groups}
        self._twins = Counter((one.datastore, one.type, one.id) for one in groups)
        self._oldest: dict[str, datetime] = {}
        for group in groups:
            if group.snapshots:
                oldest = group.snapshots[-1].time
                self._oldest[group.datastore] = min(self._oldest.get(group.datastore, oldest), oldest)
        self._failed: dict[str, list[Task]] = defaultdict(list)
        for task in tasks.of(Task) if tasks else ():
            if task.type == "backup" and _is_error(task):
                self._failed[task.id].append(task)

    def group(self, datastore: str, namespace: str, backup_type: str, backup_id: str) -> BackupGroup | None:
        """The group of that type and id."""
        return self._groups.get((datastore, namespace, backup_type, backup_id))

    def stock(self, group: BackupGroup) -> SnapshotSummary:
        """What the snapshots of one of its groups prove."""
        key = (group.datastore, group.namespace, group.type, group.id)
        if key not in self._stocks:
            self._stocks[key] = snapshots.stock([group])
        return self._stocks[key]

    def oldest_trace(self, datastore: str) -> datetime | None:
        """Since when the datastore has been used: the oldest snapshot of any group in any of its namespaces."""
        return self._oldest.get(datastore)

    def failed_uploads(self, datastore: str, backup_type: str, backup_id: str) -> list[Task]:
        """Upload tasks of one group that ended in an error.

        The worker id names no namespace (pbs.md §2.11): where two namespaces hold such a group, none of them is accused.
        """
        if self._twins[datastore, backup_type, backup_id] > 1:
            return []
        return self._failed.get(f"{datastore}:{backup_type}/{backup_id}", [])


@cached
def group_index(report: Report) -> GroupIndex:
    """The shelf of a backup server's report; always the same for the same report."""
    return GroupIndex(report)


def _is_error(task: Task) -> bool:
    return (
        task.end is not None and task.status is not None and not task.status.startswith(("OK", "WARNINGS", "unknown"))
    )
