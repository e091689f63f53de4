"""Rule 6: whose reading a verdict waits for: a due time is missed only when a reading from after its grace shows it.

And whose readings are of interest because something is not well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import chain

from sidecar.core.model import HARMLESS, State

from .due import deadline_of
from .judge import Judgement
from .judged import Judged, JudgedPart


def awaited(made: Judged) -> Mapping[str, datetime]:
    """By source: the latest end of a grace that has passed, while nothing newer was read of that source.

    Where the newest attempt to read it failed, nothing is waited for: it will be asked again anyway.
    """
    latest: dict[str, datetime] = {}
    for judgement in chain.from_iterable(part.judgements for part in _parts(made)):
        deadline = _waits_since(judgement, made.inputs.now)
        if deadline is not None:
            source = judgement.expectation.observed.evidence.source
            latest[source] = max(latest.get(source, deadline), deadline)
    return latest


def troubled(made: Judged) -> frozenset[str]:
    """The sources of whatever is not well, and those whose readings show it."""
    bad = ((part, each) for part in _parts(made) for each in part.judgements if each.verdict.state not in HARMLESS)
    judgements = {name for part, each in bad for name in (part.part.source, each.expectation.observed.evidence.source)}
    parts = {part.part.source for part in _parts(made) if part.verdict.state not in HARMLESS}
    return frozenset(judgements | parts)


def _parts(made: Judged) -> Iterator[JudgedPart]:
    yield from chain.from_iterable(service.parts for service in made.services)
    yield from made.upkeep


def _waits_since(judgement: Judgement, now: datetime) -> datetime | None:
    if judgement.verdict.state is not State.LATE or judgement.due is None:
        return None
    evidence = judgement.expectation.observed.evidence
    deadline = deadline_of(judgement.expectation, judgement.due, judgement.grace)
    waits = evidence.problem is None and evidence.as_of is not None and evidence.as_of < deadline <= now
    return deadline if waits else None
