"""Calls to Vault or OpenBao, with an error message for every refusal. The only file that uses their client (hvac).

Everything here waits for the network; ``session.py`` calls it from worker threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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

#: Seconds: a hundred years. What claims more, or NaN, is no lease.
_LONGEST_LEASE = 100 * 366 * 86_400.0

_NOT_VAULT = "does not answer like Vault: set vault.address to the Vault server itself"


class Trouble(Enum):
    """What went wrong, as far as the next step depends on it."""

    AWAY = auto()
    """Unreachable, sealed, or not Vault: try again later; values in memory stay in use until then."""
    DENIED = auto()
    """The token is no longer valid, or its policy does not allow this."""
    REFUSED = auto()
    """AppRole does not accept role_id and secret_id."""
    LOCKED_OUT = auto()
    """Vault refuses even correct credentials for 15 minutes, because of too many wrong ones before."""
    MISSING = auto()
    """There is nothing at that path, or the wrapping token does not exist."""


class VaultError(SecretError):
    """Vault refused a call or could not answer. The message says what to do; it quotes nothing from Vault's answer."""

    def __init__(self, message: str, trouble: Trouble) -> None:
        super().__init__(message)
        self.trouble = trouble


@dataclass(frozen=True, slots=True)
class Login:
    """A token that Vault issued.

    Attributes:
        lease: seconds that it is valid; 0: it does not expire.
        renewable: whether its lease can be extended.
    """

    token: str
    lease: float
    renewable: bool

    def __repr__(self) -> str:
        return f"Login(lease={self.lease:g}, renewable={self.renewable})"


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What Vault says of a token: seconds that it is still valid (0: it does not expire), and its policies.

    ``renewable``: whether its lease can be extended.
    """

    left: float
    renewable: bool
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wrapped:
    """Where and when a wrapping token was created: the API path, and the time (RFC 3339)."""

    creation_path: str
    creation_time: str


class Server:
    """One Vault server. Methods raise VaultError, and SecretError if its CA file can't be used."""

    def __init__(self, address: str, ca_file: Path | None = None, namespace: str | None = None) -> None:
        self.address = address
        self._ca_file = ca_file
        self._namespace = namespace
        self._http: requests.Session | None = None

    def log_in(self, mount: str, role_id: str, secret_id: str) -> Login:
        """A token for the AppRole."""
        client = self._client()
        return self._call(
            lambda: _login(client.auth.approle.login(role_id, secret_id, use_token=False, mount_point=mount)),
            _login_errors(mount),
        )

    def renew(self, token: str) -> Login:
        """The same token with a new lease."""
        client = self._client(token)
        return self._call(lambda: _login(client.auth.token.renew_self()), _token_errors)

    def is_valid(self, token: str) -> bool:
        """Whether Vault still accepts the token."""
        client = self._client(token)
        try:
            self._call(client.auth.token.lookup_self, _token_errors)
        except VaultError as error:
            if error.trouble is Trouble.DENIED:
                return False
            raise
        return True

    def describe(self, token: str) -> TokenFacts:
        """What the token is."""
        client = self._client(token)
        return self._call(lambda: _token_facts(client.auth.token.lookup_self()), _token_errors)

    def capabilities(self, token: str, paths: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """What the token may do at these paths of the API, by path."""
        client = self._client(token)
        if not paths:
            return {}
        return self._call(
            lambda: _capabilities(client.adapter.post("/v1/sys/capabilities-self", json={"paths": list(paths)}), paths),
            _token_errors,
        )

    def revoke(self, token: str) -> None:
        """Revokes the token."""
        client = self._client(token)
        self._call(client.auth.token.revoke_self, _token_errors)

    def read(self, token: str, mount: str, path: str) -> Mapping[str, object]:
        """All fields of the newest version of a KV version 2 entry. The error says so if another engine is mounted there."""
        kv = self._client(token).secrets.kv.v2
        refused = VaultError(f"Vault {self.address} {_version_1(mount)}", Trouble.MISSING)
        try:
            fields = self._call(
                lambda: _fields(kv.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)),
                _entry_errors(mount, path),
            )
            if fields is not None:
                return fields
        except VaultError as error:
            refused = error
        if refused.trouble in (Trouble.DENIED, Trouble.MISSING):
            self.check_engine(token, mount)
        raise refused

    def check_engine(self, token: str, mount: str) -> None:
        """Raises VaultError if Vault says that something other than KV version 2 is mounted there (OPS-9).

        It says so only to a token that may do anything at all below the mount; for another one nothing is known.
        """
        client = self._client(token)
        try:
            wrong = self._call(
                lambda: _wrong_engine(client.adapter.get(f"/v1/sys/internal/ui/mounts/{mount.strip('/')}"), mount),
                _token_errors,
            )
        except VaultError:
            return
        if wrong is not None:
            raise VaultError(f"Vault {self.address} {wrong}", Trouble.MISSING)

    def look_up(self, wrapping_token: str) -> Wrapped:
        """Where a wrapping token was created; this does not use it up."""
        client = self._client()
        return self._call(
            lambda: _wrapped(client.adapter.post("/v1/sys/wrapping/lookup", json={"token": wrapping_token})),
            _wrapping_errors,
        )

    def unwrap(self, wrapping_token: str) -> Mapping[str, object]:
        """What was wrapped. The token works once, and only when the client sends it as its own (OPS-3)."""
        client = self._client(wrapping_token)
        return self._call(lambda: dict(client.sys.unwrap()["data"]), _wrapping_errors)

    # --- inside ---

    def _client(self, token: str = "") -> Any:
        """A new client for each call: it is cheap, and worker threads share only the connections."""
        if self._http is None:
            self._http = transport.connections(self._ca_file)
        return hvac.Client(
            url=self.address,
            token=token,
            # With None it would use VAULT_CLIENT_CERT from the environment.
            cert=(),
            namespace=self._namespace,
            session=self._http,
            timeout=_TIMEOUT,
            allow_redirects=False,
        )

    def _call(self, call: Callable[[], T], explain: _Explain) -> T:
        try:
            return call()
        except exceptions.VaultError as error:
            trouble, text = explain(error) or _general_error(error)
        except requests.exceptions.RequestException as error:
            trouble, text = Trouble.AWAY, transport.explain(error)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            trouble, text = Trouble.AWAY, _NOT_VAULT
        raise VaultError(f"Vault {self.address} {text}", trouble)


