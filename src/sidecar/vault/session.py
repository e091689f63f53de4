"""A standing login at Vault, and the entries read through it: they stay in memory and serve on while Vault is away."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

import anyio

from sidecar.errors import SecretError

from .client import Login, Server, Trouble, VaultError

T = TypeVar("T")

log = logging.getLogger(__name__)

#: A token without end is looked at once a day.
_DAY = 86_400.0

#: The fields of an entry are asked for one after the other; within these seconds they come from one version.
_SAME_VERSION = 1.0


@dataclass(frozen=True, slots=True)
class Account:
    """Who logs in where. ``role_id`` and ``secret_id`` are read at each login; they raise SecretError."""

    mount: str
    kv_mount: str
    role_id: Callable[[], str]
    secret_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds before something is tried again: at first and at most while Vault is away, and after refused logins. ``answer``
    is how long one call may take in all.

    Five wrong logins lock a role, and each one keeps the count of the last 15 minutes alive (deploy.md §3): a refused
    one is not repeated sooner than that, unless with another role_id or secret_id, for which is looked every ``longest``.
    """

    first: float = 1.0
    longest: float = 60.0
    refused: float = 16 * 60.0
    answer: float = 20.0


def renewal_after(lease: float) -> float:
    """Seconds after which a lease is renewed: two thirds of it, which leaves a third for trying again."""
    return lease * 2 / 3 if lease else _DAY


def is_worn_out(first_lease: float, lease: float) -> bool:
    """The token nears its maximal TTL: renewing it gave less than half of what the login gave."""
    return lease < first_lease / 2


def retry_after(failures: int, jitter: float, waits: Waits) -> float:
    """Seconds until the next try after so many failures in a row: doubling, then less up to half by ``jitter`` (0 to 1)."""
    return min(waits.longest, waits.first * 2.0 ** min(failures - 1, 20)) * (1 - jitter / 2)


def _text(value: object) -> str:
    """A field's text; ``vault kv put … secret=@FILE`` keeps the file's last newline, which is no part of a secret."""
    return value.removesuffix("\n").removesuffix("\r") if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class _Rest:
    """Until when something is not tried again, and what is said meanwhile."""

    until: float
    message: str
    trouble: Trouble


