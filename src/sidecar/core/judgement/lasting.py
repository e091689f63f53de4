"""Until when a verdict holds: what is well, and is judged of the very same part, needs no other judgement for a while.

Nearly all that a board shows is well until its next due time. Only what the plainest rules judge is taken for that: its
newest run is good, and nothing is due yet. Whatever else a rule looks at is judged on every board.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sidecar.core.model import Cause, State
from sidecar.core.parts.part import Part

from .judge import Judgement


def holds_until(part: Part, judgements: tuple[Judgement, ...], now: datetime, zone: ZoneInfo) -> datetime | None:
    """The first moment at which another judgement of this part may differ from that of ``now``; None where it may at once.

    The reason names days ("today"), so midnight is one; rule 3 brings the due time, rule 6 the age of the reading.
    """
    if len(judgements) != 1 or part.gone is not None or part.note is not None or part.pauses:
        return None
    judgement = judgements[0]
    if judgement.verdict.state is not State.OK or judgement.verdict.cause is not Cause.IN_TIME:
        return None
    expectation, in_force = judgement.expectation, judgement.expectation.schedule
    observed = expectation.observed
    if in_force is None or in_force.schedule is None or not in_force.enabled or in_force.silenced:
        return None
    if not expectation.starts_seen and in_force.grace is None:
        return None  # Rule 4: the grace follows from the period, which follows from the time.
    if expectation.by_rhythm or expectation.overdue or expectation.activities:
        return None
    if observed.evidence is not part.observed.evidence or any(
        not runs or runs[0] is not judgement.good for runs in (observed.runs, part.observed.runs)
    ):
        return None
    if observed.evidence.as_of is None or judgement.due is None or judgement.next_run is None:
        return None
    stale = observed.evidence.as_of + observed.evidence.stale_after
    return min(judgement.due, judgement.next_run, stale, _midnight(now, zone))


@lru_cache(maxsize=4)
def _midnight(now: datetime, zone: ZoneInfo) -> datetime:
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone)
