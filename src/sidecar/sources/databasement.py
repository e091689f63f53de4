"""Databasement: its backup configurations, and what became of every dump (DB-12).

Jobs hold how runs ended, snapshots what is stored of them; both are read page by page, the newest first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sidecar.core.model import SourceKind
from sidecar.core.reports.coverage import RUNS
from sidecar.core.reports.facts import Dump, ScheduledRestore
from sidecar.core.reports.report import Limit, LimitKind, Problem, ProblemKind, Reading, Report
from sidecar.core.reports.shared import shared_facts
from sidecar.core.schedules import schedule
from sidecar.core.schedules.wall_clock import ScheduleError
from sidecar.errors import SecretError, SourceError
from sidecar.upstream.budget import Budget, spending
from sidecar.upstream.calls import Call
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Headers, Limits, Upstream

from . import DOUBT, LIGHT_SECONDS, Clock, Look, Secret
from .databasement_pages import MOST_PAGES, First, Pages
from .databasement_parse import (
    Server,
    Stored,
    distinct,
    parse_job,
    parse_server,
    parse_snapshot,
    parse_volume,
    volume_names,
    with_copies_of,
    with_files,
    with_volumes,
)
from .databasement_restores import parse_planned, parse_restored, parse_schedule, scheduled_restores
from .problems import is_of_the_source, not_read, problem_of
from .refresh import made_of
from .rests import Rests

_PAGED = frozenset({"page", "per_page"})
HEALTH = Call("GET", "/health")
SERVERS = Call("GET", "/api/v1/database-servers", _PAGED)
VOLUMES = Call("GET", "/api/v1/volumes", _PAGED)
JOBS = Call("GET", "/api/v1/jobs", _PAGED | {"filter[type]", "sort"})
SNAPSHOTS = Call("GET", "/api/v1/snapshots", _PAGED)
SCHEDULES = Call("GET", "/api/v1/backup-schedules", _PAGED)
RESTORES = Call("GET", "/api/v1/scheduled-restores", _PAGED)

ALLOWED = (HEALTH, SERVERS, VOLUMES, JOBS, SNAPSHOTS, SCHEDULES, RESTORES)

#: How far back runs are read at every refresh.
_SINCE = timedelta(days=40)

#: Where a schedule comes round more rarely, runs are read back to the due time before its last one, but no further than
#: this. What lies before ``_SINCE`` hardly changes: it is read again after some hours only, in as many pages at most.
_FARTHEST = timedelta(days=800)
_READ_AGAIN_AFTER = timedelta(hours=6)
_MOST_PAGES_BACK = 100

#: Characters of all answers of a refresh: a hundred pages of two lists, whose rows tell much that is not kept.
_MOST_CHARACTERS = 256 * 1024 * 1024

#: Rows that a light round asks for: those that are not over, and some before them, so that the page joins on to what is known.
_LOOKED_AT, _BEFORE_OPEN, _MOST_LOOKED_AT = 25, 10, 100

_DUMPS = ("dumps",)
_BACKUPS = {"filter[type]": "backup", "sort": "-created_at"}

#: How far back restores are read: they are made every week or month.
_RESTORES_SINCE = timedelta(days=400)
_RESTORED = {"filter[type]": "restore", "sort": "-created_at"}

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
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    """All dumps as they are known, whose further pages were read at ``read_at``, with what was missing of them.

    ``servers``: whose they are.
    """

    read_at: datetime
    servers: Mapping[str, Server]
    dumps: tuple[Dump, ...]
    limits: tuple[Limit, ...]

    def holds(self, now: datetime, servers: Mapping[str, Server]) -> bool:
        """The further pages need not be read again: not too old, nor of a clock that was set back since."""
        return self.servers == servers and timedelta() <= now - self.read_at < _READ_AGAIN_AFTER


@dataclass(frozen=True, slots=True)
class _Older:
    """Dumps as far back as they are needed, as they were read at ``as_of``, with what was missing of them.

    ``servers`` are those whose schedules asked for them.
    """

    as_of: datetime
    servers: Mapping[str, Server]
    dumps: tuple[Dump, ...]
    limits: tuple[Limit, ...]


def headers_of(token: Secret) -> Headers:
    """What gets in."""

    async def headers(fresh: bool) -> Mapping[str, str]:
        value = await token(fresh)
        if not _TOKEN.fullmatch(value):
            raise SecretError("the stored secret is not an API token of Databasement")
        return {"Authorization": f"Bearer {value}"}

    return headers


class DatabasementSource:
    """Reads one Databasement. It remembers servers, volumes and stored files, for a refresh that can't read those.

    ``connect`` makes the Upstream; tests give one without a network.
    """

    kind = SourceKind.DATABASEMENT

    def __init__(self, options: DatabasementOptions, *, connect: Callable[..., Upstream] = Upstream) -> None:
        self.name = options.name
        headers = headers_of(options.token)
        self._upstream = connect(options.name, options.url, options.trust, ALLOWED, headers, options.limits)
        self._rests = Rests()
        self._last: Report | None = None
        self._kept: _Kept | None = None
        self._servers: dict[str, Server] = {}
        self._volumes: dict[str, str] = {}
        self._volumes_at: datetime | None = None
        self._files: dict[str, Stored] = {}
        self._older: _Older | None = None
        #: The dumps as they were reported last: those that are the same again are the same objects.
        self._reported: tuple[Dump, ...] = ()

    async def close(self) -> None:
        """Closes all connections."""
        await self._upstream.close()

    @property
    def confirms(self) -> bool:
        """See Source: no dump starts without a row among the newest."""
        return self._last is not None and self._kept is not None

    def adopt(self, report: Report) -> None:
        """See Source."""
        self._reported = tuple(report.facts(Dump))

    async def read(self, clock: Clock, *, whole: bool = True) -> Report:
        """Backup configurations, and the dumps of the last 40 days or of two rounds of the rarest schedule; see Source.

        1 call + one per page of each list; where the newest dumps join on to those that are known, the first page is enough.
        """
        with spending(Budget(characters=_MOST_CHARACTERS)):
            return await self._read(clock, whole=whole)

    async def _read(self, clock: Clock, *, whole: bool) -> Report:
        at, pages = clock(), Pages(self._upstream, clock, self._rests)
        whole = whole or self._last is None
        self._last = None
        if whole and (problem := await self._trouble()) is not None:
            return self._report(at, problem=problem)
        plans = await self._plans(pages, clock(), whole=whole)
        if plans.problem is not None:
            of_all = plans.problem.denied or (not whole and is_of_the_source(plans.problem))
            if of_all or (not whole and await self._trouble() is not None):
                return self._report(at, problem=plans.problem)
        dumps = await self._dumps(pages, clock(), whole=whole or plans.problem is not None)
        restores = await self._restores(pages, clock(), others=plans)
        self._last = replace(self._report(at, (plans, dumps, *restores), tuple(pages.limits)), full_at=at)
        return self._last

    async def look(self, clock: Clock, *, wide: bool = False) -> Look:
        """Its newest dumps; ``wide`` also its servers and whether the newest files are there; see Source."""
        with spending(Budget(characters=_MOST_CHARACTERS)):
            return await self._look(clock, wide=wide)

    async def _look(self, clock: Clock, *, wide: bool) -> Look:
        last, kept, self._last = self._last, self._kept, None
        if last is None or kept is None:
            return DOUBT
        at, pages = clock(), Pages(self._upstream, clock, self._rests, LIGHT_SECONDS)
        parse, per_page = partial(parse_job, servers=self._servers), await made_of(kept.dumps, _looked_at)
        try:
            newest = await pages.first(JOBS, RUNS, parse, params=_BACKUPS, per_page=per_page)
            servers = distinct(await pages.read(SERVERS, "database servers", parse_server)) if wide else self._servers
        except SourceError as error:
            problem = _problem(error)
            return Look(self._report(at, problem=problem), is_news=True) if is_of_the_source(problem) else DOUBT
        joins, is_news = await made_of(kept.dumps, lambda known: (_joins(known, newest), _is_news(known, newest)))
        if not joins or servers != self._servers:
            return Look()
        facts: tuple[Dump, ...] | None = kept.dumps
        pages = Pages(self._upstream, clock, self._rests)
        if is_news:
            facts = await self._joined(pages, kept)
        elif wide:
            facts = await self._stored(pages, kept)
            is_news = facts != kept.dumps
        if facts is None:
            return DOUBT
        readings = (replace(each, as_of=at, facts=facts) if each.scope == _DUMPS else each for each in last.readings)
        self._last = replace(last, at=at, readings=tuple(readings))
        return Look(self._last, is_news=is_news)

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

    # --- what is read -----------------------------------------------------------------------------------------------------

    async def _trouble(self) -> Problem | None:
        """Why nothing can be read at all. A proxy in front may keep ``/health`` to itself: that is no trouble.

        Asked in a whole round, and else only where the servers can't be read: where they can, it says nothing more.
        """
        try:
            await self._upstream.get(HEALTH)
        except SourceError as error:
            return None if error.status in (401, 403, 404) else _problem(error)
        return None

    async def _plans(self, pages: Pages, as_of: datetime, *, whole: bool) -> Reading:
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
        if whole or not self._knows_volumes(as_of):
            await self._read_volumes(pages, as_of)
        plans = (plan for server in self._servers.values() for plan in with_volumes(server, self._volumes))
        return Reading(scope, as_of, tuple(plans))

    async def _read_volumes(self, pages: Pages, as_of: datetime) -> None:
        """The names of volumes: backup configurations have only their ids. Those that were read before still hold."""
        try:
            volumes = await pages.read(VOLUMES, "volumes", parse_volume)
        except SourceError as error:
            pages.limits.append(not_read("the volumes that backups write to", error))
            self._volumes_at = None
            if error.denied:
                self._name_volumes({})
            return
        self._name_volumes(volume_names(volumes))
        self._volumes_at = as_of

    def _name_volumes(self, names: dict[str, str]) -> None:
        """Dumps that were read with other names are read again: a volume with two names would count as two places."""
        if names != self._volumes:
            self._kept, self._older, self._files = None, None, {}
        self._volumes = names

    def _knows_volumes(self, as_of: datetime) -> bool:
        """All that backups write to: a new one is asked for at once, another name of one after some hours."""
        if self._volumes_at is None or not timedelta() <= as_of - self._volumes_at < _READ_AGAIN_AFTER:
            return False
        wanted = {id_ for server in self._servers.values() for ids in server.volume_ids for id_ in ids}
        return wanted <= self._volumes.keys()

    async def _restores(self, pages: Pages, as_of: datetime, *, others: Reading) -> tuple[Reading, ...]:
        """The scheduled restores; nothing of a version that has none (DB-14), where ``others`` could be read there."""
        scope = ("restores",)
        try:
            return (Reading(scope, as_of, await self._scheduled_restores(pages, as_of)),)
        except SourceError as error:
            has_none = error.status == 404 and others.problem is None
            return () if has_none else (Reading(scope, None, problem=_problem(error)),)

    async def _scheduled_restores(self, pages: Pages, as_of: datetime) -> tuple[ScheduledRestore, ...]:
        planned = await pages.read(RESTORES, "scheduled restores", parse_planned)
        if not planned:
            return ()
        schedules = await pages.read(SCHEDULES, "schedules", parse_schedule)
        since = as_of - _RESTORES_SINCE
        restored = await pages.read(JOBS, "restores", parse_restored, params=_RESTORED, since=since)
        cron_lines = {each.id: each.expression for each in schedules}
        return scheduled_restores(planned, restored, self._servers, cron_lines)

    async def _dumps(self, pages: Pages, as_of: datetime, *, whole: bool) -> Reading:
        kept, self._kept = self._kept, None
        if not whole and kept is not None and kept.holds(as_of, self._servers):
            joined = await self._joined(pages, kept)
            if joined is not None:
                pages.limits += kept.limits
                return Reading(_DUMPS, as_of, joined)
        before = len(pages.limits)
        try:
            dumps = await self._far_enough(pages, as_of)
        except SourceError as error:
            return Reading(_DUMPS, None, problem=_problem(error))
        self._kept = _Kept(as_of, self._servers, dumps, tuple(pages.limits[before:]))
        self._reported = dumps
        return Reading(_DUMPS, as_of, dumps)

    async def _joined(self, pages: Pages, kept: _Kept) -> tuple[Dump, ...] | None:
        """The dumps that are known with the newest page of both lists; None where these do not join on to them."""
        try:
            parse = partial(parse_job, servers=self._servers)
            newest = await pages.first(JOBS, RUNS, parse, params=_BACKUPS)
        except SourceError:
            return None
        dumps = await made_of(kept.dumps, partial(_joined, newest=newest))
        return await self._stored(pages, replace(kept, dumps=dumps)) if dumps is not None else None

    async def _stored(self, pages: Pages, kept: _Kept) -> tuple[Dump, ...] | None:
        """The dumps that are known with the newest page of stored files; None where that can't be read."""
        try:
            stored = await pages.first(SNAPSHOTS, "snapshots", partial(parse_snapshot, names=self._volumes))
        except SourceError:
            return None
        dumps = await self._with_files(kept.dumps, newer=stored.rows)
        self._kept, self._reported = replace(kept, dumps=dumps), dumps
        return dumps

    async def _with_files(self, dumps: Sequence[Dump], newer: Sequence[Stored] | None = None) -> tuple[Dump, ...]:
        """The dumps with what is stored of them; those that were reported before are the same objects.

        ``newer``: the newest files, where those that are known are from before; of dumps that are gone none is kept then.
        """
        known, before = self._files, self._reported

        def shared(rows: Sequence[Dump]) -> tuple[tuple[Dump, ...], dict[str, Stored]]:
            files = known if newer is None else _files(rows, known, newer)
            made = shared_facts(with_files(rows, files), before)
            return made, with_copies_of(made, files)

        made, self._files = await made_of(dumps, shared)
        return made

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
        return await self._with_files(jobs)

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


