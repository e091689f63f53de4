"""The one line at the top, and the state of everything (docs/verdicts.md).

Its content is decided once, as a ``Headline`` of fields; the words are made from those fields only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sidecar.core import words
from sidecar.core.model import (
    HARMLESS,
    NEEDS_YOU,
    Cause,
    Culprit,
    DatastoreRow,
    Headline,
    HeadlineKind,
    JobRow,
    Overall,
    ServiceRow,
    SourceRow,
    SourceTrouble,
    State,
    worst,
)
from sidecar.core.value import value


@value()
class Beside:
    """The rows of a board that are no services."""

    jobs: Sequence[JobRow] = ()
    sources: Sequence[SourceRow] = ()
    datastores: Sequence[DatastoreRow] = ()

    def full(self) -> Iterator[DatastoreRow]:
        """Rule 14: datastores that need room. One that can't be read shows in the services that it hides."""
        return (row for row in self.datastores if row.verdict.state in (State.FAILED, State.WARNING))


def overall(services: Sequence[ServiceRow], beside: Beside, now: datetime, zone: ZoneInfo) -> Overall:
    """The worst of services, jobs, sources and datastores, in one line with what is behind it."""
    counted = Counter(service.verdict.state for service in services)
    counts = {state: counted[state] for state in State if state in counted}
    facts = headline(services, beside)
    return Overall(_state(services, beside), sentence(facts, now, zone), counts, facts)


def _state(services: Sequence[ServiceRow], beside: Beside) -> State:
    """``late``, ``running``, ``new`` and ``disabled`` don't lower it; but without one good service it isn't ok either."""
    if not services:
        return State.UNKNOWN
    own = {service.verdict.state for service in services}
    rest = {row.verdict.state for rows in (beside.jobs, beside.sources, beside.full()) for row in rows}
    everything = worst(own | rest)
    if everything not in HARMLESS:
        return everything
    return State.OK if State.OK in own else worst(own)


# --- what it says -----------------------------------------------------------------------------------------------------


def headline(services: Sequence[ServiceRow], beside: Beside) -> Headline:
    """The headline of these rows."""
    sources = beside.sources
    if sources and all(source.trouble is SourceTrouble.NOT_READ_YET for source in sources):
        return Headline(HeadlineKind.FIRST_READING, 0, len(sources))
    unreadable = [source for source in sources if source.verdict.state is State.UNKNOWN]
    if not services:
        culprits = tuple(_source(source) for source in unreadable)
        return Headline(HeadlineKind.UNREADABLE if culprits else HeadlineKind.EMPTY, culprits=culprits)
    expected = [service for service in services if service.verdict.state is not State.DISABLED]
    full = tuple(_store(row) for row in beside.full())
    needy = [service for service in expected if service.verdict.state in NEEDS_YOU]
    unknown = [service for service in expected if service.verdict.state is State.UNKNOWN]
    if needy:
        culprits = tuple(Culprit(service.name, service.verdict.state, service.verdict.since) for service in needy)
        return Headline(HeadlineKind.NEED_YOU, len(needy), len(expected), (*_alone(culprits), *full))
    if unknown:
        culprits = tuple(_source(source, since=source.as_of) for source in unreadable)
        return Headline(HeadlineKind.CANT_TELL, len(unknown), len(expected), (*_alone(culprits), *full))
    troubles = (*full, *_trouble(beside.jobs, unreadable))
    if not expected and any(service.verdict.cause is Cause.NOTHING_OWED for service in services):
        return Headline(HeadlineKind.NOTHING_EXPECTED, culprits=troubles)
    return _backed_up(expected, troubles)


def _source(source: SourceRow, since: datetime | None = None) -> Culprit:
    return Culprit(source.name, State.UNKNOWN, since, is_source=True)


def _store(row: DatastoreRow) -> Culprit:
    return Culprit(f"datastore {row.source}/{row.name}", row.verdict.state)


def _alone(culprits: tuple[Culprit, ...]) -> tuple[Culprit, ...]:
    return culprits if len(culprits) == 1 else ()


