"""Timeline → CalendarPage: a month of days with their marks, the list of one day or of the hours around now, the schedule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.model import Board, OccurrenceKind, ScheduleLine, State
from sidecar.core.timeline.timeline import Timeline, TooManyError

from .due_list import MARKS, MOST_ON_A_PAGE, Section, mark_of, midnight, sections
from .page import Headline, top
from .query import YEARS, WidgetQuery
from .schedule_words import GROUPS, schedule_words
from .words import Clock, Moment, TimedText

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = timedelta(days=1)

#: What a day's number is coloured for.
_BAD = frozenset({"failed", "missed"})
_NOTEWORTHY = frozenset({"unknown", "warning"})


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the month grid.

    Attributes:
        marks: backup, dump and upkeep in their fixed places, each the worst of that day; None where nothing was due.
        tone: what the worst mark makes of the number: "bad", "note" or nothing.
        label: the whole day in words.
    """

    number: int
    iso: str
    address: str
    in_month: bool
    is_today: bool
    is_open: bool
    marks: tuple[tuple[OccurrenceKind, str | None], ...]
    tone: str
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """A job in the schedule list. ``last`` is its present state in a word; None for what is never judged."""

    kind: OccurrenceKind
    when: str
    title: str
    last: str | None
    next: Moment | None


@dataclass(frozen=True, slots=True)
class CalendarPage:
    """Everything in the calendar view, top to bottom.

    Attributes:
        month: "November 2026", "2026-11" for machines; ``number`` is its number, between the links to its neighbours.
        weekdays: their names in full.
        opened: a day is opened; ``back`` closes it.
        now: the present time, for the rule that parts past and future.
        too_many: why days have no marks.
    """

    stale: bool
    banner: TimedText | None
    headline: Headline
    month: str
    month_iso: str
    number: int
    before: str | None
    after: str | None
    weekdays: tuple[str, ...]
    weeks: tuple[tuple[Day, ...], ...]
    too_many: str | None
    opened: bool
    back: str
    now: Moment
    sections: tuple[Section, ...]
    schedule: tuple[tuple[str, tuple[Line, ...]], ...]


def calendar_page(board: Board, timeline: Timeline, query: WidgetQuery) -> CalendarPage:
    """The calendar of the month that is asked for, else of the opened day's, else of the present one."""
    clock = Clock(board.at, ZoneInfo(board.timezone))
    today = board.at.astimezone(clock.zone).date()
    month = (query.month or query.day or today).replace(day=1)
    first_weekday = _WEEKDAYS.index(timeline.inputs.settings.week_start)
    days = _grid(month, first_weekday)
    marks, too_many = _marks(timeline, days, clock.zone)
    above = top(board)
    return CalendarPage(
        stale=above.stale,
        banner=above.banner,
        headline=above.headline,
        month=f"{month:%B %Y}",
        month_iso=f"{month:%Y-%m}",
        number=month.month,
        before=_month_address(query, _first_of_neighbour(month, -1)),
        after=_month_address(query, _first_of_neighbour(month, 1)),
        weekdays=tuple(_WEEKDAYS[(first_weekday + place) % 7].title() for place in range(7)),
        weeks=_weeks([_day(one, month, today, marks, query, clock) for one in days]),
        too_many=too_many,
        opened=query.day is not None,
        back=query.address(view=query.view, month=f"{month:%Y-%m}"),
        now=clock.moment(board.at, clock.time(board.at)),
        sections=tuple(sections(timeline, query.day, today, clock)),
        schedule=_schedule(board, timeline.lines(), clock, first_weekday),
    )


# --- the month --------------------------------------------------------------------------------------------------------


