"""The one thread that judges and draws. Python's garbage collector rests while it works.

Judging makes many objects and no circles of them: the collector would only walk through all facts meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec, TypeVar

from .memory import collector_at_rest

P = ParamSpec("P")
T = TypeVar("T")


class Worker(ThreadPoolExecutor):
    """One thread, so that nothing that is judged or drawn is in two hands."""

    def __init__(self) -> None:
        super().__init__(1, "judging and drawing")

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Puts ``work`` at the end of the line."""
        return super().submit(uncollected(work), *args, **kwargs)


def uncollected(work: Callable[P, T]) -> Callable[P, T]:
    """The same, with the collector at rest until it returns. What is not used any more is freed all the same."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        with collector_at_rest():
            return work(*args, **kwargs)

    return run
