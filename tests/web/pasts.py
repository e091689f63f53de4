"""A remembered past for boards made by hand: kept every night, but for a few that stand out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.history.verdict_log import FinalOccurrence, FinalState, ObservationGap, ServiceDay
from sidecar.core.model import Board, PartRow
from sidecar.core.past.days import Past
from sidecar.core.past.members import ServiceMembers
from sidecar.core.past.records import Records
from sidecar.core.schedules.local_day import midnight
from sidecar.remembered_days import RememberedDays

_DAY = timedelta(days=1)

#: What stood out, by service and days before the board's.
STOOD_OUT: Mapping[tuple[str, int], FinalState] = {
    ("vaultwarden", 3): FinalState.KEPT_LATE,
    ("vaultwarden", 9): FinalState.FAILED,
    ("paperless", 11): FinalState.MISSED,
    ("paperless", 12): FinalState.MISSED,
    ("immich", 20): FinalState.PAUSED,
    ("immich", 21): FinalState.PAUSED,
    ("immich", 22): FinalState.SKIPPED,
    ("nextcloud", 17): FinalState.NOT_OBSERVED,
}


def members_of(board: Board, looked: timedelta = timedelta(days=300)) -> tuple[ServiceMembers, ...]:
    """Every service of the board, looked at for so long."""
    return tuple(
        ServiceMembers(
            service=row.name,
            members=frozenset(_member(part) for part in row.parts),
            looked_since=board.at - looked,
            sources=frozenset(part.source for part in row.parts),
        )
        for row in board.services
    )


class HandmadePast:
    """Remembers ``days`` days of a board's services: due every night at 02:00, those of Mondays at 04:00.

    ``gaps``: when sources could not be read.
    """

    def __init__(self, board: Board, days: int = 300, gaps: tuple[ObservationGap, ...] = ()) -> None:
        self._board = board
        self._zone = ZoneInfo(board.timezone)
        self._days = days
        self._gaps = gaps
        self._remembered = RememberedDays(self.records, lambda: True, self._zone)

    def past(self, now: datetime) -> Past | None:
        return self._remembered.past(now)

    def records(self, start: datetime, end: datetime) -> Records:
        today = self._board.at.astimezone(self._zone).date()
        days = [today - ago * _DAY for ago in range(self._days, -1, -1)]
        wanted = [day for day in days if start <= midnight(day, self._zone) < end]
        return Records(
            start=start,
            end=end,
            finals=tuple(final for day in wanted for final in self._finals(day, (today - day).days)),
            changes=(),
            gaps=tuple(gap for gap in self._gaps if gap.start < end and (gap.until is None or gap.until > start)),
            good_ends=self._good_ends(wanted, today),
            days=tuple(
                ServiceDay(service=row.name, day=day, size=9_000_000_000 - 10_000_000 * (today - day).days)
                for day in wanted
                for row in self._board.services
            ),
        )

    def _good_ends(self, days: list[date], today: date) -> dict[str, tuple[datetime, ...]]:
        ends: dict[str, tuple[datetime, ...]] = {}
        for final in (final for day in days for final in self._finals(day, (today - day).days)):
            if final.run_start is not None:
                ends[final.member] = (*ends.get(final.member, ()), final.run_start + timedelta(minutes=1))
        return ends

    def _finals(self, day: date, ago: int) -> Iterator[FinalOccurrence]:
        due = midnight(day, self._zone) + timedelta(hours=2)
        for row in self._board.services:
            weekly = any(part.schedule and part.schedule.startswith("mon") for part in row.parts)
            if weekly and day.weekday() != 0:
                continue
            for part in row.parts:
                state = STOOD_OUT.get((row.name, ago), FinalState.KEPT) if part is row.parts[0] else FinalState.KEPT
                good = state in (FinalState.KEPT, FinalState.KEPT_LATE)
                yield FinalOccurrence(
                    member=_member(part),
                    job=part.job or "",
                    destination="",
                    due=due,
                    state=state,
                    run_start=due + timedelta(minutes=4) if good else None,
                    decided_at=due + timedelta(minutes=5),
                )


def _member(part: PartRow) -> str:
    return f"{part.kind}:{part.source}:{part.ref}"
