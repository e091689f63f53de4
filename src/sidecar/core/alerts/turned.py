"""What turned bad by the changes of verdicts that the ledger keeps: for receivers that nothing is remembered of.

After an upgrade to a version that tells somebody, what is bad was mostly bad before. What was well when the older version
was ended, and is not any more, is news all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sidecar.core.history.verdict_log import ExpectationKey, VerdictChange
from sidecar.core.model import Board, State

#: The state of an expectation before its first change, and after its last one.
Changes = Mapping[ExpectationKey, tuple[State | None, State]]


def added(changes: Changes, new: Iterable[VerdictChange]) -> dict[ExpectationKey, tuple[State | None, State]]:
    """``changes`` with later ones."""
    after = dict(changes)
    for change in new:
        first = after.get(change.expectation, (change.state_from, change.state_to))[0]
        after[change.expectation] = (first, change.state_to)
    return after


def turned(changes: Changes, board: Board) -> frozenset[str]:
    """The keys of the services and upkeep jobs that are worse than they were, as ``Seen.key``."""
    worse = [key for key, (before, after) in changes.items() if before is not None and after.rank < before.rank]
    members, jobs = {key.member for key in worse}, {key.job for key in worse}
    services = (
        row.name
        for row in board.services
        if f"service:{row.name}" in members
        or any(f"{part.kind}:{part.source}:{part.ref}" in members for part in row.parts)
    )
    upkeep = (row.name for row in board.jobs if row.members is None and row.name in jobs)
    return frozenset({*(f"service:{name}" for name in services), *(f"job:{name}" for name in upkeep)})
