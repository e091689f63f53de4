"""What lies of a part at one place, and how well that is known (rule 15)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from sidecar.core.ids import JobId
from sidecar.core.model import PlaceKind
from sidecar.core.reports.snapshots import SnapshotSummary
from sidecar.core.value import value

from .expectation import Evidence


@value(kw_only=True)
class Stored:
    """The backups of a part at one place, or that it should have there.

    Attributes:
        place: see StoredCopy; two with the same place and kind lie together.
        named: how ``offsite:`` of the configuration may name the place.
        newest: start of the newest good backup there; None where there is none.
        made_by: the sync job that brings it there; None where the backup job itself does.
        doubt: it can't be told whether it lies there, however fresh the evidence is.
        whole: it is a source as a whole: nobody can tell at how many places of it something lies.
        verified_at, encrypted, protected: as in StoredCopy.
    """

    place: str
    kind: PlaceKind
    named: tuple[str, ...]
    evidence: Evidence
    newest: datetime | None
    made_by: JobId | None = None
    doubt: bool = False
    whole: bool = False
    verified_at: datetime | None = None
    encrypted: bool | None = None
    protected: int | None = None

    def known(self, now: datetime) -> bool:
        """It is known at ``now`` what lies there (rule 6)."""
        return not self.doubt and not self.evidence.stale(now)


def in_datastore(
    source: str, datastore: str, evidence: Evidence, summary: SnapshotSummary, made_by: JobId | None = None
) -> Stored:
    """What a backup group proves of the datastore that it lies in; its namespace makes no other place of it."""
    return Stored(
        place=f"{source}/{datastore}",
        kind=PlaceKind.DATASTORE,
        named=(source,),
        evidence=evidence,
        newest=summary.finished[0].start if summary.finished else None,
        made_by=made_by,
        verified_at=summary.verified_at,
        encrypted=summary.encrypted,
        protected=len(summary.protected),
    )


def each_place_once(every: Iterable[Stored]) -> Iterator[Stored]:
    """Of several at one place the one with the newest backup."""
    by_place: dict[tuple[PlaceKind, str], Stored] = {}
    for stored in every:
        key = stored.kind, stored.place
        before = by_place.get(key)
        if before is None or _newer(before, stored) is stored:
            by_place[key] = stored
    yield from by_place.values()


def _newer(one: Stored, other: Stored) -> Stored:
    if one.newest is None or other.newest is None:
        return other if one.newest is None else one
    return other if other.newest > one.newest else one