def _looked_at(dumps: Sequence[Dump]) -> int:
    """How many of the newest rows a light round asks for: as far back as something is not over."""
    newest_first = sorted(dumps, key=lambda dump: dump.run.start, reverse=True)
    places = [place for place, dump in enumerate(newest_first[:_MOST_LOOKED_AT]) if dump.run.end is None]
    return min(max([_LOOKED_AT, *(place + _BEFORE_OPEN for place in places)]), _MOST_LOOKED_AT)


def _joined(dumps: Sequence[Dump], newest: First[Dump]) -> tuple[Dump, ...] | None:
    """The dumps that are known with those of the first page; None where these do not join on to them."""
    if not _joins(dumps, newest):
        return None
    listed = {dump.id for dump in newest.rows}
    older = (dump for dump in dumps if newest.since is not None and dump.run.start <= newest.since)
    return (*newest.rows, *(dump for dump in older if dump.id not in listed))


def _files(dumps: Iterable[Dump], known: Mapping[str, Stored], newer: Iterable[Stored]) -> Mapping[str, Stored]:
    """What is known to be stored of these dumps, as ``newer`` says where that tells of them."""
    there, every = {dump.id for dump in dumps}, {**known, **{row.id: row for row in newer}}
    return {id_: row for id_, row in every.items() if id_ in there}


def _joins(dumps: Iterable[Dump], newest: First[Dump]) -> bool:
    """Nothing lies between the rows of the first page and those that are known."""
    known = {dump.id for dump in dumps}
    return newest.since is None or any(dump.id in known for dump in newest.rows)


def _is_news(dumps: Iterable[Dump], newest: First[Dump]) -> bool:
    """A row is new, changed or gone. Of those made in the same second as the page's last one, some may be on the next page."""
    known = {dump.id: dump for dump in dumps}
    listed = {dump.id for dump in newest.rows}
    within = (dump for dump in known.values() if newest.since is None or dump.run.start > newest.since)
    if any(dump.id not in listed for dump in within):
        return True
    return any(dump.id not in known or _state(known[dump.id]) != _state(dump) for dump in newest.rows)


def _state(dump: Dump) -> tuple[object, ...]:
    """What its row in the list of jobs tells, without what is stored of it."""
    return dump.run.start, dump.run.end, dump.run.outcome, dump.run.text, dump.changed_at


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
