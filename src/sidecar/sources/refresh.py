"""One refresh of a Proxmox source: asks a few calls at a time, and notes for every scope what was reported, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from sidecar.core.reports.facts import Fact
from sidecar.core.reports.report import Limit, Problem, ProblemKind, Reading, Scope
from sidecar.errors import SourceError
from sidecar.upstream.calls import Call, Params
from sidecar.upstream.upstream import Upstream

from . import Clock
from .fields import UnreadableError, row_of
from .kept import LastFacts
from .problems import not_understood, problem_of, unreadable_rows
from .rests import Rests

T = TypeVar("T")
R = TypeVar("R")

#: Rows of a list, but for the long ones of backups and tasks: guests; then jobs, storages and namespaces; then
#: datastores and nodes, of which each is asked for several things.
MOST_OF_A_LIST, FEW, VERY_FEW = 10_000, 2_000, 500

#: PBS reads a token's secret anew for every call: a few at a time (PBS-30).
_AT_ONCE = 3


#: Rows from which on something is made of them beside the event loop.
_MANY = 200


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


def in_order(answer: Answer[T], name: Callable[[T], int | str]) -> Answer[T]:
    """The answer with its rows by name: an upstream that lists the same in another order says nothing new."""
    return replace(answer, rows=tuple(sorted(answer.rows, key=name)))


class Refresh:
    """Asks ``upstream``. ``limits`` grows with all that could not be read.

    ``rests``: which lists are left alone. ``last``: what was read before. ``seconds``: how long a call may take, if less than
    usual (a light round).
    """

    def __init__(
        self,
        upstream: Upstream,
        clock: Clock,
        rests: Rests | None = None,
        last: LastFacts | None = None,
        seconds: float | None = None,
    ) -> None:
        self.limits: list[Limit] = []
        self.clock = clock
        self.last = last or LastFacts()
        self._upstream = upstream
        self._rests = rests or Rests()
        self._seconds = seconds
        self._free = asyncio.Semaphore(_AT_ONCE)

    def apart(self) -> Refresh:
        """The same refresh with limits of its own, for a list that may be kept together with them."""
        other = Refresh(self._upstream, self.clock, self._rests, self.last)
        other._free = self._free
        return other

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

        name = _name(call, params, path)
        async with self._free:
            as_of = self.clock()
            if (rest := self._rests.problem(name, as_of)) is not None:
                return Answer(as_of, problem=rest)
            try:
                rows = await within(self._seconds, self._upstream.rows(call, params, each=each, most=most, **path))
            except SourceError as error:
                if self._seconds is None:
                    self._rests.note(name, as_of, error.kind)
                return Answer(as_of, problem=problem_of(error))
        self._rests.note(name, as_of, None)
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


async def within(seconds: float | None, call: Awaitable[T]) -> T:
    """What the call gives, or SourceError where it takes longer. Without ``seconds`` the upstream's own limits hold."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError:
        raise SourceError(f"timed out after {seconds:g} s", kind=ProblemKind.TIMED_OUT) from None


#: These say from where on a list is read, and not which list it is.
_PLACES = ("since", "limit", "start")


def _name(call: Call, params: Params | None, path: Mapping[str, str]) -> str:
    """Which list a call asks for."""
    own = [f"{key}={value}" for key, value in (params or {}).items() if key not in _PLACES]
    return " ".join((call.path, *path.values(), *own))
