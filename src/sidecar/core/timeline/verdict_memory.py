"""What one judgement adds to the memory of verdicts: changes of state, final occurrences, gaps in observation, days.

Pure: what was judged and what was remembered in, what is new out. Alerts, the history and the report read the memory
and never judge the past again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, pairwise
from types import MappingProxyType

from sidecar.core.history.verdict_log import (
    ExpectationKey,
    FinalOccurrence,
    FinalState,
    ObservationGap,
    RememberedVerdicts,
    ServiceDay,
    VerdictChange,
    VerdictLog,
)
from sidecar.core.judgement.judge import Judgement
from sidecar.core.judgement.judged import Judged, JudgedPart
from sidecar.core.judgement.under_way import UNSEEN_AT_MOST
from sidecar.core.model import Board, Cause, ServiceRow, SourceRow, State
from sidecar.core.parts.expectation import SHOWN_AT_MOST, Expectation, ScheduleInForce
from sidecar.core.parts.inputs import Inputs
from sidecar.core.schedules.due_times import skipped

from .members import JobMember, member_of
from .outcomes import MemberOutcome, OutcomeResolver
from .owed_by_no_job import Standing, has_a_standing, owed_by_no_job
from .remembered_names import within_bounds
from .window import window

#: Due times of one expectation that are decided by one judgement at most; the others wait for the next one.
MOST_AT_ONCE = 500

#: The same for all expectations together, about: the first judgement after an upgrade has a year to decide.
MOST_IN_ALL = 5_000

_WENT_WRONG = (State.FAILED, State.MISSED, State.NEVER)

_FINAL = {
    State.OK: FinalState.KEPT,
    State.WARNING: FinalState.KEPT,
    State.FAILED: FinalState.FAILED,
    State.MISSED: FinalState.MISSED,
    State.NEVER: FinalState.MISSED,
    State.DISABLED: FinalState.PAUSED,
    State.UNKNOWN: FinalState.NOT_OBSERVED,
}


@dataclass(frozen=True, slots=True)
class VerdictMemory:
    """Where the judgement stands: what is remembered, and which days were already written as they are.

    Attributes:
        remembered: the last state and the newest decided due time of each expectation, and the gaps that last.
        days: the last day of each service.
        owed: since which due time an expectation was failed, missed or never in the last judgement of this process.
        at: the moment of that judgement; None before it.
    """

    remembered: RememberedVerdicts = field(default_factory=RememberedVerdicts)
    days: Mapping[str, ServiceDay] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    owed: Mapping[ExpectationKey, datetime] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    at: datetime | None = None


def remember_verdicts(memory: VerdictMemory, judged: Judged, board: Board) -> tuple[VerdictMemory, VerdictLog]:
    """``memory`` after this judgement, and what is new in it.

    Args:
        board: the board of ``judged``.
    """
    every = [(name, part, _named(part)) for name, part in every_part(judged)]
    of_no_job = owed_by_no_job(judged, board)
    standing = chain.from_iterable(map(has_a_standing, judged.services))
    keys = (key for _, _, named in every for key, _ in named)
    before, admitted = within_bounds(memory.remembered, chain(standing, keys))
    states, decided = dict(before.states), dict(before.decided)
    owed: dict[ExpectationKey, datetime] = {}
    changes: list[VerdictChange] = []
    finals: list[FinalOccurrence] = []
    for key, now in of_no_job.items():
        if key in admitted and states.get(key) is not now.state:
            changes.append(now.change(key, states.get(key), judged.inputs.now))
            states[key] = now.state
    for name, part, every_named in every:
        named = [(key, judgement) for key, judgement in every_named if key in admitted]
        for key, judgement in named if len(named) == 1 else _worst_by_name(named):
            last, state = states.get(key), judgement.verdict.state
            if last is not state and (last is not None or judgement.speaks):
                changes.append(_change(key, last, judgement, judged.inputs.now))
                states[key] = state
            if state in _WENT_WRONG and judgement.due is not None:
                owed[key] = judgement.due
        # What has ended was due before what is in force.
        for key, judgement in reversed(named):
            if len(finals) >= MOST_IN_ALL:
                break
            new = _finals(key, name, part, judgement, decided.get(key), judged.inputs)
            if new:
                finals += [_as_judged(memory, final) for final in new]
                decided[key] = new[-1].due
            elif key not in decided:
                decided[key] = _looked_since(part, judged.inputs)
    gaps = dict(memory.remembered.gaps)
    new_gaps = tuple(_gaps(gaps, board.sources, judged.inputs.now))
    gaps = {source: gap for source, gap in gaps.items() if gap.until is None}
    days = {row.name: _day(row, part_rows, judged.inputs) for row, part_rows in _services(judged, board)}
    new_days = tuple(day for name, day in days.items() if memory.days.get(name) != day)
    after = VerdictMemory(RememberedVerdicts(states=states, decided=decided, gaps=gaps), days, owed, judged.inputs.now)
    return after, VerdictLog(changes=tuple(changes), finals=tuple(finals), gaps=new_gaps, days=new_days)


def every_part(judged: Judged) -> Iterator[tuple[str, JudgedPart]]:
    """Every judged part once, with the name of its first service; upkeep, which has none, comes last."""
    seen = set()
    for service in judged.services:
        for part in service.parts:
            if part.part.member not in seen:
                seen.add(part.part.member)
                yield service.service.name, part
    yield from (("", part) for part in judged.upkeep)


def _named(part: JudgedPart) -> list[tuple[ExpectationKey, Judgement]]:
    return [(expectation_key(part, judgement.expectation), judgement) for judgement in part.judgements]


def _worst_by_name(named: Iterable[tuple[ExpectationKey, Judgement]]) -> Iterator[tuple[ExpectationKey, Judgement]]:
    """What has ended may have the name of what is in force: then the worst of those that count."""
    worst: dict[ExpectationKey, Judgement] = {}
    for key, judgement in named:
        other = worst.get(key)
        if other is None or (judgement.speaks and judgement.verdict.state.rank < other.verdict.state.rank):
            worst[key] = judgement
    yield from worst.items()


def expectation_key(part: JudgedPart, expectation: Expectation) -> ExpectationKey:
    """The name under which an expectation of this part is remembered."""
    return ExpectationKey(str(part.part.member), str(expectation.job), expectation.destination or "")


def _change(key: ExpectationKey, before: State | None, judgement: Judgement, now: datetime) -> VerdictChange:
    verdict = judgement.verdict
    stands = Standing(verdict.state, str(verdict.cause or Cause.CANNOT_TELL), verdict.reason)
    return stands.change(key, before, now)


def _looked_since(part: JudgedPart, inputs: Inputs) -> datetime:
    """Days before anybody looked stay blank."""
    return inputs.history.known_since(str(part.part.member), part.part.source) or inputs.now


# --- occurrences ----------------------------------------------------------------------------------------------------------


def _finals(
    key: ExpectationKey,
    name: str,
    part: JudgedPart,
    judgement: Judgement,
    decided: datetime | None,
    inputs: Inputs,
) -> list[FinalOccurrence]:
    """The due times after the last decided one that nothing can change any more, in their order."""
    since = decided or _looked_since(part, inputs)
    expectation = judgement.expectation
    coming = _due_after(expectation.schedules, since)
    if coming is None or coming > inputs.now:
        return []
    if not _is_final(judgement, coming, _due_after(expectation.schedules, coming)):
        return []
    member = member_of(name, part, judgement, inputs)
    end = _end_of_some(member.schedules, since, inputs.now)
    shown = window(member.schedules, member.runs, since + datetime.resolution, end, MOST_AT_ONCE + 1)
    resolver = OutcomeResolver(member, shown, inputs.now)
    following = [due for _, due in pairwise(shown.every)]
    finals: list[FinalOccurrence] = []
    for place in range(shown.first, len(shown.every)):
        due = shown.every[place]
        after = following[place] if place < len(following) else _due_after(member.schedules, due)
        outcome = resolver.of(place)
        if not _is_final(judgement, due, after):
            break
        superseded = judgement.due is not None and due < judgement.due
        state = _final_state(outcome, due, inputs.now, superseded=superseded)
        if state is None:
            break
        paused = any(pause.start <= due < pause.end for pause in part.part.pauses)
        finals.append(_final(key, member, due, state, outcome, inputs.now, paused=paused))
    return _with_skipped(finals, key, member.schedules, since, inputs.now)


def _end_of_some(schedules: tuple[ScheduleInForce, ...], since: datetime, now: datetime) -> datetime:
    """The moment until when the next MOST_AT_ONCE are due; ``now`` when there are fewer. Runs from then on are not theirs."""
    due = since
    for _ in range(MOST_AT_ONCE + 1):
        coming = _due_after(schedules, due)
        if coming is None or coming >= now:
            return now
        due = coming
    return due


def _due_after(schedules: tuple[ScheduleInForce, ...], moment: datetime) -> datetime | None:
    return min((due for schedule in schedules if (due := schedule.due_after(moment)) is not None), default=None)


def _is_final(judgement: Judgement, due: datetime, following: datetime | None) -> bool:
    """A good run answered it or a later one, the next due time has come (what runs from then on answers that one), or its
    job has ended and owes nothing any more."""
    if judgement.due is not None and due < judgement.due:
        return True
    as_of = judgement.expectation.observed.evidence.as_of
    if judgement.expectation.schedule is None and judgement.due is None and following is None:
        following = due
    return following is not None and as_of is not None and following <= as_of and not judgement.under_way


def _final_state(outcome: MemberOutcome | None, due: datetime, now: datetime, *, superseded: bool) -> FinalState | None:
    """None while it may still become something else. A run that nobody ever saw the end of has failed (rule 10).

    Args:
        superseded: a later due time has its good run.
    """
    if outcome is None:
        return FinalState.NOT_OBSERVED
    if outcome.state is State.RUNNING:
        begun = outcome.run.start if outcome.run is not None else due
        return FinalState.FAILED if now - begun > (UNSEEN_AT_MOST if superseded else SHOWN_AT_MOST) else None
    if outcome.state is State.WARNING and not outcome.kept:
        return FinalState.FAILED
    return _FINAL.get(outcome.state)


def _as_judged(memory: VerdictMemory, final: FinalOccurrence) -> FinalOccurrence:
    """Where the runs do not tell what became of it (retention may have removed them), what the last judgement said of it."""
    owed = memory.owed.get(final.expectation)
    if final.state is not FinalState.NOT_OBSERVED or owed is None or memory.at is None:
        return final
    state = memory.remembered.states[final.expectation]
    return replace(final, state=_FINAL[state]) if owed <= final.due <= memory.at else final


def _final(
    key: ExpectationKey,
    member: JobMember,
    due: datetime,
    state: FinalState,
    outcome: MemberOutcome | None,
    now: datetime,
    *,
    paused: bool,
) -> FinalOccurrence:
    if paused and state is not FinalState.KEPT:
        state = FinalState.PAUSED
    run = outcome.run if outcome is not None else None
    if state is FinalState.KEPT and run is not None and run.start > due + member.judgement.grace:
        state = FinalState.KEPT_LATE
    return FinalOccurrence(
        member=key.member,
        job=key.job,
        destination=key.destination,
        due=due,
        state=state,
        run_start=run.start if run is not None else None,
        decided_at=now,
    )


def _with_skipped(
    finals: list[FinalOccurrence],
    key: ExpectationKey,
    schedules: tuple[ScheduleInForce, ...],
    since: datetime,
    now: datetime,
) -> list[FinalOccurrence]:
    """Rule 7: with the local times that the clocks skipped meanwhile.

    An hourly job is due at the next hour anyway, which is the same moment: that is no second occurrence.
    """
    if not finals:
        return finals
    until = finals[-1].due
    gaps = {
        gap.at
        for schedule in schedules
        if schedule.schedule is not None
        for gap in skipped(schedule.schedule, since, until)
        if schedule.in_force(gap.at) and _due_after(schedules, gap.at - datetime.resolution) != gap.at
    }
    missing = [
        FinalOccurrence(
            member=key.member,
            job=key.job,
            destination=key.destination,
            due=moment,
            state=FinalState.SKIPPED,
            run_start=None,
            decided_at=now,
        )
        for moment in gaps
    ]
    return sorted([*finals, *missing], key=lambda final: final.due)


# --- gaps and days --------------------------------------------------------------------------------------------------------


def _gaps(gaps: dict[str, ObservationGap], sources: tuple[SourceRow, ...], now: datetime) -> Iterator[ObservationGap]:
    """Gaps that begin or end now; ``gaps`` is brought up to date."""
    for row in sources:
        gap = gaps.get(row.name)
        unreadable = row.verdict.state is State.UNKNOWN
        if unreadable and gap is None:
            gaps[row.name] = ObservationGap(source=row.name, start=row.as_of or now)
            yield gaps[row.name]
        elif gap is not None and not unreadable:
            gaps[row.name] = ObservationGap(source=row.name, start=gap.start, until=now)
            yield gaps[row.name]


def _services(judged: Judged, board: Board) -> Iterator[tuple[ServiceRow, tuple[JudgedPart, ...]]]:
    parts = {service.service.name: service.parts for service in judged.services}
    return ((row, parts.get(row.name, ())) for row in board.services)


def _day(row: ServiceRow, parts: tuple[JudgedPart, ...], inputs: Inputs) -> ServiceDay:
    counts = [part.part.observed.count for part in parts if part.part.observed.count is not None]
    verified = [part.part.observed.verified for part in parts if part.part.observed.verified is not None]
    return ServiceDay(
        service=row.name,
        day=inputs.now.astimezone(inputs.settings.timezone).date(),
        count=sum(counts) if counts else None,
        size=_size(row),
        verified=sum(verified) if verified else None,
        copies=sum(copy.state is State.OK for copy in row.copies),
    )


def _size(row: ServiceRow) -> int | None:
    """Of all its parts that have a backup: without one of them the service would seem to shrink while that can't be read."""
    hidden = any(part.size is None and (part.last_backup or part.verdict.state is State.UNKNOWN) for part in row.parts)
    known = [part.size for part in row.parts if part.size is not None]
    return sum(known) if known and not hidden else None
