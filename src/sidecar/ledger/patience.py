"""How long a ledger that can't be used now is waited for, and when it is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Patience:
    """Soon at first, then less and less often.

    Attributes:
        first: the first pause; each is twice the one before.
        longest: the longest pause.
        lock: how long another program that holds the file is waited for.
    """

    first: timedelta = timedelta(seconds=1)
    longest: timedelta = timedelta(minutes=5)
    lock: timedelta = timedelta(seconds=5)

    def pause(self, failures: int) -> float:
        """Seconds until the next attempt, after so many that failed in a row (one at least)."""
        # Not a power of a number that grows for months.
        return min(self.first * (1 << min(failures - 1, 20)), self.longest).total_seconds()