def _grid(month: date, first_weekday: int) -> list[date]:
    """Whole weeks that hold the month."""
    lead = (month.weekday() - first_weekday) % 7
    first = month - lead * _DAY
    length = (_first_of_neighbour(month, 1) - month).days
    return [first + place * _DAY for place in range(-(-(lead + length) // 7) * 7)]


def _first_of_neighbour(month: date, step: int) -> date:
    index = month.year * 12 + month.month - 1 + step
    return date(index // 12, index % 12 + 1, 1)


def _month_address(query: WidgetQuery, month: date) -> str | None:
    """None beyond the years that there are."""
    return None if month.year not in YEARS else query.address(view=query.view, month=f"{month:%Y-%m}")


def _weeks(days: Sequence[Day]) -> tuple[tuple[Day, ...], ...]:
    return tuple(tuple(days[place : place + 7]) for place in range(0, len(days), 7))


_Marks = dict[tuple[date, OccurrenceKind], str]


def _marks(timeline: Timeline, days: Sequence[date], zone: ZoneInfo) -> tuple[_Marks, str | None]:
    """The worst mark by day and kind."""
    try:
        found = timeline.occurrences(midnight(days[0], zone), midnight(days[-1] + _DAY, zone), MOST_ON_A_PAGE)
    except TooManyError as error:
        return {}, f"There are {error} in this month."
    worst: _Marks = {}
    for one in found:
        mark = mark_of(one.state)
        place = (one.due.astimezone(zone).date(), one.kind)
        if mark is not None:
            worst[place] = min(mark, worst.get(place, mark), key=MARKS.index)
    return worst, None


def _day(day: date, month: date, today: date, marks: _Marks, query: WidgetQuery, clock: Clock) -> Day:
    shown = tuple((kind, marks.get((day, kind))) for kind in OccurrenceKind)
    there = {mark for _, mark in shown if mark}
    tone = "bad" if there & _BAD else "note" if there & _NOTEWORTHY else ""
    said = ", ".join(f"{kind} {mark}" for kind, mark in shown if mark) or "nothing due"
    return Day(
        number=day.day,
        iso=day.isoformat(),
        address=query.address(view=query.view, month=f"{month:%Y-%m}", day=day.isoformat()),
        in_month=(day.year, day.month) == (month.year, month.month),
        is_today=day == today,
        is_open=day == query.day,
        marks=shown,
        tone=tone,
        label=f"{clock.date(midnight(day, clock.zone))}: {said}",
    )


# --- the schedule -----------------------------------------------------------------------------------------------------


def _schedule(
    board: Board, lines: Iterable[ScheduleLine], clock: Clock, first_weekday: int
) -> tuple[tuple[str, tuple[Line, ...]], ...]:
    """One line per job: when, what, how the last one went, and how far away the next one is."""
    states = {job.name: job.verdict.state for job in board.jobs}
    groups: dict[str, list[tuple[tuple[int, str], Line]]] = {name: [] for name in GROUPS}
    for line in lines:
        group, when = schedule_words(line.dues, clock.zone)
        coming = next((due for due in line.dues if due > clock.now), None)
        state = states.get(line.job, State.UNKNOWN) if line.job else None
        shown = Line(line.kind, when, line.title, _last(state), _ahead(coming, clock))
        groups[group].append((_order(group, line.dues, clock, first_weekday), shown))
    return tuple(
        (name, tuple(line for _, line in sorted(found, key=lambda pair: (*pair[0], pair[1].title))))
        for name, found in groups.items()
        if found
    )


def _ahead(coming: datetime | None, clock: Clock) -> Moment | None:
    return clock.moment(coming, clock.ahead(coming)) if coming else None


def _order(group: str, dues: Sequence[datetime], clock: Clock, first_weekday: int) -> tuple[int, str]:
    local = dues[0].astimezone(clock.zone)
    place = {"weekly": (local.weekday() - first_weekday) % 7, "monthly": local.day}.get(group, 0)
    return (place if group != "other" else local.toordinal(), f"{local:%H:%M}")


def _last(state: State | None) -> str | None:
    """The word for the state; "last ok" needs its "last", "running" speaks for itself."""
    if state is None or state in (State.NEW, State.DISABLED):
        return None
    return state.value
