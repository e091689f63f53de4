"""Rule 6: what is too old to prove anything, and why it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sidecar.core import words
from sidecar.core.model import Cause, State, Verdict
from sidecar.core.parts.expectation import Evidence
from sidecar.core.parts.part import Part

from .case import Case
from .wording import verdict_of


def unknown(case: Case) -> Verdict | None:
    """Rule 6: readings older than ``stale_after`` prove nothing, whatever the schedule."""
    if case.expectation.note is not None:
        why, cure = case.expectation.note, case.expectation.cure
        verdict = case.verdict(State.UNKNOWN, Cause.CANNOT_TELL, why, None, cure)
        return replace(verdict, origin=case.expectation.origin)
    if not case.evidence.stale(case.now):
        return None
    return unreadable(case.part, case.evidence, case.newest(), case.now, case.zone, about=case.about)


def unreadable(
    part: Part, evidence: Evidence, newest: str, now: datetime, zone: ZoneInfo, *, about: str = ""
) -> Verdict:
    """Nothing is known now.

    Args:
        newest: what was known last, in words.
        about: how the reason begins: which of several jobs it is about.
    """
    return replace(_verdict(part, evidence, newest, now, zone, about=about), unread=evidence.source)


def _verdict(part: Part, evidence: Evidence, newest: str, now: datetime, zone: ZoneInfo, *, about: str) -> Verdict:
    problem, source = evidence.problem, evidence.source
    action = (problem.action if problem else None) or part.actions.unreadable
    if evidence.as_of is None:
        if problem is None:
            return verdict_of(part, State.UNKNOWN, Cause.UNREADABLE, f"{about}nothing was read from {source} yet", None)
        reason = f"{about}can't read {source}: {problem.cause}"
        return verdict_of(part, State.UNKNOWN, Cause.UNREADABLE, reason, None, action)
    read = words.moment(evidence.as_of, now, zone)
    reason = f"nothing was read from {source} since {read}"
    if evidence.is_of_the_future(now):
        reason = f"the last reading of {source}, {read}, lies in the future: the clock of this machine was set back"
    elif problem is not None:
        reason = f"can't read {source} since {read}: {problem.cause}"
    return verdict_of(part, State.UNKNOWN, Cause.UNREADABLE, f"{about}{reason}; {newest}", evidence.as_of, action)
