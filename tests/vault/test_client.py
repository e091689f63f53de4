"""Calls to Vault: their results, and the error message for each refusal (OPS-3)."""

from __future__ import annotations

import gzip
import http.server
import socket
import ssl
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from requests.adapters import HTTPAdapter

from sidecar.errors import SecretError
from sidecar.vault.client import Login, Server, Trouble, VaultError, Wrapped
from tests.simulators.certificates import make_certificates
from tests.vault.server import Bao

WRONG = "wrong-secret-id-of-this-test"


@pytest.fixture
def server(bao: Bao) -> Server:
    return Server(bao.address, bao.ca_file)


def refusal(call: Callable[[], object]) -> VaultError:
    """The error of a call. It must not carry the underlying exceptions, which contain whole answers."""
    with pytest.raises(VaultError) as caught:
        call()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


# --- what works ---


def test_it_logs_in_reads_and_renews(bao: Bao, server: Server) -> None:
    role = bao.role(token_ttl="20s")

    login = server.log_in("approle", role.role_id, role.secret_id)

    assert (login.lease, login.renewable) == (20, True)
    assert login.token not in repr(login)
    assert server.read(login.token, "secret", "backup-glance/pbs")["token_id"] == "monitor@pbs!glance"
    assert server.renew(login.token) == login
    assert server.is_valid(login.token)


def test_a_revoked_token_is_no_longer_valid(bao: Bao, server: Server) -> None:
    role = bao.role()
    login = server.log_in("approle", role.role_id, role.secret_id)

    server.revoke(login.token)

    assert not server.is_valid(login.token)
    assert refusal(lambda: server.renew(login.token)).trouble is Trouble.DENIED


def test_an_approle_may_be_mounted_elsewhere(bao: Bao, server: Server) -> None:
    bao.call("POST", "sys/auth/elsewhere/approle", {"type": "approle"})
    bao.call("POST", "auth/elsewhere/approle/role/a", {"token_policies": "backup-glance"})
    role_id = bao.call("GET", "auth/elsewhere/approle/role/a/role-id")["data"]["role_id"]
    secret_id = bao.call("POST", "auth/elsewhere/approle/role/a/secret-id")["data"]["secret_id"]

    assert server.log_in("elsewhere/approle", role_id, secret_id).token


def test_a_wrapping_token_says_where_it_was_created_and_gives_its_secret_once(bao: Bao, server: Server) -> None:
    role = bao.role()
    wrapped = bao.wrapping_token(f"auth/approle/role/{role.name}/secret-id")

    assert server.look_up(wrapped["token"]) == Wrapped(wrapped["creation_path"], wrapped["creation_time"])
    unwrapped = server.unwrap(wrapped["token"])
    assert server.log_in("approle", role.role_id, str(unwrapped["secret_id"])).token
    assert "was unwrapped already" in str(refusal(lambda: server.unwrap(wrapped["token"])))


def test_a_namespace_is_passed_on(bao: Bao) -> None:
    bao.call("POST", "sys/namespaces/home")
    role = bao.role()
    inside = Server(bao.address, bao.ca_file, "home")

    error = str(refusal(lambda: inside.log_in("approle", role.role_id, role.secret_id)))

    assert "no AppRole method at auth/approle" in error


# --- refused logins ---


@pytest.mark.parametrize("how", ["wrong secret_id", "wrong role_id", "expired", "used up", "destroyed"])
def test_a_refused_login_names_all_possible_causes(bao: Bao, server: Server, how: str) -> None:
    role = bao.role(secret_id_num_uses=1)
    role_id, secret_id = role.role_id, role.secret_id
    if how == "wrong secret_id":
        secret_id = WRONG
    elif how == "wrong role_id":
        role_id = "0" * 36
    elif how == "expired":
        secret_id = bao.secret_id(role.name, ttl="1s")["secret_id"]
        time.sleep(1.1)
    elif how == "used up":
        server.log_in("approle", role_id, secret_id)
    else:
        bao.destroy(role.name, role.secret_id_accessor)

    error = refusal(lambda: server.log_in("approle", role_id, secret_id))

    assert error.trouble is Trouble.REFUSED
    assert "the secret_id is expired, wrong, used up or destroyed, or the role_id belongs to another role" in str(error)
    assert secret_id not in str(error)


