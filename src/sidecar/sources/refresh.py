"""One refresh of a Proxmox source: asks a few calls at a time, and notes for every scope what was reported, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sidecar.core.reports.facts import Fact
from sidecar.core.reports.report import Limit, Problem, Reading, Scope
from sidecar.errors import SourceError
from sidecar.upstream.calls import Call, Params
from sidecar.upstream.upstream import Upstream

from . import Clock
from .fields import UnreadableError, row_of
from .problems import not_understood, problem_of, unreadable_rows

T = TypeVar("T")
R = TypeVar("R")

#: Rows of a list, but for the long ones of backups and tasks: guests; then jobs, storages and namespaces; then
#: datastores and nodes, of which each is asked for several things.
MOST_OF_A_LIST, FEW, VERY_FEW = 10_000, 2_000, 500

#: PBS reads a token's secret anew for every call: a few at a time (PBS-30).
_AT_ONCE = 3


#: Rows from which on something is made of them beside the event loop.
_MANY = 2_000


async def made_of(rows: Sequence[R], make: Callable[[Sequence[R]], T]) -> T:
    """What ``make`` gives for the rows. Of many rows it is made in a thread: the loop has its turns meanwhile."""
    return await asyncio.to_thread(make, rows) if len(rows) > _MANY else make(rows)


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a call returned: ``rows``, or a ``problem``. ``as_of`` is the moment before the call was sent."""

    as_of: datetime
    rows: tuple[T, ...] = ()
    problem: Problem | None = None

    @property
    def only(self) -> T | None:
        """The one thing that was asked for."""
        return self.rows[0] if self.rows else None

    def reading(self, scope: Scope, facts: Iterable[Fact]) -> Reading:
        """The answer as the reading of a scope."""
        return Reading(scope, self.as_of if self.problem is None else None, tuple(facts), self.problem)


class Refresh:
    """Asks ``upstream``. ``limits`` grows with all that could not be read."""

    def __init__(self, upstream: Upstream, clock: Clock) -> None:
        self.limits: list[Limit] = []
        self.clock = clock
        self._upstream = upstream
        self._free = asyncio.Semaphore(_AT_ONCE)

    async def rows(
        self,
        what: str,
        parse: Callable[[Any], T | None],
        call: Call,
        params: Params | None = None,
        /,
        *,
        most: int = MOST_OF_A_LIST,
        **path: str,
    ) -> Answer[T]:
        """A list, row by row. ``parse`` gives None for a row that is of no interest and raises UnreadableError.

        ``what`` says in a limit what was asked for: "snapshots of main". ``most``: a longer list is not read.
        """
        unreadable = 0

        def each(row: Any) -> T | None:
            nonlocal unreadable
            try:
                return parse(row)
            except UnreadableError:
                unreadable += 1
                return None

        async with self._free:
            as_of = self.clock()
            try:
                rows = await self._upstream.rows(call, params, each=each, most=most, **path)
            except SourceError as error:
                return Answer(as_of, problem=problem_of(error))
        if unreadable and unreadable == len(rows):
            return Answer(as_of, problem=not_understood(f"none of the {unreadable} rows of its answer could be read"))
        if unreadable:
            self.limits.append(unreadable_rows(f"rows of the {what}", unreadable, len(rows)))
        return Answer(as_of, tuple(row for row in rows if row is not None))

    async def value(
        self, parse: Callable[[Any], T], call: Call, params: Params | None = None, /, **path: str
    ) -> Answer[T]:
        """One thing; ``parse`` takes the body's data and raises UnreadableError."""
        return await self.document(lambda body: parse(row_of(body).get("data")), call, params, **path)

    async def document(
        self, parse: Callable[[Any], T], call: Call, params: Params | None = None, /, **path: str
    ) -> Answer[T]:
        """The same, of the whole body: what stands beside the data counts too."""
        async with self._free:
            as_of = self.clock()
            try:
                return Answer(as_of, (parse(await self._upstream.get(call, params, **path)),))
            except SourceError as error:
                return Answer(as_of, problem=problem_of(error))
            except UnreadableError:
                return Answer(as_of, problem=not_understood("its answer has an unexpected format"))
