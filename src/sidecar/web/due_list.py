"""The list of the calendar view: what is due on an opened day, or today and in the next 24 hours, cut by "now"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.model import Occurrence, OccurrenceKind, State
from sidecar.core.timeline.timeline import Timeline, TooManyError

from .views import PLANNED
from .words import Clock, Moment

#: Marks, worst first. What is disabled leaves no mark.
MARKS = ("failed", "missed", "unknown", "warning", "late", "running", "ok", PLANNED)

#: A job that is due more often than this in a list is told in one line.
_MOST_IN_A_LIST = 6

#: So many occurrences are read for a page at most.
MOST_ON_A_PAGE = 20_000

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the list: one occurrence, or several of a job that is due very often.

    ``mark`` is None where nothing is expected (a pause, a local time that a clock change skips).
    """

    kind: OccurrenceKind
    mark: str | None
    due: Moment
    title: str
    result: str
    word: str
    who: str | None
    is_future: bool


@dataclass(frozen=True, slots=True)
class Section:
    """The entries of one date. ``aside`` says which; ``now_before`` is the entry that the rule "now" stands before."""

    heading: str
    iso: str
    aside: str
    entries: tuple[Entry, ...]
    now_before: int | None = None


def sections(timeline: Timeline, day: date | None, today: date, clock: Clock) -> Iterator[Section]:
    """The opened day, else today and the next 24 hours. The rule "now" stands before what is still to come."""
    by_date = _by_date(timeline, day, today, clock)
    for one_date, due in by_date.items():
        entries = tuple(_entries(due, clock))
        coming = next((place for place, entry in enumerate(entries) if entry.is_future), len(entries))
        aside = "today" if one_date == today else "" if day else "next 24 h"
        yield Section(
            clock.date(midnight(one_date, clock.zone)),
            one_date.isoformat(),
            aside,
            entries,
            coming if one_date == today else None,
        )


def mark_of(state: State | None) -> str | None:
    """The mark of an occurrence: what never ran looks like what was missed, and what is disabled leaves none."""
    if state is None:
        return PLANNED
    if state in (State.DISABLED, State.NEW):
        return None
    return State.MISSED.value if state is State.NEVER else state.value


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The beginning of a local day; in zones that change their clocks at midnight it may be 01:00."""
    return datetime.combine(day, time(), zone)


def _by_date(timeline: Timeline, day: date | None, today: date, clock: Clock) -> dict[date, list[Occurrence]]:
    first = day or today
    start, end = (midnight(one, clock.zone) for one in (first, first + _DAY))
    until = end if day else clock.now + _DAY
    try:
        found = timeline.occurrences(start, end if day else _whole_hour_after(until), MOST_ON_A_PAGE)
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
    unread: set[str | None] = set()
    for one in found:
        key = (one.job, one.title)
        if key not in often:
            # That a source can't be read is said once.
            yield _entry(replace(one, reason=None) if one.reason in unread else one, clock)
            unread |= {one.reason} if one.state is State.UNKNOWN else set()
        elif one is by_job[key][0]:
            yield _summed(by_job[key], clock)


def _entry(one: Occurrence, clock: Clock) -> Entry:
    return Entry(
        kind=one.kind,
        mark=mark_of(one.state),
        due=clock.moment(one.due, clock.time(one.due)),
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
    return replace(entry, result=result, who=who, is_future=mine[0].due > clock.now)


def _badness(one: Occurrence) -> int:
    mark = mark_of(one.state)
    return MARKS.index(mark) if mark else len(MARKS)
