"""Reads the values that secret references point to. Values are kept in memory only and are never part of a message."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol, Self

import anyio

from . import files
from .config.secret_refs import CredentialSecret, FileSecret, Secret, VaultSecret
from .errors import SecretError
from .texts.known_secrets import KnownSecrets
from .texts.secret_parts import secret_parts

#: Bytes. No secret is longer; a larger file is the wrong file.
LONGEST = 64 * 1024

#: A comment in ``sidecar_keys``, and what a key looks like: it is sent as one word of a header.
_COMMENT, _KEY = re.compile(r"(^|\s)#.*"), re.compile(r"[!-~]{32,}")

#: Names the directory of a unit's credentials, unless --credentials gives another one.
SYSTEMD_DIRECTORY = "CREDENTIALS_DIRECTORY"

#: Reads one secret; True asks for a fresh value instead of a cached one. Raises SecretError.
Read = Callable[[bool], Coroutine[Any, Any, str]]


class VaultReader(Protocol):
    """What this file needs from Vault."""

    async def read(self, path: str, field: str, *, fresh: bool) -> str:
        """The field of the entry. Raises SecretError."""


class Credentials:
    """Where secrets come from: files, systemd's credentials, Vault. Each value that was read is added to ``known``.

    ``on_secret`` is called with it too.
    """

    def __init__(
        self,
        directory: Path | None,
        vault: VaultReader | None = None,
        on_secret: Callable[[str], None] = lambda _: None,
        known: KnownSecrets | None = None,
    ) -> None:
        self.known = KnownSecrets() if known is None else known
        self._directory = directory
        self._vault = vault
        self._on_secret = on_secret

    def with_vault(self, vault: VaultReader) -> Self:
        """A copy that also reads from Vault."""
        return type(self)(self._directory, vault, self._on_secret, self.known)

    def on_secret(self, secret: str) -> None:
        """Notes a value that must not be told to anybody; of an address, its login and its tokens."""
        for part in secret_parts(secret):
            self.known.add(part)
            self._on_secret(part)

    def reader(self, secret: Secret | str) -> Read:
        """A function that reads this secret when it is needed; a plain text is returned as it is."""

        async def read(fresh: bool) -> str:
            if isinstance(secret, str):
                return secret
            return await self._read(secret, fresh=fresh)

        return read

    async def _read(self, secret: Secret, *, fresh: bool) -> str:
        if isinstance(secret, VaultSecret):
            if self._vault is None:
                raise SecretError(f"vault entry {secret.vault}: there is no vault: section")
            return await self._vault.read(secret.vault, secret.field, fresh=fresh)
        return await anyio.to_thread.run_sync(self.local, secret)

    def local(self, secret: CredentialSecret | FileSecret) -> str:
        """The value of a file or credential; one final newline is stripped. Raises SecretError."""
        value = self.unnoted(secret)
        for line in value.splitlines():
            self.on_secret(line)
        return value

    def unnoted(self, secret: CredentialSecret | FileSecret) -> str:
        """The same, for a file that holds more than a secret: who reads it says what of it is secret."""
        if isinstance(secret, FileSecret):
            return _text(secret.file, f"file {secret.file}")
        if self._directory is None:
            raise SecretError(
                f"credential {secret.credential}: ${SYSTEMD_DIRECTORY} is not set; "
                "start backup-glance as a systemd unit with credentials, or give a directory with --credentials"
            )
        return _text(self._directory / secret.credential, f"credential {secret.credential}")


def directory(option: Path | None) -> Path | None:
    """The credentials directory: the option, else systemd's, else none."""
    from_systemd = os.environ.get(SYSTEMD_DIRECTORY)
    return option or (Path(from_systemd) if from_systemd else None)


#: What to do without a sidecar key.
KEY_NEEDED = "callers need a key: write one of at least 32 random characters there"


def sidecar_keys(credentials: Credentials) -> tuple[str, ...]:
    """The keys that callers may use, one per line; blank lines and comments (from # on) are ignored. Raises SecretError."""
    keys = _keys(credentials.unnoted(CredentialSecret(credential="sidecar_keys")))
    for key in keys:
        credentials.on_secret(key)
    return _checked(keys, "credential sidecar_keys")


def keys_in(path: Path) -> tuple[str, ...]:
    """The same of a file, for a caller. Raises SecretError."""
    return _checked(_keys(_text(path, f"file {path}")), f"file {path}")


def _keys(text: str) -> tuple[str, ...]:
    lines = text.lstrip("\ufeff").splitlines()
    return tuple(key for line in lines if (key := _COMMENT.sub("", line).strip()))


def _checked(keys: tuple[str, ...], where: str) -> tuple[str, ...]:
    if not keys or not all(_KEY.fullmatch(key) for key in keys):
        raise SecretError(
            f"{where}: needs one key per line, each of at least 32 characters, without spaces and with ASCII characters only"
        )
    return keys


def _text(path: Path, what: str) -> str:
    try:
        data = files.read(path, LONGEST)
    except OSError as error:
        more = ", so it is not a secret" if error.errno == errno.EFBIG else ""
        raise SecretError(f"{what}: {error.strerror or 'unreadable'}{more}") from None
    try:
        return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise SecretError(f"{what}: is not UTF-8 text") from None
