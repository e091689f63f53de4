"""Every due time of every job in a window of time, with what became of it for each member of the job."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sidecar.core.model import Run, State, worst

from .outcomes import JobMember, MemberOutcome, OutcomeResolver
from .window import Window, depends_on_runs, window


@dataclass(slots=True)
class OccurrenceBuilder:
    """One due time of one job; it grows as its members are told of.

    Attributes:
        planned: how many members it is still to come for.
        fine: the runs of those for whom it went well, which are nearly all: nothing else need be told of them.
        told: what became of it for the others.
    """

    planned: int = 0
    fine: list[Run] = field(default_factory=list)
    told: list[MemberOutcome] = field(default_factory=list)

    @property
    def state(self) -> State | None:
        """The worst of its members'; None while it is planned."""
        if not self.told:
            return State.OK if self.fine else None
        return worst([one.state for one in self.told])

    @property
    def good(self) -> int:
        """How many members have their backup."""
        return len(self.fine) + sum(one.state in (State.OK, State.WARNING) for one in self.told)

    @property
    def members(self) -> int:
        """How many it is known of; 0 where nothing can be told."""
        return self.planned + len(self.fine) + len(self.told)


#: OccurrenceBuilders by job and due time.
OccurrenceBuilders = Mapping[tuple[str, datetime], OccurrenceBuilder]


def collect(
    members: Iterable[JobMember], start: datetime, end: datetime, now: datetime, most: int
) -> OccurrenceBuilders:
    """What is due from ``start`` up to, not including, ``end``; given up soon after there are more than ``most``."""
    found: dict[tuple[str, datetime], OccurrenceBuilder] = defaultdict(OccurrenceBuilder)
    groups: dict[object, _Group] = {}
    for track in members:
        key = _key(track)
        if key not in groups:
            if _count(found, most) > most:
                break
            shown = window(track.plans, track.runs, start, end, most + 1)
            groups[key] = _group(shown, found, now)
        groups[key].tell(track, now)
    return {key: one for key, one in found.items() if one.members}


def _key(track: JobMember) -> object:
    """The members of a job have the very same plans and with them the same due times."""
    return id(track) if depends_on_runs(track.plans) else tuple(id(plan) for plan in track.plans)


def _count(found: OccurrenceBuilders, most: int) -> int:
    return sum(1 for one in found.values() if one.members) if len(found) > most else len(found)


@dataclass(frozen=True, slots=True)
class _Group:
    """Members with the same due times: the past ones with their places in the window, and those to come."""

    window: Window
    past: tuple[tuple[int, OccurrenceBuilder], ...]
    coming: tuple[OccurrenceBuilder, ...]

    def tell(self, track: JobMember, now: datetime) -> None:
        telling = OutcomeResolver(track, self.window, now)
        fine = telling.fine()
        for place, occasion in self.past:
            if (run := fine[place]) is not None:
                occasion.fine.append(run)
            elif (one := telling.became(place)) is not None:
                occasion.told.append(one)
        for occasion in self.coming:
            occasion.planned += 1


def _group(shown: Window, found: dict[tuple[str, datetime], OccurrenceBuilder], now: datetime) -> _Group:
    past = ((place, found[job, due]) for job, due, place in shown.due if due <= now)
    return _Group(shown, tuple(past), tuple(found[job, due] for job, due, _ in shown.due if due > now))
