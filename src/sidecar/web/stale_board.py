"""A board that stopped being renewed is no evidence any more: this turns it into what can still be said."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

from sidecar.core.model import Board, Overall, ServiceRow, State, Verdict, worst

#: A board is rebuilt every minute, whatever the sources do. One older than this means that something inside is stuck.
RENEWED_WITHIN = timedelta(minutes=5)


def is_overdue(board: Board, now: datetime) -> bool:
    """Whether the board should long have been replaced by a newer one."""
    return now - board.at > RENEWED_WITHIN


def doubtful(board: Board, now: datetime) -> Board:
    """The same board when nobody knows whether it still holds: everything that was better than unknown is unknown."""
    services = tuple(_service(row) for row in board.services)
    counts = Counter(row.verdict.state for row in services)
    headline = f"Can't tell for {counts[State.UNKNOWN]} of {len(services)}: backup-glance stopped judging"
    return replace(
        board,
        at=now,
        overall=Overall(
            state=worst([board.overall.state, State.UNKNOWN]),
            headline=headline,
            counts={state: counts[state] for state in State if counts[state]},
        ),
        services=services,
        jobs=tuple(replace(row, verdict=_verdict(row.verdict)) for row in board.jobs),
        sources=tuple(replace(row, verdict=_verdict(row.verdict)) for row in board.sources),
    )


def _service(row: ServiceRow) -> ServiceRow:
    parts = tuple(replace(part, verdict=_verdict(part.verdict)) for part in row.parts)
    return replace(row, verdict=_verdict(row.verdict), parts=parts)


def _verdict(verdict: Verdict) -> Verdict:
    return verdict if verdict.state.rank <= State.UNKNOWN.rank else Verdict(State.UNKNOWN)
