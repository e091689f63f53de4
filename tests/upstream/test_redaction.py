"""What looks like a secret in a text of an upstream is not kept, and what only looks odd is made plain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.upstream.redaction import shown

SECRET = "hunter2-Horse"


@pytest.mark.parametrize(
    "text",
    [
        f"mount -o username=u,password={SECRET},vers=3",
        f"rsync --password-file x --api-token {SECRET} host",
        f"cmd --secret={SECRET}",
        f'{{"passphrase": "{SECRET} and more"}}',
        f"PBS_PASSWORD={SECRET} proxmox-backup-client",
        f"MYSQL_ROOT_PASSWORD: '{SECRET}'",
        f"GET https://user:{SECRET}@nas.lan/dump",
        f"smb://{SECRET}@nas.lan",
        f"Authorization: Bearer {SECRET}",
        f"authorization: Basic {SECRET}",
        f"Authorization: PBSAPIToken=monitor@pbs!glance:{SECRET}",
        f"PVEAPIToken=monitor@pve!glance={SECRET}",
        f"login of backup@pbs!pve1:{SECRET} refused",
        f"-----BEGIN OPENSSH PRIVATE KEY-----{SECRET}",
        f"secret : {SECRET}",
        f"curl -u admin:{SECRET} https://nas.lan",
        f"curl --user 'admin:{SECRET}' https://nas.lan",
        f"sshpass -p {SECRET} ssh backup@nas.lan",
        f"mysqldump -u root -p{SECRET} crm",
        f"Cookie: session={SECRET}",
        f"PVEAuthCookie=PVE:root@pam:6543::{SECRET}",
        f"GET https://user:p/{SECRET}@{SECRET}@nas.lan/dump",
    ],
)
def test_a_secret_beside_its_name_is_hidden(text: str) -> None:
    assert SECRET not in shown(text)
    assert "…" in shown(text)


@pytest.mark.parametrize(
    "text",
    [
        "7f0a1b2c-1111-2222-3333-444455556666",
        "c50a1523f26ff9bb73151213d2b20e177794bc4fcf0112ab59d0ed656ba916d3",
        "QWxhZGRpbjpvcGVuIHNlc2FtZQ1234567890abcd==",
    ],
)
def test_what_has_the_form_of_a_key_is_hidden(text: str) -> None:
    assert shown(f"got {text} there") == "got … there"


@pytest.mark.parametrize(
    "text",
    [
        "no space left on device",
        "permission check failed - missing Datastore.Backup on /datastore/store4",
        "verify store1:vm/100/2026-11-23T01:30:00Z/drive-scsi0.img.fidx failed: chunks could not be verified",
        "Querying namespaces failed - HTTP error 401 Unauthorized - authentication failed - invalid credentials",
        "error trying to connect: error connecting to https://127.0.0.1:8999/ - tcp connect error: Connection refused",
        "can't acquire lock '/var/run/vzdump.lock' - got timeout",
        "the token may not do that",
        "mkdir -p /mnt/nas/dump: Permission denied",
        "no such user: see https://nas.lan/help, or ask admin@nas.lan",
    ],
)
def test_ordinary_errors_stay_as_they_are(text: str) -> None:
    assert shown(text) == text


def test_characters_that_nobody_sees_or_that_turn_text_around_are_shown_as_escapes() -> None:
    text = shown("a\u202eb\u2066c\u200bd\ufeffe\x00f\x1b[1mg\nh\ti\ud800j")

    assert text == r"a\u202eb\u2066c\u200bd\ufeffe\u0000f\u001b[1mg h i\ud800j"


def test_a_text_is_cut_after_its_secrets_were_hidden() -> None:
    assert SECRET not in shown(f"{'x ' * 95}password={SECRET}")
    assert len(shown("y " * 100_000)) == 201


@pytest.mark.parametrize("bad", ["password=" * 500, "a@" * 2000, "-" * 4000, "x" * 4000, "://" * 1300, "0-" * 2000])
def test_no_text_takes_long(bad: str) -> None:
    """Each of these would take minutes in a pattern that goes back and forth; the suite's own time limit would end it."""
    assert len(shown(bad)) <= 201


@given(st.text(max_size=300), st.text(alphabet="abcdefgh01", min_size=8, max_size=20))
def test_a_secret_of_ours_is_never_in_what_is_shown(text: str, secret: str) -> None:
    middle = len(text) // 2

    assert secret not in shown(f"{text[:middle]}{secret}{text[middle:]}", [secret])
