"""Where a local day begins."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The beginning of a local day; in zones that change their clocks at midnight it may be 01:00."""
    return datetime.combine(day, time(), zone)
