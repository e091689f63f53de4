"""Of an address only what is secret is withheld: host names of the same house are on many pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.texts.known_secrets import KnownSecrets
from sidecar.texts.secret_parts import secret_parts


@pytest.mark.parametrize(
    ("secret", "parts"),
    [
        ("an-ordinary-password", ("an-ordinary-password",)),
        ("ntfys://glance:open-sesame@ntfy.example.com/backup-glance", ("open-sesame",)),
        ("ntfys://tk_fake0token@ntfy.example.com/backups?auth=token", ("tk_fake0token",)),
        ("ntfys://ntfy.sh/a-topic-4711", ("a-topic-4711",)),
        ("gotifys://gotify.example.com/AfakeToken1", ("AfakeToken1",)),
        ("discord://123456/fake-token-1", ("123456", "fake-token-1")),
        ("tgram://123456:fake-token-1/987", ("123456", "987", "fake-token-1")),
        ("mailtos://mail.example.com?user=glance&pass=open%20it&to=me@example.com", ("glance", "open it")),
        ("jsons://n8n.example.com/webhook/fake-1?+X-Key=fake2", ("fake-1", "fake2")),
        ("https://hc-ping.com/0f0f0f0f-fake", ("0f0f0f0f-fake",)),
        ("http://user:p%40ss1@kuma.example.com:3001/api/push/fake1", ("fake1", "p%40ss1", "p@ss1")),
        ("ftp://a:b@c", ("ftp://a:b@c",)),
        ("https://[", ("https://[",)),
    ],
)
def test_what_of_it_is_secret(secret: str, parts: tuple[str, ...]) -> None:
    assert secret_parts(secret) == parts


def test_a_host_of_the_same_domain_is_shown() -> None:
    known = KnownSecrets()
    for part in secret_parts("ntfys://glance:open-sesame-1@ntfy.example.com/backup-glance"):
        known.add(part)

    text = "could not reach https://backrest.example.com/: login open-sesame-1 refused by backup-glance"
    assert known.withheld(text).startswith("could not reach https://backrest.example.com/: login ")
    assert "open-sesame-1" not in known.withheld(text)
    assert known.withheld(text).endswith(" refused by backup-glance")


@given(st.text(min_size=1, max_size=60))
def test_whatever_is_no_address_is_secret_as_a_whole(text: str) -> None:
    assert secret_parts(f"x{text}") == (f"x{text}",) or "://" in text