# --- answers ----------------------------------------------------------------------------------------------------------


def _login(answer: Any) -> Login:
    granted = answer["auth"]
    lease = float(granted["lease_duration"])
    if not 0 <= lease <= _LONGEST_LEASE:
        raise ValueError("not a number of seconds")
    return Login(str(granted["client_token"]), lease, bool(granted["renewable"]))


def _token_facts(answer: Any) -> TokenFacts:
    data = answer["data"]
    left = float(data["ttl"])
    if not 0 <= left <= _LONGEST_LEASE:
        raise ValueError("not a number of seconds")
    return TokenFacts(left, bool(data["renewable"]), tuple(str(policy) for policy in data["policies"]))


def _capabilities(answer: Any, paths: Sequence[str]) -> dict[str, tuple[str, ...]]:
    return {path: tuple(str(each) for each in answer["data"][path]) for path in paths}


def _fields(answer: Any) -> dict[str, object] | None:
    """None for an entry without a version: version 1 gives the fields themselves, one of which may be called "data" (OPS-9)."""
    data = answer["data"]
    metadata = data.get("metadata")
    versioned = isinstance(metadata, dict) and isinstance(metadata.get("version"), int)
    return dict(data["data"]) if versioned else None


def _wrong_engine(answer: Any, mount: str) -> str | None:
    """What is wrong with the engine at the mount, as the end of a sentence; None if it is KV version 2."""
    kind, options = answer["data"]["type"], answer["data"]["options"] or {}
    if kind not in ("kv", "generic"):
        return f"has an engine of another kind at {mount}, not KV version 2: correct vault.kv_mount"
    return None if str(options.get("version")) == "2" else _version_1(mount)


def _version_1(mount: str) -> str:
    return (
        f"has KV version 1 at {mount}, and backup-glance reads version 2 only: mount a new engine (vault secrets enable "
        "-path=PATH kv-v2), move the entries there and set vault.kv_mount; or upgrade this one (vault kv "
        f"enable-versioning {mount})"
    )


