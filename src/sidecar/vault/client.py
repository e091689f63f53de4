"""Calls to Vault or OpenBao: the only file that knows their client (hvac), and the words for every way they refuse.

Everything here waits for the network; ``vault_session.py`` calls it from worker threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, TypeVar

import hvac
import requests
from hvac import exceptions

from sidecar.errors import SecretError

from . import transport

T = TypeVar("T")

#: Seconds to connect, and between two pieces of an answer.
_TIMEOUT = (3.05, 10.0)

_NOT_VAULT = "does not answer as Vault does (redirects are not followed): set vault.address to the server itself"


class Trouble(Enum):
    """What went wrong, as far as the next step depends on it."""

    AWAY = auto()
    """Unreachable, sealed, or not itself: to be tried again, and what is in memory stays good meanwhile."""
    DENIED = auto()
    """The token is no longer valid, or its policy does not reach that far."""
    REFUSED = auto()
    """AppRole does not accept role_id and secret_id."""
    LOCKED_OUT = auto()
    """Vault refuses even right credentials for a quarter of an hour, because too many wrong ones came before."""
    MISSING = auto()
    """There is nothing at that path, or the wrapping token is none."""


class VaultError(SecretError):
    """Vault did not give what was asked. The message says what to do; it repeats nothing that Vault said."""

    def __init__(self, message: str, trouble: Trouble) -> None:
        super().__init__(message)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Login:
    """A token that Vault gave out.

    Attributes:
        lease: seconds that it is good for; 0: without end.
        renewable: whether its lease can be extended.
    """

    token: str
    lease: float
    renewable: bool

    def __repr__(self) -> str:
        return f"Login(lease={self.lease:g}, renewable={self.renewable})"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What a wrapping token says of itself: the path it was made at, and when (RFC 3339)."""

    creation_path: str
    creation_time: str


class Server:
    """One Vault server. Methods raise VaultError, and SecretError where its CA file can't be used."""

    def __init__(self, address: str, ca_file: Path | None = None, namespace: str | None = None) -> None:
        self.address = address
        self._ca_file = ca_file
        self._namespace = namespace
        self._http: requests.Session | None = None

    def log_in(self, mount: str, role_id: str, secret_id: str) -> Login:
        """A token for the AppRole."""
        client = self._client()
        words = _login_words(mount)
        return self._ask(
            lambda: _login(client.auth.approle.login(role_id, secret_id, use_token=False, mount_point=mount)), words
        )

    def renew(self, token: str) -> Login:
        """The same token with a new lease."""
        client = self._client(token)
        return self._ask(lambda: _login(client.auth.token.renew_self()), _token_words)

    def is_valid(self, token: str) -> bool:
        """Whether Vault still accepts the token."""
        client = self._client(token)
        try:
            self._ask(client.auth.token.lookup_self, _token_words)
        except VaultError as error:
            if error.trouble is Trouble.DENIED:
                return False
            raise
        return True

    def revoke(self, token: str) -> None:
        """Makes the token worthless."""
        client = self._client(token)
        self._ask(client.auth.token.revoke_self, _token_words)

    def read(self, token: str, mount: str, path: str) -> Mapping[str, object]:
        """All fields of the newest version of a KV version 2 entry."""
        kv = self._client(token).secrets.kv.v2
        return self._ask(
            lambda: _fields(kv.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)),
            _entry_words(mount, path),
        )

    def look_up(self, wrapping_token: str) -> Wrapped:
        """Where a wrapping token came from; that doesn't use it up."""
        client = self._client()
        return self._ask(
            lambda: _wrapped(client.adapter.post("/v1/sys/wrapping/lookup", json={"token": wrapping_token})),
            _wrapping_words,
        )

    def unwrap(self, wrapping_token: str) -> Mapping[str, object]:
        """What was wrapped. The token works once, and only as the client's own (toolchain.md §1.3)."""
        client = self._client(wrapping_token)
        return self._ask(lambda: dict(client.sys.unwrap()["data"]), _wrapping_words)

    # --- inside ---

    def _client(self, token: str = "") -> Any:
        """A client of its own for each call: it is cheap, and worker threads share only the connections."""
        if self._http is None:
            self._http = transport.connections(self._ca_file)
        return hvac.Client(
            url=self.address,
            token=token,
            # None would let it take VAULT_CLIENT_CERT from the environment.
            cert=(),
            namespace=self._namespace,
            session=self._http,
            timeout=_TIMEOUT,
            allow_redirects=False,
        )

    def _ask(self, call: Callable[[], T], words: _Words) -> T:
        try:
            return call()
        except exceptions.VaultError as error:
            trouble, text = words(error) or _any_words(error)
        except requests.exceptions.RequestException as error:
            trouble, text = Trouble.AWAY, transport.words(error)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            trouble, text = Trouble.AWAY, _NOT_VAULT
        raise VaultError(f"Vault {self.address} {text}", trouble)


