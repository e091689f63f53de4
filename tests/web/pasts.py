"""A remembered past for boards made by hand: kept every night, but for a few that stand out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.history.verdict_log import ExpectationKey, FinalOccurrence, FinalState, ObservationGap
from sidecar.core.model import Board, PartRow
from sidecar.core.past.days import Past
from sidecar.core.past.members import ServiceMembers
from sidecar.core.past.past_day import CountedDays, DayCounter, PastDay
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


_GOOD = frozenset({FinalState.KEPT, FinalState.KEPT_LATE})


def final_of(key: ExpectationKey, due: datetime, state: FinalState, wait: timedelta) -> FinalOccurrence:
    """What became of a due time; a good run began ``wait`` after it."""
    return FinalOccurrence(
        member=key.member,
        job=key.job,
        destination=key.destination,
        due=due,
        state=state,
        run_start=due + wait if state in _GOOD else None,
        decided_at=due + wait + timedelta(minutes=10),
    )


def member_of(part: PartRow) -> str:
    """The name under which the ledger remembers a part."""
    return f"{part.kind}:{part.source}:{part.ref}"


def members_of(board: Board, looked: timedelta = timedelta(days=300)) -> tuple[ServiceMembers, ...]:
    """Every service of the board, looked at for so long."""
    return tuple(
        ServiceMembers(
            service=row.name,
            members=frozenset(member_of(part) for part in row.parts),
            looked_since=board.at - looked,
            sources=frozenset(part.source for part in row.parts),
        )
        for row in board.services
    )


def former_of(board: Board, looked: timedelta, remembered: frozenset[str]) -> tuple[ServiceMembers, ...]:
    """What no service of the board has any more, as if all of it had been called vaultwarden."""
    present = {member_of(part) for row in board.services for part in row.parts}
    return tuple(
        ServiceMembers(
            service=f"vaultwarden ({member})",
            members=frozenset({member}),
            looked_since=board.at - looked,
            sources=frozenset({member.split(":")[1]}),
        )
        for member in sorted(remembered - present)
    )


class HandmadePast:
    """Remembers ``days`` days of a board's services: due every night at 02:00, those of Mondays only then.

    ``gaps``: when sources could not be read.
    """

    def __init__(self, board: Board, days: int = 300, gaps: tuple[ObservationGap, ...] = ()) -> None:
        self._board = board
        self._zone = ZoneInfo(board.timezone)
        self._days = days
        self._gaps = gaps
        self._remembered = RememberedDays(self._read, lambda: True, self._zone)

    def past(self, now: datetime) -> Past | None:
        return self._remembered.past(now)

    def _read(self, stretches: Sequence[tuple[date, date]], recent: date) -> CountedDays:
        today = self._board.at.astimezone(self._zone).date()
        counted: dict[date, PastDay] = {}
        for first, last in stretches:
            counter = DayCounter(first, last, self._zone)
            oldest = max(first, today - self._days * _DAY)
            for day in (oldest + place * _DAY for place in range((last - oldest).days + 1)):
                self._count(counter, day, (today - day).days, is_recent=day >= recent)
            counted |= counter.days()
        return CountedDays(days=counted, gaps=self._gaps, decided={}, newest={}, complete_since=None)

    def _count(self, counter: DayCounter, day: date, ago: int, *, is_recent: bool) -> None:
        counter.judged(day)
        for final in self._finals(day, ago):
            counter.due(final.member, final.due, final.state)
            if is_recent and final.run_start is not None:
                counter.saved(final.member, final.run_start + timedelta(minutes=1))
        for row in self._board.services if is_recent else ():
            counter.weighed(row.name, day, 9_000_000_000 - 10_000_000 * ago)

    def _finals(self, day: date, ago: int) -> Iterator[FinalOccurrence]:
        due = midnight(day, self._zone) + timedelta(hours=2)
        for row in self._board.services:
            weekly = any(part.schedule and part.schedule.startswith("mon") for part in row.parts)
            if weekly and day.weekday() != 0:
                continue
            for part in row.parts:
                state = STOOD_OUT.get((row.name, ago), FinalState.KEPT) if part is row.parts[0] else FinalState.KEPT
                yield final_of(ExpectationKey(member_of(part), part.job or "", ""), due, state, timedelta(minutes=4))