def _backed_up(expected: Sequence[ServiceRow], beside: tuple[Culprit, ...]) -> Headline:
    counted = Counter(service.verdict.state for service in expected)
    if not expected:
        return Headline(HeadlineKind.SWITCHED_OFF, culprits=beside)
    if counted.keys() == {State.NEW}:
        return Headline(HeadlineKind.NOTHING_DUE, culprits=beside)
    good = sum(map(_is_backed_up, expected))
    extras = ((state, counted[state]) for state in (State.RUNNING, State.LATE, State.NEW, State.WARNING))
    shown = tuple((state, count) for state, count in extras if count)
    return Headline(HeadlineKind.BACKED_UP, good, len(expected), beside, shown)


def _is_backed_up(service: ServiceRow) -> bool:
    """A warning may have a backup, or be one because there is none."""
    if service.verdict.state is not State.WARNING:
        return service.verdict.state is State.OK
    return all(part.last_backup is not None for part in service.parts if part.verdict.state is not State.DISABLED)


def _trouble(jobs: Sequence[JobRow], unreadable: Sequence[SourceRow]) -> tuple[Culprit, ...]:
    """Trouble that no service shows: upkeep that failed, a source that can't be read."""
    bad = (Culprit(job.title, job.verdict.state) for job in jobs if job.verdict.state not in HARMLESS)
    return (*bad, *(_source(source) for source in unreadable))


# --- its words --------------------------------------------------------------------------------------------------------


def sentence(facts: Headline, now: datetime, zone: ZoneInfo) -> str:
    """The whole line: "1 of 12 need you: vaultwarden missed 04:30"."""
    details = second_half(facts, now, zone)
    return f"{first_half(facts)}: {details}" if details else first_half(facts)


def first_half(facts: Headline) -> str:
    """What is so: "All 12 backed up", "2 of 12 need you"."""
    match facts.kind:
        case HeadlineKind.FIRST_READING:
            return "Reading for the first time"
        case HeadlineKind.UNREADABLE:
            return "Can't tell"
        case HeadlineKind.EMPTY:
            return "No service seen"
        case HeadlineKind.NEED_YOU:
            return f"{facts.count} of {facts.total} need you"
        case HeadlineKind.CANT_TELL | HeadlineKind.NOT_JUDGED:
            return f"Can't tell for {facts.count} of {facts.total}" if facts.total else "Can't tell"
        case HeadlineKind.SWITCHED_OFF:
            return "Everything is paused or switched off"
        case HeadlineKind.NOTHING_EXPECTED:
            return "Nothing is expected yet"
        case HeadlineKind.NOTHING_DUE:
            return "Nothing was due yet"
        case HeadlineKind.BACKED_UP:
            every = "All" if facts.count == facts.total else f"{facts.count} of"
            return ", ".join([f"{every} {facts.total} backed up", *(_extra(*extra) for extra in facts.extras)])


def second_half(facts: Headline, now: datetime, zone: ZoneInfo) -> str | None:
    """Who is to blame, or what is behind it; None where there is nothing to add."""
    match facts.kind:
        case HeadlineKind.FIRST_READING:
            return f"{facts.count} of {facts.total} sources answered"
        case HeadlineKind.UNREADABLE:
            return f"{words.listed([culprit.name for culprit in facts.culprits])} can't be read"
        case HeadlineKind.EMPTY:
            return "all lists are empty"
        case HeadlineKind.NOT_JUDGED:
            return "backup-glance stopped judging"
        case _:
            return words.listed([_named(culprit, now, zone) for culprit in facts.culprits]) or None


def _extra(state: State, count: int) -> str:
    return f"{count} warnings" if state is State.WARNING and count > 1 else f"{count} {state}"


def _named(culprit: Culprit, now: datetime, zone: ZoneInfo) -> str:
    when = words.clock(culprit.since, now, now, zone) if culprit.since else None
    if culprit.is_source:
        return f"{culprit.name} can't be read{f' since {when}' if when else ''}"
    return f"{culprit.name} {culprit.state}{f' {when}' if when else ''}"
