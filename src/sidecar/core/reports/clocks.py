"""The clocks of upstreams that are wrong: what they did then lies in the future or seems long ago (rule 6)."""

from __future__ import annotations

from datetime import timedelta

from .cached import cached
from .facts import Zone
from .report import Report

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@cached
def wrong_clock(report: Report) -> str | None:
    """Whose clock is wrong and by how much: "the clock of pbs is 2 days behind"; None where all agree with ours."""
    zone = next((zone for zone in report.facts(Zone) if zone.ahead), None)
    if zone is None or zone.ahead is None:
        return None
    whose = report.source if zone.node is None else f"node {zone.node} of {report.source}"
    return f"the clock of {whose} is {_length(timedelta(seconds=abs(zone.ahead)))} {_side(zone.ahead)}"


def _side(seconds: int) -> str:
    return "ahead" if seconds > 0 else "behind"


def _length(off: timedelta) -> str:
    """``2 days``, ``3 hours``, ``20 minutes``: the largest unit of which there are two at least."""
    for unit, name in ((_DAY, "days"), (_HOUR, "hours")):
        if round(off / unit) >= 2:
            return f"{round(off / unit)} {name}"
    return f"{off // timedelta(minutes=1)} minutes"
