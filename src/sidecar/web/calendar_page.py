"""Timeline → CalendarPage: a month of days with their marks, the list of one day or of the hours around now, the schedule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.model import Board, Occurrence, OccurrenceKind, ScheduleLine, State
from sidecar.core.timeline import Timeline, TooManyError

from .page import Headline, top
from .query import YEARS, WidgetQuery
from .schedule_words import GROUPS, schedule_words
from .views import PLANNED
from .words import NOTHING, Clock

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_DAY = timedelta(days=1)

#: The page draws one mark per day and kind, whatever their number; this many are read for it at most.
_MOST_IN_A_MONTH = 20_000

#: A job that is due more often than this in a list is told in one line.
_MOST_IN_A_LIST = 6

#: Marks, worst first. What is disabled leaves no mark.
_MARKS = ("failed", "missed", "unknown", "warning", "late", "running", "ok", PLANNED)
_BAD = frozenset({"failed", "missed"})
_NOTEWORTHY = frozenset({"unknown", "warning"})
_FINE = frozenset({State.OK, State.LATE, State.RUNNING, State.DISABLED, None})


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the month grid.

    Attributes:
        marks: backup, dump and upkeep in their fixed places, each the worst of that day; None where nothing was due.
        tone: what the worst mark makes of the number: "bad", "note" or nothing.
        label: the whole day in words.
    """

    number: int
    address: str
    in_month: bool
    is_today: bool
    is_open: bool
    marks: tuple[tuple[OccurrenceKind, str | None], ...]
    tone: str
    label: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the list: one occurrence, or several of a job that is due very often.

    ``mark`` is None where nothing is expected (a pause, a local time that a clock change skips).
    """

    kind: OccurrenceKind
    mark: str | None
    time: str
    iso: str
    title: str
    result: str
    word: str
    who: str | None
    is_future: bool


@dataclass(frozen=True, slots=True)
class Section:
    """The entries of one date. ``aside`` says which; ``now_before`` is the entry that the rule "now" stands before."""

    heading: str
    aside: str
    entries: tuple[Entry, ...]
    now_before: int | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A job in the schedule list. ``last`` is its present state in a word; None for what is never judged."""

    kind: OccurrenceKind
    when: str
    title: str
    last: str | None
    next: str


@dataclass(frozen=True, slots=True)
class CalendarPage:
    """Everything in the calendar view, top to bottom.

    Attributes:
        month: "November 2026"; ``number`` is its number, between the links to its neighbours.
        opened: a day is opened; ``back`` closes it.
        now: the present time, for the rule that parts past and future.
        too_many: why days have no marks.
    """

    stale: bool
    banner: str | None
    headline: Headline
    month: str
    number: int
    before: str | None
    after: str | None
    weekdays: tuple[str, ...]
    weeks: tuple[tuple[Day, ...], ...]
    too_many: str | None
    opened: bool
    back: str
    now: str
    sections: tuple[Section, ...]
    schedule: tuple[tuple[str, tuple[Line, ...]], ...]


