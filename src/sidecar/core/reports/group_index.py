"""What one backup server keeps, looked up instead of searched: a thousand guests ask for their groups on every board."""

from __future__ import annotations

from collections import Counter, defaultdict

from sidecar.core.ids import GroupKey

from . import snapshots
from .cached import cached
from .facts import BackupGroup, Task, TaskResult
from .report import Report
from .snapshots import SnapshotSummary

_NOTHING = SnapshotSummary()


class GroupIndex:
    """The groups and failed uploads of one report of a backup server; without a report it is empty."""

    def __init__(self, report: Report | None) -> None:
        groups = tuple(report.facts(BackupGroup)) if report else ()
        tasks = report.reading("tasks") if report else None
        self._summaries: dict[GroupKey, SnapshotSummary] = {}
        self._groups = {group.key: group for group in groups}
        self._twins = Counter((group.datastore, group.type, group.id) for group in groups)
        self._failed: dict[str, list[Task]] = defaultdict(list)
        for task in tasks.of(Task) if tasks else ():
            if task.type == "backup" and _is_error(task):
                self._failed[task.id].append(task)

    def group(self, key: GroupKey) -> BackupGroup | None:
        """The group of that name."""
        return self._groups.get(key)

    def summary(self, key: GroupKey) -> SnapshotSummary:
        """What the snapshots of a group prove; nothing for a group that isn't there."""
        if key not in self._summaries:
            group = self._groups.get(key)
            if group is None:
                return _NOTHING
            self._summaries[key] = snapshots.summary([group])
        return self._summaries[key]

    def failed_uploads(self, key: GroupKey) -> list[Task]:
        """Upload tasks of one group that ended in an error.

        The worker id names no namespace (PBS-29): where two namespaces hold such a group, none of them is accused.
        """
        if self._twins[key.datastore, key.type, key.id] > 1:
            return []
        return self._failed.get(f"{key.datastore}:{key.type}/{key.id}", [])


@cached
def group_index(report: Report) -> GroupIndex:
    """The index of a backup server's report; always the same for the same report."""
    return GroupIndex(report)


def _is_error(task: Task) -> bool:
    return task.end is not None and task.result is TaskResult.FAILED
