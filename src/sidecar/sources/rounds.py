"""The rounds of one source: full ones, and light ones in between that show whether it lives and whether anything ran.

Which comes next is decided here, from what the last one brought; what a round reads is the source's own matter.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from sidecar.core.reports.report import Problem, ProblemKind, Report
from sidecar.poller import pause_after

from . import Clock, Source

log = logging.getLogger(__name__)

#: While a source does not answer like this, asking soon costs little and shows soon that it is back.
_ASKED_AGAIN_SOON = (ProblemKind.UNREACHABLE, ProblemKind.TIMED_OUT, ProblemKind.RATE_LIMITED)

#: A round may come so much too early: sleeping is not exact.
_PUNCTUAL = timedelta(seconds=1)

#: What stays as it is until somebody changes it: no reason to read everything more often.
_LASTING = (ProblemKind.OFFLINE, ProblemKind.MAINTENANCE, ProblemKind.NOT_MOUNTED, ProblemKind.NOT_REPORTED)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long after the start of a full round the next one begins.

    Attributes:
        full: while light rounds prove in between that nothing ran.
        unproven: where they don't, or where something could not be read; and between looks at short lists.
        light: between light rounds; None where there are none.
    """

    full: timedelta
    unproven: timedelta
    light: timedelta | None = None

    def until_full(self, report: Report, took: timedelta, *, confirms: bool) -> timedelta:
        """How long after the start of a full round that took so long and brought this the next one begins."""
        return pause_after(self._after(report.problem, report, confirms=confirms), took)

    def _after(self, problem: Problem | None, report: Report, *, confirms: bool) -> timedelta:
        if problem is not None and problem.kind in _ASKED_AGAIN_SOON:
            return self.light or self.full
        troubles = (reading.problem for reading in report.readings if reading.problem is not None)
        if problem is not None or any(each.kind not in _LASTING for each in troubles) or not confirms:
            return min(self.unproven, self.full)
        return self.full


@dataclass(frozen=True, slots=True)
class Round:
    """What a round brought.

    Attributes:
        report: None: nothing; only a reading of everything can tell, and the last one for a doubt was a moment ago.
        is_news: it says something new, and everything is to be judged anew.
        pause: how long to wait until the next round.
    """

    report: Report | None
    pause: timedelta
    is_news: bool = True


class Wanted(Protocol):
    """Who wants to know something new of a source."""

    def awaited(self, source: str) -> datetime | None:
        """The latest due time that waits for a reading of it (rule 6)."""

    def needs_care(self, source: str) -> bool:
        """Something of it is not well."""


class Rounds:
    """One round after the other. ``seconds`` tell how long a round took."""

    def __init__(
        self,
        source: Source,
        clock: Clock,
        pace: Pace,
        wanted: Wanted,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._clock = clock
        self._pace = pace
        self._wanted = wanted
        self._seconds = seconds
        self._read_at: datetime | None = None
        self._listed_at: datetime | None = None
        self._doubted_at: datetime | None = None
        self._is_in_doubt = False
        self._read_again = timedelta()

    @property
    def after_error(self) -> timedelta:
        """How long to wait after a round that failed with an error of ours."""
        return min(self._pace.unproven, self._pace.full)

    async def next(self) -> Round:
        """A light round, or a full one where it is time for that or where the light one found that it takes one."""
        if self._pace.light is None or self._is_due(self._clock()):
            return await self._full()
        began = self._seconds()
        look = await self._source.look(self._clock, wide=self._is_time_for_lists(self._clock()))
        if look.report is None:
            self._is_in_doubt = look.in_doubt
            if look.in_doubt and self._was_in_doubt():
                return Round(None, self._pace.light, is_news=False)
            return await self._full()
        if look.report.problem is not None:
            # The next one is a full one: when it answers again, everything is read.
            self._read_again = self._since_read() + self._pace.until_full(look.report, timedelta(), confirms=False)
        took = timedelta(seconds=self._seconds() - began)
        report = replace(look.report, apart=pause_after(self._pace.light, took))
        return Round(report, pause_after(self._pace.light, took) - took, is_news=look.is_news)

    async def _full(self) -> Round:
        began, at = self._seconds(), self._clock()
        if self._is_in_doubt:
            self._doubted_at, self._is_in_doubt = at, False
        # If reading it fails with an error of ours, that counts as well: no reason to hurry.
        self._read_at, self._listed_at, self._read_again = at, at, self._pace.unproven
        report = await self._source.read(self._clock, whole=False)
        took = timedelta(seconds=self._seconds() - began)
        self._read_again = self._pace.until_full(report, took, confirms=self._source.confirms)
        if self._pace.light is None:
            pause = pause_after(self._pace.full, took)
            self._read_again = pause
            return Round(replace(report, apart=pause), pause - took)
        return Round(replace(report, apart=pause_after(self._pace.light, took)), self._pace.light)

    def _is_due(self, now: datetime) -> bool:
        """Also where the clock was set back, and where somebody waits for what this source says."""
        if self._read_at is None or now < self._read_at:
            return True
        since, name = now - self._read_at + _PUNCTUAL, self._source.name
        if since >= self._read_again or (since >= self._pace.unproven and self._wanted.needs_care(name)):
            return True
        awaited = self._wanted.awaited(name)
        return awaited is not None and awaited > self._read_at

    def _is_time_for_lists(self, now: datetime) -> bool:
        if self._listed_at is not None and now - self._listed_at + _PUNCTUAL < self._pace.unproven:
            return False
        self._listed_at = now
        return True

    def _since_read(self) -> timedelta:
        return self._clock() - self._read_at if self._read_at else timedelta()

    def _was_in_doubt(self) -> bool:
        """A list that casts doubt each time must not lead to a reading of everything each time."""
        if self._doubted_at is None:
            return False
        return timedelta() <= self._clock() - self._doubted_at < self._pace.unproven - _PUNCTUAL
