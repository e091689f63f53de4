"""What one refresh of a source may cost: calls, time and rows. An upstream that lists ever more of everything is cut off.

The limits lie far above what the largest known house needs (docs/performance.md).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from sidecar.core.reports.report import ProblemKind
from sidecar.errors import SourceError

#: Calls of one refresh. A cluster of 100 nodes with 500 jobs takes 1,500.
MOST_CALLS = 3_000

#: Rows of all lists of one refresh, and characters of all its answers. 50,000 snapshots and as many tasks are 100,000 rows
#: and 45 MB.
MOST_ROWS = 200_000
MOST_CHARACTERS = 64 * 1024 * 1024

#: Seconds after which a refresh makes no further call.
MOST_SECONDS = 900.0


@dataclass(slots=True, kw_only=True)
class Budget:
    """What it may cost at most. Its methods raise SourceError once that is exceeded."""

    calls: int = MOST_CALLS
    rows: int = MOST_ROWS
    characters: int = MOST_CHARACTERS
    seconds: float = MOST_SECONDS
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _calls: int = field(default=0, init=False)
    _rows: int = field(default=0, init=False)
    _characters: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def call(self) -> None:
        """One call more."""
        self._calls += 1
        if self._calls > self.calls:
            raise _exceeded(f"not asked: reading this source took {self.calls:,} calls already")
        if self.clock() - self._began > self.seconds:
            raise _exceeded(f"not asked: reading this source took {self.seconds / 60:.0f} minutes already")

    def take(self, rows: int, characters: int) -> None:
        """Rows that were read, and their characters."""
        self._rows += rows
        self._characters += characters
        if self._rows > self.rows:
            raise _exceeded(f"the lists of this source have more than {self.rows:,} rows together")
        if self._characters > self.characters:
            raise _exceeded(f"its answers are larger than {self.characters / 1024 / 1024:.0f} MiB together")


def _exceeded(cause: str) -> SourceError:
    return SourceError(cause, kind=ProblemKind.TOO_LARGE)


_of_this_refresh: ContextVar[Budget | None] = ContextVar("budget", default=None)


@contextmanager
def spending(budget: Budget) -> Iterator[None]:
    """The budget of all calls that are made within the block, also by tasks that it starts."""
    token = _of_this_refresh.set(budget)
    try:
        yield
    finally:
        _of_this_refresh.reset(token)


def current() -> Budget:
    """That of the refresh which makes this call. A call by itself has the limits of its answer only."""
    return _of_this_refresh.get() or Budget(rows=sys.maxsize, characters=sys.maxsize)
