"""Backrest: its plans, what became of their runs, and the next ones it announces (docs/upstreams.md).

Backrest knows no read-only user, and all of its calls are POSTs: the list below is what keeps the sidecar from changing
anything. GetConfig is not on it, for it returns the passwords of the repositories (BR-3).
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import BackrestPlan, Fact, QueueHolder, UpkeepJob
from sidecar.core.reports.report import Limit, Problem, ProblemKind, Reading, Report
from sidecar.errors import SourceError
from sidecar.upstream.budget import Budget, spending
from sidecar.upstream.calls import Call
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Limits, Upstream

from . import DOUBT, LIGHT_SECONDS, Clock, Look, Secret
from .backrest_log import (
    LAST,
    SYSTEM,
    Seen,
    crowded,
    guids,
    instance,
    parse_operations,
    queue_holders,
    upkeep_jobs,
    with_log,
)
from .backrest_parse import Dashboard, parse_dashboard
from .fields import Row, UnreadableError
from .problems import is_of_the_source, not_understood, problem_of
from .refresh import within
from .rests import Rests

LOGIN = Call("POST", "/v1.Authentication/Login", gives_secret=True)
DASHBOARD = Call("POST", "/v1.Backrest/GetSummaryDashboard")
OPERATIONS = Call("POST", "/v1.Backrest/GetOperations")

ALLOWED = (LOGIN, DASHBOARD, OPERATIONS)

#: A session lasts seven days (BR-2).
_RENEW_AFTER = timedelta(days=6)

#: While something holds the queue of which the summary tells nothing (a restore), everything is read again so often.
_WHILE_HELD_UP = timedelta(minutes=5)

_JWT = re.compile(r"[A-Za-z0-9_=-]{1,4096}(\.[A-Za-z0-9_=-]{1,4096}){2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackrestOptions:
    """A Backrest and how to get in; without ``username`` its authentication is switched off.

    ``basic_auth`` is "user:password" for a proxy in front of it. It takes the one Authorization header, so it goes only
    without ``username``.
    """

    name: str
    url: str
    trust: Trust
    username: str | None = None
    password: Secret | None = None
    basic_auth: Secret | None = None
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read last, in a full round that began at ``at``: to compare with."""

    at: datetime
    report: Report
    dashboard: Dashboard
    system: tuple[Row, ...]

    def upkeep_is_due(self, now: datetime) -> bool:
        """Upkeep of a repository runs, or was announced for now: the summary tells nothing of it."""
        jobs = (job for reading in self.report.within("upkeep") for job in reading.of(UpkeepJob))
        return any(job.running or (job.next_run is not None and job.next_run <= now) for job in jobs)

    @property
    def is_held_up(self) -> bool:
        """Something else holds the queue."""
        return any(reading.of(QueueHolder) for reading in self.report.readings)


@dataclass(frozen=True, slots=True)
class _Session:
    token: str = field(repr=False)
    since: datetime


@dataclass(frozen=True, slots=True)
class _Log:
    """The operations of one plan, or why they could not be read."""

    as_of: datetime | None
    operations: tuple[Row, ...] = ()
    problem: Problem | None = None


