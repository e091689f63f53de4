"""What follows from a report alone, made once for it: the board is judged every minute, mostly from the same reports."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import finalize

from .report import Report

V = TypeVar("V")


def cached(make: Callable[[Report], V]) -> Callable[[Report], V]:
    """Keeps what ``make`` gives for a report as long as the report itself is kept, and no longer.

    It is never out of date: a report doesn't change. What is made of it may depend on nothing else nor hold the report
    itself, and nobody may change it.
    """
    made: dict[int, V] = {}

    @wraps(make)
    def look_up(report: Report) -> V:
        key = id(report)  # nobody else's as long as the report is there
        if key not in made:
            made[key] = make(report)
            finalize(report, made.pop, key)
        return made[key]

    return look_up
