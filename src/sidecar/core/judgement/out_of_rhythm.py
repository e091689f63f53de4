"""Rule 12: what comes later than it used to, where nobody tells its schedule."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import islice

from sidecar.core import words
from sidecar.core.model import Cause, State, Verdict
from sidecar.core.parts.expectation import Activity

from . import rhythm
from .case import Case
from .evidence import evident
from .under_way import running


def by_rhythm(case: Case, verdict: Verdict, under_way: Activity | None) -> Verdict:
    """Rule 12: what comes much later than usual is a warning, never red, for nobody promised it."""
    good, quiet = case.good, (State.OK, State.LATE, State.NEW)
    if verdict.state not in quiet or case.evidence.as_of is None:
        return verdict
    if case.expectation.only_by_rhythm and under_way is not None:
        return running(case, under_way)
    if case.expectation.overdue:
        reason = f"overdue, as {case.part.source} itself says; {case.newest()}"
        return case.verdict(State.WARNING, Cause.OUT_OF_RHYTHM, reason, None, case.part.actions.missed)
    gap = usual_gap(case)
    if gap is None and case.expectation.only_by_rhythm:
        reason = f"no schedule is known, and {rhythm.UNKNOWN}; {case.newest()}"
        return case.verdict(State.WARNING, Cause.IN_NO_JOB, reason, None, case.part.actions.uncovered)
    if good is None and gap is not None and case.expectation.only_by_rhythm:
        reason = f"usually {rhythm.often(gap)}; {case.newest()}"
        return case.verdict(State.WARNING, Cause.OUT_OF_RHYTHM, reason, None, case.part.actions.missed)
    if good is None or gap is None or case.evidence.as_of <= rhythm.limit(good.start, gap, case.grace):
        return _in_rhythm(case, verdict, gap)
    old = rhythm.age(case.now - good.start)
    reason = f"usually {rhythm.often(gap)}; the newest is {old} old; {case.newest()}"
    since = rhythm.limit(good.start, gap, case.grace)
    return case.verdict(State.WARNING, Cause.OUT_OF_RHYTHM, reason, since, case.part.actions.missed)


def _in_rhythm(case: Case, verdict: Verdict, gap: timedelta | None) -> Verdict:
    """Where nothing else says when it is due, the reason tells what it is measured by."""
    if gap is None or not case.expectation.only_by_rhythm:
        return verdict
    return replace(verdict, reason=words.sentence(f"comes about {rhythm.often(gap)}; {case.newest()}"))


def usual_gap(case: Case) -> timedelta | None:
    """How far apart its good runs are; what the upstream announced may be further apart since the schedule was edited."""
    in_force = case.expectation.schedule
    if not case.expectation.by_rhythm or in_force is None:
        return None
    every = (run.start for run in evident(case.evidence, case.expectation.observed.runs) if run.good)
    good = tuple(islice(every, 2 * rhythm.MOST_GAPS))
    if remembered := [start for start in case.expectation.remembered if start <= case.now]:
        good = tuple(sorted({*good, *remembered}, reverse=True)[: 2 * rhythm.MOST_GAPS])
    gap = rhythm.usual_gap(good)
    past = [due for due in in_force.announced_before if due <= case.now][-rhythm.MOST_GAPS :]
    announced = rhythm.announced_gap(past, good)
    return None if gap is None else max(gap, announced)
