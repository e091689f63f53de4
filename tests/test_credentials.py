"""Secrets: where they are read from, and the error when they can't be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sidecar.config.secret_refs import CredentialSecret, FileSecret, VaultSecret
from sidecar.credentials import LONGEST, Credentials, sidecar_keys
from sidecar.errors import SecretError

KEY = "k" * 32


@pytest.mark.parametrize(
    ("content", "value"), [("s3cret", "s3cret"), ("s3cret\n", "s3cret"), ("s3cret\n\n", "s3cret\n"), ("a\r\n", "a")]
)
def test_one_final_newline_is_stripped(tmp_path: Path, content: str, value: str) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content.encode())

    assert Credentials(None).local(FileSecret(file=path)) == value


def test_a_credential_is_a_file_in_the_credentials_directory(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc")

    assert asyncio.run(Credentials(tmp_path).reader(CredentialSecret(credential="token"))(False)) == "abc"


def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "token"
    read = Credentials(None).reader(FileSecret(file=path))
    path.write_text("old")
    assert asyncio.run(read(False)) == "old"
    path.write_text("new")
    assert asyncio.run(read(False)) == "new"


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        (FileSecret(file=Path("/nonexistent/token")), "file /nonexistent/token: No such file or directory"),
        (CredentialSecret(credential="token"), "credential token: $CREDENTIALS_DIRECTORY is not set"),
        (VaultSecret(vault="a/b", field="c"), "vault entry a/b: there is no vault: section"),
    ],
)
def test_what_cannot_be_read_is_named(secret: FileSecret | CredentialSecret | VaultSecret, says: str) -> None:
    with pytest.raises(SecretError) as caught:
        asyncio.run(Credentials(None).reader(secret)(False))

    assert says in str(caught.value)


def test_a_file_that_is_not_a_secret_is_refused_without_quoting_it(tmp_path: Path) -> None:
    big, binary = tmp_path / "big", tmp_path / "binary"
    big.write_text("x" * (LONGEST + 1))
    binary.write_bytes(b"\xff\xfe\x00")

    for path, says in ((big, "is not a secret"), (binary, "is not UTF-8 text")):
        with pytest.raises(SecretError, match=says):
            Credentials(None).local(FileSecret(file=path))


def test_each_line_of_sidecar_keys_is_a_key(tmp_path: Path) -> None:
    (tmp_path / "sidecar_keys").write_text(f"{KEY}\n\n{'n' * 40}\n")

    assert sidecar_keys(Credentials(tmp_path)) == (KEY, "n" * 40)


@pytest.mark.parametrize(
    "content",
    [
        f"# made on Monday, to be replaced at the end of this year\n{KEY}\n",
        f"{KEY}\n#{'o' * 40}\n  # {'o' * 40}\n",
        f"{KEY}  # the one of Caddy, not a key of {'o' * 40}\n",
        f"\ufeff# {'o' * 40}\r\n{KEY}\r\n",
    ],
)
def test_a_comment_in_sidecar_keys_is_not_a_key(tmp_path: Path, content: str) -> None:
    (tmp_path / "sidecar_keys").write_text(content)

    assert sidecar_keys(Credentials(tmp_path)) == (KEY,)


@pytest.mark.parametrize(
    "content",
    ["", "\n\n", "short\n", f"{KEY}\nshort\n", f"# {KEY}\n", f"a comment without its mark, {KEY}\n", f"ä{KEY}\n"],
)
def test_without_a_key_of_32_characters_nothing_starts(tmp_path: Path, content: str) -> None:
    (tmp_path / "sidecar_keys").write_text(content)

    with pytest.raises(SecretError, match="at least 32 characters"):
        sidecar_keys(Credentials(tmp_path))
