"""What the pages ask about due times. A core Timeline answers it, and so does what is left of one on a stale board."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sidecar.core.model import Occurrence, ScheduleLine
from sidecar.core.timeline.timeline import MOST


class Dues(Protocol):
    """What is due at any time. See core/timeline/timeline.py, class Timeline."""

    def occurrences(self, start: datetime, end: datetime, most: int = MOST) -> tuple[Occurrence, ...]:
        """What is due from ``start`` up to, not including, ``end``; raises TooManyError."""

    def nothing_known(self, start: datetime, end: datetime, most: int = MOST) -> tuple[datetime, ...]:
        """When something was due in that time of which nothing is known."""

    @property
    def looked_since(self) -> datetime | None:
        """When anything was read for the first time."""

    def lines(self) -> tuple[ScheduleLine, ...]:
        """Every job and ``calendar:`` line with its next due times."""
