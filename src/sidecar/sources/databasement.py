"""Databasement: its backup configurations, and what became of every dump (DB-12).

Jobs hold how runs ended, snapshots what is stored of them; both are read page by page, the newest first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sidecar.core.model import SourceKind
from sidecar.core.reports.coverage import RUNS
from sidecar.core.reports.facts import Dump
from sidecar.core.reports.report import Limit, LimitKind, Problem, ProblemKind, Reading, Report
from sidecar.core.schedules import schedule
from sidecar.core.schedules.wall_clock import ScheduleError
from sidecar.errors import SecretError, SourceError
from sidecar.upstream.budget import Budget, spending
from sidecar.upstream.calls import Call
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Upstream

from . import Clock, Secret
from .databasement_pages import MOST_PAGES, Pages
from .databasement_parse import (
    Server,
    Stored,
    distinct,
    parse_job,
    parse_server,
    parse_snapshot,
    parse_volume,
    volume_names,
    with_files,
    with_volumes,
)
from .problems import not_read, problem_of

_PAGED = frozenset({"page", "per_page"})
HEALTH = Call("GET", "/health")
SERVERS = Call("GET", "/api/v1/database-servers", _PAGED)
VOLUMES = Call("GET", "/api/v1/volumes", _PAGED)
JOBS = Call("GET", "/api/v1/jobs", _PAGED | {"filter[type]", "sort"})
SNAPSHOTS = Call("GET", "/api/v1/snapshots", _PAGED)

ALLOWED = (HEALTH, SERVERS, VOLUMES, JOBS, SNAPSHOTS)

#: How far back runs are read at every refresh.
_SINCE = timedelta(days=40)

#: Where a schedule comes round more rarely, runs are read back to the due time before its last one, but no further than
#: this. What lies before ``_SINCE`` hardly changes: it is read again after some hours only, in as many pages at most.
_FARTHEST = timedelta(days=800)
_READ_AGAIN_AFTER = timedelta(hours=6)
_MOST_PAGES_BACK = 100

#: Characters of all answers of a refresh: a hundred pages of two lists, whose rows tell much that is not kept.
_MOST_CHARACTERS = 256 * 1024 * 1024

_BACKUPS = {"filter[type]": "backup", "sort": "-created_at"}

_TOKEN = re.compile(r"[!-~]{1,1024}")

_NO_SERVER = Problem(
    "it lists no database server: the token's user may belong to another organization",
    "Make the token as a user of the organization that has the servers, or add a server.",
    kind=ProblemKind.LOOKS_EMPTY,
)

_TOO_OLD = Limit(
    text="this Databasement is older than 1.1, which is not supported: update it", kind=LimitKind.OLD_VERSION
)


@dataclass(frozen=True, slots=True)
class DatabasementOptions:
    """A Databasement and how to get in: ``token`` is an API token of a user with the role viewer."""

    name: str
    url: str
    trust: Trust
    token: Secret


@dataclass(frozen=True, slots=True)
class _Older:
    """Dumps as far back as they are needed, as they were read at ``as_of``, with what was missing of them.

    ``servers`` are those whose schedules asked for them.
    """

    as_of: datetime
    servers: Mapping[str, Server]
    dumps: tuple[Dump, ...]
    limits: tuple[Limit, ...]


class DatabasementSource:
    """Reads one Databasement. It remembers servers, volumes and stored files, for a refresh that can't read those.

    ``connect`` makes the Upstream; tests give one without a network.
    """

    kind = SourceKind.DATABASEMENT

    def __init__(self, options: DatabasementOptions, *, connect: Callable[..., Upstream] = Upstream) -> None:
        self.name = options.name
        self._token = options.token
        self._upstream = connect(options.name, options.url, options.trust, ALLOWED, self._headers)
        self._servers: dict[str, Server] = {}
        self._volumes: dict[str, str] = {}
        self._files: dict[str, Stored] = {}
        self._older: _Older | None = None

    async def close(self) -> None:
        """Closes all connections."""
        await self._upstream.close()

    async def read(self, clock: Clock) -> Report:
        """Backup configurations, and the dumps of the last 40 days or of two rounds of the rarest schedule.

        1 call + one per page of each list.
        """
        with spending(Budget(characters=_MOST_CHARACTERS)):
            return await self._read(clock)

    async def _read(self, clock: Clock) -> Report:
        at, pages = clock(), Pages(self._upstream)
        if (problem := await self._trouble()) is not None:
            return self._report(at, problem=problem)
        plans = await self._plans(pages, clock())
        if plans.problem is not None and plans.problem.denied:
            return self._report(at, problem=plans.problem)
        dumps = await self._dumps(pages, clock())
        return self._report(at, (plans, dumps), tuple(pages.limits))

    def _report(
        self,
        at: datetime,
        readings: tuple[Reading, ...] = (),
        limits: tuple[Limit, ...] = (),
        problem: Problem | None = None,
    ) -> Report:
        return Report(
            source=self.name,
            kind=self.kind,
            at=at,
            version=None,
            tls_fingerprint=self._upstream.fingerprint,
            readings=readings,
            limits=limits,
            problem=problem,
        )

    async def _headers(self, fresh: bool) -> Mapping[str, str]:
        token = await self._token(fresh)
        if not _TOKEN.fullmatch(token):
            raise SecretError("the stored secret is not an API token of Databasement")
        return {"Authorization": f"Bearer {token}"}

    # --- what is read -----------------------------------------------------------------------------------------------------

    async def _trouble(self) -> Problem | None:
        """Why nothing can be read at all. A proxy in front may keep ``/health`` to itself: that is no trouble."""
        try:
            await self._upstream.get(HEALTH)
        except SourceError as error:
            return None if error.status in (401, 403, 404) else _problem(error)
        return None

    async def _plans(self, pages: Pages, as_of: datetime) -> Reading:
        scope = ("plans",)
        try:
            servers = await pages.read(SERVERS, "database servers", parse_server)
        except SourceError as error:
            return Reading(scope, None, problem=_problem(error))
        if not servers:
            return Reading(scope, None, problem=_NO_SERVER)
        if any(server.outdated for server in servers):
            pages.limits.append(_TOO_OLD)
        self._servers = distinct(servers)
        await self._read_volumes(pages)
        plans = (plan for server in self._servers.values() for plan in with_volumes(server, self._volumes))
        return Reading(scope, as_of, tuple(plans))

    async def _read_volumes(self, pages: Pages) -> None:
        """The names of volumes: backup configurations have only their ids. Those that were read before still hold."""
        try:
            volumes = await pages.read(VOLUMES, "volumes", parse_volume)
        except SourceError as error:
            pages.limits.append(not_read("the volumes that backups write to", error))
            if error.denied:
                self._volumes = {}
            return
        self._volumes = volume_names(volumes)

    async def _dumps(self, pages: Pages, as_of: datetime) -> Reading:
        try:
            return Reading(("dumps",), as_of, await self._far_enough(pages, as_of))
        except SourceError as error:
            return Reading(("dumps",), None, problem=_problem(error))

    async def _far_enough(self, pages: Pages, as_of: datetime) -> tuple[Dump, ...]:
        """The newest runs, and with them older ones as far back as the rarest schedule asks for.

        On a busy server already the usual time may be more than the usual pages hold.
        """
        usual, needed = as_of - _SINCE, _needed_since(self._servers.values(), as_of)
        if needed < usual and not self._knows_older(as_of):
            return await self._all_dumps(needed, pages, as_of)
        before = len(pages.limits)
        newer = await self._dumps_since(usual, pages)
        cut_off = next((limit.since for limit in pages.limits[before:] if limit.culprit == RUNS and limit.since), None)
        begin = cut_off or usual
        if needed >= begin:
            self._older = None
            return newer
        if not self._knows_older(as_of) or self._older is None or begin > self._older.as_of:
            del pages.limits[before:]
            return await self._all_dumps(needed, pages, as_of)
        older, fresh = self._older, [limit for limit in pages.limits[before:] if limit.since is None]
        pages.limits[before:] = [*fresh, *(limit for limit in older.limits if limit not in fresh)]
        known = {dump.id for dump in newer}
        return (*newer, *(dump for dump in older.dumps if dump.run.start < begin and dump.id not in known))

    def _knows_older(self, as_of: datetime) -> bool:
        older = self._older
        holds = older is not None and timedelta() <= as_of - older.as_of < _READ_AGAIN_AFTER
        return holds and older is not None and older.servers == self._servers

    async def _all_dumps(self, since: datetime, pages: Pages, as_of: datetime) -> tuple[Dump, ...]:
        before = len(pages.limits)
        dumps = await self._dumps_since(since, pages, _MOST_PAGES_BACK)
        self._older = _Older(as_of, self._servers, dumps, tuple(pages.limits[before:]))
        return dumps

    async def _dumps_since(self, since: datetime, pages: Pages, most_pages: int = MOST_PAGES) -> tuple[Dump, ...]:
        """Jobs first: a dump that ends between the two lists is then a running one with a file, not one without."""
        parse = partial(parse_job, servers=self._servers)
        jobs = await pages.read(JOBS, RUNS, parse, params=_BACKUPS, since=since, most_pages=most_pages)
        await self._read_files(pages, since, most_pages)
        return with_files(jobs, self._files)

    async def _read_files(self, pages: Pages, since: datetime, most_pages: int) -> None:
        """Without them what was known before still holds: a file that was gone does not come back unseen."""
        try:
            parse = partial(parse_snapshot, names=self._volumes)
            stored = await pages.read(SNAPSHOTS, "snapshots", parse, since=since, most_pages=most_pages)
        except SourceError as error:
            pages.limits.append(not_read("sizes and copies of the dumps", error))
            if error.denied:
                self._files = {}
            return
        self._files = {row.id: row for row in stored}


def _needed_since(servers: Iterable[Server], now: datetime) -> datetime:
    """From when on runs must be known: from the due time before the last one of the rarest schedule.

    The zone of the schedules is not known here; a day more makes up for it.
    """
    texts = {plan.schedule for server in servers for plan in server.plans if plan.enabled and plan.schedule}
    dues = [_due_before_the_last(text, now) for text in texts]
    return max(min((due for due in dues if due), default=now) - timedelta(days=1), now - _FARTHEST)


def _due_before_the_last(text: str, now: datetime) -> datetime | None:
    try:
        rule = schedule.parse(text, ZoneInfo("UTC"))
    except ScheduleError:
        return None
    last = rule.last_at_or_before(now)
    return rule.last_at_or_before(last - timedelta(seconds=1)) if last else None


def _problem(error: SourceError) -> Problem:
    """A failed call, with what helps against it."""
    member = "be a member of the organization, with the role viewer"
    if error.in_front:
        return problem_of(error)
    if error.status == 401:
        action = f"Renew its token, then the secret that is configured for it. The token's user must {member}."
        return problem_of(error, cause=f"its token was refused ({error.cause})", action=action)
    if error.kind is ProblemKind.NO_PERMISSION:
        return problem_of(error, action=f"The token's user must {member}.")
    if error.status is not None and 300 <= error.status < 400:
        return problem_of(error, action="Check its url, and that nothing in front of it asks for a login.")
    return problem_of(error)
