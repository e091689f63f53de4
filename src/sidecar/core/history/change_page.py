"""Changes of verdicts in pieces: where a reader stands, what comes next, and where it goes on. Nothing is left out or repeated.

A judgement may change thousands of states at the same moment, so a moment alone does not say where a reader stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from .verdict_log import VerdictChange


@dataclass(frozen=True, slots=True)
class Position:
    """Behind the first ``skip`` changes of the moment ``since``, in the order of ``in_order``."""

    since: datetime
    skip: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    """Some changes, oldest first.

    Attributes:
        more: there are more of them now.
        next: the position behind them.
        known_since: what was before is not known, because nothing remembers it; None where the ledger does.
    """

    changes: tuple[VerdictChange, ...]
    more: bool
    next: Position
    known_since: datetime | None = None


def in_order(changes: Iterable[VerdictChange]) -> tuple[VerdictChange, ...]:
    """By time, and those of the same moment by name, as the ledger sorts them."""
    return tuple(sorted(changes, key=lambda change: (change.at, change.expectation)))


def behind(position: Position, changes: Iterable[VerdictChange]) -> list[VerdictChange]:
    """Those of ``changes``, which are in order, that come at or after the position."""
    left = position.skip
    following: list[VerdictChange] = []
    for change in changes:
        if change.at == position.since and left:
            left -= 1
        elif change.at >= position.since:
            following.append(change)
    return following


def page_of(following: list[VerdictChange], start: Position, most: int, known_since: datetime | None) -> ChangePage:
    """The first ``most`` of what follows ``start``."""
    shown = tuple(following[:most])
    return ChangePage(
        changes=shown, more=len(following) > most, next=_behind_all(shown, start), known_since=known_since
    )


def _behind_all(shown: tuple[VerdictChange, ...], start: Position) -> Position:
    if not shown:
        return start
    newest = shown[-1].at
    skip = sum(change.at == newest for change in shown)
    return Position(newest, skip + start.skip if newest == start.since else skip)
