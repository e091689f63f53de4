"""Logs: known secrets never appear in them."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from sidecar.config.secret_refs import CredentialSecret
from sidecar.credentials import Credentials, sidecar_keys
from sidecar.logs import Redacting


def written(formatter: Redacting, text: str) -> str:
    return formatter.format(logging.LogRecord("place", logging.WARNING, __file__, 1, "%s", (text,), None))


def test_every_secret_that_was_read_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first line of it\nsecond line of it\n")
    (tmp_path / "sidecar_keys").write_text(f"{'a' * 32}\n{'b' * 40}\n")
    formatter = Redacting()
    credentials = Credentials(tmp_path, on_secret=formatter.hide)

    credentials.local(CredentialSecret(credential="token"))
    sidecar_keys(credentials)

    for secret in ("first line of it", "second line of it", "a" * 32, "b" * 40):
        assert written(formatter, f"got {secret}!") == "WARNING place: got [withheld]!"


def test_a_secret_in_a_traceback_is_replaced() -> None:
    formatter = Redacting()
    formatter.hide("s3cret-of-the-test")
    try:
        int("s3cret-of-the-test")
    except ValueError:
        record = logging.LogRecord("place", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())

    assert "s3cret-of-the-test" not in formatter.format(record)


@pytest.mark.parametrize("order", [("12345678", "12345678|longer"), ("12345678|longer", "12345678")])
def test_nothing_is_left_of_two_secrets_when_one_begins_with_the_other(order: tuple[str, str]) -> None:
    formatter = Redacting()
    for secret in order:
        formatter.hide(secret)

    assert written(formatter, "12345678|longer") == "WARNING place: [withheld]"


def test_short_values_are_replaced_as_whole_words_unless_upstreams_use_them_themselves() -> None:
    formatter = Redacting()
    formatter.hide("hunter2")
    formatter.hide("source")

    assert written(formatter, "source hunter2 hunter23") == "WARNING place: source [withheld] hunter23"


def test_secrets_that_are_no_longer_used_are_forgotten_and_those_in_use_are_not() -> None:
    """A sidecar that logs in to Vault every hour for years must not become slower with every log line."""
    formatter = Redacting()
    for number in range(3000):
        formatter.hide(f"token-number-{number}")
        formatter.hide("secret-in-use")

    assert len(formatter.known) <= 1000
    assert written(formatter, "token-number-2999 secret-in-use") == "WARNING place: [withheld] [withheld]"
