"""Calls to Vault or OpenBao: the only file that knows their client (hvac), and the words for every way they refuse.

Everything here waits for the network; ``vault_session.py`` calls it from worker threads.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, TypeVar

import hvac
import requests
from hvac import exceptions
from requests.adapters import HTTPAdapter

from . import tls
from .errors import SecretError

T = TypeVar("T")

#: Seconds to connect, and between two pieces of an answer.
_TIMEOUT = (3.05, 10.0)

_NOT_VAULT = "gave an answer that is not Vault's; compare vault.address with the server's api_addr"


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
        return self._ask(lambda: _login(client.auth.token.renew_self()), _TOKEN_WORDS)

    def is_valid(self, token: str) -> bool:
        """Whether Vault still accepts the token."""
        client = self._client(token)
        try:
            self._ask(client.auth.token.lookup_self, _TOKEN_WORDS)
        except VaultError as error:
            if error.trouble is Trouble.DENIED:
                return False
            raise
        return True

    def revoke(self, token: str) -> None:
        """Makes the token worthless."""
        client = self._client(token)
        self._ask(client.auth.token.revoke_self, _TOKEN_WORDS)

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
            _WRAPPING_WORDS,
        )

    def unwrap(self, wrapping_token: str) -> Mapping[str, object]:
        """What was wrapped. The token works once, and only as the client's own (toolchain.md §1.3)."""
        client = self._client(wrapping_token)
        return self._ask(lambda: dict(client.sys.unwrap()["data"]), _WRAPPING_WORDS)

    # --- inside ---

    def _client(self, token: str = "") -> Any:
        """A client of its own for each call: it is cheap, and worker threads share only the connections."""
        if self._http is None:
            self._http = _session(self._ca_file)
        return hvac.Client(
            url=self.address,
            token=token,
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
            trouble, text = Trouble.AWAY, _network_words(error)
        except (KeyError, TypeError, ValueError, AttributeError):
            trouble, text = Trouble.AWAY, _NOT_VAULT
        raise VaultError(f"Vault {self.address} {text}", trouble)