class VaultSession:
    """Reads entries of the KV engine with an AppRole's token. For one event loop; one call to Vault at a time."""

    def __init__(
        self, server: Server, account: Account, on_secret: Callable[[str], None], waits: Waits | None = None
    ) -> None:
        self._server = server
        self._account = account
        self._on_secret = on_secret
        self._waits = waits or Waits()
        self._calling = asyncio.Lock()
        self._threads = anyio.CapacityLimiter(4)
        self._login: Login | None = None
        self._first_lease = 0.0
        self._renewal_due = 0.0
        self._entries: dict[str, Mapping[str, object]] = {}
        self._read_anew: dict[str, float] = {}
        self._failures = 0
        self._away: _Rest | None = None
        self._shut: _Rest | None = None
        self._shown: tuple[str, str] | None = None

    async def read(self, path: str, field: str, *, fresh: bool) -> str:
        """The field of the entry, from memory unless ``fresh``. An entry is read as a whole.

        Raises:
            SecretError: it can't be read and was never read; it is gone or forbidden; it has no such field.
        """
        entry = None if fresh else self._entries.get(path)
        if entry is None:
            async with self._calling:
                entry = await self._entry(path, fresh=fresh)
        value = _text(entry.get(field))
        if not value:
            raise SecretError(
                f"Vault entry {self._account.kv_mount}/{path} has no text in field {field}; "
                "write it there, or correct the field's name"
            )
        self._on_secret(value)
        return value

    async def keep_alive(self) -> None:
        """Logs in, renews, and logs in again, for ever. Ends only when it is cancelled."""
        while True:
            try:
                pause = await self._tend()
            except Exception:
                log.exception("keeping the login at Vault alive failed for a reason of our own")
                pause = self._waits.longest
            await asyncio.sleep(pause)

    # --- entries ---

    async def _entry(self, path: str, *, fresh: bool) -> Mapping[str, object]:
        known = self._entries.get(path)
        if known is not None and (not fresh or time.monotonic() < self._read_anew.get(path, 0) + _SAME_VERSION):
            return known
        try:
            entry = await self._read(path)
        except SecretError as error:
            if known is None or (isinstance(error, VaultError) and error.trouble in (Trouble.DENIED, Trouble.MISSING)):
                raise
            return known
        self._entries[path] = entry
        if fresh:
            self._read_anew[path] = time.monotonic()
        return entry

    async def _read(self, path: str) -> Mapping[str, object]:
        login = self._login or await self._log_in()
        try:
            return await self._read_with(login, path)
        except VaultError as error:
            # A lost token and a missing permission look the same (HTTP 403).
            if error.trouble is not Trouble.DENIED or await self._call(lambda: self._server.is_valid(login.token)):
                raise
        return await self._read_with(await self._log_in(), path)

    async def _read_with(self, login: Login, path: str) -> Mapping[str, object]:
        return await self._call(lambda: self._server.read(login.token, self._account.kv_mount, path))

    # --- the login ---

    async def _tend(self) -> float:
        """Does what is due; returns the seconds until something is due again."""
        async with self._calling:
            try:
                await self._renew_or_log_in()
            except SecretError:
                log.debug("Vault is tried again later")
            now = time.monotonic()
            until = max([self._renewal_due, *(rest.until for rest in (self._away, self._shut) if rest)])
            if self._shut and now < self._shut.until:
                until = min(until, now + self._waits.longest)
            return max(until - now, 0)

    async def _renew_or_log_in(self) -> None:
        login = self._login
        if login is not None and time.monotonic() < self._renewal_due:
            return
        if login is None or not login.renewable or not await self._renew(login):
            await self._log_in()

    async def _renew(self, login: Login) -> bool:
        """Whether the token is good for longer now."""
        try:
            renewed = await self._call(lambda: self._server.renew(login.token))
        except VaultError as error:
            if error.trouble is Trouble.DENIED:
                return False
            raise
        if is_worn_out(self._first_lease, renewed.lease):
            return False
        self._keep(renewed)
        return True

    async def _log_in(self) -> Login:
        if self._shut and self._shut.trouble is Trouble.REFUSED and await self._in_thread(self._has_other_credentials):
            self._shut = replace(self._shut, until=0)
        login = await self._call(self._with_credentials, login=True)
        self._on_secret(login.token)
        self._first_lease = login.lease
        self._keep(login)
        return login

    def _with_credentials(self) -> Login:
        account = self._account
        self._shown = role_id, secret_id = account.role_id(), account.secret_id()
        return self._server.log_in(account.mount, role_id, secret_id)

    def _has_other_credentials(self) -> bool:
        """Somebody has exchanged what Vault refused. While it can't be read, it counts as the same."""
        try:
            return (self._account.role_id(), self._account.secret_id()) != self._shown
        except SecretError:
            return False

    def _keep(self, login: Login) -> None:
        self._login = login
        self._renewal_due = time.monotonic() + renewal_after(login.lease)

    # --- calls, and leaving Vault alone ---

    async def _call(self, work: Callable[[], T], *, login: bool = False) -> T:
        """What ``work`` gives, from a worker thread; while Vault is to be left alone, what it said last."""
        for rest in (self._away, self._shut if login else None):
            if rest is not None and time.monotonic() < rest.until:
                raise VaultError(rest.message, rest.trouble)
        try:
            answer = await self._in_thread(work)
        except SecretError as error:
            self._note(error)
            raise
        if self._away or (login and self._shut):
            log.info("Vault answers again")
        self._failures, self._away = 0, None
        self._shut = None if login else self._shut
        return answer

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """What ``work`` gives. A Vault that never comes to the end of its answer keeps one of a few threads, not the sidecar."""
        try:
            async with asyncio.timeout(self._waits.answer):
                return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._threads)
        except TimeoutError:
            raise VaultError(f"Vault {self._server.address} can't be reached: timed out", Trouble.AWAY) from None

    def _note(self, error: SecretError) -> None:
        trouble = error.trouble if isinstance(error, VaultError) else Trouble.AWAY
        before = self._shut if trouble in (Trouble.REFUSED, Trouble.LOCKED_OUT) else self._away
        if trouble in (Trouble.REFUSED, Trouble.LOCKED_OUT):
            self._shut = _Rest(time.monotonic() + self._waits.refused, str(error), trouble)
        elif trouble is Trouble.AWAY:
            self._failures += 1
            pause = retry_after(self._failures, random.random(), self._waits)  # noqa: S311 (spreads load, hides nothing)
            self._away = _Rest(time.monotonic() + pause, str(error), trouble)
        else:
            return
        if before is None or before.message != str(error):
            log.warning("%s", error)
