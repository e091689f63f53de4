"""Members that no job is to back up any more: what ended jobs still owed them, nobody can make up for (rules 1 and 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sidecar.core import words
from sidecar.core.model import NEEDS_YOU, Cause, State, Verdict
from sidecar.core.parts.part import Part

from .evidence import newest_evident
from .judge import Judgement
from .unreadable import unreadable
from .wording import newest_in_words, verdict_of


def of_no_job(part: Part, judgements: Sequence[Judgement], now: datetime, zone: ZoneInfo) -> Verdict:
    """The verdict of a part that no job is for: rule 2, with what ended last and what did not come before that."""
    ended = [
        (past.valid_to, each) for each in judgements for past in each.expectation.past if past.valid_to is not None
    ]
    if not ended:
        return _in_no_job(part, now, zone)
    since = max(end for end, _ in ended)
    jobs = sorted({each.expectation.job.id for end, each in ended if end == since})
    told = f" since {words.moment(since, now, zone)}: {words.listed(jobs)} covered it before"
    owed = min((each.due for each in judgements if each.due and each.verdict.state in NEEDS_YOU), default=None)
    if owed is not None:
        told += f", and the {part.noun} that was due {words.moment(owed, now, zone)} did not come"
    return _in_no_job(part, now, zone, told)


def settled(judgements: Sequence[Judgement], verdict: Verdict) -> tuple[Judgement, ...]:
    """The judgements once no job is left that could answer what ended ones still owe: that is owed no longer.

    Red for ever would help nobody. A job that covers the member again owes it again, until a run is good (rule 1).

    Args:
        verdict: what counts instead for each that has ended.
    """
    return tuple(
        each if each.expectation.schedule is not None else replace(each, verdict=verdict, due=None)
        for each in judgements
    )


def _in_no_job(part: Part, now: datetime, zone: ZoneInfo, told: str = "") -> Verdict:
    """Rule 2: what no job is for is a warning, as far as anything can be known of it. ``told``: since when, in words."""
    newest = newest_in_words(part, newest_evident(part, now), now, zone)
    if part.evidence.stale(now):
        return unreadable(part, part.evidence, newest, now, zone)
    if part.absent:
        return verdict_of(part, State.NEVER, Cause.NOTHING_STARTED, newest, None, part.actions.never)
    reason = f"no enabled job backs it up{told}; {newest}"
    return verdict_of(part, State.WARNING, Cause.IN_NO_JOB, reason, None, part.actions.uncovered)