def test_an_address_outside_the_bound_cidrs_is_named_and_does_not_count_as_a_wrong_login(
    bao: Bao, server: Server
) -> None:
    role = bao.role(secret_id_bound_cidrs="203.0.113.0/24")

    for _ in range(7):
        error = refusal(lambda: server.log_in("approle", role.role_id, role.secret_id))
        assert error.trouble is Trouble.AWAY
        assert "secret_id_bound_cidrs" in str(error)


def test_the_sixth_wrong_login_in_a_row_is_a_lock_out_even_for_the_right_one(bao: Bao, server: Server) -> None:
    role = bao.role()
    for _ in range(5):
        assert refusal(lambda: server.log_in("approle", role.role_id, WRONG)).trouble is Trouble.REFUSED

    error = refusal(lambda: server.log_in("approle", role.role_id, role.secret_id))

    assert error.trouble is Trouble.LOCKED_OUT
    assert "locked this role for 15 minutes" in str(error)


@pytest.mark.parametrize(
    ("mount", "namespace", "empty", "says"),
    [
        ("nowhere", None, False, "there is no AppRole method at auth/nowhere (vault.approle.mount)"),
        ("approle", "nowhere", False, "correct vault.namespace"),
        ("approle", None, True, "got an empty role_id or secret_id"),
    ],
)
def test_a_login_at_the_wrong_place_names_the_key_to_correct(
    bao: Bao, mount: str, namespace: str | None, empty: bool, says: str
) -> None:
    role = bao.role()
    server = Server(bao.address, bao.ca_file, namespace)

    assert says in str(
        refusal(lambda: server.log_in(mount, "" if empty else role.role_id, "" if empty else role.secret_id))
    )


# --- refused reads ---


def test_what_cannot_be_read_is_named_with_what_to_do(bao: Bao, server: Server) -> None:
    bao.write("backup-glance/deleted", secret="gone")
    bao.call("DELETE", "secret/data/backup-glance/deleted")
    bao.write("backup-glance/destroyed", secret="gone")
    bao.call("PUT", "secret/destroy/backup-glance/destroyed", {"versions": [1]})
    role = bao.role()
    token = server.log_in("approle", role.role_id, role.secret_id).token

    def error(mount: str, path: str) -> str:
        return str(refusal(lambda: server.read(token, mount, path)))

    assert "has nothing at secret/backup-glance/unwritten (KV version 2)" in error("secret", "backup-glance/unwritten")
    assert "only deleted versions of secret/backup-glance/deleted" in error("secret", "backup-glance/deleted")
    assert "only deleted versions of secret/backup-glance/destroyed" in error("secret", "backup-glance/destroyed")
    policy = 'add to its policy: path "secret/data/other/pbs" { capabilities = ["read"] }'
    assert policy in error("secret", "other/pbs")
    assert 'path "kv/data/backup-glance/pbs"' in error("kv", "backup-glance/pbs")


def test_a_token_used_from_outside_its_bound_cidrs_is_denied(bao: Bao, server: Server) -> None:
    role = bao.role(token_bound_cidrs="127.0.0.1/32")
    token = server.log_in("approle", role.role_id, role.secret_id).token
    other = Server(bao.address, bao.ca_file)
    _dial_from(other, "127.0.0.2")

    assert refusal(lambda: other.read(token, "secret", "backup-glance/pbs")).trouble is Trouble.DENIED
    assert not other.is_valid(token)
    assert server.is_valid(token)


def _dial_from(server: Server, address: str) -> None:
    server._client()
    adapter = server._http.get_adapter("https://")  # type: ignore[union-attr]
    assert isinstance(adapter, HTTPAdapter)
    adapter.poolmanager.connection_pool_kw["source_address"] = (address, 0)


# --- a server that is not there, is sealed, or is not Vault ---


def test_every_call_to_a_sealed_server_says_that_it_is_sealed(bao: Bao, server: Server) -> None:
    role = bao.role()
    token = server.log_in("approle", role.role_id, role.secret_id).token
    wrapping = bao.wrapping_token(f"auth/approle/role/{role.name}/secret-id")["token"]
    bao.seal()

    calls: list[Callable[[], object]] = [
        lambda: server.log_in("approle", role.role_id, role.secret_id),
        lambda: server.renew(token),
        lambda: server.is_valid(token),
        lambda: server.read(token, "secret", "backup-glance/pbs"),
        lambda: server.look_up(wrapping),
        lambda: server.unwrap(wrapping),
    ]
    for call in calls:
        error = refusal(call)
        assert error.trouble is Trouble.AWAY
        assert str(error) == f"Vault {bao.address} is sealed or not initialised (HTTP 503): unseal it"


def test_a_server_that_was_never_initialised_is_named(tmp_path: Path) -> None:
    fresh = Bao(tmp_path)
    fresh.start()
    try:
        assert "sealed or not initialised" in str(
            refusal(lambda: Server(fresh.address, fresh.ca_file).log_in("approle", "a", "b"))
        )
    finally:
        fresh.stop()


def test_a_server_that_cannot_be_reached_names_the_key_to_correct(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    refused = refusal(lambda: Server(f"https://127.0.0.1:{port}").look_up("x"))
    unknown = refusal(lambda: Server("https://no-such-host.invalid:8200").look_up("x"))

    assert refused.trouble is unknown.trouble is Trouble.AWAY
    assert str(refused).endswith("can't be reached: connection refused; start it, or correct vault.address")
    assert "its name can't be resolved" in str(unknown)


def test_a_server_that_accepts_and_does_not_answer_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.vault.client._TIMEOUT", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refusal(lambda: Server(f"https://127.0.0.1:{silent.getsockname()[1]}").look_up("x"))

    assert "timed out" in str(error)


def test_without_its_ca_the_server_is_not_trusted_whatever_the_environment_says(
    bao: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "VAULT_CACERT"):
        monkeypatch.setenv(name, str(bao.ca_file))

    error = refusal(lambda: Server(bao.address).look_up("x"))

    assert "can't be trusted: its certificate is not trusted" in str(error)
    assert "vault.ca_file" in str(error)


def test_only_the_configured_ca_is_trusted(bao: Bao, server: Server) -> None:
    """requests would add the CAs of certifi to it."""
    refusal(lambda: server.look_up("x"))

    adapter = server._http.get_adapter(bao.address)  # type: ignore[union-attr]
    assert adapter._context.cert_store_stats()["x509"] == 1  # type: ignore[union-attr]


def test_a_certificate_of_another_host_is_not_trusted(bao: Bao, tmp_path: Path) -> None:
    pair = make_certificates(tmp_path)["pbs"]
    with _answering(lambda handler: handler.send_response(200), pair.certificate, pair.key) as port:
        error = refusal(lambda: Server(f"https://127.0.0.1:{port}", pair.certificate).look_up("x"))

    assert "can't be trusted" in str(error)


@pytest.mark.parametrize(("content", "says"), [(None, "No such file"), ("no PEM", "it contains no certificate")])
def test_a_ca_file_that_cannot_be_used_is_named(tmp_path: Path, content: str | None, says: str) -> None:
    ca = tmp_path / "ca.pem"
    if content:
        ca.write_text(content)

    with pytest.raises(SecretError, match=f"vault.ca_file {ca} can't be used: {says}"):
        Server("https://127.0.0.1:1", ca).look_up("x")


def test_a_ca_without_key_usage_is_trusted(tmp_path: Path) -> None:
    """Python 3.13 would refuse it; many private CAs are like that."""
    pair = make_certificates(tmp_path)["pve"]
    with _answering(lambda handler: handler.send_response(503), pair.certificate, pair.key) as port:
        assert "HTTP 503" in str(refusal(lambda: Server(f"https://127.0.0.1:{port}", pair.ca).look_up("x")))


# --- hostile answers ---


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, b"<html>login</html>", "does not answer like Vault"),
        (200, b"[]", "does not answer like Vault"),
        (200, b"[" * 100_000, "does not answer like Vault"),
        (200, b'{"auth": null, "data": null}', "does not answer like Vault"),
        (204, b"", "does not answer like Vault"),
        (404, b"not found", "does not answer like Vault"),
        (418, b"", "does not answer like Vault"),
        (429, b"{}", "limits the rate of calls"),
        (500, b'{"errors": "s3cret-in-an-error"}', "failed (HTTP 500)"),
        (502, b"", "HTTP 502"),
        (501, b"", "not initialised"),
    ],
)
def test_an_answer_that_is_not_from_vault_is_an_error_that_does_not_quote_it(
    tmp_path: Path, status: int, body: bytes, says: str
) -> None:
    pair = make_certificates(tmp_path)["pve"]

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with _answering(answer, pair.certificate, pair.key) as port:
        error = refusal(lambda: Server(f"https://127.0.0.1:{port}", pair.ca).look_up("x"))

    assert error.trouble is Trouble.AWAY
    assert says in str(error)
    assert "s3cret" not in str(error)


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Encoding": "gzip"}, gzip.compress(b" " * 50_000_000)),
        ({"Content-Encoding": "gzip, gzip"}, gzip.compress(gzip.compress(b"{}"))),
        ({}, b"[" + b" " * 5_000_000 + b"]"),
        ({}, b"[" + b"[]," * 1_000_000 + b"[]]"),
    ],
    ids=["gzip", "nested gzip", "long", "many parts"],
)
def test_an_answer_is_read_up_to_a_limit_and_not_inflated(
    tmp_path: Path, status: int, headers: dict[str, str], body: bytes
) -> None:
    pair = make_certificates(tmp_path)["pve"]

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        with suppress(OSError):
            handler.wfile.write(body)

    tracemalloc.start()
    try:
        with _answering(answer, pair.certificate, pair.key) as port:
            error = refusal(lambda: Server(f"https://127.0.0.1:{port}", pair.ca).look_up("x"))
        assert tracemalloc.get_traced_memory()[1] < 24_000_000
    finally:
        tracemalloc.stop()

    assert error.trouble is Trouble.AWAY
    assert "does not answer like Vault" in str(error)


@pytest.mark.parametrize("lease", ["NaN", "-1", "1e300", "Infinity", "-Infinity", '"soon"', "null", "[]"])
def test_a_lease_that_is_no_time_is_no_login(tmp_path: Path, lease: str) -> None:
    pair = make_certificates(tmp_path)["pve"]
    body = f'{{"auth": {{"client_token": "t", "lease_duration": {lease}, "renewable": true}}}}'.encode()

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with _answering(answer, pair.certificate, pair.key) as port:
        error = refusal(lambda: Server(f"https://127.0.0.1:{port}", pair.ca).log_in("approle", "r", "s"))

    assert "does not answer like Vault" in str(error)


def test_a_client_certificate_of_the_environment_is_not_used(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    """hvac reads VAULT_CLIENT_CERT when it is imported."""
    monkeypatch.setattr("hvac.v1.VAULT_CLIENT_CERT", "/nonexistent/client.pem")
    role = bao.role()

    assert Server(bao.address, bao.ca_file).log_in("approle", role.role_id, role.secret_id).token


@contextmanager
def _answering(
    answer: Callable[[http.server.BaseHTTPRequestHandler], None], certificate: Path, key: Path
) -> Iterator[int]:
    """An HTTPS server that answers each request in this way."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            # Closing on a question that was not read would reset the connection, and the answer with it.
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            answer(self)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_login_never_shows_its_token() -> None:
    assert "hvs.secret" not in f"{Login('hvs.secret', 1, True)!r} {Login('hvs.secret', 1, True)}"
