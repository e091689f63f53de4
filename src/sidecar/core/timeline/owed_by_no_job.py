"""What is judged beside the expectations, and remembered as they are: the age limits of a member (rule 9), and the copies
that are required of a service (rule 15). No job owes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sidecar.core.history.verdict_log import ExpectationKey, VerdictChange, of_member, of_service
from sidecar.core.judgement.judged import Judged, JudgedService
from sidecar.core.model import Board, Cause, PartRow, ServiceRow, State


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands; ``cause`` and ``reason`` as in a change."""

    state: State
    cause: str
    reason: str | None

    def change(self, key: ExpectationKey, before: State | None, now: datetime) -> VerdictChange:
        """It became so."""
        return VerdictChange(
            member=key.member,
            job=key.job,
            destination=key.destination,
            at=now,
            state_from=before,
            state_to=self.state,
            cause=self.cause,
            reason=self.reason,
        )


def owed_by_no_job(judged: Judged, board: Board) -> dict[ExpectationKey, Standing]:
    """All of it that was judged now, of which ``board`` is the board."""
    services = {service.service.name: service for service in judged.services}
    found: dict[ExpectationKey, Standing] = {}
    for row in board.services:
        if row.posture.state is not None:
            found[of_service(row.name)] = _of_copies(row, row.posture.state)
    for row in board.services:
        for key, standing in _of_ages(row, services[row.name]) if row.name in services else ():
            other = found.get(key)
            # Of two services that have the same member the stricter one.
            if other is None or standing.state.rank < other.state.rank:
                found[key] = standing
    return found


def has_a_standing(service: JudgedService) -> Iterator[ExpectationKey]:
    """The names under which something of this service may be remembered, whether or not it is judged now."""
    if service.service.require is not None:
        yield of_service(service.service.name)
    for part in service.parts:
        if service.service.age_limit(part.part.kind) is not None:
            yield of_member(str(part.part.member))


def _of_copies(row: ServiceRow, state: State) -> Standing:
    cause = Cause.UNREADABLE if state is State.UNKNOWN else Cause.COPIES_REQUIRED
    return Standing(state, str(cause), row.posture.reason)


def _of_ages(row: ServiceRow, service: JudgedService) -> Iterator[tuple[ExpectationKey, Standing]]:
    """Ages are judged while the backups are well: until then the last one holds."""
    if not service.service.has_an_age_limit:
        return
    for part, part_row in zip(service.parts, row.parts, strict=True):
        if part.verdict.state is State.OK and service.service.age_limit(part.part.kind) is not None:
            yield of_member(str(part.part.member)), _of_age(part_row)


def _of_age(row: PartRow) -> Standing:
    """Of one that is young enough there is nothing to say: what is said of its row is about its backups."""
    verdict = row.verdict
    reason = verdict.reason if verdict.state is not State.OK else None
    return Standing(verdict.state, str(verdict.cause or Cause.CANNOT_TELL), reason)
