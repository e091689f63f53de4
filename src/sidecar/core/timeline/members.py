"""Who takes part in the calendar: every judged part and every upkeep job with the promises that it tells of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import dropwhile

from sidecar.core.judgement.due import SHORT_GRACE
from sidecar.core.judgement.judge import Judgement
from sidecar.core.judgement.judged import Judged
from sidecar.core.model import PartKind, Run
from sidecar.core.parts.inputs import Inputs
from sidecar.core.parts.part import EARLY, Part, Plan
from sidecar.core.parts.upkeep import Upkeep

from .outcomes import JobMember


def members_of_parts(found: Judged) -> Iterator[JobMember]:
    """Every part once, under the name of the first service that has it."""
    seen = set()
    for service in found.services:
        for one in service.parts:
            member = one.part.member
            if member not in seen and (one.part.plans or one.part.past):
                seen.add(member)
                yield _part_track(service.service.name, one.part, one.judgement, found.lab)


def _part_track(name: str, part: Part, judgement: Judgement, lab: Inputs) -> JobMember:
    known = dropwhile(part.evidence.is_from_the_future, part.runs)
    runs = tuple(reversed(tuple(known)))
    since = min((when for when in (runs[0].start if runs else None, lab.history.first_contact) if when), default=None)
    return JobMember(
        name=name,
        runs=runs,
        plans=tuple(_promises((*part.past, *part.plans), runs)),
        verdict=judgement.verdict,
        grace=judgement.grace,
        as_of=part.evidence.as_of,
        known_since=max(since, part.first_due_after or since) if since else None,
        failures_are_gaps=part.kind is PartKind.GUEST,
    )


def member_of_upkeep(one: Upkeep) -> JobMember:
    """An upkeep job: it has no members, so it is its own."""
    runs = tuple(reversed(one.runs))
    told = one.job.runs or one.runs[:1]
    return JobMember(
        name="",
        runs=runs,
        plans=tuple(_promises((*one.past, one.plan) if one.expected else one.past, runs)),
        verdict=one.row.verdict,
        grace=one.plan.grace or SHORT_GRACE,
        as_of=one.evidence.as_of,
        known_since=told[-1].start if told else None,
        thinned=False,
    )


def _promises(plans: Iterable[Plan], runs: Sequence[Run]) -> Iterator[Plan]:
    """Those of which the calendar tells. What is switched off upstream is not due any more, but what ran before stays.

    ``runs``: oldest first. Of a job that was off when it was first seen the last run tells until when it was on.
    """
    for promise in plans:
        if promise.silenced:
            continue
        if promise.enabled:
            yield promise
        elif promise.valid_from is None and promise.valid_to is None and runs:
            yield replace(promise, announced=None, valid_to=runs[-1].start + EARLY + EARLY.resolution)
