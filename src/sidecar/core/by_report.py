"""What follows from a report alone, made once for it: the board is judged every minute, mostly from the same reports."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from .report import Report

V = TypeVar("V")


def by_report(make: Callable[[Report], V]) -> Callable[[Report], V]:
    """Keeps what ``make`` gives for a report as long as the report itself is kept, and no longer.

    It is never out of date: a report doesn't change, and what is made of it must neither depend on anything else nor be
    changed by whoever gets it.
    """
    made: WeakKeyDictionary[Report, V] = WeakKeyDictionary()

    @wraps(make)
    def look_up(report: Report) -> V:
        if report not in made:
            made[report] = make(report)
        return made[report]

    return look_up
