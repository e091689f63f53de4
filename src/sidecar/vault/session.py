"""A login at Vault that is kept valid, and the entries read with it. They stay in memory and in use while Vault is away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import anyio

from sidecar.errors import SecretError

from .client import Login, Server, TokenFacts, Trouble, VaultError

T = TypeVar("T")

log = logging.getLogger(__name__)

#: Seconds after which a token that does not expire is renewed all the same.
_DAY = 86_400.0

#: Seconds: a token whose lease is shorter is asked for again when it is refused.
_SHORTEST_RENEWAL = 0.5

#: Seconds. Fields of an entry that are read within this time of each other come from the same version.
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
    """Seconds to wait before trying again.

    Five wrong logins within 15 minutes lock a role (OPS-2). So a refused login is not repeated within that time, unless
    the role_id or secret_id has changed, which is checked every ``longest`` seconds.

    Attributes:
        first: after the first failure while Vault is away; doubles with each further one.
        longest: at most, while Vault is away.
        refused: after a refused login.
        answer: how long one call may take in total.
    """

    first: float = 1.0
    longest: float = 60.0
    refused: float = 16 * 60.0
    answer: float = 20.0


def renewal_after(lease: float) -> float:
    """Seconds after which a lease is renewed: two thirds of it, which leaves one third for retries; never at once again."""
    return max(lease * 2 / 3, _SHORTEST_RENEWAL) if lease else _DAY


def is_near_its_end(first_lease: float, lease: float) -> bool:
    """The token is near its maximal TTL: the renewal gave less than half of the lease that the login gave."""
    return lease < first_lease / 2


def retry_after(failures: int, jitter: float, waits: Waits) -> float:
    """Seconds until the next try: doubled with each failure in a row, reduced by up to half by ``jitter`` (0 to 1)."""
    return min(waits.longest, waits.first * 2.0 ** min(failures - 1, 20)) * (1 - jitter / 2)


def _text(value: object) -> str:
    """A field's text; ``vault kv put … secret=@FILE`` keeps the file's last newline, which is not part of the secret."""
    return value.removesuffix("\n").removesuffix("\r") if isinstance(value, str) else ""


@dataclass(frozen=True, slots=True)
class _Pause:
    """Until when something is not tried again, and the error that is raised until then."""

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
        self._away: _Pause | None = None
        self._refused: _Pause | None = None
        self._used: tuple[str, str] | None = None

    async def read(self, path: str, field: str, *, fresh: bool) -> str:
        """The field of the entry, from memory unless ``fresh``. An entry is always read as a whole.

        Raises:
            SecretError: it can't be read and was never read; it was deleted or is forbidden; it has no such field.
        """
        entry = None if fresh else self._entries.get(path)
        if entry is None:
            async with self._calling:
                entry = await self._entry(path, fresh=fresh)
        value = _text(entry.get(field))
        if not value:
            raise SecretError(
                f"Vault entry {self._account.kv_mount}/{path} has no text in field {field}; "
                "write it there, or correct the name of the field"
            )
        self._on_secret(value)
        return value

    async def keep_alive(self) -> None:
        """Logs in, renews the token, and logs in again, for ever. Ends only when it is cancelled."""
        while True:
            try:
                pause = await self._renew_if_due()
            except Exception:
                log.exception("internal error: renewing the login at Vault failed")
                pause = self._waits.longest
            await asyncio.sleep(pause)

    async def examine(self, paths: Sequence[str]) -> tuple[TokenFacts, Mapping[str, tuple[str, ...]]] | None:
        """What the login is worth: its token, and what that may do with these entries, by path.

        None where the token may not ask, which the policy ``default`` allows. Raises SecretError if there is no login.
        """
        async with self._calling:
            login = self._login or await self._log_in()
            places = {path: f"{self._account.kv_mount}/data/{path}" for path in paths}
            try:
                facts = await self._call(lambda: self._server.describe(login.token))
                held = await self._call(lambda: self._server.capabilities(login.token, list(places.values())))
            except VaultError as error:
                if error.trouble is Trouble.DENIED:
                    return None
                raise
        return facts, {path: held[place] for path, place in places.items()}

    async def wrong_engine(self) -> str | None:
        """What is wrong with the engine that the entries are read from; None: nothing, or the token may not ask.

        Raises SecretError if there is no login.
        """
        async with self._calling:
            login = self._login or await self._log_in()
            try:
                await self._call(lambda: self._server.check_engine(login.token, self._account.kv_mount))
            except VaultError as error:
                return str(error)
        return None

    async def log_out(self) -> None:
        """Gives the login back, for who needs it only for a moment. A token that can't be revoked expires by itself."""
        login, self._login = self._login, None
        if login is not None:
            with contextlib.suppress(SecretError):
                await self._in_thread(lambda: self._server.revoke(login.token))

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
            # An invalid token and a missing permission give the same answer (HTTP 403).
            if error.trouble is not Trouble.DENIED or await self._call(lambda: self._server.is_valid(login.token)):
                raise
        return await self._read_with(await self._log_in(), path)

    async def _read_with(self, login: Login, path: str) -> Mapping[str, object]:
        return await self._call(lambda: self._server.read(login.token, self._account.kv_mount, path))

    # --- the login ---

    async def _renew_if_due(self) -> float:
        """Renews or logs in if it is time; returns the seconds until it is time again."""
        async with self._calling:
            try:
                await self._renew_or_log_in()
            except SecretError:
                log.debug("Vault will be tried again later")
            now = time.monotonic()
            until = max([self._renewal_due, *(pause.until for pause in (self._away, self._refused) if pause)])
            if self._refused and now < self._refused.until:
                until = min(until, now + self._waits.longest)
            return max(until - now, 0)

    async def _renew_or_log_in(self) -> None:
        login = self._login
        if login is not None and time.monotonic() < self._renewal_due:
            return
        if login is None or not login.renewable or not await self._renew(login):
            await self._log_in()

    async def _renew(self, login: Login) -> bool:
        """Whether the token was renewed."""
        try:
            renewed = await self._call(lambda: self._server.renew(login.token))
        except VaultError as error:
            if error.trouble is Trouble.DENIED:
                return False
            raise
        if is_near_its_end(self._first_lease, renewed.lease):
            return False
        self._keep(renewed)
        return True

    async def _log_in(self) -> Login:
        refused = self._refused
        if refused and refused.trouble is Trouble.REFUSED and await self._in_thread(self._has_other_credentials):
            self._refused = replace(refused, until=0)
        login = await self._call(self._with_credentials, login=True)
        self._on_secret(login.token)
        self._first_lease = login.lease
        self._keep(login)
        return login

    def _with_credentials(self) -> Login:
        account = self._account
        self._used = role_id, secret_id = account.role_id(), account.secret_id()
        return self._server.log_in(account.mount, role_id, secret_id)

    def _has_other_credentials(self) -> bool:
        """Whether the refused role_id or secret_id was replaced. While they can't be read, they count as unchanged."""
        try:
            return (self._account.role_id(), self._account.secret_id()) != self._used
        except SecretError:
            return False

    def _keep(self, login: Login) -> None:
        self._login = login
        self._renewal_due = time.monotonic() + renewal_after(login.lease)

    # --- calls, and pauses between them ---

    async def _call(self, work: Callable[[], T], *, login: bool = False) -> T:
        """The result of ``work`` in a worker thread; during a pause, the last error again without a call."""
        for pause in (self._away, self._refused if login else None):
            if pause is not None and time.monotonic() < pause.until:
                raise VaultError(pause.message, pause.trouble)
        try:
            answer = await self._in_thread(work)
        except SecretError as error:
            self._note(error)
            raise
        if self._away or (login and self._refused):
            log.info("Vault answers again")
        self._failures, self._away = 0, None
        self._refused = None if login else self._refused
        return answer

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """The result of ``work``. A Vault that never finishes its answer blocks one of a few threads, not the sidecar."""
        try:
            async with asyncio.timeout(self._waits.answer):
                return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._threads)
        except TimeoutError:
            raise VaultError(f"Vault {self._server.address} can't be reached: timed out", Trouble.AWAY) from None

    def _note(self, error: SecretError) -> None:
        trouble = error.trouble if isinstance(error, VaultError) else Trouble.AWAY
        before = self._refused if trouble in (Trouble.REFUSED, Trouble.LOCKED_OUT) else self._away
        if trouble in (Trouble.REFUSED, Trouble.LOCKED_OUT):
            self._refused = _Pause(time.monotonic() + self._waits.refused, str(error), trouble)
        elif trouble is Trouble.AWAY:
            self._failures += 1
            pause = retry_after(self._failures, random.random(), self._waits)  # noqa: S311 (spreads load, hides nothing)
            self._away = _Pause(time.monotonic() + pause, str(error), trouble)
        else:
            return
        if before is None or before.message != str(error):
            log.warning("%s", error)
