"""Tokens that are read again and again: from files, and from a Vault that may be away."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sidecar.config.secret_refs import FileSecret, VaultSecret
from sidecar.config.tokens import Token
from sidecar.credentials import Credentials
from sidecar.errors import SecretError
from sidecar.tokens.reading import Tokens

FIRST, SECOND = "first-token-of-a-program-0123456789", "second-token-of-a-program-012345678"


class Ended(BaseException):
    """The test has seen enough."""


@dataclass
class Vault:
    """Entries by path; None: it can't be read now. It holds what it had, as the session at Vault does."""

    entries: dict[str, str | None] = field(default_factory=dict)
    fresh: list[bool] = field(default_factory=list)

    async def read(self, path: str, field: str, *, fresh: bool) -> str:  # noqa: ARG002 (the name is the protocol's)
        self.fresh.append(fresh)
        value = self.entries.get(path)
        if value is None:
            raise SecretError("Vault https://vault.lan:8200 can't be reached: timed out")
        return value


def token(name: str, secret: FileSecret | VaultSecret, *scopes: str) -> Token:
    return Token.model_validate({"name": name, "token": secret, "for": list(scopes) or ["api"]})


def names(tokens: Tokens) -> list[str]:
    return [program.name for program in tokens.accepted.programs]


def test_a_file_that_changes_is_another_token_and_one_that_is_gone_is_none(tmp_path: Path) -> None:
    path, credentials = tmp_path / "token", Credentials(None)
    tokens = Tokens([token("n8n", FileSecret(file=path))], credentials, ["k" * 32])

    assert tokens.accepted.still_unread
    path.write_text(f"{FIRST}\n")
    assert asyncio.run(tokens.read())
    assert tokens.accepted.program(FIRST.encode()) is not None
    path.write_text(f"{SECOND}\n")
    assert asyncio.run(tokens.read())
    assert tokens.accepted.program(FIRST.encode()) is None
    assert tokens.accepted.program(SECOND.encode()) is not None
    path.unlink()
    assert not asyncio.run(tokens.read())
    assert names(tokens) == []
    assert not tokens.accepted.still_unread
    assert "can't be read: file" in tokens.notes[0]
    assert FIRST in credentials.known
    assert SECOND in credentials.known


def test_while_none_could_be_read_it_is_said_and_with_the_first_one_the_others_are_unknown(tmp_path: Path) -> None:
    vault = Vault()
    credentials = Credentials(None).with_vault(vault)
    (tmp_path / "b").write_text(SECOND)
    both = [token("a", VaultSecret(vault="x/a", field="t")), token("b", VaultSecret(vault="x/b", field="t"))]
    tokens = Tokens(both, credentials, [])

    assert not asyncio.run(tokens.read())
    assert tokens.accepted.still_unread
    vault.entries["x/b"] = SECOND
    assert not asyncio.run(tokens.read())
    assert (names(tokens), tokens.accepted.still_unread) == (["b"], False)
    vault.entries["x/a"] = FIRST
    assert asyncio.run(tokens.read())
    assert (names(tokens), tokens.notes) == (["a", "b"], ())
    assert all(vault.fresh), "a rotation is seen only by reading anew"


def test_no_token_at_all_is_not_one_that_can_not_be_read() -> None:
    tokens = Tokens([], Credentials(None), [])

    assert not tokens.accepted.still_unread
    asyncio.run(tokens.keep_reading(asyncio.sleep, nothing))


async def nothing() -> None:
    """Nobody is told."""


def test_after_a_failure_it_reads_again_soon_and_ever_more_rarely_then_every_five_minutes() -> None:
    vault = Vault()
    tokens = Tokens([token("a", VaultSecret(vault="x", field="t"))], Credentials(None).with_vault(vault), [])
    waits: list[float] = []
    told: list[tuple[str, ...]] = []

    async def changed() -> None:
        told.append(tokens.notes)

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 9:
            vault.entries["x"] = FIRST
        if len(waits) == 11:
            raise Ended

    with pytest.raises(Ended):
        asyncio.run(tokens.keep_reading(sleep, changed))
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300, 300]
    assert names(tokens) == ["a"]
    assert [len(notes) for notes in told] == [1, 0], "a note came, and went"


def test_what_is_wrong_is_logged_once_and_stands_among_the_notes_as_long_as_it_lasts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "token").write_text("short")
    tokens = Tokens([token("n8n", FileSecret(file=tmp_path / "token"))], Credentials(None), [])

    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            asyncio.run(tokens.read())

    assert len(caplog.records) == 1
    assert tokens.notes == tuple(record.getMessage() for record in caplog.records)
    (tmp_path / "token").write_text(FIRST)
    asyncio.run(tokens.read())
    assert tokens.notes == ()
