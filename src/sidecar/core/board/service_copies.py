"""The copies of each service on a board: judged by rule 15, and as rows where they lie off-site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from sidecar.core.ids import JobId
from sidecar.core.judgement.copies_required import JudgedCopies, judged_copies
from sidecar.core.judgement.judged import Judged, JudgedPart, JudgedService
from sidecar.core.model import Copy, PartRow, PlaceKind, State, StoredCopy, worst
from sidecar.core.parts import offsite
from sidecar.core.parts.counted_copies import Declared, Hidden
from sidecar.core.parts.hidden_places import hidden_places
from sidecar.core.parts.inputs import Inputs

#: What is declared off-site, then of each part and of each place of a service whether it can be told what lies there.
Told = tuple[frozenset[str], tuple[bool, ...]]


class ServiceCopies:
    """What the copies of all services have in common."""

    def __init__(self, judged: Judged) -> None:
        self._judged = judged
        self._declared = _declared(judged.inputs)
        self._hidden = Hidden.of(hidden_places(judged.inputs), self._declared)

    def of(self, service: JudgedService) -> JudgedCopies:
        """Those of one service."""
        parts = [part.part for part in service.parts]
        return judged_copies(parts, self._hidden, service.service.require, self._declared)

    def told(self, service: JudgedService) -> Told | None:
        """What the copies of one service follow from beside its parts: where both are as before, so are the copies.

        None where copies of any service may lie in places that can't be read. For a service that requires none.
        """
        if self._hidden.copies:
            return None
        now = self._declared.now
        told: list[bool] = []
        for judged in service.parts:
            told.append(judged.part.observed.evidence.stale(now))
            told += [stored.known(now) for stored in judged.part.stored]
        return self._declared.offsite, tuple(told)

    def offsite(self, parts: Sequence[JudgedPart], rows: Sequence[PartRow], copies: JudgedCopies) -> tuple[Copy, ...]:
        """The copies at off-site places: volumes, repositories, then backup servers."""
        own = offsite.of_service((part.part, row.verdict) for part, row in zip(parts, rows, strict=True))
        return (*own, *self._on_servers(parts, rows, copies))

    def _on_servers(self, parts: Sequence[JudgedPart], rows: Sequence[PartRow], copies: JudgedCopies) -> Iterator[Copy]:
        states = {part.part.full_ref: row.verdict.state for part, row in zip(parts, rows, strict=True)}
        for copy in copies.posture.places:
            if copy.offsite and copy.kind in (PlaceKind.DATASTORE, PlaceKind.REMOTE):
                yield Copy(copy.place, self._state(copy, states), copy.last_backup)

    def _state(self, copy: StoredCopy, states: dict[str, State]) -> State:
        """Rule 8: copies that a sync job makes stand as it does."""
        if not copy.known:
            return State.UNKNOWN
        if copy.made_by is None:
            return worst(states[part] for part in copy.parts)
        state = self._of_sync_jobs.get(copy.made_by, State.UNKNOWN)
        return State.NEW if copy.last_backup is None and state is State.OK else state

    def follow_sync_jobs(self, copies: JudgedCopies) -> bool:
        """How they stand may change while the parts of the service stay as they are."""
        return any(copy.offsite and copy.made_by is not None for copy in copies.posture.places)

    @cached_property
    def _of_sync_jobs(self) -> dict[str, State]:
        every = (judgement for part in self._judged.upkeep for judgement in part.judgements)
        return {
            str(judgement.expectation.job): judgement.verdict.state
            for judgement in every
            if _is_sync(judgement.expectation.job)
        }


def _declared(inputs: Inputs) -> Declared:
    paused = frozenset(source.name for source in inputs.settings.sources if inputs.pause(source.name) is not None)
    return Declared(frozenset(inputs.settings.offsite), inputs.now, paused)


def _is_sync(job: JobId) -> bool:
    return job.kind == "sync"
