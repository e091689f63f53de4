"""Databasement's lists, page by page, the newest rows first (DB-4)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from sidecar.core.reports.facts import Dump
from sidecar.core.reports.report import Limit, ProblemKind
from sidecar.errors import SourceError
from sidecar.upstream.calls import Call, Params
from sidecar.upstream.turns import Turns
from sidecar.upstream.upstream import Upstream

from . import Clock
from .databasement_parse import Server, Stored, Volume, created_at, parse_page
from .databasement_restores import DumpSchedule, Planned, Restored
from .fields import UnreadableError
from .problems import cut_off, unreadable_rows
from .refresh import within
from .rests import Rests

RowT = TypeVar("RowT", Server, Volume, Dump, Stored, Planned, Restored, DumpSchedule)

#: The server gives at most 100 rows a page.
_PER_PAGE = 100

#: Rows of one page that are read. A server that gives more than was asked for is none that we know.
_MOST_ON_A_PAGE = 2 * _PER_PAGE
MOST_PAGES = 30


@dataclass(frozen=True, slots=True)
class First(Generic[RowT]):
    """The first page of a list: its newest rows. ``since``: when the oldest of them was made; None where it is all of it."""

    rows: tuple[RowT, ...]
    since: datetime | None


class Pages:
    """Reads lists. ``limits`` grows with what could not be read of them.

    ``rests``: which lists are left alone. ``seconds``: how long a call may take, if less than usual (a light round).
    """

    def __init__(
        self, upstream: Upstream, clock: Clock, rests: Rests | None = None, seconds: float | None = None
    ) -> None:
        self.limits: list[Limit] = []
        self._upstream = upstream
        self._clock = clock
        self._rests = rests or Rests()
        self._seconds = seconds

    async def read(
        self,
        call: Call,
        what: str,
        parse: Callable[[Any], RowT | None],
        *,
        params: Params | None = None,
        since: datetime | None = None,
        most_pages: int = MOST_PAGES,
    ) -> list[RowT]:
        """What ``parse`` makes of the rows, up to a page that reaches back before ``since``. Raises SourceError.

        ``parse`` gives None for a row of no interest and raises UnreadableError. While pages are read new rows move old
        ones on to the next page: each is taken once. ``what`` names the rows in a limit.
        """
        by_id: dict[str, RowT] = {}
        total, unreadable, turns = 0, 0, Turns()
        async for row in self._rows(call, what, params or {}, since, most_pages):
            total += 1
            try:
                if (parsed := parse(row)) is not None:
                    by_id[parsed.id] = parsed
            except UnreadableError:
                unreadable += 1
            if turns.is_over:
                await turns.pass_on()
        if unreadable and unreadable == total:
            cause = f"none of the {total} rows of its answer could be read"
            raise SourceError(cause, kind=ProblemKind.NOT_UNDERSTOOD, culprit=call.path)
        if unreadable:
            self.limits.append(unreadable_rows(what, unreadable, total))
        return list(by_id.values())

    async def first(
        self,
        call: Call,
        what: str,
        parse: Callable[[Any], RowT | None],
        *,
        params: Params | None = None,
        per_page: int = _PER_PAGE,
    ) -> First[RowT]:
        """The first page alone. Raises SourceError."""
        rows, pages = await self._page(call, {**(params or {}), "per_page": per_page, "page": 1})
        parsed, unreadable, turns = [], 0, Turns()
        for row in rows:
            try:
                if (each := parse(row)) is not None:
                    parsed.append(each)
            except UnreadableError:
                unreadable += 1
            if turns.is_over:
                await turns.pass_on()
        since = next((made for row in reversed(rows) if (made := created_at(row))), None) if pages > 1 else None
        if pages > 1 and since is None:
            cause = f"the first page of its {what} could not be read"
            raise SourceError(cause, kind=ProblemKind.NOT_UNDERSTOOD, culprit=call.path)
        if unreadable:
            self.limits.append(unreadable_rows(what, unreadable, len(rows)))
        return First(tuple(parsed), since)

    async def _rows(
        self, call: Call, what: str, params: Params, since: datetime | None, most_pages: int
    ) -> AsyncIterator[Any]:
        """Pages are counted here, for the server's own links forget all other parameters."""
        rows: list[Any] = []
        for page in range(1, most_pages + 1):
            rows, pages = await self._page(call, {**params, "per_page": _PER_PAGE, "page": page})
            for row in rows:
                yield row
            if page >= pages or _reaches_before(rows, since):
                return
        limit, oldest = cut_off(what, most_pages * _PER_PAGE), created_at(rows[-1]) if rows and since else None
        back_to = f"{limit.text}, back to {oldest:%Y-%m-%d}" if oldest else limit.text
        self.limits.append(replace(limit, text=back_to, since=oldest))

    async def _page(self, call: Call, params: Params) -> tuple[list[Any], int]:
        now, name = self._clock(), f"{call.path} {params.get('page')}"
        if (rest := self._rests.problem(name, now)) is not None:
            raise SourceError(rest.cause, kind=rest.kind, culprit=call.path)
        try:
            body = await within(self._seconds, self._upstream.get(call, params))
        except SourceError as error:
            if self._seconds is None:
                self._rests.note(name, now, error.kind)
            raise
        self._rests.note(name, now, None)
        try:
            rows, pages = parse_page(body)
        except UnreadableError:
            cause = "its answer has an unexpected format"
            raise SourceError(cause, kind=ProblemKind.NOT_UNDERSTOOD, culprit=call.path) from None
        if len(rows) > _MOST_ON_A_PAGE:
            cause = f"its page has {len(rows):,} rows, {_PER_PAGE} were asked for"
            raise SourceError(cause, kind=ProblemKind.TOO_LARGE, culprit=call.path)
        return rows, pages


def _reaches_before(rows: list[Any], since: datetime | None) -> bool:
    oldest = created_at(rows[-1]) if rows and since else None
    return since is not None and oldest is not None and oldest < since
