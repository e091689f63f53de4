"""Which verdicts changed since a moment: what this process saw from memory, what was before from the ledger.

Whatever was judged is in memory at once, whether or not the ledger has written it yet, or can.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from .core.history.change_page import ChangePage, Position, behind, in_order, page_of
from .core.history.verdict_log import VerdictChange
from .ledger.ledger import Ledger
from .ledger.opened import Condition

#: So many changes are kept in memory, about a megabyte, and always those of the last judgement that changed anything.
MOST_IN_MEMORY = 2_000


@dataclass(frozen=True, slots=True)
class _Recent:
    """Every change from ``since`` on, in order."""

    since: datetime
    changes: tuple[VerdictChange, ...] = ()


class ChangeHistory:
    """One thread adds, others may read: what is in memory never changes, it is replaced as a whole.

    ``began``: the moment before the first judgement of this process.
    """

    def __init__(self, ledger: Ledger | None, began: datetime) -> None:
        self._ledger = ledger
        self._began = began
        self._recent = _Recent(began)

    def add(self, changes: Iterable[VerdictChange]) -> None:
        """What a judgement changed. Of the same expectation at the same moment the last one counts."""
        new = {(change.at, change.expectation): change for change in changes}
        if new:
            known = {(change.at, change.expectation): change for change in self._recent.changes}
            self._recent = _within_bounds(_Recent(self._recent.since, in_order((known | new).values())))

    def page(self, position: Position, until: datetime, most: int) -> ChangePage:
        """At most ``most`` changes from ``position`` up to and including ``until``. Reads the disk where memory ends."""
        recent = self._recent
        newest = list(takewhile(lambda change: change.at <= until, behind(position, recent.changes)))
        if position.since >= recent.since:
            return page_of(newest, position, most, None if self._ledger else recent.since)
        older = self._older(position, min(recent.since, until + datetime.resolution), most + 1, recent)
        if older is None:
            return page_of(newest, Position(recent.since), most, recent.since)
        return page_of([*older, *newest], position, most, None)

    def _older(self, position: Position, end: datetime, most: int, recent: _Recent) -> tuple[VerdictChange, ...] | None:
        """What the ledger has; None where it has not all: it can't be read, or could not take what memory has dropped."""
        if self._ledger is None or (recent.since > self._began and self._ledger.condition is Condition.UNUSABLE):
            return None
        return self._ledger.changes_behind(position, end, most)


def _within_bounds(recent: _Recent) -> _Recent:
    """The oldest ones go, whole moments at a time."""
    if len(recent.changes) <= MOST_IN_MEMORY:
        return recent
    last_dropped = recent.changes[-MOST_IN_MEMORY - 1].at
    since = min(last_dropped + datetime.resolution, recent.changes[-1].at)
    return _Recent(since, tuple(change for change in recent.changes if change.at >= since))
