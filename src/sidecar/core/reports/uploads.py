"""What a backup server's tasks tell of snapshots that are not finished: under way, or over and nothing came of them (rule 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sidecar.core.model import Outcome, Run

from .facts import BackupGroup, Snapshot, Task, TaskResult
from .report import Reading

#: How much later than its snapshot an upload's task may begin: a guest may take so long to stop.
_BEGINS_WITHIN = timedelta(minutes=15)

#: How much earlier it may seem to begin: the clocks of client and server differ.
_CLOCKS = timedelta(minutes=5)


def told(
    group: BackupGroup, tasks: Sequence[Task], rivals: Sequence[BackupGroup], listing: Reading
) -> Mapping[datetime, Run]:
    """By start what became of the unfinished snapshots of ``group``, as far as the server's tasks tell.

    Only the newest snapshot of a group can be under way: the server refuses one that is older than the last.

    Args:
        tasks: the upload tasks of groups with this type and id; their worker id names no namespace (PBS-29).
        rivals: groups of other namespaces with the same type and id.
        listing: the reading of the snapshots.
    """
    runs: dict[datetime, Run] = {}
    for snapshot in group.snapshots:
        if snapshot.size is not None:
            continue
        is_newest = snapshot is group.snapshots[0]
        if is_newest and any(_uploads(task, group, rivals) for task in tasks if task.end is None):
            runs[snapshot.time] = Run(start=snapshot.time, end=None, outcome=Outcome.RUNNING)
        elif not snapshot.damaged:
            task = _ended(snapshot, tasks, rivals, listing.as_of)
            if task is not None:
                runs[snapshot.time] = Run(start=snapshot.time, end=task.end, outcome=Outcome.FAILED, text=_text(task))
            elif not is_newest:
                runs[snapshot.time] = Run(
                    start=snapshot.time, end=None, outcome=Outcome.FAILED, text="its upload never finished"
                )
    return runs


def _uploads(task: Task, group: BackupGroup, rivals: Sequence[BackupGroup]) -> bool:
    """The running task uploads the newest snapshot of this group, and not that of a rival."""
    uploading = [each for each in (group, *rivals) if each.snapshots and each.snapshots[0].size is None]
    return min(uploading, key=lambda each: abs(task.start - each.snapshots[0].time)) is group


def _ended(
    snapshot: Snapshot, tasks: Sequence[Task], rivals: Sequence[BackupGroup], listed: datetime | None
) -> Task | None:
    """The task that uploaded the snapshot, where the snapshot was listed without a size after its end.

    A group is locked while an upload works on it, so any later upload proves that this one is over too.
    """
    if listed is None:
        return None
    after = snapshot.time - _CLOCKS
    over = [task for task in tasks if task.start >= after and task.end is not None and task.end <= listed]
    if rivals:
        over = [task for task in over if _begins(task, snapshot) and not _is_of_any(task, rivals)]
    return min(over, key=lambda task: task.start, default=None)


def _is_of_any(task: Task, rivals: Sequence[BackupGroup]) -> bool:
    return any(_begins(task, snapshot) for rival in rivals for snapshot in rival.snapshots)


def _begins(task: Task, snapshot: Snapshot) -> bool:
    return snapshot.time - _CLOCKS <= task.start <= snapshot.time + _BEGINS_WITHIN


def _text(task: Task) -> str:
    match task.result:
        case TaskResult.FAILED:
            return task.status or "its upload failed"
        case TaskResult.UNKNOWN:
            return "its upload broke off, and the server does not know how"
        case _:
            return "its upload ended, but the snapshot was never finished"
