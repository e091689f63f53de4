"""Rule 12: what is said of backups for which nobody tells a schedule, such as those of a client with its own cron."""

from __future__ import annotations

from datetime import datetime, timedelta

from sidecar.core.model import Run

from . import rhythm

#: So long after the newest one, and after so many times its usual gap, nothing more is expected of what no service names.
ENDED_AFTER = timedelta(days=30)
ENDED_AFTER_GAPS = 10

#: What there is too little of for a rhythm.
UNKNOWN_RHYTHM = "too few backups show how often they come"


def why_nothing_is_expected(good: Run | None, gap: timedelta | None, now: datetime) -> str | None:
    """Why what no service names is only kept: it has no rhythm, or that ended long ago; None while it is expected to go on.

    Args:
        good: its newest good run that is kept; None while it has a rhythm: all of them were removed.
        gap: its rhythm; None where it has none.
    """
    if gap is None:
        return f"nothing is expected: {UNKNOWN_RHYTHM}"
    if good is None:
        return None
    old = now - good.start
    if old <= max(ENDED_AFTER, ENDED_AFTER_GAPS * gap):
        return None
    return (
        f"kept, and nothing is expected any more: it came {rhythm.often(gap)}, and the newest is {rhythm.age(old)} old"
    )
