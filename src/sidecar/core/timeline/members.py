"""Who takes part in the calendar: every judged expectation with its due times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import dropwhile

from sidecar.core.ids import JobId
from sidecar.core.judgement.judge import Judgement
from sidecar.core.judgement.judged import Judged, JudgedPart
from sidecar.core.model import PartKind, Run
from sidecar.core.parts.expectation import Expectation, ScheduleInForce
from sidecar.core.parts.inputs import Inputs
from sidecar.core.schedules.schedule import EARLY


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMember:
    """A member of a job at one destination.

    Attributes:
        name: what people call it; "" for an upkeep job, which is a member of itself.
        runs: what counts as evidence of its own, oldest first.
        good: the good ones at its destination, whichever job they answer, oldest first.
        schedules: in force now or before, each for its own time (rule 1).
        known_since: a due time before this moment is shown only when a run answered it.
        thinned: retention may have removed some of its runs with their backups; never those of upkeep.
        failures_are_gaps: some of its failed runs are only a missing backup, which retention may have removed (a guest's).
    """

    name: str
    judgement: Judgement
    runs: tuple[Run, ...]
    good: tuple[Run, ...]
    schedules: tuple[ScheduleInForce, ...]
    known_since: datetime | None
    thinned: bool = True
    failures_are_gaps: bool = False

    @property
    def job(self) -> JobId:
        """Whose member it is."""
        return self.judgement.expectation.job

    @property
    def as_of(self) -> datetime | None:
        """How old the knowledge is; None: nothing is known."""
        return self.judgement.expectation.observed.evidence.as_of


#: Backups that come by themselves are days of their own in the calendar: of more groups than this they would hide the rest.
MOST_WITHOUT_JOB = 100


def members(judged: Judged) -> Iterator[JobMember]:
    """Every expectation once: those of parts under the name of the first service that has the part, then upkeep.

    Backup groups that nobody tells a schedule of take part while there are at most MOST_WITHOUT_JOB of them.
    """
    parts = [part for service in judged.services for part in service.parts]
    crowded = sum(_is_without_job(part) for part in parts) > MOST_WITHOUT_JOB
    seen = set()
    for service in judged.services:
        for part in service.parts:
            if part.part.member not in seen and not (crowded and _is_without_job(part)):
                seen.add(part.part.member)
                yield from _members(service.service.name, part, judged.inputs)
    for part in judged.upkeep:
        yield from _members("", part, judged.inputs)


def _is_without_job(part: JudgedPart) -> bool:
    return any(judgement.expectation.only_by_rhythm for judgement in part.judgements)


def _members(name: str, judged: JudgedPart, inputs: Inputs) -> Iterator[JobMember]:
    for judgement in judged.judgements:
        member = member_of(name, judged, judgement, inputs)
        if member.schedules:
            yield member


def member_of(name: str, judged: JudgedPart, judgement: Judgement, inputs: Inputs) -> JobMember:
    """An expectation with all that the outcomes of its due times rest on."""
    part, expectation = judged.part, judgement.expectation
    known = tuple(dropwhile(expectation.observed.evidence.is_from_the_future, expectation.observed.runs))
    every = known[::-1]
    runs = every
    if expectation.not_its_own:
        runs = tuple(run for run in every if run.start not in expectation.not_its_own)
    seen = inputs.history.known_since(str(part.member), part.source)
    since = [moment for moment in (part.oldest_trace, seen) if moment is not None]
    upkeep = part.kind is PartKind.UPKEEP
    return JobMember(
        name=name,
        judgement=judgement,
        runs=runs,
        good=every,
        schedules=() if expectation.nothing_owed else tuple(_shown(expectation.schedules, every)),
        known_since=expectation.known_since if upkeep else _readable_since(min(since, default=None), expectation),
        thinned=not upkeep,
        failures_are_gaps=part.kind is PartKind.GUEST and not expectation.only_by_rhythm,
    )


def _readable_since(known: datetime | None, expectation: Expectation) -> datetime | None:
    """Of due times before that nobody can say that nothing came: the list of runs is cut off there."""
    read = expectation.read_since
    return known if known is None or read is None else max(known, read)


def _shown(schedules: Iterable[ScheduleInForce], runs: Sequence[Run]) -> Iterator[ScheduleInForce]:
    """The due times that the calendar shows. What is switched off upstream is not due any more, but what ran before stays.

    ``runs``: oldest first. Of a job that was off when it was first seen the last run shows until when it was on.
    """
    for schedule in schedules:
        if schedule.silenced:
            continue
        if schedule.enabled:
            yield schedule
        elif schedule.valid_from is None and schedule.valid_to is None and runs:
            yield replace(schedule, announced=None, valid_to=runs[-1].start + EARLY + EARLY.resolution)
