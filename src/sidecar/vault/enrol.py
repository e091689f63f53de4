"""Turns a wrapping token into the credential secret_id: checked, unwrapped here and nowhere else, proved, put in place at once.

The steps and their order are HashiCorp's for response wrapping (deploy.md §3): a token made at another path, or unwrapped
before, may mean that somebody stands in between.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from sidecar.errors import SecretError

from .client import Server, VaultError

_WRAPPING_TOKEN = re.compile(r"[A-Za-z0-9._-]{8,4096}")


class WrongOriginError(SecretError):
    """The wrapping token was not made where a secret_id is made: an alarm, not a mistake to be repeated."""


@dataclass(frozen=True, slots=True)
class Role:
    """The AppRole: where its method is mounted, its name, and its role_id."""

    mount: str
    name: str
    role_id: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What may be told of the secret_id: a name for it that opens nothing, and when it ends (None: never)."""

    accessor: str
    expires_at: datetime | None


def enrol(server: Server, role: Role, wrapping_token: str, credential: Path) -> Enrolled:
    """Writes the secret_id behind the token to ``credential`` (mode 0400), after a login with it has worked.

    Whatever fails, an older credential stays as it was; and what can be known before is checked before the token is used up.

    Raises:
        WrongOriginError: the token wraps something else.
        SecretError: anything else; the message says what to do.
    """
    if not _WRAPPING_TOKEN.fullmatch(wrapping_token):
        raise SecretError("what came on standard input is no wrapping token; give it wrap_info.token and nothing else")
    with _replacing(credential) as file:
        created = _checked_origin(server, role, wrapping_token)
        answer = server.unwrap(wrapping_token)
        secret_id = _secret_id(answer)
        _prove(server, role, secret_id)
        file.write(f"{secret_id}\n".encode())
    return Enrolled(str(answer.get("secret_id_accessor", "")), _end(created, answer.get("secret_id_ttl")))


def _checked_origin(server: Server, role: Role, wrapping_token: str) -> str:
    wrapped = server.look_up(wrapping_token)
    wanted = f"auth/{role.mount}/role/{role.name}/secret-id"
    if wrapped.creation_path != wanted:
        raise WrongOriginError(
            f"ALARM: this wrapping token was made at {wrapped.creation_path[:200]!r}, not at {wanted}. "
            "Somebody else may have unwrapped or made this token and put another in its place: don't use it, look into "
            "Vault's audit log, destroy the secret_id by its accessor, and issue a new one. (If the role has another name, "
            "give it with --role; its mount is vault.approle.mount.)"
        )
    return wrapped.creation_time


def _secret_id(answer: Mapping[str, object]) -> str:
    secret_id = answer.get("secret_id")
    if not isinstance(secret_id, str) or not secret_id:
        raise SecretError("the wrapping token held no secret_id; issue a new one")
    if answer.get("secret_id_num_uses"):
        raise SecretError(
            "this secret_id is good for a few logins only, and every start needs one: set the role's secret_id_num_uses to 0 "
            "and issue a new one"
        )
    return secret_id


def _prove(server: Server, role: Role, secret_id: str) -> None:
    try:
        login = server.log_in(role.mount, role.role_id, secret_id)
    except VaultError as error:
        raise SecretError(
            f"{error} (the wrapping token is used up: once that is mended, issue a new secret_id)"
        ) from None
    # It has proved what it had to; if it can't be revoked it ends by itself.
    with contextlib.suppress(VaultError):
        server.revoke(login.token)


def _end(created: str, seconds: object) -> datetime | None:
    """Vault gives nanoseconds, which Python's parser cuts off."""
    if not isinstance(seconds, int) or not seconds:
        return None
    try:
        return datetime.fromisoformat(created) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` at once when all went well, and leaves nothing behind otherwise."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                os.fchmod(file.fileno(), 0o400)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise SecretError(f"credential {path}: can't be written: {error.strerror}; run it as root") from None