def calendar_page(board: Board, timeline: Timeline, query: WidgetQuery) -> CalendarPage:
    """The calendar of the month that is asked for, else of the opened day's, else of the present one."""
    clock = Clock(board.at, ZoneInfo(board.timezone))
    today = board.at.astimezone(clock.zone).date()
    month = (query.month or query.day or today).replace(day=1)
    first_weekday = _WEEKDAYS.index(timeline.lab.settings.week_start)
    days = _grid(month, first_weekday)
    marks, too_many = _marks(timeline, days, clock.zone)
    above = top(board)
    return CalendarPage(
        stale=above.stale,
        banner=above.banner,
        headline=above.headline,
        month=f"{month:%B %Y}",
        number=month.month,
        before=_month_address(query, _first_of_neighbour(month, -1)),
        after=_month_address(query, _first_of_neighbour(month, 1)),
        weekdays=tuple(_SHORT[(first_weekday + place) % 7] for place in range(7)),
        weeks=_weeks([_day(one, month, today, marks, query, clock) for one in days]),
        too_many=too_many,
        opened=query.day is not None,
        back=query.address(view="calendar", month=f"{month:%Y-%m}"),
        now=clock.time(board.at),
        sections=tuple(_sections(timeline, query.day, today, clock)),
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
    return None if month.year not in YEARS else query.address(view="calendar", month=f"{month:%Y-%m}")


def _weeks(days: Sequence[Day]) -> tuple[tuple[Day, ...], ...]:
    return tuple(tuple(days[place : place + 7]) for place in range(0, len(days), 7))


_Marks = dict[tuple[date, OccurrenceKind], str]


def _marks(timeline: Timeline, days: Sequence[date], zone: ZoneInfo) -> tuple[_Marks, str | None]:
    """The worst mark by day and kind."""
    try:
        found = timeline.occurrences(_midnight(days[0], zone), _midnight(days[-1] + _DAY, zone), _MOST_IN_A_MONTH)
    except TooManyError as error:
        return {}, f"There are {error} in this month."
    worst: _Marks = {}
    for one in found:
        mark = mark_of(one.state)
        place = (one.due.astimezone(zone).date(), one.kind)
        if mark is not None:
            worst[place] = min(mark, worst.get(place, mark), key=_MARKS.index)
    return worst, None


def mark_of(state: State | None) -> str | None:
    """The mark of an occurrence: what never ran looks like what was missed, and what is disabled leaves none."""
    if state is None:
        return PLANNED
    if state in (State.DISABLED, State.NEW):
        return None
    return State.MISSED.value if state is State.NEVER else state.value


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The beginning of a local day; in zones that change their clocks at midnight it may be 01:00."""
    return datetime.combine(day, time(), zone)


def _day(day: date, month: date, today: date, marks: _Marks, query: WidgetQuery, clock: Clock) -> Day:
    shown = tuple((kind, marks.get((day, kind))) for kind in OccurrenceKind)
    there = {mark for _, mark in shown if mark}
    tone = "bad" if there & _BAD else "note" if there & _NOTEWORTHY else ""
    said = ", ".join(f"{kind} {mark}" for kind, mark in shown if mark) or "nothing due"
    return Day(
        number=day.day,
        address=query.address(view="calendar", month=f"{month:%Y-%m}", day=day.isoformat()),
        in_month=(day.year, day.month) == (month.year, month.month),
        is_today=day == today,
        is_open=day == query.day,
        marks=shown,
        tone=tone,
        label=f"{clock.date(_midnight(day, clock.zone))}: {said}",
    )


# --- the list ---------------------------------------------------------------------------------------------------------


def _sections(timeline: Timeline, day: date | None, today: date, clock: Clock) -> Iterator[Section]:
    """The opened day, else today and the next 24 hours. The rule "now" stands before what is still to come."""
    by_date = _by_date(timeline, day, today, clock)
    for one_date, due in by_date.items():
        entries = tuple(_entries(due, clock))
        coming = next((place for place, entry in enumerate(entries) if entry.is_future), len(entries))
        aside = "today" if one_date == today else "" if day else "next 24 h"
        yield Section(
            clock.date(_midnight(one_date, clock.zone)), aside, entries, coming if one_date == today else None
        )


def _by_date(timeline: Timeline, day: date | None, today: date, clock: Clock) -> dict[date, list[Occurrence]]:
    first = day or today
    start, end = (_midnight(one, clock.zone) for one in (first, first + _DAY))
    until = end if day else clock.now + _DAY
    try:
        found = timeline.occurrences(start, end if day else _whole_hour_after(until), _MOST_IN_A_MONTH)
    except TooManyError:
        return {}
    by_date: dict[date, list[Occurrence]] = {first: []}
    for one in found:
        if one.due <= until:
            by_date.setdefault(one.due.astimezone(clock.zone).date(), []).append(one)
    return by_date


def _whole_hour_after(moment: datetime) -> datetime:
    """Windows that end on a whole hour are asked for again and again, and their due times are kept."""
    return moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _entries(found: Sequence[Occurrence], clock: Clock) -> Iterator[Entry]:
    by_job: dict[tuple[str | None, str], list[Occurrence]] = defaultdict(list)
    for one in found:
        by_job[one.job, one.title].append(one)
    often = {key for key, mine in by_job.items() if len(mine) > _MOST_IN_A_LIST}
    for one in found:
        key = (one.job, one.title)
        if key not in often:
            yield _entry(one, clock)
        elif one is by_job[key][0]:
            yield _summed(by_job[key], clock)


def _entry(one: Occurrence, clock: Clock) -> Entry:
    return Entry(
        kind=one.kind,
        mark=mark_of(one.state),
        time=clock.time(one.due),
        iso=one.due.isoformat(),
        title=one.title,
        result=_result(one, clock),
        word=one.state.value if one.state else PLANNED,
        who=one.reason,
        is_future=one.due > clock.now,
    )


def _result(one: Occurrence, clock: Clock) -> str:
    """ "8 of 9" for a job with members, the state for others, "in 19h" for what is to come."""
    if one.state is None:
        return clock.ahead(one.due) if one.due > clock.now else PLANNED
    if one.state is State.DISABLED:
        return "skipped" if (one.reason or "").startswith("Skipped") else "paused"
    partly = one.state is State.OK or one.members_ok != one.members
    if one.members and one.members > 1 and one.members_ok is not None and partly:
        return f"{one.members_ok} of {one.members}"
    return one.state.value


def _summed(mine: Sequence[Occurrence], clock: Clock) -> Entry:
    """A job that is due every few minutes: the worst of them speaks, and how many went well."""
    past = [one for one in mine if one.state is not None]
    good = sum(1 for one in past if one.state in (State.OK, State.WARNING))
    speaker = min(past, key=_badness, default=mine[0])
    entry = _entry(speaker, clock)
    result = f"{good} of {len(past)}" if past else clock.ahead(mine[0].due)
    span = f"{clock.time(mine[0].due)} to {clock.time(mine[-1].due)}, {len(mine)} times"
    who = f"{span}. {entry.who}" if entry.who else f"{span}."
    return Entry(
        entry.kind, entry.mark, entry.time, entry.iso, entry.title, result, entry.word, who, mine[0].due > clock.now
    )


def _badness(one: Occurrence) -> int:
    mark = mark_of(one.state)
    return _MARKS.index(mark) if mark else len(_MARKS)


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
        shown = Line(line.kind, when, line.title, _last(state), clock.ahead(coming) if coming else NOTHING)
        groups[group].append((_order(group, line.dues, clock, first_weekday), shown))
    return tuple(
        (name, tuple(line for _, line in sorted(found, key=lambda pair: (*pair[0], pair[1].title))))
        for name, found in groups.items()
        if found
    )


def _order(group: str, dues: Sequence[datetime], clock: Clock, first_weekday: int) -> tuple[int, str]:
    local = dues[0].astimezone(clock.zone)
    place = {"weekly": (local.weekday() - first_weekday) % 7, "monthly": local.day}.get(group, 0)
    return (place if group != "other" else local.toordinal(), f"{local:%H:%M}")


def _last(state: State | None) -> str | None:
    """The word for the state; "last ok" needs its "last", "running" speaks for itself."""
    if state is None or state in (State.NEW, State.DISABLED):
        return None
    return state.value
