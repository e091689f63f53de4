"""Rule 12: how far apart the good runs of something ordinarily are, where nobody tells its schedule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice, pairwise
from statistics import median

from sidecar.core.schedules.schedule import EARLY

#: So many gaps are looked at, the newest ones; with fewer than LEAST_GAPS there is no rhythm.
MOST_GAPS = 7
LEAST_GAPS = 4

#: One gap so many times as wide as the median is an outage, and no part of the rhythm.
OUTLIER = 4

#: How much later than usual the next one may come, beside the grace. Backrest allows the same (BR-10).
ALLOWED = 1.25

#: What is said where there are fewer.
UNKNOWN = "too few backups show how often they come"

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


def usual_gap(starts: Iterable[datetime]) -> timedelta | None:
    """The widest of the last gaps, but for one outlier; None where too few runs are known.

    Args:
        starts: when good runs began, newest first.
    """
    gaps = sorted(later - earlier for later, earlier in pairwise(islice(starts, MOST_GAPS + 1)))
    if len(gaps) < LEAST_GAPS:
        return None
    if gaps[-1] > OUTLIER * timedelta(seconds=median(gap.total_seconds() for gap in gaps)):
        gaps.pop()
    return gaps[-1]


def announced_gap(dues: Sequence[datetime], starts: Sequence[datetime]) -> timedelta:
    """The widest gap that the upstream itself announced: from what came before, a due time or a good run.

    Args:
        dues: past ones that were announced.
        starts: when good runs began.
    """
    every = (*dues, *starts)
    gaps = [due - max(before) for due in dues if (before := [each for each in every if each < due - EARLY])]
    return max(gaps, default=timedelta())


def limit(newest: datetime, gap: timedelta, grace: timedelta) -> datetime:
    """Until when the next run is in the rhythm."""
    return newest + ALLOWED * gap + grace


def often(gap: timedelta) -> str:
    """``every day``, ``every 6 hours``, ``every week``: the gap, rounded."""
    if gap < 0.9 * _HOUR:
        return _every(round(gap / timedelta(minutes=1)), "minute")
    if gap < 0.9 * _DAY:
        return _every(round(gap / _HOUR), "hour")
    days = round(gap / _DAY)
    return _every(days // 7, "week") if days % 7 == 0 else _every(days, "day")


def age(length: timedelta) -> str:
    """``3 days``, ``1 hour``: rounded down."""
    for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (timedelta(minutes=1), "minute")):
        count = length // unit
        if count >= 1:
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "less than a minute"


def _every(count: int, unit: str) -> str:
    return f"every {unit}" if count <= 1 else f"every {count} {unit}s"
