"""What a Proxmox Backup Server and a Proxmox VE cluster have in common: API tokens, and how a refresh begins (PBS-5).

Their lists are short or empty for a token that may not see everything, without an error: a refresh asks first what it may see.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import quote

from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import Zone
from sidecar.core.reports.report import Limit, Problem, Reading, Report
from sidecar.texts.known_secrets import KnownSecrets
from sidecar.upstream.budget import Budget, spending
from sidecar.upstream.calls import Call
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Headers, Limits, Upstream

from . import DOUBT, LIGHT_SECONDS, Clock, Look, Secret
from .kept import LastFacts
from .permissions import Permissions, parse_permissions, shown_token
from .problems import is_of_the_source
from .refresh import Answer, Refresh
from .rests import Rests

API = "/api2/json"
VERSION = Call("GET", f"{API}/version")
PERMISSIONS = Call("GET", f"{API}/access/permissions")


#: A clock that was set back by more than this: tasks may have begun before those that are known.
_SET_BACK = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class ProxmoxOptions:
    """A server (of a cluster: one of its nodes) and how to get in. ``token_id`` is USER@REALM!NAME."""

    name: str
    url: str
    trust: Trust
    token_id: Secret
    secret: Secret


@dataclass(frozen=True, slots=True)
class Server:
    """What must be as it was, so that a list that was read before may still hold: the rights, the server, its software."""

    permissions: Permissions
    version: str | None
    fingerprint: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a light round saw: all readings as they are now, and whether any of them says something new."""

    readings: tuple[Reading, ...]
    is_news: bool = False

    def also(self, again: Iterable[Reading]) -> Seen:
        """The same with some readings that were read again."""
        newer = {reading.scope: reading for reading in again}
        readings = tuple(newer.get(reading.scope, reading) for reading in self.readings)
        changed = any(one.facts != other.facts for one, other in zip(self.readings, readings, strict=True))
        return Seen(readings, is_news=self.is_news or changed)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Something ran that touched more than a light round reads: a full round is needed, though not of everything."""


def set_back(before: Iterable[Zone], now: Iterable[Zone]) -> bool:
    """A clock of the server was set back meanwhile: what it lists by time may leave something out (rule 6)."""
    was = {zone.node: zone.ahead or 0 for zone in before}
    return any((zone.ahead or 0) < was.get(zone.node, 0) - _SET_BACK.total_seconds() for zone in now)


def headers_of(options: ProxmoxOptions, authorization: str) -> Headers:
    """What gets in; ``authorization`` says how a token's id and its secret are written behind each other."""

    async def headers(fresh: bool) -> Mapping[str, str]:
        """The secret is percent-decoded on the other side (PBS-1)."""
        token_id, secret = await options.token_id(fresh), await options.secret(fresh)
        return {"Authorization": authorization.format(id=token_id, secret=quote(secret, safe=""))}

    return headers


