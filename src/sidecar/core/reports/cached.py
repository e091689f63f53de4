"""What follows from a report alone, made once for it: the board is judged every minute, mostly from the same reports."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, cast

from .report import Report

V = TypeVar("V")


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