class BackrestSource:
    """Reads one Backrest. It keeps its session: every login costs the server a bcrypt (BR-2).

    ``connect`` makes the Upstream; tests give one without a network.
    """

    kind = SourceKind.BACKREST

    def __init__(self, options: BackrestOptions, *, connect: Callable[..., Upstream] = Upstream) -> None:
        self.name = options.name
        self._options = options
        self._upstream = connect(options.name, options.url, options.trust, ALLOWED, self._headers, options.limits)
        self._rests = Rests()
        self._known: _Known | None = None
        self._session: _Session | None = None
        #: Its login is switched off although one is configured: calls go without.
        self._open = False
        self._seen: dict[str, Seen] = {}
        self._guids: dict[str, str] = {}
        self._instance: str | None = None
        self._read_at = datetime.min.replace(tzinfo=UTC)

    async def close(self) -> None:
        """Closes all connections."""
        await self._upstream.close()

    @property
    def confirms(self) -> bool:
        """See Source: no run of a plan goes on without the summary showing it."""
        return self._known is not None

    def adopt(self, report: Report) -> None:
        """See Source: it has no long lists."""

    async def read(self, clock: Clock, *, whole: bool = True) -> Report:  # noqa: ARG002 (it has no long lists)
        """The summary of plans and repositories, then the log: of each plan, and of the repositories' upkeep; see Source."""
        with spending(Budget()):
            return await self._read(clock)

    async def _read(self, clock: Clock) -> Report:
        at = self._read_at = clock()
        self._known = None
        try:
            # In a thread: of each plan it may list a thousand runs.
            dashboard = await asyncio.to_thread(parse_dashboard, await self._dashboard())
        except SourceError as error:
            return self._report(at, problem=_problem(error, self._options))
        except UnreadableError:
            return self._report(at, problem=not_understood("its answer is not a summary of plans and repositories"))
        limits = list(dashboard.limits)
        plans, logs = [], []
        for plan in dashboard.plans:
            log = await self._log(plan.id, clock)
            told, reading = await asyncio.to_thread(self._told, plan, log, limits)
            plans.append(told)
            logs.append(reading)
        system = await self._system_log([repo.id for repo in dashboard.repos], clock)
        upkeep = await asyncio.to_thread(self._upkeep, system, limits)
        summary = (Reading(("plans",), at, tuple(plans)), Reading(("repos",), at, dashboard.repos))
        report = replace(self._report(at, (*summary, *logs, upkeep), limits), full_at=at)
        self._known = _Known(at, report, dashboard, system.operations)
        return report

    async def look(self, clock: Clock, *, wide: bool = False) -> Look:  # noqa: ARG002
        """Its summary, which tells of its plans too, and the log of upkeep while that is due; see Source.

        The summary confirms what it tells itself, and no log: of what else holds the queue it tells nothing.
        """
        with spending(Budget()):
            return await self._look(clock)

    async def _look(self, clock: Clock) -> Look:
        known, self._known = self._known, None
        if known is None:
            return DOUBT
        at = self._read_at = clock()
        try:
            body = await within(LIGHT_SECONDS, self._dashboard())
            dashboard = await asyncio.to_thread(parse_dashboard, body)
        except SourceError as error:
            problem = _problem(error, self._options)
            return Look(self._report(at, problem=problem), is_news=True) if is_of_the_source(problem) else DOUBT
        except UnreadableError:
            return DOUBT
        if dashboard != known.dashboard or (known.is_held_up and at - known.at >= _WHILE_HELD_UP):
            return Look()
        if known.upkeep_is_due(at):
            system = await self._system_log([repo.id for repo in dashboard.repos], clock)
            if system.problem is not None:
                return DOUBT
            if system.operations != known.system:
                return Look()
        readings = tuple(
            replace(reading, as_of=at) if reading.scope in (("plans",), ("repos",)) else reading
            for reading in known.report.readings
        )
        report = replace(known.report, at=at, readings=readings)
        self._known = replace(known, report=report)
        return Look(report)

    async def _dashboard(self) -> Any:
        """The summary. Where the login is refused it is tried once without: a Backrest whose login is off refuses all."""
        if self._open:
            try:
                return await self._upstream.post(DASHBOARD, {}, authenticated=False)
            except SourceError as error:
                if error.status != 401:
                    raise
            self._open = False
        try:
            return await self._upstream.post(DASHBOARD, {})
        except SourceError as error:
            if error.status != 401 or error.in_front or self._options.username is None:
                raise
            refused = error
        try:
            answer = await self._upstream.post(DASHBOARD, {}, authenticated=False)
        except SourceError:
            raise refused from None
        self._open = True
        return answer

    def _told(self, plan: BackrestPlan, log: _Log, limits: list[Limit]) -> tuple[BackrestPlan, Reading]:
        """What a plan's log tells of it, and of what holds the queue. Takes milliseconds: for a thread."""
        told = with_log(plan, log.operations, limits, self._take(plan.id, log))
        holders = tuple(queue_holders(log.operations))
        return told, Reading(("operations", plan.id), log.as_of, holders, log.problem)

    def _upkeep(self, log: _Log, limits: list[Limit]) -> Reading:
        """The same of the repositories' own log."""
        first_due = self._take(SYSTEM, log).first_due
        jobs: tuple[Fact, ...] = (*upkeep_jobs(log.operations, limits, first_due), *queue_holders(log.operations))
        return Reading(("upkeep",), log.as_of, jobs, log.problem)

    def _take(self, plan: str, log: _Log) -> Seen:
        """What a log told so far, with what it tells now."""
        seen = self._seen.setdefault(plan, Seen())
        if log.as_of is not None:
            seen.add(log.operations)
            self._guids |= guids(log.operations)
        return seen

    async def _system_log(self, repos: list[str], clock: Clock) -> _Log:
        """Upkeep of the repositories: asked for each by itself, for hooks of one push a monthly check of another out.

        Only operations tell by which id a repository can be asked for, so at first all are asked for together.
        """
        every: dict[str, Row] = {}
        as_of: list[datetime] = []
        together = not repos or any(repo not in self._guids for repo in repos)
        if together:
            log = await self._log(SYSTEM, clock)
            if log.as_of is None:
                return log
            self._guids |= guids(log.operations)
            every |= {str(row.get("id")): row for row in log.operations}
            as_of.append(log.as_of)
            if len(log.operations) < LAST:
                return log
        for guid in [self._guids[repo] for repo in repos if repo in self._guids]:
            log = await self._log(SYSTEM, clock, guid)
            if log.as_of is None:
                return log
            every |= {str(row.get("id")): row for row in log.operations}
            as_of.append(log.as_of)
        return _Log(min(as_of), tuple(every.values()))

    async def _log(self, plan: str, clock: Clock, repo_guid: str | None = None) -> _Log:
        """The newest operations of a plan. What can't be read blanks only itself: the summary still tells of its runs."""
        at, name = clock(), f"operations of {plan} {repo_guid}"
        selector = {"planId": plan, **({"repoGuid": repo_guid} if repo_guid else {})}
        if (rest := self._rests.problem(name, at)) is not None:
            return _Log(None, problem=rest)
        try:
            operations = await self._operations(selector)
            self._instance = instance(operations) or self._instance
            if crowded(operations) and self._instance is not None:
                operations = await self._operations({**selector, "instanceId": self._instance})
            self._rests.note(name, at, None)
            return _Log(at, operations)
        except SourceError as error:
            self._rests.note(name, at, error.kind)
            return _Log(None, problem=_problem(error, self._options))
        except UnreadableError:
            return _Log(None, problem=not_understood("its answer is not a list of operations"))

    async def _operations(self, selector: Mapping[str, str]) -> tuple[Row, ...]:
        body = {"selector": selector, "lastN": str(LAST)}
        return parse_operations(await self._upstream.post(OPERATIONS, body, authenticated=not self._open))

    def _report(
        self,
        at: datetime,
        readings: tuple[Reading, ...] = (),
        limits: Iterable[Limit] = (),
        problem: Problem | None = None,
    ) -> Report:
        return Report(
            source=self.name,
            kind=self.kind,
            at=at,
            tls_fingerprint=self._upstream.fingerprint,
            readings=readings,
            limits=tuple(limits),
            problem=problem,
        )

    # --- the session ------------------------------------------------------------------------------------------------------

    async def _headers(self, fresh: bool) -> Mapping[str, str]:
        """``fresh``: the session was refused; the password may have been changed with it."""
        if self._options.username is None:
            return await self._basic(fresh=fresh)
        session = None if fresh else self._session
        if session is None or self._read_at - session.since > _RENEW_AFTER:
            session = self._session = _Session(await self._log_in(fresh=fresh), self._read_at)
        return {"Authorization": f"Bearer {session.token}"}

    async def _basic(self, *, fresh: bool) -> Mapping[str, str]:
        """The login at a proxy in front, where there is one."""
        if self._options.basic_auth is None:
            return {}
        login = await self._options.basic_auth(fresh)
        return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}

    async def _log_in(self, *, fresh: bool) -> str:
        """A session's token; with a fresh password the second time when the first is refused."""
        try:
            return await self._ask_for_token(fresh=fresh)
        except SourceError as error:
            if error.status != 401 or fresh:
                raise
        return await self._ask_for_token(fresh=True)

    async def _ask_for_token(self, *, fresh: bool) -> str:
        password = await self._options.password(fresh) if self._options.password else ""
        body = {"username": self._options.username, "password": password}
        answer = await self._upstream.post(LOGIN, body, authenticated=False)
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not _JWT.fullmatch(token):
            raise SourceError("its login returned no token", kind=ProblemKind.NOT_UNDERSTOOD, culprit=LOGIN.path)
        return token