def _wrapped(answer: Any) -> Wrapped:
    data = answer["data"]
    return Wrapped(str(data["creation_path"]), str(data["creation_time"]))


# --- error messages ---------------------------------------------------------------------------------------------------

#: What a refusal means for one kind of call; None: nothing specific to it.
_Explain = Callable[[exceptions.VaultError], tuple[Trouble, str] | None]


def _login_errors(mount: str) -> _Explain:
    def explain(error: exceptions.VaultError) -> tuple[Trouble, str] | None:
        if isinstance(error, exceptions.InvalidRequest) and "CIDR" in _texts(error):
            # Vault does not count this as a wrong login (measured), so it can be tried again soon.
            return Trouble.AWAY, (
                "does not allow logins from this machine's address: correct the role's secret_id_bound_cidrs "
                "or the cidr_list of the secret_id"
            )
        if isinstance(error, exceptions.InvalidRequest):
            return Trouble.REFUSED, (
                "refuses role_id and secret_id: the secret_id is expired, wrong, used up or destroyed, or the role_id "
                "belongs to another role; issue a new secret_id, enrol it and restart backup-glance"
            )
        if isinstance(error, exceptions.Forbidden):
            return Trouble.LOCKED_OUT, (
                "refuses every login (HTTP 403): too many wrong logins have locked this role for 15 minutes (backup-glance "
                f"waits that long); or there is no AppRole method at auth/{mount} (vault.approle.mount)"
            )
        if isinstance(error, exceptions.InvalidPath):
            return Trouble.AWAY, "has no such namespace or login; correct vault.namespace and vault.approle.mount"
        if "missing" in _texts(error):
            return Trouble.AWAY, "got an empty role_id or secret_id; fill the credential and restart backup-glance"
        return None

    return explain


def _entry_errors(mount: str, path: str) -> _Explain:
    place = f"{mount}/{path}"

    def explain(error: exceptions.VaultError) -> tuple[Trouble, str] | None:
        if isinstance(error, exceptions.Forbidden):
            return Trouble.DENIED, (
                f'does not allow the AppRole to read {place}: add to its policy: path "{mount}/data/{path}" '
                '{ capabilities = ["read"] }'
            )
        if isinstance(error, exceptions.InvalidPath) and error.errors is None:
            return Trouble.MISSING, f"has only deleted versions of {place}: undelete one, or write the entry again"
        if isinstance(error, exceptions.InvalidPath):
            return Trouble.MISSING, f"has nothing at {place} (KV version 2): write the entry there, or correct its path"
        return None

    return explain


def _token_errors(error: exceptions.VaultError) -> tuple[Trouble, str] | None:
    # In the last second of its maximal TTL a token can't be renewed; Vault answers HTTP 500 then (measured).
    if isinstance(error, exceptions.Forbidden) or "past the max TTL" in _texts(error):
        return Trouble.DENIED, "does not accept the token any more"
    return None


def _wrapping_errors(error: exceptions.VaultError) -> tuple[Trouble, str] | None:
    if isinstance(error, exceptions.InvalidRequest | exceptions.Forbidden):
        return Trouble.MISSING, (
            "does not know this wrapping token: it has expired, is mistyped, or was unwrapped already. If you did not "
            "unwrap it, somebody else has the secret_id: destroy it by its accessor. Then issue a new one"
        )
    return None


def _general_error(error: exceptions.VaultError) -> tuple[Trouble, str]:
    """Errors that every call can have. Vault's own text is not quoted: a 404 contains the metadata of an entry."""
    for kind, text in (
        (exceptions.VaultDown, "is sealed or not initialised (HTTP 503): unseal it"),
        (exceptions.VaultNotInitialized, "is not initialised (HTTP 501)"),
        (exceptions.RateLimitExceeded, "limits the rate of calls (HTTP 429)"),
        (exceptions.InternalServerError, "failed (HTTP 500): read its log"),
        (exceptions.BadGateway, "is behind a proxy that can't reach it (HTTP 502)"),
    ):
        if isinstance(error, kind):
            return Trouble.AWAY, text
    return Trouble.AWAY, _NOT_VAULT


def _texts(error: exceptions.VaultError) -> str:
    """The errors in Vault's answer, which may be a list, empty or absent (OPS-4)."""
    return " ".join(str(text) for text in error.errors or ())
