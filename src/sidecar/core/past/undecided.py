"""What is due and not decided yet: it stands in no record, and another run may still answer it.

The calendar shows the same due times in the same states, because both ask the same expectations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice

from sidecar.core.history.verdict_log import ExpectationKey
from sidecar.core.judgement.judge import Judgement
from sidecar.core.judgement.judged import Judged, JudgedPart
from sidecar.core.model import State
from sidecar.core.parts.inputs import Inputs
from sidecar.core.timeline.members import member_of
from sidecar.core.timeline.outcomes import OutcomeResolver
from sidecar.core.timeline.verdict_memory import every_part, expectation_key
from sidecar.core.timeline.window import depends_on_runs, window
from sidecar.core.value import value

#: Due times of one expectation that are looked at, and of all of them together. A source that is away for a month has
#: more only where something is due every few minutes.
MOST_OF_ONE = 2_000
MOST_IN_ALL = 20_000


@value()
class Undecided:
    """A due time of an expectation that is not decided yet. ``state``: how it stands; None where nothing is known of it."""

    expectation: ExpectationKey
    due: datetime
    state: State | None = None


def undecided(
    judged: Judged, decided: Mapping[ExpectationKey, datetime], start: datetime, end: datetime
) -> tuple[Undecided, ...]:
    """What was due from ``start`` up to, not including, ``end``, no later than the judgement and after what is decided.

    Args:
        decided: the newest decided due time of each expectation; without one all since the first reading is open.
    """
    until = min(end, judged.inputs.now + datetime.resolution)
    # What has ended may have the name of what is in force, which then speaks for both.
    first: dict[tuple[ExpectationKey, datetime], State | None] = {}
    for each in islice(_all(judged, decided, start, until), MOST_IN_ALL):
        first.setdefault((each.expectation, each.due), each.state)
    return tuple(Undecided(key, due, state) for (key, due), state in first.items())


def _all(
    judged: Judged, decided: Mapping[ExpectationKey, datetime], start: datetime, until: datetime
) -> Iterator[Undecided]:
    for name, part in every_part(judged):
        looked = judged.inputs.history.contact(part.part.source)
        if looked is None:
            continue
        for judgement in part.judgements:
            newest = decided.get(expectation_key(part, judgement.expectation), looked)
            since = max(newest + datetime.resolution, start)
            yield from _of(name, part, judgement, judged.inputs, since, until)


def _of(
    name: str, part: JudgedPart, judgement: Judgement, inputs: Inputs, since: datetime, until: datetime
) -> Iterator[Undecided]:
    schedules = judgement.expectation.schedules
    coming = (schedule.due_after(since - datetime.resolution) for schedule in schedules)
    # Mostly nothing is, which is cheaper to see like this.
    if not depends_on_runs(schedules) and not any(due is not None and due < until for due in coming):
        return
    key = expectation_key(part, judgement.expectation)
    member = member_of(name, part, judgement, inputs)
    shown = window(member.schedules, member.runs, since, until, MOST_OF_ONE)
    resolver = OutcomeResolver(member, shown, inputs.now)
    for place in range(shown.first, len(shown.every)):
        outcome = resolver.of(place)
        yield Undecided(key, shown.every[place], outcome.state if outcome is not None else None)
