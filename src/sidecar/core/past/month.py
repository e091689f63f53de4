"""A month of backups in numbers, for whoever must show it: counted from what was judged then, and never judged again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sidecar.core.history.verdict_log import ObservationGap, ServiceDay, of_service
from sidecar.core.ids import MemberKind
from sidecar.core.value import value

from .incidents import Incidents, incidents
from .longest_gap import LongestGap, longest_gap
from .members import ServiceMembers, is_backed_up, source_of
from .present import Present
from .records import Records
from .tally import NOTHING, Tally, decided, still_open, total
from .undecided import MOST_IN_ALL

_DAY = timedelta(days=1)


@value(order=True)
class Month:
    """A month of the calendar."""

    year: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @classmethod
    def of(cls, day: date) -> Month:
        """The month that this day is in."""
        return cls(day.year, day.month)

    @property
    def first(self) -> date:
        """Its first day."""
        return date(self.year, self.number, 1)

    @property
    def following(self) -> Month:
        """The next one."""
        return Month.of(self.first + 31 * _DAY)

    @property
    def previous(self) -> Month:
        """The one before."""
        return Month.of(self.first - _DAY)

    def start(self, zone: ZoneInfo) -> datetime:
        """Its first moment in this zone, in UTC. Where the clocks skip midnight that day, the first that exists."""
        return datetime(self.year, self.number, 1, tzinfo=zone).astimezone(UTC)

    def end(self, zone: ZoneInfo) -> datetime:
        """The first moment that is not in it any more."""
        return self.following.start(zone)


class RowKind(StrEnum):
    """What a row is about: a service that there is, something that no service has any more, or an upkeep job.

    UNREAD: no service has it at present, but its source was not read yet.
    """

    SERVICE = "service"
    FORMER = "former"
    UNREAD = "unread"
    UPKEEP = "upkeep"


@value(kw_only=True)
class Row:
    """What the month was for one thing.

    Attributes:
        members: by the names that the ledger remembers them under.
        known_since: what was before nobody saw, or it was dropped from the memory. None: nothing is known at all.
        counts: None where nobody looked in that month, and where only the name of a service that is gone is known.
        gap: the longest time without a backup of any of its members; of what is gone until it was gone.
        stood: how it stood on the last day of the month of which that is known.
    """

    kind: RowKind
    name: str
    members: tuple[str, ...]
    known_since: datetime | None
    counts: Tally | None
    gap: LongestGap | None = None
    stood: ServiceDay | None = None


@value(kw_only=True)
class Observation:
    """How well a source could be read.

    Attributes:
        looked_since: when it was first read; None: never.
        gaps: when it could not be read, clipped to the month and to now, oldest first; none overlaps another.
    """

    source: str
    looked_since: datetime | None
    gaps: tuple[tuple[datetime, datetime], ...]

    @property
    def unobserved(self) -> timedelta:
        """How long it could not be read."""
        return sum((until - start for start, until in self.gaps), timedelta())


@value(kw_only=True)
class MonthReport:
    """The whole answer for one month, as it was known at ``at``.

    Attributes:
        at: the moment of the newest judgement: what was due later is not in it.
        start: the month's first moment; ``end``: the first one after it.
        looked_since: when anything was first read; None: nothing was read yet.
        complete_since: what was before may have been dropped from the memory.
        rows: services in the order of the board, then what is gone or not read yet, then upkeep, both by name.
        backups: all due times but those of upkeep, each once, also where several services share a member.
        upkeep: those of upkeep jobs.
        names: how people call the members of incidents.
        too_many_open: not all that is still open could be counted.
    """

    month: Month
    zone: ZoneInfo
    at: datetime
    start: datetime
    end: datetime
    looked_since: datetime | None
    complete_since: datetime | None
    rows: tuple[Row, ...]
    backups: Tally
    upkeep: Tally
    incidents: Incidents
    observations: tuple[Observation, ...]
    names: Mapping[str, tuple[str, ...]]
    titles: Mapping[str, str]
    too_many_open: bool = False

    @property
    def is_over(self) -> bool:
        """The month had ended at ``at``."""
        return self.at >= self.end

    @property
    def until(self) -> datetime:
        """The end of what is counted."""
        return min(self.end, self.at)

    @property
    def known_since(self) -> datetime | None:
        """Nothing is known from before; None: nothing at all."""
        return _later(self.looked_since, self.complete_since)

    @property
    def is_blank(self) -> bool:
        """Nothing is known of that month."""
        return self.known_since is None or self.known_since >= self.until


def month_report(month: Month, records: Records, present: Present) -> MonthReport:
    """The report of ``month``, whose records these are.

    Args:
        present: whose past it is, as it is known now.
    """
    counts = _counts(records, present)
    start, end = month.start(present.zone), month.end(present.zone)
    rows = tuple(_Rows(records, present, counts, min(end, present.at)).all())
    contacts = [moment for moment in present.contacts.values() if moment is not None]
    return MonthReport(
        month=month,
        zone=present.zone,
        at=present.at,
        start=start,
        end=end,
        looked_since=min(contacts, default=None),
        complete_since=records.complete_since,
        rows=rows,
        backups=total(each for member, each in counts.items() if not _is_upkeep(member)),
        upkeep=total(each for member, each in counts.items() if _is_upkeep(member)),
        incidents=incidents(records, present.expectations),
        observations=tuple(_observations(records.gaps, present, start, min(end, present.at))),
        names=_names(present),
        titles=present.titles,
        too_many_open=len(present.undecided) >= MOST_IN_ALL,
    )


# --- counting -------------------------------------------------------------------------------------------------------------


def _counts(records: Records, present: Present) -> dict[str, Tally]:
    """What became of the due times of each member."""
    counts: dict[str, Tally] = {}
    for final in records.finals:
        counts[final.member] = counts.get(final.member, NOTHING) + decided(final.state)
    for each in present.undecided:
        member = each.expectation.member
        counts[member] = counts.get(member, NOTHING) + still_open(each.state)
    return counts


def _is_upkeep(member: str) -> bool:
    return member.startswith(f"{MemberKind.UPKEEP}:")


# --- rows -----------------------------------------------------------------------------------------------------------------


class _Rows:
    """Makes the rows; nothing that is remembered is left out."""

    def __init__(self, records: Records, present: Present, counts: Mapping[str, Tally], until: datetime) -> None:
        self._records = records
        self._present = present
        self._counts = counts
        self._until = until
        self._stood = {day.service: day for day in records.days}

    def all(self) -> Iterator[Row]:
        """All of them in their order."""
        yield from (self._service(each) for each in self._present.services)
        yield from sorted(self._former(), key=lambda row: (row.name.casefold(), row.name))
        yield from sorted(self._upkeep(), key=lambda row: (row.name.casefold(), row.name))

    def _service(self, service: ServiceMembers) -> Row:
        known = _later(service.looked_since, self._records.complete_since)
        return Row(
            kind=RowKind.SERVICE,
            name=service.service,
            members=tuple(sorted(service.members)),
            known_since=known,
            counts=self._counted(service.members, known),
            gap=self._gap(service.members, known),
            stood=self._stood.get(service.service),
        )

    def _former(self) -> Iterator[Row]:
        """Members that no service has, under their own name, and services that are gone."""
        known = {member for each in self._present.services for member in each.members}
        there = {*self._counts, *(change.member for change in self._records.changes)}
        for member in there - known:
            if is_backed_up(member):
                kind = RowKind.UNREAD if source_of(member) in self._present.unread else RowKind.FORMER
                yield self._of_member(kind, member, self._present.called(member))
        for service in self._stood.keys() - {each.service for each in self._present.services}:
            yield Row(
                kind=RowKind.FORMER,
                name=service,
                members=(),
                known_since=None,
                counts=None,
                stood=self._stood[service],
            )

    def _upkeep(self) -> Iterator[Row]:
        there = {*self._counts, *self._present.upkeep, *(change.member for change in self._records.changes)}
        for member in there:
            if _is_upkeep(member):
                yield self._of_member(RowKind.UPKEEP, member, self._present.called(member))

    def _of_member(self, kind: RowKind, member: str, name: str) -> Row:
        known = _later(self._present.contacts.get(source_of(member)), self._records.complete_since)
        return Row(
            kind=kind,
            name=name,
            members=(member,),
            known_since=known,
            counts=self._counted({member}, known),
            gap=self._gap_alone(member, known) if kind is not RowKind.UPKEEP else None,
        )

    def _counted(self, members: Iterable[str], known: datetime | None) -> Tally | None:
        """None where nobody looked; what is remembered all the same is counted."""
        counted = [self._counts[member] for member in members if member in self._counts]
        if not counted and (known is None or known >= self._until):
            return None
        return total(counted)

    def _gap(self, members: Iterable[str], known: datetime | None) -> LongestGap | None:
        gaps = [self._gap_of(member, self._until, known) for member in sorted(members)]
        return max((gap for gap in gaps if gap is not None), key=lambda gap: gap.length, default=None)

    def _gap_of(self, member: str, until: datetime, known: datetime | None) -> LongestGap | None:
        """Of what was not there yet nothing is missing."""
        sighting = self._present.seen.get(member)
        first = known if sighting is None or known is None else max(known, sighting.first)
        return longest_gap(self._records.good_ends.get(member, ()), self._records.start, until, first)

    def _gap_alone(self, member: str, known: datetime | None) -> LongestGap | None:
        """Of what no service has: until it was gone; None where nobody knows when that was."""
        sighting = self._present.seen.get(member)
        if sighting is None or sighting.gone is None or sighting.gone <= self._records.start:
            return None
        return self._gap_of(member, min(sighting.gone, self._until), known)


def _later(looked: datetime | None, complete: datetime | None) -> datetime | None:
    """Since when what was looked at is still remembered."""
    return looked if looked is None or complete is None else max(looked, complete)


def _names(present: Present) -> Mapping[str, tuple[str, ...]]:
    """Member → its services. What is required of a service as a whole is its own."""
    names = {of_service(each.service).member: (each.service,) for each in present.services}
    for each in present.services:
        for member in each.members:
            names[member] = (*names.get(member, ()), each.service)
    return names


# --- what was not observed ------------------------------------------------------------------------------------------------


def _observations(
    gaps: Iterable[ObservationGap], present: Present, start: datetime, until: datetime
) -> Iterator[Observation]:
    """Of each source that is configured, and of each other one that is remembered."""
    by_source: dict[str, list[tuple[datetime, datetime]]] = {source: [] for source in present.contacts}
    for gap in gaps:
        clipped = max(gap.start, start), min(gap.until or until, until)
        if clipped[0] < clipped[1]:
            by_source.setdefault(gap.source, []).append(clipped)
    for source, found in by_source.items():
        yield Observation(source=source, looked_since=present.contacts.get(source), gaps=tuple(_without_overlap(found)))


def _without_overlap(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    joined: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined
