"""Redirects: a standby's is followed to the active server that vault.ca_file proves; with any other no token leaves."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest

from sidecar.vault.client import Server, Trouble
from tests.simulators.certificates import make_certificates
from tests.vault.redirecting import redirecting
from tests.vault.server import Bao, running
from tests.vault.test_client import refusal

ENTRY = "backup-glance/pbs"
NOT_FOLLOWED = "only a standby's redirect is followed"
SECRETIVE = "hunter2-in-a-path"


def test_a_standbys_redirect_is_followed_with_token_and_body(bao: Bao) -> None:
    role = bao.role(token_ttl="20s")
    with redirecting(bao.tls(), lambda path: f"{bao.address}{path}") as standby:
        server = Server(standby.address, bao.ca_file)
        login = server.log_in("approle", role.role_id, role.secret_id)

        assert server.read(login.token, "secret", ENTRY)["token_id"] == "monitor@pbs!glance"
        assert server.renew(login.token) == login
        wrapped = bao.wrapping_token(f"auth/approle/role/{role.name}/secret-id")["token"]
        assert server.look_up(wrapped).creation_path == f"auth/approle/role/{role.name}/secret-id"
        assert server.unwrap(wrapped)["secret_id"]
    assert [asked.method for asked in standby.asked] == ["POST", "GET", "POST", "POST", "POST"]
    assert json.loads(standby.asked[0].body) == {"role_id": role.role_id, "secret_id": role.secret_id}


def test_a_second_redirect_is_followed_and_a_third_one_is_not(bao: Bao) -> None:
    """The active server may have become a standby meanwhile. Two standbys that name each other end nowhere."""
    role = bao.role()
    context = bao.tls()
    with (
        redirecting(context, lambda path: f"{bao.address}{path}") as third,
        redirecting(context, lambda path: f"{third.address}{path}") as second,
        redirecting(context, lambda path: f"{second.address}{path}") as first,
    ):
        assert Server(second.address, bao.ca_file).log_in("approle", role.role_id, role.secret_id).token
        error = refusal(lambda: Server(first.address, bao.ca_file).log_in("approle", role.role_id, role.secret_id))

    assert error.trouble is Trouble.AWAY
    assert f"redirects to {bao.address}; {NOT_FOLLOWED}" in str(error)


@pytest.mark.parametrize(
    ("location", "status", "named"),
    [
        ("https://127.0.0.1:PORT/v1/elsewhere/hunter2-in-a-path", 307, "https://127.0.0.1:PORT"),
        ("https://127.0.0.1:PORTPATH?hunter2-in-a-path", 307, "https://127.0.0.1:PORT"),
        ("https://127.0.0.1:PORTPATH#hunter2-in-a-path", 307, "https://127.0.0.1:PORT"),
        ("https://hunter2-in-a-path@127.0.0.1:PORTPATH", 307, ""),
        ("https://127.0.0.1:PORTPATH", 301, "https://127.0.0.1:PORT"),
        ("https://127.0.0.1:PORTPATH", 302, "https://127.0.0.1:PORT"),
        ("https://127.0.0.1:PORTPATH", 303, "https://127.0.0.1:PORT"),
        ("https://127.0.0.1:PORTPATH", 308, "https://127.0.0.1:PORT"),
        ("http://127.0.0.1:PORTPATH", 307, "http://127.0.0.1:PORT"),
        ("//127.0.0.1:PORTPATH", 307, ""),
        ("/hunter2-in-a-path", 307, ""),
        ("ftp://hunter2-in-a-path/", 307, ""),
        ("https://[hunter2-in-a-path/", 307, ""),
        ("https:\\\\hunter2-in-a-path\\@127.0.0.1:PORTPATH", 307, ""),
        ("", 307, ""),
    ],
)
def test_any_other_redirect_is_not_followed_and_nothing_of_its_path_is_told(
    bao: Bao, location: str, status: int, named: str
) -> None:
    with redirecting(bao.tls(), lambda _: "https://never.lan/") as other:

        def there(path: str) -> str:
            return location.replace("PORT", str(other.port)).replace("PATH", path)

        with redirecting(bao.tls(), there, status) as front:
            error = refusal(lambda: Server(front.address, bao.ca_file).read("s.token", "secret", ENTRY))

    assert error.trouble is Trouble.AWAY
    assert not other.asked
    to = f" to {named.replace('PORT', str(other.port))}" if named else ""
    assert f"Vault {front.address} redirects{to}; {NOT_FOLLOWED}" in str(error)
    assert "or to a load balancer that checks /v1/sys/health" in str(error)
    assert SECRETIVE not in str(error)
    assert ENTRY not in str(error)


@pytest.mark.parametrize("status", [307, 308])
def test_a_secret_in_the_place_of_a_host_is_neither_told_nor_looked_up(bao: Bao, status: int) -> None:
    """Who follows the first one asks DNS for it."""
    token, secret_id = "hvs.CAESIJ-token-of-the-sidecar", "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
    with redirecting(bao.tls(), lambda path: f"https://{token}{path}", status) as front:
        of_reading = refusal(lambda: Server(front.address, bao.ca_file).read(token, "secret", ENTRY))
        assert f"Vault {front.address} redirects; {NOT_FOLLOWED}" in str(of_reading)
    with redirecting(bao.tls(), lambda path: f"https://{secret_id}.lan:8200{path}", status) as front:
        of_the_login = refusal(lambda: Server(front.address, bao.ca_file).log_in("approle", "a-role-id", secret_id))
        assert f"Vault {front.address} redirects; {NOT_FOLLOWED}" in str(of_the_login)


def test_a_server_of_another_ca_gets_nothing(bao: Bao, tmp_path: Path) -> None:
    with (
        redirecting(_stranger(tmp_path), lambda path: f"{bao.address}{path}") as stranger,
        redirecting(bao.tls(), lambda path: f"{stranger.address}{path}") as standby,
    ):
        error = refusal(lambda: Server(standby.address, bao.ca_file).read("s.token", "secret", ENTRY))

    assert not stranger.asked
    assert f"is a standby and redirects to {stranger.address}, which can't be trusted: " in str(error)


def test_a_certificate_for_another_name_proves_nothing(bao: Bao) -> None:
    """127.0.0.2 answers with a certificate of the CA, for 127.0.0.1."""
    with redirecting(bao.tls(), lambda path: f"https://127.0.0.2:{bao.port}{path}") as standby:
        error = refusal(lambda: Server(standby.address, bao.ca_file).read("s.token", "secret", ENTRY))

    assert f"redirects to https://127.0.0.2:{bao.port}, which can't be" in str(error)


def test_with_the_systems_cas_no_redirect_is_followed(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    """They prove every server of the internet, so they say nothing of who may have the token."""
    monkeypatch.setenv("SSL_CERT_FILE", str(bao.ca_file))
    role = bao.role()
    assert Server(bao.address).log_in("approle", role.role_id, role.secret_id).token
    with (
        redirecting(bao.tls(), lambda _: "https://never.lan/") as other,
        redirecting(bao.tls(), lambda path: f"{other.address}{path}") as standby,
    ):
        error = refusal(lambda: Server(standby.address).log_in("approle", role.role_id, role.secret_id))

    assert not other.asked
    assert f"redirects to {other.address}; {NOT_FOLLOWED}" in str(error)


def test_from_http_no_redirect_is_followed(bao: Bao) -> None:
    with redirecting(None, lambda path: f"{bao.address}{path}") as plain:
        error = refusal(lambda: Server(f"http://127.0.0.1:{plain.port}", bao.ca_file).look_up("x"))

    assert NOT_FOLLOWED in str(error)


def test_an_ambient_token_is_not_sent(bao: Bao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor a password from .netrc, to neither server."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
    (tmp_path / ".vault-token").write_text("ambient-token")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VAULT_TOKEN", "ambient-token")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with (
        redirecting(bao.tls(), lambda _: "https://never.lan/") as active,
        redirecting(bao.tls(), lambda path: f"{active.address}{path}") as standby,
    ):
        refusal(lambda: Server(standby.address, bao.ca_file).look_up("x"))

    assert len(standby.asked) == len(active.asked) == 1
    for asked in standby.asked + active.asked:
        assert not {"X-Vault-Token", "Authorization"} & set(asked.headers)


def test_a_real_standby(tmp_path: Path) -> None:
    """It forwards calls by itself; where it can't, it redirects: to the active server, and to a dead one too (OPS-8)."""
    with running(tmp_path / "active", "raft") as active:
        role = active.role()
        active.write(ENTRY, secret="a-secret")
        standby = Bao(tmp_path / "standby", "raft", active=active)
        standby.start()
        try:
            standby.join()
            server = Server(standby.address, standby.ca_file)
            token = server.log_in("approle", role.role_id, role.secret_id).token
            server._http.headers["X-Vault-No-Request-Forwarding"] = "true"  # type: ignore[union-attr]
            login = server.log_in("approle", role.role_id, role.secret_id)
            assert login.token != token
            assert server.read(login.token, "secret", ENTRY)["secret"] == "a-secret"

            active.stop(in_order=False)
            error = refusal(lambda: server.log_in("approle", role.role_id, role.secret_id))
            assert f"is a standby and redirects to {active.address}, which can't be reached: connection" in str(error)
        finally:
            standby.stop(in_order=False)


def _stranger(directory: Path) -> ssl.SSLContext:
    pair = make_certificates(directory)["databasement"]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context
