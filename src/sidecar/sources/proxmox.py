"""What a Proxmox Backup Server and a Proxmox VE cluster have in common: API tokens, and how a refresh begins (PBS-5).

Their lists are short or empty for a token that may not see everything, without an error: a refresh asks first what it may see.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar
from urllib.parse import quote

from sidecar.core.model import SourceKind
from sidecar.core.reports.report import Limit, Problem, Reading, Report
from sidecar.texts.known_secrets import KnownSecrets
from sidecar.upstream.budget import Budget, spending
from sidecar.upstream.calls import Call
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Upstream

from . import Clock, Secret
from .permissions import Permissions, parse_permissions, shown_token
from .refresh import Answer, Refresh

API = "/api2/json"
VERSION = Call("GET", f"{API}/version")
PERMISSIONS = Call("GET", f"{API}/access/permissions")


@dataclass(frozen=True, slots=True)
class ProxmoxOptions:
    """A server (of a cluster: one of its nodes) and how to get in. ``token_id`` is USER@REALM!NAME."""

    name: str
    url: str
    trust: Trust
    token_id: Secret
    secret: Secret


class ProxmoxSource(ABC):
    """The frame of a refresh; what is asked in between is the product's own."""

    kind: SourceKind
    #: The only calls that leave the house.
    allowed: ClassVar[tuple[Call, ...]]
    #: How the token's id and its secret are written behind each other in the Authorization header.
    authorization: ClassVar[str]

    def __init__(
        self, options: ProxmoxOptions, *, upstream: Upstream | None = None, known: KnownSecrets | None = None
    ) -> None:
        self.name = options.name
        self._options = options
        self._upstream = upstream or Upstream(
            options.name, options.url, options.trust, self.allowed, self._headers, known=known
        )

    async def close(self) -> None:
        """Closes all connections."""
        await self._upstream.close()

    async def read(self, clock: Clock) -> Report:
        """All that the token may see."""
        with spending(Budget()):
            return await self._read(clock)

    async def _read(self, clock: Clock) -> Report:
        refresh = Refresh(self._upstream, clock)
        at = clock()
        permissions = await refresh.value(parse_permissions, PERMISSIONS)
        if permissions.only is None:
            return self._report(at, problem=permissions.problem)
        mine = replace(permissions.only, token=shown_token(await self._options.token_id(False)))
        if (closed := self._closed(mine)) is not None:
            return self._report(at, problem=closed)
        version = await self._version(refresh, mine)
        readings = await self._readings(refresh, mine, version.only)
        return self._report(at, version.only, readings, refresh.limits)

    async def _secrets(self) -> tuple[str, ...]:
        """What must not stand in any text that is kept: a log may repeat it."""
        return (await self._options.secret(False),)

    @abstractmethod
    def _closed(self, permissions: Permissions) -> Problem | None:
        """Why this token can't read anything at all."""

    @abstractmethod
    async def _version(self, refresh: Refresh, permissions: Permissions) -> Answer[str]:
        """The server's version; what it and the permissions leave out goes to the limits."""

    @abstractmethod
    async def _readings(self, refresh: Refresh, permissions: Permissions, version: str | None) -> list[Reading]:
        """The readings of all scopes."""

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

    async def _headers(self, fresh: bool) -> Mapping[str, str]:
        """The secret is percent-decoded on the other side (PBS-1)."""
        token_id, secret = await self._options.token_id(fresh), await self._options.secret(fresh)
        return {"Authorization": self.authorization.format(id=token_id, secret=quote(secret, safe=""))}
