"""Lists that timed out are left alone for a while, longer each time, each for itself: the server may still be at work on one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sidecar.core import words
from sidecar.core.reports.report import Problem, ProblemKind

#: How long a list rests that timed out once: until the next refresh. Each further time it rests twice as long.
_FIRST = timedelta(minutes=4)
_LONGEST = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class _Rest:
    since: datetime
    length: timedelta


class Rests:
    """Which lists rest now. A list is named by whoever asks for it."""

    def __init__(self) -> None:
        self._rests: dict[str, _Rest] = {}

    def problem(self, name: str, now: datetime) -> Problem | None:
        """Why this list is not asked for now. A clock that was set back ends a rest."""
        rest = self._rests.get(name)
        if rest is None or not rest.since <= now < rest.since + rest.length:
            return None
        cause = f"timed out; retrying {words.duration(rest.length)} after that"
        return Problem(cause, kind=ProblemKind.TIMED_OUT, culprit=name)

    def note(self, name: str, now: datetime, problem: ProblemKind | None, first: timedelta = _FIRST) -> None:
        """What came of asking for it. ``first``: how long it rests after the first time."""
        if problem is not ProblemKind.TIMED_OUT:
            if problem is None:
                self._rests.pop(name, None)
            return
        before = self._rests.get(name)
        self._rests[name] = _Rest(now, min(before.length * 2, _LONGEST) if before else first)
