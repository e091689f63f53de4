"""Timeline → what /calendar.ics holds: one event for each due time, with what became of it.

Nothing here depends on when it was asked: as long as nothing happens the feed stays the same to the byte, until midnight.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

from sidecar.core.model import Board, Exempt, Occurrence, State
from sidecar.core.schedules.local_day import midnight
from sidecar.core.timeline.timeline import MOST, TooManyError
from sidecar.texts.hidden_characters import without_hidden

from .due_list import MOST_IN_A_LIST, share, speaker, word
from .dues import Dues
from .views import PLANNED

#: How many whole days before and after today are in it: the longest of these spans that is not too much.
SPANS = ((30, 60), (14, 30), (7, 14), (2, 4))

#: So many due times are read for one span at most: a job that is due every five minutes has 26,000 in the longest.
MOST_READ = 30_000

#: How long an event is where nobody tells an end.
_SHORT = timedelta(minutes=30)

#: An event comes into the feed so long before it is due, at the latest.
_IN_SIGHT = timedelta(days=SPANS[0][1] + 2)

_LONGEST_TITLE = 200
_LONGEST_DESCRIPTION = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvent:
    """One entry of the feed: a due time, or a day of a job that is due very often.

    Attributes:
        uid: the same as long as the job and its due time are; what became of it changes nothing.
        category: the state in a word; "planned" for what is to come.
        sequence: 0 before it is due, 1 from then on.
        revised: since when it is as it is.
    """

    uid: str
    start: datetime
    end: datetime
    summary: str
    description: str | None
    category: str
    sequence: int
    revised: datetime


@dataclass(frozen=True, slots=True)
class CalendarFeed:
    """The events in the order of their due times. ``about``: which days it covers; ``timezone``: where people read times."""

    events: tuple[FeedEvent, ...]
    about: str
    timezone: str


def calendar_feed(board: Board, timeline: Dues) -> CalendarFeed:
    """The longest span of SPANS that has at most MOST events, and is made of at most MOST_READ due times.

    A job that is due more than MOST_IN_A_LIST times a day has one event a day, as it has one line in the list.
    """
    zone = ZoneInfo(board.timezone)
    today = board.at.astimezone(zone).date()
    for back, ahead in SPANS:
        start, end = (midnight(today + timedelta(days=days), zone) for days in (-back, ahead + 1))
        try:
            events = _events(timeline.occurrences(start, end, MOST_READ), zone)
        except TooManyError:
            continue
        if len(events) <= MOST:
            note = "" if (back, ahead) == SPANS[0] else " Too much is due to show more days."
            events.sort(key=attrgetter("start", "summary", "uid"))
            return CalendarFeed(tuple(events), f"The last {back} and the next {ahead} days.{note}", board.timezone)
    return CalendarFeed((), "Nothing is shown: too much is due on these days.", board.timezone)


def _events(occurrences: Iterable[Occurrence], zone: ZoneInfo) -> list[FeedEvent]:
    days: dict[tuple[str, date], list[Occurrence]] = defaultdict(list)
    for occurrence in occurrences:
        days[_whose(occurrence), occurrence.due.astimezone(zone).date()].append(occurrence)
    events: list[FeedEvent] = []
    for (whose, day), mine in days.items():
        events += [_day(whose, day, mine, zone)] if len(mine) > MOST_IN_A_LIST else _each(whose, mine)
    return events


def _whose(occurrence: Occurrence) -> str:
    """What an occurrence belongs to, in a form that stays. A ``calendar:`` line has no name but its title."""
    return f"job {occurrence.job}" if occurrence.job else f"line {occurrence.kind} {occurrence.title}"


def _each(whose: str, mine: Sequence[Occurrence]) -> Iterator[FeedEvent]:
    names = Counter[str]()
    for occurrence in mine:
        # An hourly job is due at the very moment to which a clock change moved the hour before.
        skipped = " skipped" if occurrence.exempt is Exempt.SKIPPED else ""
        name = f"{whose} {occurrence.due.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}{skipped}"
        names[name] += 1
        yield FeedEvent(
            uid=_uid(f"{name} {names[name]}"),
            start=occurrence.due,
            end=_end(occurrence),
            summary=_summary(occurrence, share(occurrence)),
            description=_cut(occurrence.reason, _LONGEST_DESCRIPTION) if occurrence.reason else None,
            category=_category(occurrence),
            sequence=int(_has_result(occurrence)),
            revised=_revised(occurrence),
        )


def _day(whose: str, day: date, mine: Sequence[Occurrence], zone: ZoneInfo) -> FeedEvent:
    worst, went_well = speaker(mine)
    first, last = mine[0].due, mine[-1].due
    span = f"{first.astimezone(zone):%H:%M} to {last.astimezone(zone):%H:%M}, {len(mine)} times."
    return FeedEvent(
        uid=_uid(f"{whose} {day.isoformat()}"),
        start=first,
        end=max(last, first + _SHORT),
        summary=_summary(worst, went_well),
        description=_cut(f"{span} {worst.reason or ''}", _LONGEST_DESCRIPTION),
        category=_category(worst),
        sequence=int(went_well is not None),
        revised=max((_revised(each) for each in mine if each.state is not None), default=_revised(mine[0])),
    )


def _uid(name: str) -> str:
    return f"{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:32]}@backup-glance"


def _summary(occurrence: Occurrence, how_many: str | None) -> str:
    title = _cut(occurrence.title, _LONGEST_TITLE)
    if occurrence.state is None:
        return title
    result = word(occurrence)
    return f"{title}: {result}, {how_many}" if how_many else f"{title}: {result}"


def _category(occurrence: Occurrence) -> str:
    return occurrence.state.value if occurrence.state else PLANNED


def _end(occurrence: Occurrence) -> datetime:
    """When it had run, else until when it could begin."""
    run_end = occurrence.run.end if occurrence.run else None
    ends = (end for end in (run_end, occurrence.grace_until) if end and end > occurrence.due)
    return next(ends, occurrence.due + _SHORT)


def _has_result(occurrence: Occurrence) -> bool:
    """What is left out (a pause, a clock change) is known before it would be due, and has none unless something ran."""
    return occurrence.run is not None or occurrence.state not in (None, State.DISABLED)


def _revised(occurrence: Occurrence) -> datetime:
    """When it became what it is; never in the future."""
    if not _has_result(occurrence):
        return occurrence.due - _IN_SIGHT
    if occurrence.state in (State.MISSED, State.NEVER) and occurrence.grace_until:
        return occurrence.grace_until
    run = occurrence.run
    return max(occurrence.due, (run.end or run.start) if run else occurrence.due)


def _cut(text: str, most: int) -> str:
    """One line without what nobody sees, and not longer than ``most``."""
    line = without_hidden(" ".join(text.split()))
    return line if len(line) <= most else f"{line[: most - 1]}…"
