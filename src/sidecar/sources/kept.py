"""A long list as it was read last: it is used again while tasks prove that nothing touched it, for some hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sidecar.core.reports.report import Limit, Reading

#: What leaves no task (a snapshot removed by hand, a note, a flag, what another tool does) is seen after so long.
READ_AGAIN_AFTER = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a list said when it was read as a whole, at ``read_at``; with what could not be read of it."""

    reading: Reading
    read_at: datetime
    limits: tuple[Limit, ...] = ()

    def holds(self, now: datetime) -> bool:
        """It can be used again: it could be read, and not too long ago, nor after ``now`` (a clock that was set back)."""
        return self.reading.problem is None and timedelta() <= now - self.read_at < READ_AGAIN_AFTER
