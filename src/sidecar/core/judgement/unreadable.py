"""Rule 6: what is too old to prove anything, and why it is."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sidecar.core import words
from sidecar.core.model import Cause, State, Verdict
from sidecar.core.parts.expectation import Evidence
from sidecar.core.parts.part import Part


def verdict_of(
    part: Part, state: State, cause: Cause, reason: str, since: datetime | None, action: str | None = None
) -> Verdict:
    """A verdict about a part; with a link where somebody must act."""
    link = part.link if state.rank <= State.WARNING.rank else None
    return Verdict(
        state=state,
        reason=words.sentence(reason),
        since=since,
        action=words.sentence(action) if action else None,
        link=link,
        cause=cause,
    )


def unreadable(
    part: Part, evidence: Evidence, newest: str, now: datetime, zone: ZoneInfo, *, about: str = ""
) -> Verdict:
    """Nothing is known now.

    Args:
        newest: what was known last, in words.
        about: how the reason begins: which of several jobs it is about.
    """
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