# --- answers ----------------------------------------------------------------------------------------------------------


def _login(answer: Any) -> Login:
    granted = answer["auth"]
    return Login(str(granted["client_token"]), float(granted["lease_duration"]), bool(granted["renewable"]))


def _fields(answer: Any) -> dict[str, object]:
    return dict(answer["data"]["data"])


def _wrapped(answer: Any) -> Wrapped:
    told = answer["data"]
    return Wrapped(str(told["creation_path"]), str(told["creation_time"]))


# --- words ------------------------------------------------------------------------------------------------------------

#: What a refusal means for one kind of call; None: nothing of its own.
_Words = Callable[[exceptions.VaultError], tuple[Trouble, str] | None]


def _login_words(mount: str) -> _Words:
    def words(error: exceptions.VaultError) -> tuple[Trouble, str] | None:
        if isinstance(error, exceptions.InvalidRequest) and "CIDR" in _said(error):
            # This doesn't count as a wrong login (measured), so it may be tried again soon.
            return Trouble.AWAY, (
                "does not let this machine's address log in: correct the role's secret_id_bound_cidrs "
                "or the cidr_list of the secret_id"
            )
        if isinstance(error, exceptions.InvalidRequest):
            return Trouble.REFUSED, (
                "refuses role_id and secret_id: the secret_id is expired, wrong, used up or destroyed, or the role_id is "
                "of another role; issue a new secret_id, enrol it and restart backup-glance"
            )
        if isinstance(error, exceptions.Forbidden):
            return Trouble.LOCKED_OUT, (
                "refuses every login (HTTP 403): too many wrong ones have locked this role for 15 minutes, in which it is "
                f"left alone; or there is no AppRole method at auth/{mount} (vault.approle.mount)"
            )
        if isinstance(error, exceptions.InvalidPath):
            return Trouble.AWAY, "knows no such namespace or login; correct vault.namespace and vault.approle.mount"
        if "missing" in _said(error):
            return (
                Trouble.AWAY,
                "was shown an empty role_id or secret_id; fill the credential and restart backup-glance",
            )
        return None

    return words


def _entry_words(mount: str, path: str) -> _Words:
    place = f"{mount}/{path}"

    def words(error: exceptions.VaultError) -> tuple[Trouble, str] | None:
        if isinstance(error, exceptions.Forbidden):
            return Trouble.DENIED, (
                f'does not let the AppRole read {place}: add to its policy: path "{mount}/data/{path}" '
                '{ capabilities = ["read"] }'
            )
        if isinstance(error, exceptions.InvalidPath) and error.errors is None:
            return Trouble.MISSING, f"has only a deleted version of {place}: undelete it, or write it again"
        if isinstance(error, exceptions.InvalidPath):
            return Trouble.MISSING, f"has nothing at {place} (KV version 2): write the entry there, or correct its path"
        return None

    return words


def _token_words(error: exceptions.VaultError) -> tuple[Trouble, str] | None:
    # In the last second of its maximal TTL a token can't be renewed, and that is an HTTP 500 (measured).
    if isinstance(error, exceptions.Forbidden) or "past the max TTL" in _said(error):
        return Trouble.DENIED, "does not accept the token any more"
    return None


def _wrapping_words(error: exceptions.VaultError) -> tuple[Trouble, str] | None:
    if isinstance(error, exceptions.InvalidRequest | exceptions.Forbidden):
        return Trouble.MISSING, (
            "does not know this wrapping token: it has expired, is mistyped, or was unwrapped already. If not by you, "
            "somebody else holds the secret_id: destroy it by its accessor. Then issue a new one"
        )
    return None


def _any_words(error: exceptions.VaultError) -> tuple[Trouble, str]:
    """What any call may meet. Vault's own text is not repeated: a 404 carries a whole entry's metadata."""
    for kind, text in (
        (exceptions.VaultDown, "is sealed or not initialised (HTTP 503): unseal it"),
        (exceptions.VaultNotInitialized, "is not initialised (HTTP 501)"),
        (exceptions.RateLimitExceeded, "asks for fewer calls (HTTP 429)"),
        (exceptions.InternalServerError, "failed (HTTP 500): read its log"),
        (exceptions.BadGateway, "is behind a proxy that doesn't reach it (HTTP 502)"),
    ):
        if isinstance(error, kind):
            return Trouble.AWAY, text
    return Trouble.AWAY, _NOT_VAULT


def _said(error: exceptions.VaultError) -> str:
    """The errors in its answer, which may be a list, empty or absent (toolchain.md §1.4)."""
    return " ".join(str(one) for one in error.errors or ())
