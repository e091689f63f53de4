"""A long list as it was read last: it is used again while tasks prove that nothing touched it, for some hours."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sidecar.core.reports.facts import Fact
from sidecar.core.reports.report import Limit, Reading, Scope

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


class LastFacts:
    """What each scope said when it could last be read: what it says again is the same objects (core/reports/shared.py).

    It may be from before a restart, and proves nothing.
    """

    def __init__(self) -> None:
        self._facts: dict[Scope, tuple[Fact, ...]] = {}

    def of(self, scope: Scope) -> tuple[Fact, ...]:
        """The facts of a scope; none where it could never be read."""
        return self._facts.get(scope, ())

    def take(self, readings: Iterable[Reading]) -> None:
        """All readings of a report. What could not be read is still as it was; what is not there any more is forgotten."""
        self._facts = {
            reading.scope: reading.facts if reading.facts or reading.problem is None else self.of(reading.scope)
            for reading in readings
        }