def _problem(error: SourceError, options: BackrestOptions) -> Problem:
    """A failed call, with what helps against it."""
    username = options.username
    if error.in_front:
        return _login_in_front(error, options)
    if error.status == 401 and username is None:
        action = "Configure username and password of a Backrest user."
        return problem_of(error, cause="it requires a login", action=action)
    if error.status == 401:
        action = "Check username and password; leave both out if Backrest's authentication is switched off."
        return problem_of(error, cause=f"the login of {username} was refused ({error.cause})", action=action)
    if error.status in (404, 405, 501):
        return problem_of(error, action="Check its url, and that it is Backrest 1.13 or newer.")
    return problem_of(error)


def _login_in_front(error: SourceError, options: BackrestOptions) -> Problem:
    """Not Backrest itself refused the call, but a proxy in front of it."""
    cause = f"a proxy in front of Backrest asks for a login of its own (HTTP {error.status})"
    action = "Give its USER:PASSWORD as basic_auth, or let the proxy pass /v1.Backrest/ from here."
    if options.username is not None:
        action = "Let the proxy pass /v1.Backrest/ and /v1.Authentication/ from here: a call carries only one login."
    elif options.basic_auth is not None:
        cause = f"a proxy in front of Backrest refused basic_auth (HTTP {error.status})"
        action = "Check basic_auth: USER:PASSWORD as the proxy knows them."
    return Problem(cause, action, kind=ProblemKind.LOGIN_IN_FRONT, culprit=error.culprit)
