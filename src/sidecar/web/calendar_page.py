"""Timeline → CalendarPage: a month of days with their marks, the list of one day or of the hours around now, the schedule."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.model import Board, OccurrenceKind, ScheduleLine, State
from sidecar.core.schedules.local_day import midnight
from sidecar.core.timeline.timeline import TooManyError

from .due_list import MARKS, MOST_ON_A_PAGE, Section, mark_of, sections
from .dues import Dues
from .page import Banner, Heading, Trouble, top
from .query import YEARS, WidgetQuery
from .schedule_words import GROUPS, schedule_words
from .words import Moment, TimeFormat

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = timedelta(days=1)

#: Words for states that need another one beside them: "never" alone would belong to the time of the next run.
_SAID = {State.OK: "last ok", State.FAILED: "last failed", State.NEVER: "never ok"}

#: What a day's number is coloured for.
_BAD = frozenset({"failed", "missed"})
_NOTEWORTHY = frozenset({"unknown", "warning"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day of the month grid.

    Attributes:
        marks: backup, dump and upkeep in their fixed places, each the worst of that day; None where nothing was due.
        is_known: False on a day that has passed, or is today, of which nothing is known: neither that something was due.
        tone: what the worst mark makes of the number: "bad", "note" or nothing.
        label: the whole day in words.
    """

    number: int
    iso: str
    address: str | None
    in_month: bool
    is_today: bool
    is_open: bool
    marks: tuple[tuple[OccurrenceKind, str | None], ...]
    is_known: bool
    tone: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A job in the schedule list. ``last`` is its present state; None for what is never judged. ``said``: the same in words.

    ``written``: the schedule as its upstream writes it.
    """

    kind: OccurrenceKind
    when: str
    title: str
    last: State | None
    said: str | None
    next: Moment | None
    written: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarPage:
    """Everything in the calendar view, top to bottom.

    Attributes:
        troubles: the sources that need attention: days that they should tell of are unknown.
        month: "November 2026", "2026-11" for machines; ``number`` is its number, between the links to its neighbours.
        weekdays: their names in full.
        opened: a day is opened; ``back`` closes it.
        now: the present time, for the rule that parts past and future.
        too_many: why days have no marks.
    """

    stale: bool
    banner: Banner | None
    headline: Heading
    troubles: tuple[Trouble, ...]
    month: str
    number: int
    before: str | None
    after: str | None
    weekdays: tuple[str, ...]
    weeks: tuple[tuple[Day, ...], ...]
    too_many: str | None
    opened: bool
    back: str | None
    now: Moment
    sections: tuple[Section, ...]
    schedule: tuple[tuple[str, tuple[Line, ...]], ...]


def calendar_page(
    board: Board, timeline: Dues, query: WidgetQuery | None, week_start: str = WEEKDAYS[0]
) -> CalendarPage:
    """The calendar of the month that is asked for, else of the opened day's, else of the present one.

    Without a query it has no addresses: it stands where there is no way to ask for another month or day.
    """
    times = TimeFormat(board.at, ZoneInfo(board.timezone))
    today = board.at.astimezone(times.zone).date()
    opened = query.day if query else None
    month = ((query.month if query else None) or opened or today).replace(day=1)
    first_weekday = WEEKDAYS.index(week_start)
    days = _grid(month, first_weekday)
    marks, too_many = _marks(timeline, days, times.zone)
    unknown = set() if too_many else _nothing_known(timeline, [day for day in days if day <= today], marks, times.zone)
    above = top(board)
    return CalendarPage(
        stale=above.stale,
        banner=above.banner,
        headline=above.headline,
        troubles=above.sources,
        month=f"{month:%B %Y}",
        number=month.month,
        before=_month_address(query, _first_of_neighbour(month, -1)),
        after=_month_address(query, _first_of_neighbour(month, 1)),
        weekdays=tuple(WEEKDAYS[(first_weekday + place) % 7].title() for place in range(7)),
        weeks=_weeks([_day(day, month, today, marks, unknown, query, times) for day in days]),
        too_many=too_many,
        opened=opened is not None,
        back=_address(query, month),
        now=times.moment(board.at, times.time(board.at)),
        sections=tuple(sections(timeline, opened, today, times)),
        schedule=_schedule(board, timeline.lines(), times, first_weekday),
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


def _month_address(query: WidgetQuery | None, month: date) -> str | None:
    """None beyond the years that there are."""
    return None if month.year not in YEARS else _address(query, month)


def _address(query: WidgetQuery | None, month: date, **more: str) -> str | None:
    return query.address(view=query.view, month=f"{month:%Y-%m}", **more) if query else None


def _weeks(days: Sequence[Day]) -> tuple[tuple[Day, ...], ...]:
    return tuple(tuple(days[place : place + 7]) for place in range(0, len(days), 7))


_Marks = dict[tuple[date, OccurrenceKind], str]


def _marks(timeline: Dues, days: Sequence[date], zone: ZoneInfo) -> tuple[_Marks, str | None]:
    """The worst mark by day and kind."""
    try:
        occurrences = timeline.occurrences(midnight(days[0], zone), midnight(days[-1] + _DAY, zone), MOST_ON_A_PAGE)
    except TooManyError as error:
        return {}, f"There are {error} in this month."
    worst: _Marks = {}
    for occurrence in occurrences:
        mark = mark_of(occurrence.state)
        place = (occurrence.due.astimezone(zone).date(), occurrence.kind)
        if mark is not None:
            worst[place] = min(mark, worst.get(place, mark), key=MARKS.index)
    return worst, None


def _nothing_known(timeline: Dues, days: Sequence[date], marks: _Marks, zone: ZoneInfo) -> set[date]:
    """The days that are over, or today, without a mark, of which nothing is known. On the others nothing was due."""
    marked = {day for day, _ in marks}
    blank = [day for day in days if day not in marked]
    if not blank:
        return set()
    looked = timeline.looked_since
    begins = looked.astimezone(zone).date() if looked is not None else None
    dues = timeline.nothing_known(midnight(blank[0], zone), midnight(blank[-1] + _DAY, zone), MOST_ON_A_PAGE)
    due_on = {due.astimezone(zone).date() for due in dues}
    return {day for day in blank if day in due_on or begins is None or day < begins}


def _day(
    day: date,
    month: date,
    today: date,
    marks: _Marks,
    unknown: Container[date],
    query: WidgetQuery | None,
    times: TimeFormat,
) -> Day:
    shown = tuple((kind, marks.get((day, kind))) for kind in OccurrenceKind)
    there = {mark for _, mark in shown if mark}
    tone = "bad" if there & _BAD else "note" if there & _NOTEWORTHY else ""
    text = ", ".join(f"{kind} {mark}" for kind, mark in shown if mark) or (
        "nothing known" if day in unknown else "nothing due"
    )
    return Day(
        number=day.day,
        iso=day.isoformat(),
        address=_address(query, month, day=day.isoformat()),
        in_month=(day.year, day.month) == (month.year, month.month),
        is_today=day == today,
        is_open=query is not None and day == query.day,
        marks=shown,
        is_known=day not in unknown,
        tone=tone,
        label=f"{times.date(midnight(day, times.zone))}: {text}",
    )


# --- the schedule -----------------------------------------------------------------------------------------------------


def _schedule(
    board: Board, lines: Iterable[ScheduleLine], times: TimeFormat, first_weekday: int
) -> tuple[tuple[str, tuple[Line, ...]], ...]:
    """One line per job: when, what, how the last one went, and how far away the next one is."""
    states = {job.name: job.verdict.state for job in board.jobs}
    groups: dict[str, list[tuple[tuple[int, str], Line]]] = {name: [] for name in GROUPS}
    for line in lines:
        group, when = schedule_words(line.dues, times.zone)
        coming = next((due for due in line.dues if due > times.now), None)
        state = states.get(line.job, State.UNKNOWN) if line.job else None
        last = None if state in (State.NEW, State.DISABLED) else state
        shown = Line(
            kind=line.kind,
            when=when,
            title=line.title,
            last=last,
            said=_SAID.get(last, last.value) if last else None,
            next=_ahead(coming, times),
            written=line.text,
        )
        groups[group].append((_order(group, line.dues, times, first_weekday), shown))
    return tuple(
        (name, tuple(line for _, line in sorted(mine, key=lambda pair: (*pair[0], pair[1].title))))
        for name, mine in groups.items()
        if mine
    )


def _ahead(coming: datetime | None, times: TimeFormat) -> Moment | None:
    return times.moment(coming, times.ahead(coming)) if coming else None


def _order(group: str, dues: Sequence[datetime], times: TimeFormat, first_weekday: int) -> tuple[int, str]:
    local = dues[0].astimezone(times.zone)
    place = {"weekly": (local.weekday() - first_weekday) % 7, "monthly": local.day}.get(group, 0)
    return (place if group != "other" else local.toordinal(), f"{local:%H:%M}")
