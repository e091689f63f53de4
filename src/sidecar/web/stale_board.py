"""A board that stopped being renewed proves nothing any more: this keeps of it, and of what is due, only what still holds.

Nothing is judged here. What was known stays the only source, and whatever was better than unknown becomes unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.board import headline
from sidecar.core.model import (
    Board,
    Headline,
    HeadlineKind,
    Occurrence,
    Overall,
    PartRow,
    Posture,
    ScheduleLine,
    ServiceRow,
    State,
    Verdict,
    worst,
)
from sidecar.core.timeline.timeline import MOST

from .dues import Dues

#: A board is rebuilt every minute, whatever the sources do. One older than this means that something inside is stuck.
RENEWED_WITHIN = timedelta(minutes=5)

#: The verdict on everything that was better than unknown.
_NOT_JUDGED = Verdict(state=State.UNKNOWN, reason="backup-glance stopped judging.")

#: An occurrence in one of these states was not settled when the board was made.
_UNSETTLED = frozenset({State.LATE, State.RUNNING, State.NEW})


def is_stale(board: Board, now: datetime) -> bool:
    """Whether the board should long have been replaced by a newer one, or was made by a clock that was set back since."""
    return abs(now - board.at) > RENEWED_WITHIN


def stale_board(board: Board, now: datetime) -> Board:
    """The same board at ``now``, when nobody knows whether it still holds."""
    services = tuple(_service(row) for row in board.services)
    counts = Counter(row.verdict.state for row in services)
    facts = Headline(HeadlineKind.NOT_JUDGED, counts[State.UNKNOWN], len(services))
    return replace(
        board,
        at=now,
        overall=Overall(
            state=worst([board.overall.state, State.UNKNOWN]),
            headline=headline.sentence(facts, now, ZoneInfo(board.timezone)),
            counts={state: counts[state] for state in State if counts[state]},
            facts=facts,
        ),
        services=services,
        jobs=tuple(replace(row, verdict=_verdict(row.verdict)) for row in board.jobs),
        sources=tuple(replace(row, verdict=_verdict(row.verdict)) for row in board.sources),
        datastores=tuple(replace(row, verdict=_verdict(row.verdict)) for row in board.datastores),
    )


def stale_occurrences(known: Iterable[Occurrence], now: datetime) -> tuple[Occurrence, ...]:
    """The same occurrences at ``now``, when nobody knows what became of those that had no result yet.

    What was finished is history and stays. What was under way or has become due since is unknown. A ``calendar:`` line
    is never judged, so it stays planned.
    """
    return tuple(_occurrence(occurrence, now) for occurrence in known)


@dataclass(frozen=True, slots=True)
class StaleTimeline:
    """What was known of due times, at ``now``. Its windows are those of the timeline that it was."""

    known: Dues
    now: datetime

    def occurrences(self, start: datetime, end: datetime, most: int = MOST) -> tuple[Occurrence, ...]:
        """See Timeline.occurrences and stale_occurrences."""
        return stale_occurrences(self.known.occurrences(start, end, most), self.now)

    def nothing_known(self, start: datetime, end: datetime, most: int = MOST) -> tuple[datetime, ...]:
        """See Timeline.nothing_known: the past is as it was."""
        return self.known.nothing_known(start, end, most)

    @property
    def looked_since(self) -> datetime | None:
        """See Timeline.looked_since."""
        return self.known.looked_since

    def lines(self) -> tuple[ScheduleLine, ...]:
        """See Timeline.lines: when something is due is no judgement."""
        return self.known.lines()


def _service(row: ServiceRow) -> ServiceRow:
    parts = tuple(_part(part) for part in row.parts)
    copies = tuple(replace(copy, state=worst([copy.state, State.UNKNOWN])) for copy in row.copies)
    posture = _posture(row.posture)
    return replace(row, verdict=_verdict(row.verdict), parts=parts, copies=copies, posture=posture)


def _posture(posture: Posture) -> Posture:
    """The numbers are those that were counted last; no place is known any more."""
    places = tuple(replace(place, known=False) for place in posture.places)
    state = None if posture.required is None else State.UNKNOWN
    reason = _NOT_JUDGED.reason if state else None
    return replace(posture, complete=False, places=places, state=state, reason=reason)


def _part(part: PartRow) -> PartRow:
    expectations = tuple(replace(each, verdict=_verdict(each.verdict)) for each in part.expectations)
    return replace(part, verdict=_verdict(part.verdict), expectations=expectations)


def _verdict(verdict: Verdict) -> Verdict:
    return verdict if verdict.state.rank <= State.UNKNOWN.rank else _NOT_JUDGED


def _occurrence(occurrence: Occurrence, now: datetime) -> Occurrence:
    if occurrence.job is None or occurrence.due > now:
        return occurrence
    if occurrence.state is not None and occurrence.state not in _UNSETTLED:
        return occurrence
    return replace(occurrence, state=State.UNKNOWN, reason=_NOT_JUDGED.reason)
