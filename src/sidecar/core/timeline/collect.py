"""Every due time of every job in a window of time, with what became of it for each member of the job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sidecar.core.ids import JobId
from sidecar.core.model import Run, State, worst

from .members import JobMember
from .outcomes import MemberOutcome, OutcomeResolver
from .window import Window, depends_on_runs, window


@dataclass(slots=True)
class OccurrenceBuilder:
    """One due time of one job; it grows as its members are added.

    Attributes:
        planned: how many members it is still to come for.
        fine: the runs of those for whom it went well, which are nearly all: nothing else need be shown of them.
        outcomes: what became of it for the others.
    """

    planned: int = 0
    fine: list[Run] = field(default_factory=list)
    outcomes: list[MemberOutcome] = field(default_factory=list)

    @property
    def state(self) -> State | None:
        """The worst of its members'; None while it is planned."""
        if not self.outcomes:
            return State.OK if self.fine else None
        return worst([outcome.state for outcome in self.outcomes])

    @property
    def good(self) -> int:
        """How many members have their backup: a warning may be one because it was cancelled."""
        return len(self.fine) + sum(outcome.kept for outcome in self.outcomes)

    @property
    def members(self) -> int:
        """How many it is known of; 0 where nothing is known."""
        return self.planned + len(self.fine) + len(self.outcomes)


#: Occurrences by job and due time.
OccurrenceBuilders = Mapping[tuple[JobId, datetime], OccurrenceBuilder]


def collect(
    members: Iterable[JobMember], start: datetime, end: datetime, now: datetime, most: int
) -> OccurrenceBuilders:
    """What is due from ``start`` up to, not including, ``end``; given up soon after there are more than ``most``.

    Builders without members are due times of which nothing is known.
    """
    builders: dict[tuple[JobId, datetime], OccurrenceBuilder] = defaultdict(OccurrenceBuilder)
    groups: dict[object, _Group] = {}
    for member in members:
        key = _key(member)
        if key not in groups:
            if _count(builders, most) > most:
                break
            shown = window(member.schedules, member.runs, start, end, most + 1)
            groups[key] = _group(member.job, shown, builders, now)
        groups[key].add(member, now)
    return builders


def _key(member: JobMember) -> object:
    """The members of a job have the very same schedules and with them the same due times."""
    return member.judgement.expectation if depends_on_runs(member.schedules) else member.schedules


def _count(builders: OccurrenceBuilders, most: int) -> int:
    return sum(1 for builder in builders.values() if builder.members) if len(builders) > most else len(builders)


@dataclass(frozen=True, slots=True)
class _Group:
    """Members with the same due times: the past ones with their places in the window, and those to come."""

    window: Window
    past: tuple[tuple[int, OccurrenceBuilder], ...]
    coming: tuple[OccurrenceBuilder, ...]

    def add(self, member: JobMember, now: datetime) -> None:
        resolver = OutcomeResolver(member, self.window, now)
        fine = resolver.fine()
        for place, builder in self.past:
            if (run := fine[place]) is not None:
                builder.fine.append(run)
            elif (outcome := resolver.of(place)) is not None:
                builder.outcomes.append(outcome)
        for builder in self.coming:
            builder.planned += 1


def _group(
    job: JobId, shown: Window, builders: dict[tuple[JobId, datetime], OccurrenceBuilder], now: datetime
) -> _Group:
    places = range(shown.first, len(shown.every))
    past = tuple((place, builders[job, shown.every[place]]) for place in places if shown.every[place] <= now)
    coming = tuple(builders[job, shown.every[place]] for place in places if shown.every[place] > now)
    return _Group(shown, past, coming)
