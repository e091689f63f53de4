"""What follows from a report alone, made once for it: the board is judged every minute, mostly from the same reports."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from .report import BY_PREFIX, BY_SCOPE, Report

V = TypeVar("V")

#: What follows from the times of readings too: how it is made for a report from what it was for the one before.
_LATER: dict[object, Callable[[Any, Report], Any]] = {}


def cached(make: Callable[[Report], V]) -> Callable[[Report], V]:
    """Keeps in the report what ``make`` gives for it.

    It is never out of date: a report doesn't change. What is made of it may depend on nothing else, and nobody may
    change it.
    """

    @wraps(make)
    def look_up(report: Report) -> V:
        if make not in report.derived:
            report.derived[make] = make(report)
        return cast("V", report.derived[make])

    return look_up


def cached_with_times(later: Callable[[V, Report], V]) -> Callable[[Callable[[Report], V]], Callable[[Report], V]]:
    """The same for what follows from the times of readings too. ``later``: how the next report's is made from this one's."""

    def register(make: Callable[[Report], V]) -> Callable[[Report], V]:
        _LATER[make] = later
        return cached(make)

    return register


def carry_over(before: Report, after: Report) -> None:
    """What was made for a report is taken for one that says the same, only later."""
    for key, value in before.derived.items():
        if (later := _LATER.get(key)) is not None:
            after.derived[key] = later(value, after)
        elif key not in (BY_SCOPE, BY_PREFIX):
            after.derived[key] = value
