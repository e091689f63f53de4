"""The longest time in a stretch of time in which no good run ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sidecar.core.value import value


@value(kw_only=True)
class LongestGap:
    """From the end of a good run to the end of the next one, clipped to the stretch that is looked at.

    Attributes:
        began_before: it began before the stretch; only its part in the stretch is counted.
        lasts: no good run had ended by the end of the stretch.
    """

    start: datetime
    end: datetime
    began_before: bool
    lasts: bool

    @property
    def length(self) -> timedelta:
        """How long it is, as far as it lies in the stretch."""
        return self.end - self.start


def longest_gap(
    ends: Sequence[datetime], start: datetime, end: datetime, looked_since: datetime | None
) -> LongestGap | None:
    """The longest one between ``start`` and ``end``, the first of equally long ones. None where nobody looked.

    Args:
        ends: when good runs ended, oldest first; the first may be before ``start``.
        looked_since: nothing is known from before, unless a run is.
    """
    known = ends[0] if ends else looked_since
    if looked_since is not None and known is not None:
        known = min(known, looked_since)
    if known is None or known >= end:
        return None
    first = max(known, start)
    moments = [first, *(moment for moment in ends if first < moment < end), end]
    gaps = [
        LongestGap(start=earlier, end=later, began_before=earlier == start and known < start, lasts=later == end)
        for earlier, later in pairwise(moments)
    ]
    return max(gaps, key=lambda gap: gap.length)
