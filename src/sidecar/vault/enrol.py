"""Turns a wrapping token into the credential secret_id: checks it, unwraps it, tests a login, and writes the file atomically.

The steps and their order are HashiCorp's for response wrapping (OPS-1): a token that was created at another path, or was
already unwrapped, may mean that somebody intercepted it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from sidecar.errors import SecretError
from sidecar.texts.hidden_characters import displayed
from sidecar.texts.known_secrets import KnownSecrets

from .client import Server, VaultError

#: Characters of what Vault says that are shown.
_LONGEST_SHOWN = 200

#: Seconds for all calls. One alone may take a quarter of that until it connects and begins to answer.
WITHIN = 60.0

#: Seconds after which what is still being cleaned up is given up too.
_AGAIN = 5.0

_WRAPPING_TOKEN = re.compile(r"[A-Za-z0-9._-]{8,4096}")


class WrongOriginError(SecretError):
    """The wrapping token was not created where a secret_id is created: a possible attack; trying again is wrong."""


@dataclass(frozen=True, slots=True)
class Role:
    """The AppRole: where its method is mounted, its name, its role_id, and where the entries are that it may read."""

    mount: str
    name: str
    role_id: str
    kv_mount: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What may be shown of the secret_id: its accessor, which allows no login, and when it expires (None: never)."""

    accessor: str
    expires_at: datetime | None


def enrol(server: Server, role: Role, wrapping_token: str, credential: Path, within: float = WITHIN) -> Enrolled:
    """Writes the wrapped secret_id to ``credential`` (mode 0400), after a login with it has worked. For the main thread.

    ``within``: seconds that all of it may take, however slowly Vault answers.

    After any failure an older credential is unchanged. The token is used up only after everything else has been checked.

    Raises:
        WrongOriginError: the token was created elsewhere.
        SecretError: anything else; the message says what to do.
    """
    if not _WRAPPING_TOKEN.fullmatch(wrapping_token):
        raise SecretError("standard input is not a wrapping token; pass wrap_info.token and nothing else")
    with _limited(server, within), replacing(credential, 0o400) as file:
        known = KnownSecrets([wrapping_token, role.role_id])
        created = _checked_origin(server, role, wrapping_token, known)
        answer = server.unwrap(wrapping_token)
        secret_id = _secret_id(answer)
        known.add(secret_id)
        _test_login(server, role, secret_id)
        file.write(f"{secret_id}\n".encode())
    accessor = displayed(known.withheld(str(answer.get("secret_id_accessor", ""))))[:_LONGEST_SHOWN]
    return Enrolled(accessor, _end(created, answer.get("secret_id_ttl")))


@contextlib.contextmanager
def _limited(server: Server, seconds: float) -> Iterator[None]:
    """Raises SecretError in the block when it takes longer. No call has an end of its own while some bytes still come."""

    def expired(*_: object) -> None:
        raise SecretError(
            f"Vault {server.address} did not answer everything within {seconds:g} s, and nothing was written: find out what "
            "slows it down and try again. This attempt may have used up the wrapping token: if Vault does not know it any "
            "more, issue a new one"
        )

    before = signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _checked_origin(server: Server, role: Role, wrapping_token: str, known: KnownSecrets) -> str:
    wrapped = server.look_up(wrapping_token)
    # Vault gives the path within its namespace, whichever that is (OPS-10): the login with the role_id proves which one.
    wanted = f"auth/{role.mount}/role/{role.name}/secret-id"
    if wrapped.creation_path != wanted:
        path = known.withheld(wrapped.creation_path)[:_LONGEST_SHOWN]
        raise WrongOriginError(
            f"ALARM: this wrapping token was created at {path!r}, not at {wanted}. "
            "Somebody else may have unwrapped the original token and replaced it: do not use it, read "
            "Vault's audit log, destroy the secret_id by its accessor, and issue a new one. (If the role has another name, "
            "set it with --role; its mount is vault.approle.mount.)"
        )
    return wrapped.creation_time


def _secret_id(answer: Mapping[str, object]) -> str:
    secret_id = answer.get("secret_id")
    if not isinstance(secret_id, str) or not secret_id:
        raise SecretError("the wrapping token contains no secret_id; issue a new one")
    if answer.get("secret_id_num_uses"):
        raise SecretError(
            "this secret_id is limited to a number of logins, and every start needs one: set the role's secret_id_num_uses to 0 "
            "and issue a new one"
        )
    return secret_id


def _test_login(server: Server, role: Role, secret_id: str) -> None:
    try:
        login = server.log_in(role.mount, role.role_id, secret_id)
        try:
            server.check_engine(login.token, role.kv_mount)
        finally:
            # The test is done; if the token can't be revoked, it expires by itself.
            with contextlib.suppress(VaultError):
                server.revoke(login.token)
    except VaultError as error:
        raise SecretError(
            f"{error} (the wrapping token is used up: once this is fixed, issue a new secret_id)"
        ) from None


def _end(created: str, seconds: object) -> datetime | None:
    """When the secret_id expires. Vault sends nanoseconds, which Python's parser cuts off."""
    if not isinstance(seconds, int) or not seconds:
        return None
    try:
        return datetime.fromisoformat(created) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None


@contextlib.contextmanager
def replacing(path: Path, mode: int) -> Iterator[BinaryIO]:
    """A new file that replaces ``path`` atomically if the block succeeds, and is removed otherwise. Raises SecretError."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                os.fchmod(file.fileno(), mode)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise SecretError(f"{path}: can't be written: {error.strerror}; run it as root") from None
