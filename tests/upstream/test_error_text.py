"""Errors of upstreams: one line of text without secrets, and how long to wait after rate limiting."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import pytest

from sidecar.texts.known_secrets import KnownSecrets
from sidecar.upstream.error_text import error_text, note_secrets, retry_after

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"permission check failed\n", "permission check failed"),
        (
            b'{"data":null,"message":"Permission check failed (/, Sys.Audit)\\n"}',
            "Permission check failed (/, Sys.Audit)",
        ),
        (b'{"data":null}', ""),
        (b'{"message":["no","text"]}', ""),
        (b"<html><body>502 Bad Gateway</body></html>", ""),
        (b"line one\r\nline\x00two \x1b[31mred", r"line one line\u0000two \u001b[31mred"),
        (b"\xff\xfe", "��"),
        (b"", ""),
        (b"[" * 100_000, "[" * 200 + "…"),
        (b"x" * 1000, "x" * 200 + "…"),
    ],
)
def test_an_error_body_becomes_one_clean_line(body: bytes, words: str) -> None:
    assert error_text(body, ()) == words


@pytest.mark.parametrize(
    ("authorization", "body", "echo"),
    [
        ("PBSAPIToken=glance@pbs!x:5a-secret%25value", b"", "5a-secret%value"),
        ("PVEAPIToken=glance@pve!x=5a-secret-value", b"", "5a-secret-value"),
        ("Bearer 12|5a-secret=", b"", "12|5a-secret="),
        ("", b'{"username":"admin","password":"p4 ssword:="}', "p4 ssword:="),
    ],
)
def test_a_secret_that_comes_back_is_left_out(authorization: str, body: bytes, echo: str) -> None:
    text = error_text(f"no such token {echo} here".encode(), secrets_in(authorization, body))

    assert text == "no such token [withheld] here"


def test_the_user_of_a_login_is_not_withheld() -> None:
    login = b64encode(b"backup-glance:geheim-geheim-geheim").decode()
    known = KnownSecrets(["backup-glance:geheim-geheim-geheim"])
    note_secrets(known, f"Basic {login}", b"")

    text = error_text(f"guest backup-glance, not {login},geheim-geheim".encode(), known)

    assert text == "guest backup-glance, not [withheld],[withheld]"


def secrets_in(authorization: str, body: bytes = b"") -> KnownSecrets:
    known = KnownSecrets()
    note_secrets(known, authorization, body)
    return known


def test_half_of_a_secret_is_not_left_at_the_end_of_a_shortened_text() -> None:
    assert "5a-sec" not in error_text(b"x" * 190 + b"5a-secret-value", secrets_in("Bearer 5a-secret-value"))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("37", 37),
        ("0", 0),
        ("999999999999", 600),
        ("Mon, 23 Nov 2026 06:31:00 GMT", 60),
        ("Mon, 23 Nov 2026 06:00:00 GMT", 0),
        ("Mon, 23 Nov 2026 06:31:00", 30),
        ("soon", 30),
        ("-5", 30),
        (None, 30),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_long(header: str | None, seconds: float) -> None:
    assert retry_after(header, NOW) == seconds