class ProxmoxSource(ABC):
    """The frame of a refresh; what is asked in between is the product's own.

    It remembers what it read last; that is None where nothing of that may be used: the next refresh reads everything.
    """

    kind: SourceKind
    #: The only calls that leave the house.
    allowed: ClassVar[tuple[Call, ...]]
    #: How the token's id and its secret are written behind each other in the Authorization header.
    authorization: ClassVar[str]

    def __init__(
        self,
        options: ProxmoxOptions,
        *,
        limits: Limits | None = None,
        upstream: Upstream | None = None,
        known: KnownSecrets | None = None,
    ) -> None:
        self.name = options.name
        self._options = options
        self._upstream = upstream or Upstream(
            options.name,
            options.url,
            options.trust,
            self.allowed,
            headers_of(options, self.authorization),
            limits,
            known=known,
        )
        self._rests = Rests()
        self._last: Report | None = None
        self._last_facts = LastFacts()
        self._server: Server | None = None
        self._rights: Permissions | None = None

    @property
    def rights(self) -> Permissions | None:
        """What the token may do, as the last full round read it; None where it could not."""
        return self._rights

    async def close(self) -> None:
        """Closes all connections."""
        await self._upstream.close()

    def adopt(self, report: Report) -> None:
        """See Source."""
        self._last_facts.take(report.readings)

    async def read(self, clock: Clock, *, whole: bool = True) -> Report:
        """All that the token may see; see Source."""
        with spending(Budget()):
            return await self._read(clock, whole=whole)

    async def _read(self, clock: Clock, *, whole: bool) -> Report:
        refresh = Refresh(self._upstream, clock, self._rests, self._last_facts)
        at = clock()
        last, self._last, self._rights = self._last, None, None
        permissions = await refresh.value(parse_permissions, PERMISSIONS)
        if permissions.only is None:
            return self._report(at, problem=permissions.problem)
        mine = replace(permissions.only, token=shown_token(await self._options.token_id(False)))
        self._rights = mine
        if (closed := self._closed(mine)) is not None:
            return self._report(at, problem=closed)
        version = await self._version(refresh, mine)
        server = Server(mine, version.only, self._upstream.fingerprint)
        holds = not whole and last is not None and server == self._server
        self._server = server
        readings = await self._readings(refresh, mine, version.only, last if holds else None)
        self._last_facts.take(readings)
        self._last = replace(self._report(at, version.only, readings, refresh.limits), full_at=at)
        return self._last

    async def look(self, clock: Clock, *, wide: bool = False) -> Look:
        """Its tasks since the last round; see Source."""
        with spending(Budget()):
            return await self._looked(clock, wide=wide)

    async def _looked(self, clock: Clock, *, wide: bool) -> Look:
        if self._last is None or self._server is None:
            return DOUBT
        refresh = Refresh(self._upstream, clock, self._rests, self._last_facts, LIGHT_SECONDS)
        at, last = clock(), self._last
        # Whatever goes wrong from here on, the next refresh reads everything.
        self._last = None
        mine = self._server.permissions
        lists = await self._short_lists(refresh, mine, last) if wide else ()
        look = lists if isinstance(lists, Unsettled | Problem) else await self._look(refresh, mine, last)
        if isinstance(look, Seen) and not isinstance(lists, Unsettled | Problem):
            look = look.also(lists)
        if isinstance(look, Problem):
            return Look(self._report(at, problem=look), is_news=True) if is_of_the_source(look) else DOUBT
        if look is None:
            return DOUBT
        if isinstance(look, Unsettled):
            self._last = last
            return Look()
        self._last_facts.take(look.readings)
        limits = tuple(dict.fromkeys((*last.limits, *refresh.limits)))
        self._last = replace(last, at=at, readings=look.readings, limits=limits)
        return Look(self._last, is_news=look.is_news)

    async def _secrets(self) -> tuple[str, ...]:
        """What must not stand in any text that is kept: a log may repeat it."""
        return (await self._options.secret(False),)

    @abstractmethod
    def _closed(self, permissions: Permissions) -> Problem | None:
        """Why this token can't read anything at all."""

    @abstractmethod
    async def _version(self, refresh: Refresh, permissions: Permissions) -> Answer[str]:
        """The server's version; what it and the permissions leave out goes to the limits."""

    @property
    @abstractmethod
    def confirms(self) -> bool:
        """See Source."""

    @abstractmethod
    async def _readings(
        self, refresh: Refresh, permissions: Permissions, version: str | None, last: Report | None
    ) -> list[Reading]:
        """The readings of all scopes. ``last``: what was read before, where it may still hold."""

    @abstractmethod
    async def _look(
        self, refresh: Refresh, permissions: Permissions, last: Report
    ) -> Seen | Unsettled | Problem | None:
        """What the tasks since the last round show; None where everything must be read."""

    @abstractmethod
    async def _short_lists(
        self, refresh: Refresh, permissions: Permissions, last: Report
    ) -> Sequence[Reading] | Unsettled | Problem:
        """The short lists of what leaves no task when it changes, where they say the same as before."""

    def _report(
        self,
        at: datetime,
        version: str | None = None,
        readings: Iterable[Reading] = (),
        limits: Iterable[Limit] = (),
        problem: Problem | None = None,
    ) -> Report:
        fingerprint = self._upstream.fingerprint
        return Report(
            source=self.name,
            kind=self.kind,
            at=at,
            version=version,
            tls_fingerprint=fingerprint,
            readings=tuple(readings),
            limits=tuple(limits),
            problem=problem,
        )
