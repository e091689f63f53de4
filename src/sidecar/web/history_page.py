"""History → HistoryPage: a row per service with a cell per local day, as it was judged then, and one line of words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.ids import MemberKind
from sidecar.core.model import Board, OccurrenceKind, PartKind, ServiceRow, State
from sidecar.core.past.days import RECENT, History, ServiceFacts
from sidecar.core.past.members import Members, ServiceMembers
from sidecar.core.schedules.local_day import midnight

from .history_words import BAD_MARKS, facts_in_words, mark_and_words
from .page import Banner, Heading, Trouble, top
from .rows import MOST_ROWS
from .words import TimedText, TimeFormat

#: So many days are drawn; how many of them show depends on the width.
DAYS = 365

#: So many days of a service that were not kept are named.
MOST_NAMED = 10

_WEEK = timedelta(days=7)

_FIGURES = f"Figures are of the last {RECENT} days."

#: Why there is nothing to show.
WITHOUT_LEDGER = "Nothing is remembered: backup-glance runs without a directory for its state."
UNREADABLE = "What is remembered can't be read at present, so nothing is known of the past."


@dataclass(frozen=True, slots=True)
class DayHead:
    """A column. ``short`` stands above the first day of each week."""

    iso: str
    label: str
    short: str | None


@dataclass(frozen=True, slots=True)
class DayCell:
    """A day of a service: its mark, and all of it in words."""

    mark: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRow:
    """A service.

    Attributes:
        kind: how its marks are drawn.
        facts: its last month in words.
        bad: the newest days that were not kept, in words, and ``more``: how many others there are.
    """

    name: str
    kind: OccurrenceKind
    cells: tuple[DayCell, ...]
    facts: tuple[TimedText, ...]
    bad: tuple[str, ...]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTable:
    """The table of days.

    Attributes:
        days: oldest first, today the last.
        begins_on: the place of the first day in its week, from 1.
        months: above each week of a year, where a month begins in it.
        former: what no service has any more.
        notes: what must be known to read it: since when anybody looked, and what is left out.
    """

    days: tuple[DayHead, ...]
    begins_on: int
    months: tuple[str, ...]
    rows: tuple[PastRow, ...]
    former: tuple[PastRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """Everything in the history view, top to bottom.

    Attributes:
        troubles: the sources that need attention: what they should tell is not known.
        table: None where there is no history.
        missing: why there is none.
    """

    stale: bool
    banner: Banner | None
    headline: Heading
    troubles: tuple[Trouble, ...]
    table: PastTable | None
    missing: str | None


@dataclass(frozen=True, slots=True)
class _Subject:
    """Whose past a row is; ``rank``: the worse something stands, the further above it is."""

    rank: int
    members: ServiceMembers
    kind: OccurrenceKind
    has_schedule: bool
    facts: ServiceFacts


def history_page(
    board: Board,
    history: History | None,
    members: Members,
    first_weekday: int,
    *,
    missing: str,
    service: str | None = None,
) -> HistoryPage:
    """The last year of the services of ``board``, and of what none of them has any more; of one service alone when it is
    asked for.

    Args:
        first_weekday: the first day of a week, 0 for Monday.
        missing: why there is no history, if there is none.
    """
    above = top(board)
    table = None if history is None else _table(board, history, members, first_weekday, service)
    return HistoryPage(
        stale=above.stale,
        banner=above.banner,
        headline=above.headline,
        troubles=above.sources,
        table=table,
        missing=missing if table is None else None,
    )


def _table(board: Board, history: History, members: Members, first_weekday: int, service: str | None) -> PastTable:
    times = TimeFormat(board.at, ZoneInfo(board.timezone))
    days = history.past.every_day[-DAYS:]
    heads = tuple(_head(day, first_weekday, times) for day in days)
    services = _worst_first(_of_services(board, history, members.services, service))
    former = _worst_first(_former(history, members)) if service is None else []
    shown, others = services[:MOST_ROWS], services[MOST_ROWS:]
    room = MOST_ROWS - len(shown)
    return PastTable(
        days=heads,
        begins_on=(days[0].weekday() - first_weekday) % 7 + 1,
        months=tuple(_months(days, first_weekday)),
        rows=tuple(_row(each, history, heads) for each in shown),
        former=tuple(_row(each, history, heads) for each in former[:room]),
        notes=(
            _FIGURES,
            *_since(history, [each.members for each in shown], times),
            *_left_out([each.facts for each in others]),
            *_former_left_out(len(former[room:])),
        ),
    )


def _of_services(
    board: Board, history: History, members: Iterable[ServiceMembers], service: str | None
) -> Iterator[_Subject]:
    by_name = {each.service: each for each in members}
    for row in board.services:
        mine = by_name.get(row.name)
        if mine is not None and service in (None, row.name):
            has_schedule = row.next_run is not None or any(part.schedule for part in row.parts)
            yield _Subject(row.verdict.state.rank, mine, _kind(row), has_schedule, history.facts(mine))


def _former(history: History, members: Members) -> Iterator[_Subject]:
    """Something was due of each of them, so there was a schedule. That there is no backup since it is gone says nothing."""
    for mine in members.former(history.past.members):
        of_databases = all(member.startswith(f"{MemberKind.DATABASE}:") for member in mine.members)
        kind = OccurrenceKind.DUMP if of_databases else OccurrenceKind.BACKUP
        facts = replace(history.facts(mine), longest_gap=None)
        yield _Subject(State.OK.rank, mine, kind, has_schedule=True, facts=facts)


def _worst_first(subjects: Iterable[_Subject]) -> list[_Subject]:
    return sorted(subjects, key=lambda each: (each.rank, _unkept(each.facts)))


def _unkept(facts: ServiceFacts) -> int:
    return facts.tally.kept - facts.tally.decided


def _head(day: date, first_weekday: int, times: TimeFormat) -> DayHead:
    begins_week = day.weekday() == first_weekday
    return DayHead(
        day.isoformat(), times.date(midnight(day, times.zone)), f"{day.day} {day:%b}" if begins_week else None
    )


def _months(days: Sequence[date], first_weekday: int) -> Iterator[str]:
    """The name of the month that begins in a week, for each week."""
    week = days[0] - timedelta(days=(days[0].weekday() - first_weekday) % 7)
    while week <= days[-1]:
        last = week + _WEEK - timedelta(days=1)
        yield f"{last:%b}" if last.day <= 7 else ""
        week += _WEEK


def _row(subject: _Subject, history: History, heads: Sequence[DayHead]) -> PastRow:
    drawn = []
    for cell, head in zip(history.cells(subject.members, DAYS), heads, strict=True):
        mark, words = mark_and_words(cell)
        drawn.append(DayCell(mark, f"{head.label}: {words}"))
    bad = [cell.label for cell in reversed(drawn) if cell.mark in BAD_MARKS]
    return PastRow(
        name=subject.members.service,
        kind=subject.kind,
        cells=tuple(drawn),
        facts=tuple(facts_in_words(subject.facts, has_schedule=subject.has_schedule)),
        bad=tuple(bad[:MOST_NAMED]),
        more=max(len(bad) - MOST_NAMED, 0),
    )


def _kind(service: ServiceRow) -> OccurrenceKind:
    dumps_only = bool(service.parts) and all(part.kind is PartKind.DATABASE for part in service.parts)
    return OccurrenceKind.DUMP if dumps_only else OccurrenceKind.BACKUP


def _since(history: History, services: Iterable[ServiceMembers], times: TimeFormat) -> Iterator[str]:
    """Said once, of all services: some may be looked at only since later."""
    begins = [day for service in services if (day := history.begins(service)) is not None]
    if not begins:
        yield "Nobody has looked at any of them yet."
    elif min(begins) > history.past.first:
        yield f"Days are blank before {times.date(midnight(min(begins), times.zone))}, when the first of them was looked at."


def _former_left_out(number: int) -> Iterator[str]:
    if number:
        what = "thing that no service has any more is" if number == 1 else "things that no service has any more are"
        yield f"{number} {what} not drawn; the report of the month lists {'it' if number == 1 else 'them'}."


def _left_out(others: Sequence[ServiceFacts]) -> Iterator[str]:
    if not others:
        return
    unkept = sum(_unkept(facts) < 0 for facts in others)
    what = (
        f"{unkept} of them did not keep every run of the last month"
        if unkept
        else "all of them kept every run of the last month"
    )
    yield f"{len(others)} more services are not drawn; {what}. One of them shows with service=NAME in the address."
