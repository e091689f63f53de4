"""What snapshots, archives and upload tasks prove: runs, counts, verification (rules 9 and 10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter

from sidecar.core.model import Outcome, Run

from .facts import Archive, BackupGroup, Snapshot, Task

#: An upload that is older than this is a failed one, where nothing tells how long uploads usually take.
UPLOAD_LIMIT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SnapshotSummary:
    """What the snapshots of some groups prove, whenever it is asked.

    Attributes:
        begun: when any of them began, newest first.
        finished: the finished ones as runs, newest first.
        unfinished: those without a size, newest first (rule 10: no backups).
        concerns, unusable, verified_at, verified: as in parts.expectation.Observed.
    """

    begun: tuple[datetime, ...] = ()
    finished: tuple[Run, ...] = ()
    unfinished: tuple[Snapshot, ...] = ()
    concerns: tuple[str, ...] = ()
    unusable: str | None = None
    verified_at: datetime | None = None
    verified: int = 0

    def since(self, moment: datetime) -> SnapshotSummary:
        """What those prove that began at ``moment`` or later: the older ones belong to somebody else."""
        if not self.begun or self.begun[-1] >= moment:
            return self
        finished = tuple(run for run in self.finished if run.start >= moment)
        return SnapshotSummary(
            begun=tuple(begun for begun in self.begun if begun >= moment),
            finished=finished,
            unfinished=tuple(snapshot for snapshot in self.unfinished if snapshot.time >= moment),
            unusable=self.unusable if finished else None,
        )

    def runs(self, as_of: datetime | None, upload_limit: timedelta) -> tuple[Run, ...]:
        """All of them as runs, newest first, when they were listed at ``as_of`` and uploads take ``upload_limit`` at most."""
        if not self.unfinished:
            return self.finished
        unfinished = (_unfinished(snapshot, as_of, upload_limit) for snapshot in self.unfinished)
        return tuple(sorted((*self.finished, *unfinished), key=attrgetter("start"), reverse=True))


def summary(groups: Iterable[BackupGroup]) -> SnapshotSummary:
    """What the snapshots of all ``groups`` prove together."""
    mine = sorted((snapshot for group in groups for snapshot in group.snapshots), key=attrgetter("time"), reverse=True)
    finished = [snapshot for snapshot in mine if snapshot.size is not None]
    newest = finished[0] if finished else None
    verified = [snapshot for snapshot in finished if snapshot.verification is not None]
    corrupt = [snapshot for snapshot in verified if _failed_here(snapshot)]
    ok = Outcome.OK
    return SnapshotSummary(
        begun=tuple([snapshot.time for snapshot in mine]),
        finished=tuple([Run(snapshot.time, None, ok, snapshot.size) for snapshot in finished]),
        unfinished=tuple(snapshot for snapshot in mine if snapshot.size is None),
        concerns=tuple(_older_corrupt(corrupt)) if newest not in corrupt else (),
        unusable="the newest backup failed verification" if newest and newest in corrupt else None,
        verified=sum(
            snapshot.verification.own and snapshot.verification.ok for snapshot in verified if snapshot.verification
        ),
        verified_at=next(
            (snapshot.verification.at for snapshot in verified if snapshot.verification and snapshot.verification.own),
            None,
        ),
    )


def _unfinished(snapshot: Snapshot, as_of: datetime | None, upload_limit: timedelta) -> Run:
    if as_of is not None and as_of - snapshot.time <= upload_limit:
        return Run(snapshot.time, None, Outcome.RUNNING)
    return Run(snapshot.time, None, Outcome.FAILED, text="its upload never finished")


def _failed_here(snapshot: Snapshot) -> bool:
    """Rule 9: judged when failed; a verification that came with a synced copy isn't ours."""
    return snapshot.verification is not None and snapshot.verification.own and not snapshot.verification.ok


def _older_corrupt(corrupt: list[Snapshot]) -> Iterator[str]:
    if len(corrupt) == 1:
        yield "an older snapshot failed verification"
    elif corrupt:
        yield f"{len(corrupt)} older snapshots failed verification"


def archive_runs(archives: Iterable[Archive]) -> list[Run]:
    """Archives on other storages; an empty file is no backup."""
    return [
        Run(snapshot.time, None, Outcome.FAILED if snapshot.size == 0 else Outcome.OK, snapshot.size)
        for snapshot in archives
    ]


def failed_runs(tasks: Iterable[Task]) -> list[Run]:
    """Failed uploads as runs, with the server's words."""
    return [Run(task.start, task.end, Outcome.FAILED, text=task.status) for task in tasks]
