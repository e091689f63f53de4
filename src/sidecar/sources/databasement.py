"""Databasement: its backup configurations, and what became of every dump (databasement_backrest.md §1).

Jobs tell how runs went, snapshots what is stored of them; both are read page by page, the newest first.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from ..core.model import SourceKind
from ..core.report import Dump, Problem, Reading, Report
from ..errors import SecretError, SourceError
from ..fetch import Call, Upstream
from ..tls import Trust
from . import Clock, Secret
from . import databasement_parse as parse
from .databasement_parse import Server, Stored
from .fields import UnreadableError

_PAGED = frozenset({"page", "per_page"})
HEALTH = Call("GET", "/health")
SERVERS = Call("GET", "/api/v1/database-servers", _PAGED)
JOBS = Call("GET", "/api/v1/jobs", _PAGED | {"filter[type]", "sort"})
SNAPSHOTS = Call("GET", "/api/v1/snapshots", _PAGED)

ALLOWED = (HEALTH, SERVERS, JOBS, SNAPSHOTS)

#: How far back runs are read: a monthly schedule has one in it.
_SINCE = timedelta(days=40)

#: The server gives at most 100 rows a page (§1.3).
_PER_PAGE = 100
_MOST_PAGES = 30

_BACKUPS = {"filter[type]": "backup", "sort": "-created_at"}

_TOKEN = re.compile(r"[!-~]{1,1024}")

_NO_SERVER = Problem(
    "it shows no database server: the token's user may belong to another organization",
    "Make the token as a user of the organization that has the servers, or add a server.",
)


RowT = TypeVar("RowT", Server, Dump, Stored)


@dataclass(frozen=True, slots=True)
class DatabasementOptions:
    """A Databasement and how to get in: ``token`` is an API token of a user with the role viewer."""

    name: str
    url: str
    trust: Trust
    token: Secret


class DatabasementSource:
    """Reads one Databasement. It remembers servers and stored files, for a refresh that can't read those.

    ``connect`` makes the Upstream; tests give one without a network.
    """

    kind = SourceKind.DATABASEMENT

    def __init__(self, options: DatabasementOptions, *, connect: Callable[..., Upstream] = Upstream) -> None:
        self.name = options.name
        self._token = options.token
        self._upstream = connect(options.name, options.url, options.trust, ALLOWED, self._headers)
        self._servers: dict[str, Server] = {}
        self._files: dict[str, Stored] = {}

    async def close(self) -> None:
        """Closes all connections."""
        await self._upstream.close()

    async def read(self, clock: Clock) -> Report:
        """Backup configurations and dumps of the last 40 days: 1 call + one per page of each list."""
        at, limits = clock(), list[str]()
        problem = await self._trouble()
        if problem is not None:
            return self._report(at, problem=problem)
        plans = await self._plans(clock, limits)
        if plans.problem is not None and plans.problem.denied:
            return self._report(at, problem=plans.problem)
        return self._report(at, (plans, await self._dumps(clock, limits)), limits)

    def _report(
        self,
        at: datetime,
        readings: tuple[Reading, ...] = (),
        limits: list[str] | None = None,
        problem: Problem | None = None,
    ) -> Report:
        fingerprint = self._upstream.fingerprint
        return Report(self.name, self.kind, at, None, fingerprint, readings, tuple(limits or ()), problem)

    async def _headers(self, fresh: bool) -> Mapping[str, str]:
        """Without ``Accept`` a refused token is answered with the login page (§1.3)."""
        token = await self._token(fresh)
        if not _TOKEN.fullmatch(token):
            raise SecretError("what is stored for it is no API token of Databasement")
        return {"Authorization": f"Bearer {token}", "Accept": "application/json"}

    # --- what is read -----------------------------------------------------------------------------------------------------

    async def _trouble(self) -> Problem | None:
        """Why nothing can be read at all. A proxy in front may keep ``/health`` to itself: that is no trouble."""
        try:
            await self._upstream.get(HEALTH)
        except SourceError as error:
            return None if error.status in (401, 403, 404) else _problem(error)
        return None

    async def _plans(self, clock: Clock, limits: list[str]) -> Reading:
        scope, as_of = ("plans",), clock()
        try:
            servers = await self._list(SERVERS, {}, parse.parse_server, "database servers", limits)
        except SourceError as error:
            return Reading(scope, None, problem=_problem(error))
        if not servers:
            return Reading(scope, None, problem=_NO_SERVER)
        if any(server.outdated for server in servers):
            limits.append("this Databasement is older than 1.1, which is not supported: update it")
        self._servers = parse.distinct(servers)
        return Reading(scope, as_of, tuple(plan for one in self._servers.values() for plan in one.plans))

    async def _dumps(self, clock: Clock, limits: list[str]) -> Reading:
        """Jobs first: a dump that ends between the two lists is then a running one with a file, not one without."""
        scope, as_of = ("dumps",), clock()
        read = partial(parse.parse_job, servers=self._servers)
        try:
            jobs = await self._list(JOBS, _BACKUPS, read, "jobs", limits, as_of - _SINCE)
        except SourceError as error:
            return Reading(scope, None, problem=_problem(error))
        await self._read_files(as_of - _SINCE, limits)
        return Reading(scope, as_of, parse.with_files(jobs, self._files))

    async def _read_files(self, since: datetime, limits: list[str]) -> None:
        try:
            stored = await self._list(SNAPSHOTS, {}, parse.parse_snapshot, "snapshots", limits, since)
        except SourceError as error:
            limits.append(f"sizes and copies of the dumps could not be read: {error.cause}")
            if error.denied:
                self._files = {}
            return
        self._files = {one.id: one for one in stored}

    # --- page by page -----------------------------------------------------------------------------------------------------

    async def _list(
        self,
        call: Call,
        params: Mapping[str, str],
        read: Callable[[Any], RowT | None],
        what: str,
        limits: list[str],
        since: datetime | None = None,
    ) -> list[RowT]:
        """What ``read`` makes of the rows, each once: new rows move old ones on to the next page meanwhile (§1.3)."""
        found: dict[str, RowT] = {}
        total = unreadable = 0
        async for row in self._rows(call, params, what, limits, since):
            total += 1
            try:
                if (one := read(row)) is not None:
                    found[one.id] = one
            except UnreadableError:
                unreadable += 1
        if unreadable and unreadable == total:
            raise SourceError(f"none of the {total} rows of its answer could be read")
        if unreadable:
            limits.append(f"{unreadable} of {total} {what} could not be read")
        return list(found.values())

    async def _rows(
        self, call: Call, params: Mapping[str, str], what: str, limits: list[str], since: datetime | None
    ) -> AsyncIterator[Any]:
        """The rows of all pages up to one that reaches back before ``since``.

        Pages are counted here, for the server's own links forget all other parameters (§1.3).
        """
        for page in range(1, _MOST_PAGES + 1):
            rows, pages = await self._page(call, {**params, "per_page": _PER_PAGE, "page": page})
            for row in rows:
                yield row
            oldest = parse.created_at(rows[-1]) if rows and since else None
            if page >= pages or (since and oldest and oldest < since):
                return
        limits.append(f"only the newest {_MOST_PAGES * _PER_PAGE} {what} were read")

    async def _page(self, call: Call, params: Mapping[str, str | int]) -> tuple[list[Any], int]:
        body = await self._upstream.get(call, params)
        try:
            return parse.parse_page(body)
        except UnreadableError:
            raise SourceError("its answer is not what was asked for") from None


def _problem(error: SourceError) -> Problem:
    """A failed call, with what helps against it."""
    if error.status == 401 and "organization" in error.cause:
        return Problem(error.cause, "Add the token's user to the organization, with the role viewer.", denied=True)
    if error.status == 401:
        return Problem(f"its token is refused ({error.cause})", error.action, denied=True)
    if error.status == 403:
        return Problem(error.cause, "Give the token's user the role viewer in the organization.", denied=True)
    if error.status is not None and 300 <= error.status < 400:
        action = "Check its url, and that nothing in front of it asks for a login."
        return Problem(error.cause, action, error.denied)
    return Problem(error.cause, error.action, error.denied)
