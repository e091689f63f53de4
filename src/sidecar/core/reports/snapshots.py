"""What snapshots, archives and upload tasks prove: runs, counts, verification (rules 9 and 10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from types import MappingProxyType

from sidecar.core.model import Outcome, Run

from .facts import Archive, BackupGroup, Snapshot, Task

#: An upload that is older than this is a failed one, where nothing tells how long uploads usually take.
UPLOAD_LIMIT = timedelta(hours=24)

_NOTHING_TOLD: Mapping[datetime, Run] = MappingProxyType({})

_NONE: frozenset[datetime] = frozenset()

#: What is said of a run whose snapshot can't be restored.
CORRUPT = "its snapshot failed verification"


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotSummary:
    """What the snapshots of some groups prove, whenever it is asked.

    Attributes:
        begun: when any of them began, newest first.
        finished: the finished ones as runs, newest first; corrupt ones are no backups.
        corrupt: those that failed verification here, as failed runs, newest first (rule 9).
        unfinished: those without a size, newest first (rule 10: no backups).
        told: of the unfinished ones by start what the server's tasks tell of them (rule 5).
        protected: when the finished ones began that no prune removes.
        concerns, verified_at, verified, owner, encrypted: as in parts.expectation.Observed.
    """

    begun: tuple[datetime, ...] = ()
    finished: tuple[Run, ...] = ()
    corrupt: tuple[Run, ...] = ()
    unfinished: tuple[Snapshot, ...] = ()
    told: Mapping[datetime, Run] = field(default_factory=dict)
    concerns: tuple[str, ...] = ()
    verified_at: datetime | None = None
    verified: int = 0
    owner: str | None = None
    encrypted: bool | None = None
    protected: tuple[datetime, ...] = ()

    @property
    def shown(self) -> frozenset[datetime]:
        """When those began of which the server's tasks show that they are under way."""
        if not self.unfinished:
            return _NONE
        return frozenset(start for start, run in self.told.items() if run.outcome is Outcome.RUNNING)

    def since(self, moment: datetime) -> SnapshotSummary:
        """What those prove that began at ``moment`` or later: the older ones belong to somebody else."""
        if not self.begun or self.begun[-1] >= moment:
            return self
        return SnapshotSummary(
            begun=tuple(begun for begun in self.begun if begun >= moment),
            finished=tuple(run for run in self.finished if run.start >= moment),
            corrupt=tuple(run for run in self.corrupt if run.start >= moment),
            unfinished=tuple(snapshot for snapshot in self.unfinished if snapshot.time >= moment),
            told=self.told,
            owner=self.owner,
            encrypted=self.encrypted if self.finished and self.finished[0].start >= moment else None,
            protected=tuple(start for start in self.protected if start >= moment),
        )

    def runs(self, as_of: datetime | None, upload_limit: timedelta, newest: Run | None = None) -> tuple[Run, ...]:
        """All of them as runs, newest first, when they were listed at ``as_of`` and uploads take ``upload_limit`` at most.

        Args:
            newest: what is known of the newest unfinished one, where the server's own tasks do not tell.
        """
        if not self.unfinished and not self.corrupt:
            return self.finished
        unfinished = [
            self.told.get(snapshot.time) or _unfinished(snapshot, as_of, upload_limit) for snapshot in self.unfinished
        ]
        if newest is not None and newest.start not in self.told:
            unfinished[0] = newest
        return tuple(sorted((*self.finished, *self.corrupt, *unfinished), key=attrgetter("start"), reverse=True))


def summary(groups: Iterable[BackupGroup], told: Mapping[datetime, Run] = _NOTHING_TOLD) -> SnapshotSummary:
    """What the snapshots of all ``groups`` prove together. ``told``: see SnapshotSummary."""
    groups = tuple(groups)
    mine = sorted((snapshot for group in groups for snapshot in group.snapshots), key=attrgetter("time"), reverse=True)
    corrupt = [snapshot for snapshot in mine if snapshot.size is not None and _failed_here(snapshot)]
    finished = [snapshot for snapshot in mine if snapshot.size is not None and not _failed_here(snapshot)]
    verified = [snapshot.verification for snapshot in finished if snapshot.verification and snapshot.verification.own]
    ok, failed = Outcome.OK, Outcome.FAILED
    return SnapshotSummary(
        begun=tuple([snapshot.time for snapshot in mine]),
        finished=tuple([Run(start=snapshot.time, end=None, outcome=ok, size=snapshot.size) for snapshot in finished]),
        corrupt=tuple(
            [
                Run(start=snapshot.time, end=None, outcome=failed, size=snapshot.size, text=CORRUPT)
                for snapshot in corrupt
            ]
        ),
        unfinished=tuple(snapshot for snapshot in mine if snapshot.size is None),
        told=told,
        concerns=tuple(
            _older_corrupt(sum(snapshot.time < finished[0].time for snapshot in corrupt) if finished else 0)
        ),
        verified=len(verified),
        verified_at=next((verification.at for verification in verified), None),
        owner=only_one(group.owner for group in groups),
        encrypted=finished[0].encrypted if finished else None,
        protected=tuple([snapshot.time for snapshot in finished if snapshot.protected]),
    )


def only_one(names: Iterable[str | None]) -> str | None:
    """The name, where all of them are the same; None where they are not, or where one is not told."""
    every = set(names)
    return every.pop() if len(every) == 1 else None


def _unfinished(snapshot: Snapshot, as_of: datetime | None, upload_limit: timedelta) -> Run:
    """By its age, where no task tells of it. One with a manifest was uploaded to its end, and is no backup all the same."""
    if snapshot.damaged:
        return Run(start=snapshot.time, end=None, outcome=Outcome.FAILED, text="its manifest can't be read")
    if as_of is not None and as_of - snapshot.time <= upload_limit:
        return Run(start=snapshot.time, end=None, outcome=Outcome.RUNNING)
    return Run(start=snapshot.time, end=None, outcome=Outcome.FAILED, text="its upload never finished")


def _failed_here(snapshot: Snapshot) -> bool:
    """Rule 9: judged when failed; a verification that came with a synced copy isn't ours."""
    return snapshot.verification is not None and snapshot.verification.own and not snapshot.verification.ok


def _older_corrupt(count: int) -> Iterator[str]:
    """Superseded by a newer good one it is worth a warning, no more."""
    if count == 1:
        yield "an older snapshot failed verification"
    elif count:
        yield f"{count} older snapshots failed verification"


def archive_runs(archives: Iterable[Archive]) -> list[Run]:
    """Archives on other storages; an empty file is no backup."""
    return [
        Run(
            start=snapshot.time,
            end=None,
            outcome=Outcome.FAILED if snapshot.size == 0 else Outcome.OK,
            size=snapshot.size,
        )
        for snapshot in archives
    ]


def failed_runs(tasks: Iterable[Task]) -> list[Run]:
    """Failed uploads as runs, with the server's words."""
    return [Run(start=task.start, end=task.end, outcome=Outcome.FAILED, text=task.status) for task in tasks]
