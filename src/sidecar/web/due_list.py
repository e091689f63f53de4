"""The list of the calendar view: what is due on an opened day, or today and in the next 24 hours, cut by "now"."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sidecar.core.model import Exempt, Occurrence, OccurrenceKind, State
from sidecar.core.schedules.local_day import midnight
from sidecar.core.timeline.timeline import TooManyError

from .dues import Dues
from .views import PLANNED
from .words import Moment, TimeFormat

#: Marks, worst first. What is disabled leaves no mark.
MARKS = ("failed", "missed", "unknown", "warning", "late", "running", "ok", PLANNED)

#: A job that is due more often than this in a list is shown in one line.
MOST_IN_A_LIST = 6

#: So many occurrences are read for a page at most.
MOST_ON_A_PAGE = 20_000

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
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


def sections(timeline: Dues, day: date | None, today: date, times: TimeFormat) -> Iterator[Section]:
    """The opened day, else today and the next 24 hours. The rule "now" stands before what is still to come."""
    by_date = _by_date(timeline, day, today, times)
    for local_date, due in by_date.items():
        entries = tuple(_entries(due, times))
        coming = next((place for place, entry in enumerate(entries) if entry.is_future), len(entries))
        aside = "today" if local_date == today else "" if day else "next 24 h"
        yield Section(
            times.date(midnight(local_date, times.zone)),
            local_date.isoformat(),
            aside,
            entries,
            coming if local_date == today else None,
        )


def mark_of(state: State | None) -> str | None:
    """The mark of an occurrence: what never ran looks like what was missed, and what is disabled leaves none."""
    if state is None:
        return PLANNED
    if state in (State.DISABLED, State.NEW):
        return None
    return State.MISSED.value if state is State.NEVER else state.value


def _by_date(timeline: Dues, day: date | None, today: date, times: TimeFormat) -> dict[date, list[Occurrence]]:
    first = day or today
    start, end = (midnight(local_date, times.zone) for local_date in (first, first + _DAY))
    until = end if day else times.now + _DAY
    try:
        occurrences = timeline.occurrences(start, end if day else _whole_hour_after(until), MOST_ON_A_PAGE)
    except TooManyError:
        return {}
    by_date: dict[date, list[Occurrence]] = {first: []}
    for occurrence in occurrences:
        if occurrence.due <= until:
            by_date.setdefault(occurrence.due.astimezone(times.zone).date(), []).append(occurrence)
    return by_date


def _whole_hour_after(moment: datetime) -> datetime:
    """Windows that end on a whole hour are asked for again and again, and their due times are kept."""
    return moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def _entries(occurrences: Sequence[Occurrence], times: TimeFormat) -> Iterator[Entry]:
    by_job: dict[tuple[str | None, str], list[Occurrence]] = defaultdict(list)
    for occurrence in occurrences:
        by_job[occurrence.job, occurrence.title].append(occurrence)
    often = {key for key, mine in by_job.items() if len(mine) > MOST_IN_A_LIST}
    unread: set[str | None] = set()
    for occurrence in occurrences:
        key = (occurrence.job, occurrence.title)
        if key not in often:
            # That a source can't be read stands there once.
            yield _entry(replace(occurrence, reason=None) if occurrence.reason in unread else occurrence, times)
            unread |= {occurrence.reason} if occurrence.state is State.UNKNOWN else set()
        elif occurrence is by_job[key][0]:
            yield _summed(by_job[key], times)


def _entry(occurrence: Occurrence, times: TimeFormat) -> Entry:
    return Entry(
        kind=occurrence.kind,
        mark=mark_of(occurrence.state),
        due=times.moment(occurrence.due, times.time(occurrence.due)),
        title=occurrence.title,
        result=_result(occurrence, times),
        word=occurrence.state.value if occurrence.state else PLANNED,
        who=occurrence.reason,
        is_future=occurrence.due > times.now,
    )


def _result(occurrence: Occurrence, times: TimeFormat) -> str:
    """ "8 of 9" for a job with members, the state for others, "in 19h" for what is to come."""
    if occurrence.state is None:
        return times.ahead(occurrence.due) if occurrence.due > times.now else PLANNED
    return share(occurrence) or word(occurrence)


def word(occurrence: Occurrence) -> str:
    """Its state, or why nothing was expected: "ok", "planned", "paused"."""
    if occurrence.state is State.DISABLED:
        return (occurrence.exempt or Exempt.PAUSED).value
    return occurrence.state.value if occurrence.state else PLANNED


def share(occurrence: Occurrence) -> str | None:
    """ "8 of 9": how many members have their backup. None where that says nothing more than the state."""
    if occurrence.state is State.DISABLED or not occurrence.members or occurrence.members_ok is None:
        return None
    partly = occurrence.state is State.OK or occurrence.members_ok != occurrence.members
    return f"{occurrence.members_ok} of {occurrence.members}" if occurrence.members > 1 and partly else None


def speaker(mine: Sequence[Occurrence]) -> tuple[Occurrence, str | None]:
    """Of a job that is due every few minutes: the worst of what is past, and how many went well; None before the first."""
    past = [occurrence for occurrence in mine if occurrence.state is not None]
    good = sum(1 for occurrence in past if occurrence.state in (State.OK, State.WARNING))
    return min(past, key=_badness, default=mine[0]), f"{good} of {len(past)}" if past else None


def _summed(mine: Sequence[Occurrence], times: TimeFormat) -> Entry:
    worst, went_well = speaker(mine)
    entry = _entry(worst, times)
    span = f"{times.time(mine[0].due)} to {times.time(mine[-1].due)}, {len(mine)} times"
    who = f"{span}. {entry.who}" if entry.who else f"{span}."
    return replace(entry, result=went_well or times.ahead(mine[0].due), who=who, is_future=mine[0].due > times.now)


def _badness(occurrence: Occurrence) -> int:
    mark = mark_of(occurrence.state)
    return MARKS.index(mark) if mark else len(MARKS)
