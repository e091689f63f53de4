"""How much of what was seen is remembered. An upstream that is broken or hostile lists new names at every reading.

Names that were there only briefly are forgotten a month after they are gone, and where they are many at once; of what is
there the names that came first stay. A guest that was there for months is worth more than a thousand that
were there for five minutes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeVar

from sidecar.core.ids import JobId, MemberId, MemberKind
from sidecar.core.model import Run

from .history import History, PlanRow, Sighting

#: What was there for less than this was there only briefly.
BRIEF = timedelta(days=1)

#: So long after it is gone it is forgotten: a part of a configured service that is gone is told for 30 days (rule 11).
FORGOTTEN_AFTER = timedelta(days=31)

#: Most of them that are remembered until then.
MOST_BRIEF = 500

#: Most members, and most jobs with runs or announced runs. The largest houses have a tenth of that.
MOST_NAMES = 20_000

#: Most runs of all jobs together; each job keeps its share, the newest ones. A rhythm needs eight.
MOST_RUNS_IN_ALL = 400_000
_FEWEST_RUNS = 16

#: So many brief names of one source are more than guests that are made for a test and removed again.
MANY_BRIEF = 250

_FOREVER = timedelta.max

V = TypeVar("V")


def within_bounds(history: History, at: datetime) -> History:
    """``history`` without what is not worth its place at ``at``; the very same object when all of it is."""
    lives = _lives(history, at)
    brief = {member: gone for member, (gone, lived) in lives.items() if gone is not None and lived < BRIEF}
    doomed = _forgotten(brief, at)
    if len(lives) - len(doomed) > MOST_NAMES:
        doomed = lives.keys() - _worthiest(lives)
    many = {source: number for source, number in _by_source(brief.keys() | doomed).items() if number >= MANY_BRIEF}
    kept = _without(history, doomed) if doomed else history
    kept = _fewer_jobs(kept)
    return kept if many == dict(kept.brief) else replace(kept, brief=MappingProxyType(many))


def _forgotten(brief: Mapping[str, datetime], at: datetime) -> set[str]:
    """Those that are gone for long, and of too many those that are gone for longest."""
    in_order = sorted(brief, key=lambda member: brief[member], reverse=True)
    return {member for member in in_order[:MOST_BRIEF] if at - brief[member] > FORGOTTEN_AFTER} | {
        *in_order[MOST_BRIEF:]
    }


def _lives(history: History, at: datetime) -> dict[str, tuple[datetime | None, timedelta]]:
    """Of each member since when it is gone (None: it is there), and how long it was there."""
    lives = {member: _life_of_sighting(sighting, at) for member, sighting in history.seen.items()}
    for member, rows in history.plans.items():
        if member not in lives:
            lives[member] = _life_of_plans(rows, at)
    return lives


def _life_of_sighting(sighting: Sighting, at: datetime) -> tuple[datetime | None, timedelta]:
    return sighting.gone, (sighting.gone or at) - sighting.first


def _life_of_plans(rows: tuple[PlanRow, ...], at: datetime) -> tuple[datetime | None, timedelta]:
    gone = None if any(row.valid_to is None for row in rows) else max((row.valid_to or at for row in rows), default=at)
    if any(row.valid_from is None for row in rows):
        return gone, _FOREVER
    return gone, (gone or at) - min((row.valid_from or at for row in rows), default=at)


def _worthiest(lives: Mapping[str, tuple[datetime | None, timedelta]]) -> set[str]:
    """Those that are there come first, and among both those that are known for longest."""
    in_order = sorted(lives, key=lambda member: (lives[member][0] is not None, -lives[member][1]))
    return set(in_order[:MOST_NAMES])


def _by_source(members: set[str]) -> Counter[str]:
    return Counter(member.split(":", 2)[1] for member in members)


def _without(history: History, doomed: set[str]) -> History:
    """Without these members and what is remembered of their jobs."""
    jobs = {job for job in (*history.runs, *history.announced) if not doomed.isdisjoint(_members_of(job))}
    return replace(
        history,
        seen=_but(history.seen, doomed),
        plans=_but(history.plans, doomed),
        runs=_but(history.runs, jobs),
        announced=_but(history.announced, jobs),
    )


def _members_of(job: str) -> tuple[str, ...]:
    """Whom the remembered runs of a job are of: a plan of Backrest, a backup group, or the job itself."""
    try:
        name = JobId.parse(job)
    except ValueError:
        return ()
    kinds = {"plan": MemberKind.PLAN, "group": MemberKind.GUEST}
    if name.kind in kinds:
        return (str(MemberId(kinds[name.kind], name.source, name.id)),)
    return (str(MemberId.of_upkeep(name)),)


def _fewer_jobs(history: History) -> History:
    """Upkeep of Backrest is no member with a life: of jobs those stay whose runs reach back furthest."""
    announced, runs = history.announced, history.runs
    if len(announced) > MOST_NAMES:
        announced = _most(announced, lambda dues: dues[-1] - dues[0] if dues else timedelta())
    if len(runs) > MOST_NAMES:
        runs = _most(runs, _reach)
    if sum(map(len, runs.values())) > MOST_RUNS_IN_ALL:
        share = max(MOST_RUNS_IN_ALL // len(runs), _FEWEST_RUNS)
        runs = MappingProxyType({job: each[:share] for job, each in runs.items()})
    same = announced is history.announced and runs is history.runs
    return history if same else replace(history, announced=announced, runs=runs)


def _reach(runs: tuple[Run, ...]) -> timedelta:
    return runs[0].start - runs[-1].start if runs else timedelta()


def _most(values: Mapping[str, V], worth: Callable[[V], timedelta]) -> Mapping[str, V]:
    in_order = sorted(values, key=lambda name: worth(values[name]), reverse=True)
    return MappingProxyType({name: values[name] for name in in_order[:MOST_NAMES]})


def _but(values: Mapping[str, V], names: set[str]) -> Mapping[str, V]:
    return MappingProxyType({name: value for name, value in values.items() if name not in names})
