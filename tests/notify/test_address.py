"""Which addresses are used: a few schemes, and no option that weakens or leaks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.notify.address import OPTIONS, fault


@pytest.mark.parametrize(
    "address",
    [
        "ntfy://ntfy.lan/backups",
        "ntfys://glance:open@ntfy.lan:8443/backups?priority=max&tags=floppy_disk",
        "ntfys://tk_fake@ntfy.lan/backups?auth=token",
        "gotify://gotify.lan/AfakeToken.123",
        "gotifys://gotify.lan/path/AfakeToken.123?priority=10",
        "discord://123456789/fake-token",
        "tgram://123456789:fake-token/12315544?silent=yes",
        "mailto://glance:open@mail.lan?from=glance@lan&to=me@lan",
        "mailtos://glance:open@mail.lan:587?from=glance@lan&to=me@lan&mode=starttls",
        "json://n8n.lan/webhook/fake",
        "jsons://n8n.lan/webhook/fake?+X-Key=fake&:team=home&method=PUT",
        "ntfy://ntfy.lan/backups?format=text",
        "ntfy://backups",
        "ntfy://ntfy.sh/backups?mode=cloud",
        "ntfy://ntfy.lan/backups/?email=me@lan,you@lan",
        "gotify://gotify.lan/below/a/path/AfakeToken.123",
        "tgram://123456789:fake-token/12315544:7/",
        "mailto://glance%40lan:open@mail.lan?from=glance@lan",
        "mailto://mail.lan/me@lan?from=glance@lan&reply=you@lan",
    ],
)
def test_these_are_used(address: str) -> None:
    assert fault(address) is None


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("https://discord.com/api/webhooks/1/fake", "the scheme https"),
        ("slack://fake/fake/fake", "the scheme slack"),
        ("file:///etc/passwd", "the scheme file"),
        ("syslog://", "the scheme syslog"),
        ("dbus://", "the scheme dbus"),
        ("xml://host", "the scheme xml"),
        ("ntfy", "the scheme of its address"),
        ("", "the scheme of its address"),
        ("ntfys://h/t?verify=no", "the option verify"),
        ("ntfys://h/t?VERIFY=no", "the option VERIFY"),
        ("jsons://h/?redirect=yes", "the option redirect"),
        ("ntfys://h/t?attach=/etc/passwd", "the option attach"),
        ("ntfys://h/t?filename=x", "the option filename"),
        ("discord://1/fake?template=/etc/passwd", "the option template"),
        ("tgram://1:fake/2?template=/etc/passwd", "the option template"),
        ("mailtos://h?to=a@lan&pgp=yes", "the option pgp"),
        ("mailtos://h?to=a@lan&pgpprv=/etc/passwd", "the option pgpprv"),
        ("mailtos://h?to=a@lan&inline=yes", "the option inline"),
        ("ntfys://h/t?retry=100", "the option retry"),
        ("ntfys://h/t?wait=100", "the option wait"),
        ("ntfys://h/t?rto=1000", "the option rto"),
        ("ntfys://h/t?store=yes", "the option store"),
        ("ntfys://h/t?overflow=split", "the option overflow"),
        ("ntfys://h/t?click=javascript:x", "the option click"),
        ("ntfys://h/t?actions=http,x", "the option actions"),
        ("ntfys://h/t?priority=1;verify=no", "the option verify"),
        ("ntfys://h/t?priority=1&&verify", "the option verify"),
        ("ntfys://h/t?%76erify=no", "the option verify"),
        ("ntfys://h/t?+X-Header=1", "the option X-Header"),
        ("ntfy://h/t?-x=1", "the option -x"),
        ("tgram://1:fake/2?format=html", "the option format must be text"),
        ("discord://1/fake?format=markdown", "the option format must be text"),
        ("mailtos://h?to=a@lan&mode=insecure", "mode=insecure"),
        ("ntfys://h/t#?verify=no", "a #"),
        ("ntfys://h/t\nntfys://h/u", "line breaks"),
        ("ntfys://h/t ntfys://h/u", "spaces"),
        ("ntfys://h/t?tk_fake0fake1fake2", "one of the options is not allowed"),
        ("ntfys://h/t?" + "x" * 5000, "too long"),
        ("ntfys://[h/t", "can't be understood"),
        ("ntfys://h:99999/t", "can't be understood"),
    ],
)
def test_these_are_refused_and_what_is_wrong_is_named(address: str, named: str) -> None:
    assert named in str(fault(address))


@pytest.mark.parametrize(
    "address",
    [
        "ntfy://ntfy.lan/one/two",
        "ntfy://ntfy.lan/one,two",
        "ntfys://ntfy.lan/one%2Ftwo",
        "ntfy://ntfy.lan/one?to=two",
        "ntfy://one/two?mode=cloud",
        "ntfy://one,two",
        "tgram://123456789:fake-token/1/2",
        "tgram://123456789:fake-token/1?to=2",
        "mailto://mail.lan?from=glance@lan&to=me@lan,you@lan",
        "mailto://mail.lan?from=glance@lan&to=me@lan&cc=you@lan",
        "mailto://mail.lan?from=glance@lan&to=me@lan&BCC=you%40lan",
        "mailto://mail.lan?from=glance@lan&cc=you@lan",
        "mailtos://mail.lan/me@lan/you@lan?from=glance@lan",
    ],
)
def test_one_address_is_one_target(address: str) -> None:
    assert fault(address) == "its address names several targets; write one receiver for each"


@given(st.text(max_size=100), st.sampled_from([*OPTIONS, "ntfys", "jsons"]))
def test_whatever_an_address_holds_its_fault_is_a_short_clause(rest: str, scheme: str) -> None:
    assert len(fault(f"{scheme}://fake-secret@{rest}") or "") < 200
    assert "fake-secret" not in (fault(f"{scheme}://fake-secret@{rest}") or "")
