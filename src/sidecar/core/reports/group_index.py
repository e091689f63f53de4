"""What one backup server keeps, looked up instead of searched: a thousand guests ask for their groups on every board."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import cast

from sidecar.core.ids import GroupKey
from sidecar.core.model import Run

from . import snapshots, uploads
from .cached import cached_of, cached_with_times
from .facts import BackupGroup, Task, TaskResult
from .report import Report
from .snapshots import SnapshotSummary

_NOTHING = SnapshotSummary()

#: Where a report keeps what the one before proved of groups that are the same: only until its own index is made.
_BEFORE = "groups of the report before"

_Proved = dict[GroupKey, tuple[BackupGroup, SnapshotSummary]]


class _Groups:
    """The groups of a backup server, and what follows from them whatever else it tells.

    Attributes:
        proved: what those prove of which all snapshots are finished, as far as it was asked: no task and no time changes it.
    """

    def __init__(self, groups: Iterable[BackupGroup]) -> None:
        self._by_key = {group.key: group for group in groups}
        self.proved: dict[GroupKey, SnapshotSummary] = {}

    def get(self, key: GroupKey) -> BackupGroup | None:
        return self._by_key.get(key)

    def others(self, known: set[GroupKey]) -> Iterator[BackupGroup]:
        return (self._by_key[key] for key in self._by_key.keys() - known)

    def with_proofs(self) -> _Proved:
        """Those that proved something."""
        return {key: (self._by_key[key], summary) for key, summary in self.proved.items()}

    @cached_property
    def alike(self) -> Mapping[str, Sequence[BackupGroup]]:
        """By what an upload task calls them: it names no namespace (PBS-29)."""
        alike: dict[str, list[BackupGroup]] = defaultdict(list)
        for key, group in self._by_key.items():
            alike[_worker(key)].append(group)
        return alike


@cached_of("snapshots")
def _groups(report: Report) -> _Groups:
    return _Groups(report.facts(BackupGroup))


class GroupIndex:
    """The groups and upload tasks of one report of a backup server; without a report it is empty."""

    def __init__(self, report: Report | None) -> None:
        self._report = report
        self._log = report.reading("tasks") if report else None
        self._groups = _groups(report) if report else _Groups(())
        self._before = cast("_Proved", report.derived.pop(_BEFORE, {})) if report else {}
        self._unfinished: dict[GroupKey, SnapshotSummary] = {}
        self._uploads: dict[str, list[Task]] = defaultdict(list)
        for task in self._log.of(Task) if self._log else ():
            if task.type == "backup":
                self._uploads[task.id].append(task)

    @property
    def lists_tasks(self) -> bool:
        """The server's task list could be read."""
        return self._log is not None and self._log.as_of is not None

    def group(self, key: GroupKey) -> BackupGroup | None:
        """The group of that name."""
        return self._groups.get(key)

    def others(self, known: set[GroupKey]) -> Iterator[BackupGroup]:
        """The groups that are none of ``known``, in any order."""
        return self._groups.others(known)

    def summary(self, key: GroupKey) -> SnapshotSummary:
        """What the snapshots of a group prove; nothing for a group that isn't there."""
        proved = self._groups.proved.get(key)
        return proved if proved is not None else self._unfinished.get(key) or self._made(key)

    def _made(self, key: GroupKey) -> SnapshotSummary:
        group = self._groups.get(key)
        if group is None:
            return _NOTHING
        same, proved = self._before.pop(key, (None, _NOTHING))
        summary = proved if same is group else snapshots.summary([group], self.told(key))
        kept = self._unfinished if summary.unfinished else self._groups.proved
        kept[key] = summary
        return summary

    def told(self, key: GroupKey) -> Mapping[datetime, Run]:
        """What the server's tasks tell of a group's unfinished snapshots, by their start (rule 5)."""
        group = self._groups.get(key)
        listing = self._report.reading("snapshots", key.datastore, key.namespace) if self._report else None
        if group is None or listing is None or self._log is None:
            return {}
        if all(snapshot.size is not None for snapshot in group.snapshots):
            return {}
        rivals = [other for other in self._groups.alike[_worker(key)] if other is not group]
        return uploads.told(group, self._uploads.get(_worker(key), ()), rivals, listing)

    def failed_uploads(self, key: GroupKey) -> list[Task]:
        """Upload tasks of one group that ended in an error and left no snapshot behind that says so itself.

        The worker id names no namespace (PBS-29): where two namespaces hold such a group, none of them is accused.
        """
        worker = _worker(key)
        failed = [task for task in self._uploads.get(worker, ()) if _is_error(task)]
        if not failed or len(self._groups.alike.get(worker, ())) > 1:
            return []
        ends = {run.end for run in self.told(key).values()}
        return [task for task in failed if task.end not in ends]


@cached_with_times
def group_index(report: Report) -> GroupIndex:
    """The index of a backup server's report; always the same for the same report."""
    return GroupIndex(report)


def hand_on(before: Report, new: Report) -> None:
    """What the groups of one report proved holds for the next one where they are the same objects (shared.py)."""
    groups = before.derived.get(_groups.__wrapped__)  # type: ignore[attr-defined]
    if isinstance(groups, _Groups) and new.derived.get(_groups.__wrapped__) is not groups:  # type: ignore[attr-defined]
        new.derived[_BEFORE] = groups.with_proofs()


def _worker(key: GroupKey) -> str:
    """How an upload task names the group."""
    return f"{key.datastore}:{key.type}/{key.id}"


def _is_error(task: Task) -> bool:
    return task.end is not None and task.result is TaskResult.FAILED
