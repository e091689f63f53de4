"""The Caddyfile with a real Caddy, in front of a small application that answers with the request that reached it."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from sidecar.web.app import create_app
from tests.caddy import BINARY, Caddy, running_caddy, sidecar
from tests.caddyfile import assert_version, render_caddyfile
from tests.processes import free_port, running
from tests.simulators.certificates import make_certificates
from tests.web.asking import nothing_due
from tests.web.boards import NOW, good_morning, many

READER = {"Accept": "text/html"}


@dataclass
class Echo:
    """Answers with the request it got; 401 when the key is not ``key``."""

    key: str = "right"
    seen: list[dict[str, str]] = field(default_factory=list)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.seen.append(headers)
        allowed = headers.get("authorization") == f"Bearer {self.key}" or scope["path"] == "/healthz"
        answer = json.dumps({"path": scope["path"], "headers": headers}).encode()
        own = [(b"content-security-policy", b"default-src 'none'"), (b"server", b"inside"), (b"www-authenticate", b"B")]
        await send({"type": "http.response.start", "status": 200 if allowed else 401, "headers": own})
        await send({"type": "http.response.body", "body": answer})


StartCaddy = Callable[..., Caddy]


@pytest.fixture
def start_caddy(tmp_path: Path) -> Iterator[StartCaddy]:
    """Starts Caddy with the given options of the Caddyfile."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(running_caddy(tmp_path, **options))


@pytest.fixture
def caddy(start_caddy: StartCaddy) -> Caddy:
    return start_caddy(try_for="1s")


def test_the_key_is_injected_and_may_change_without_a_reload(caddy: Caddy) -> None:
    echo = Echo()
    with sidecar(echo, caddy.upstream):
        first = caddy.client.get("/widget")
        caddy.key_file.write_text("next")
        echo.key = "next"
        second = caddy.client.get("/widget")
    assert [first.status_code, second.status_code] == [200, 200]
    assert [seen["authorization"] for seen in echo.seen] == ["Bearer right", "Bearer next"]


@pytest.mark.parametrize("content", [None, "", "\n"], ids=["missing", "empty", "only a newline"])
def test_without_a_key_nothing_passes_but_healthz(caddy: Caddy, content: str | None) -> None:
    caddy.key_file.unlink() if content is None else caddy.key_file.write_text(content)
    echo = Echo()
    with sidecar(echo, caddy.upstream):
        refused = caddy.client.get("/api/v1/status", headers=READER)
        alive = caddy.client.get("/healthz")
    assert refused.status_code == 503
    assert "Caddy has no key" in refused.text
    assert alive.status_code == 200
    assert len(echo.seen) == 1


def test_a_key_that_the_sidecar_refuses_is_an_error_of_the_installation(caddy: Caddy) -> None:
    with sidecar(Echo(key="another"), caddy.upstream):
        answer = caddy.client.get("/widget", headers=READER)
    assert answer.status_code == 503
    assert "does not accept Caddy's key" in answer.text
    assert "www-authenticate" not in answer.headers


def test_the_clients_credentials_are_replaced_or_removed(caddy: Caddy) -> None:
    echo = Echo()
    evil = {
        "Authorization": "Bearer evil",
        "Cookie": "session_token=evil",
        "X-Api-Key": "evil",
        "X_Api_Key": "evil",
        "Proxy-Authorization": "Basic evil",
        "Forwarded": "for=evil",
    }
    with sidecar(echo, caddy.upstream):
        assert caddy.client.get("/widget", headers=evil).status_code == 200
    assert "evil" not in json.dumps(echo.seen)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"])
def test_only_get_and_head_pass(caddy: Caddy, method: str) -> None:
    echo = Echo()
    with sidecar(echo, caddy.upstream):
        answer = caddy.client.request(method, "/widget")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "Everything here is read-only."
    assert echo.seen == []


def test_the_security_headers_of_the_sidecar_arrive_once_and_no_server_is_named(caddy: Caddy) -> None:
    app = create_app(timeline=nothing_due, board=good_morning, ready=lambda: True, keys=["right"], clock=lambda: NOW)
    with sidecar(app, caddy.upstream):
        answers = [caddy.client.get("/widget"), caddy.client.head("/widget"), caddy.client.get("/nowhere")]
    assert [answer.status_code for answer in answers] == [200, 200, 404]
    for answer in answers:
        policies = answer.headers.get_list("content-security-policy")
        assert len(policies) == 1
        assert "frame-ancestors 'self'" in policies[0]
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert {"server", "via"}.isdisjoint(answer.headers)


def test_the_root_leads_to_the_page_below_a_prefix_too(caddy: Caddy) -> None:
    app = create_app(timeline=nothing_due, board=good_morning, ready=lambda: True, keys=["right"], clock=lambda: NOW)
    with sidecar(app, caddy.upstream):
        for method in ("GET", "HEAD"):
            answer = caddy.client.request(method, "/?view=calendar")
            assert (answer.status_code, answer.headers["location"]) == (307, "./widget?view=calendar")
        followed = caddy.client.get("/", follow_redirects=True)
    assert (followed.status_code, followed.url.path) == (200, "/widget")


def test_a_mistake_in_the_address_is_a_page_of_the_sidecars_own_in_a_browser(caddy: Caddy) -> None:
    app = create_app(timeline=nothing_due, board=good_morning, ready=lambda: True, keys=["right"], clock=lambda: NOW)
    with sidecar(app, caddy.upstream):
        page = caddy.client.get("/widget?view=calender", headers=READER)
        document = caddy.client.get("/widget?view=calender")
        calendar = caddy.client.get("/calendar.ics")
    assert (page.status_code, page.headers["content-type"]) == (422, "text/html; charset=utf-8")
    assert "show all services" in page.text
    assert "Accept" in page.headers["vary"]
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert document.headers["content-type"] == "application/problem+json"
    assert calendar.headers["content-type"] == "text/calendar; charset=utf-8"


def test_a_sidecar_that_is_down_gives_a_readable_page_that_tries_again(caddy: Caddy) -> None:
    answer = caddy.client.get("/widget", headers=READER)
    assert answer.status_code == 502
    assert "backup-glance doesn't answer" in answer.text
    assert '<meta http-equiv="refresh" content="30">' in answer.text
    assert str(caddy.upstream) not in answer.text
    assert {"server", "via"}.isdisjoint(answer.headers)


def test_the_policy_of_the_error_page_allows_its_style_and_is_another_each_time(caddy: Caddy) -> None:
    nonces = set()
    for _ in range(2):
        answer = caddy.client.get("/widget", headers=READER)
        style = re.search(r'<style nonce="([0-9a-f-]{36})">', answer.text)
        assert style is not None
        assert f"style-src 'nonce-{style[1]}';" in answer.headers["content-security-policy"]
        nonces.add(style[1])
    assert len(nonces) == 2


def test_glance_gets_a_fragment_when_the_sidecar_is_down(caddy: Caddy) -> None:
    answer = caddy.client.get("/extension")
    assert answer.text == """<p class="color-highlight">backup-glance doesn't answer</p>"""
    assert answer.headers["widget-content-type"] == "html"
    assert answer.headers["widget-title"] == "Backups"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_pages_are_compressed_and_an_unchanged_one_is_not_sent_again(caddy: Caddy) -> None:
    """A page for 15 services is one document of 14 kB at most."""
    board = many(15)
    app = create_app(timeline=nothing_due, board=lambda: board, ready=lambda: True, keys=["right"], clock=lambda: NOW)
    with sidecar(app, caddy.upstream):
        for path in ("/widget", "/widget?view=calendar", "/widget?view=all"):
            for encoding in ("gzip", "zstd"):
                headers = {"Accept-Encoding": encoding}
                with caddy.client.stream("GET", path, headers=headers) as answer:
                    length = len(b"".join(answer.iter_raw()))
                assert answer.headers["content-encoding"] == encoding
                assert length < 14_000
                again = caddy.client.get(path, headers=headers | {"If-None-Match": answer.headers["etag"]})
                assert (again.status_code, again.content) == (304, b"")


def test_a_program_gets_a_problem_document_when_the_sidecar_is_down(caddy: Caddy) -> None:
    answer = caddy.client.get("/api/v1/status")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Bad Gateway",
        "status": 502,
        "detail": "backup-glance doesn't answer.",
    }


def test_no_request_fails_while_the_sidecar_restarts(start_caddy: StartCaddy) -> None:
    caddy = start_caddy(try_for="5s")
    statuses: list[int] = []
    stop = threading.Event()

    def send_requests() -> None:
        while not stop.is_set():
            statuses.append(caddy.client.get("/widget").status_code)

    with sidecar(Echo(), caddy.upstream):
        requests = threading.Thread(target=send_requests)
        requests.start()
        time.sleep(0.3)
    time.sleep(0.5)
    with sidecar(Echo(), caddy.upstream):
        time.sleep(0.5)
        stop.set()
        requests.join(10)
    assert len(statuses) > 10
    assert set(statuses) == {200}


def test_it_listens_only_on_the_given_address(caddy: Caddy) -> None:
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    addresses = re.findall(rf"^ *\d+: ([0-9A-F]+):{caddy.port:04X} [0-9A-F]+:0000 0A", listening, re.MULTILINE)
    assert addresses == ["0100007F"]


def test_the_log_holds_no_credentials(start_caddy: StartCaddy) -> None:
    caddy = start_caddy(log=True, try_for="100ms")
    headers = {"Authorization": "Bearer s3cret-a", "X-Api-Key": "s3cret-b", "Cookie": "s3cret-c"}
    caddy.client.get("/widget", headers=headers)
    with sidecar(Echo(), caddy.upstream):
        caddy.client.get("/widget", headers=headers)
    text = caddy.log.read_text()
    assert text.count("handled request") == 2
    assert "s3cret" not in text
    assert "Bearer" not in text


def test_only_the_named_networks_may_see_the_page(start_caddy: StartCaddy) -> None:
    caddy = start_caddy(allow=["192.0.2.0/24"], trusted_proxies=["127.0.0.0/8"])
    echo = Echo()
    with sidecar(echo, caddy.upstream):
        stranger = caddy.client.get("/widget", headers=READER)
        friend = caddy.client.get("/widget", headers={"X-Forwarded-For": "192.0.2.7"})
    assert (stranger.status_code, friend.status_code) == (403, 200)
    assert "<h1>127.0.0.1 may not see this page: it is not in backup_glance_networks</h1>" in stranger.text


#: What a proxy in front says, and the address that is seen; "" for those that are let in.
FORWARDED = {
    "198.51.100.7": "198.51.100.7",
    "192.0.2.7, 198.51.100.7": "198.51.100.7",
    "2001:DB8::7": "2001:db8::7",
    "fe80::7%eth0": "fe80::7",
    "::ffff:198.51.100.7": "::ffff:198.51.100.7",
    # Not within 192.0.2.0/24, but within the network that is named beside it.
    "::ffff:192.0.2.7": "::ffff:192.0.2.7",
    "::ffff:203.0.113.7": "",
    "192.0.2.7": "",
    "[fd00::7]:1234": "",
    "<script>alert(1)</script>": "127.0.0.1",
    'fe80::7%"><script>alert(1)</script>': "fe80::7",
    "{env.HOME}": "127.0.0.1",
}


def test_who_is_kept_out_is_told_the_address_that_was_seen_and_so_is_the_log(start_caddy: StartCaddy) -> None:
    """Also without an access log; and nobody else is logged then."""
    caddy = start_caddy(allow=["192.0.2.0/24", "fd00::/8", "::ffff:203.0.113.0/120"], trusted_proxies=["127.0.0.1"])
    with sidecar(Echo(), caddy.upstream):
        answers = {sent: caddy.client.get("/widget", headers={"X-Forwarded-For": sent}) for sent in FORWARDED}
        page = caddy.client.get("/widget", headers={"X-Forwarded-For": 'fe80::7%"><script>alert(1)</script>', **READER})

    assert {sent: answer.status_code for sent, answer in answers.items()} == {
        sent: 403 if seen else 200 for sent, seen in FORWARDED.items()
    }
    seen = [address for address in FORWARDED.values() if address]
    assert [answer.json()["detail"] for answer in answers.values() if answer.status_code == 403] == [
        f"{address} may not see this page: it is not in backup_glance_networks." for address in seen
    ]
    assert "alert" not in page.text
    entries = [json.loads(line) for line in caddy.log.read_text().splitlines() if '"handled request"' in line]
    assert [(entry["status"], entry["request"]["client_ip"]) for entry in entries] == [
        (403, address) for address in [*seen, "fe80::7"]
    ]


def test_an_address_of_ipv6_is_shown_to_who_comes_from_it(start_caddy: StartCaddy) -> None:
    caddy = start_caddy(allow=["192.0.2.0/24"], bind=["127.0.0.1", "::1"])
    with httpx.Client(base_url=f"http://[::1]:{caddy.port}", trust_env=False) as client:
        answer = client.get("/widget")
    assert answer.json()["detail"].startswith("::1 may not see this page: it is not in backup_glance_networks")


def test_a_forwarded_address_is_ignored_without_a_trusted_proxy(start_caddy: StartCaddy) -> None:
    caddy = start_caddy(allow=["192.0.2.0/24"])
    with sidecar(Echo(), caddy.upstream):
        assert caddy.client.get("/widget", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 403


#: Host → whether it is one of those that this Caddy is asked for by, when it is reached at 127.0.0.1.
HOSTS = {
    "localhost": True,
    "LocalHost:1": True,
    "localhost.": True,
    "backup.lan": True,
    "BACKUP.lan.:8080": True,
    "[fd00::7]": True,
    "[FD00::7]:8443": True,
    "10.0.0.9:443": True,
    "dash.lan": True,
    "127.0.0.1": True,
    "127.0.0.1:99": True,
    "127.0.0.2": False,
    "[fd00::8]:8443": False,
    "[::1]": False,
    "evil.example": False,
    "backup.lan.evil.example": False,
    "evil.example:backup.lan": False,
    "backup.lan..": False,
    "sub.backup.lan": False,
    "backup": False,
}


def _asked_for(port: int, hosts: Iterable[str], context: ssl.SSLContext | None = None) -> dict[str, str]:
    """The first line and the body of each answer."""
    answers = {}
    for host in hosts:
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            stream = context.wrap_socket(plain, server_hostname="localhost") if context else plain
            stream.sendall(f"GET /widget HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            with stream, stream.makefile("rb") as arriving:
                answers[host] = arriving.read().decode()
    return answers


@pytest.mark.parametrize("with_tls", [False, True])
def test_only_its_own_names_and_addresses_may_be_asked_for(
    start_caddy: StartCaddy, tmp_path: Path, with_tls: bool
) -> None:
    """Else a page of another site, whose name was made to lead here, could read this one (DNS rebinding)."""
    hosts, context, more = ["backup.lan", "fd00::7", "10.0.0.9", "dash.lan"], None, {}
    if with_tls:
        context = ssl._create_unverified_context()
        more = {"scheme": "https", "verify": False, "tls": {"mode": "internal", "storage": str(tmp_path / "tls")}}
    caddy = start_caddy(hosts=hosts, **more)
    with sidecar(Echo(), caddy.upstream):
        if with_tls:
            _once_the_certificate_is_made(caddy.client)
        answers = _asked_for(caddy.port, HOSTS, context)
    assert {host: answer.partition("\r\n")[0] for host, answer in answers.items()} == {
        host: "HTTP/1.1 200 OK" if known else "HTTP/1.1 421 Misdirected Request" for host, known in HOSTS.items()
    }
    assert "Asked for as evil.example, which is not one" in answers["evil.example"]
    assert "Asked for as fd00::8, which is not one" in answers["[fd00::8]:8443"]
    assert all("backup_glance_extra_hosts" in answers[host] for host, known in HOSTS.items() if not known)


@pytest.mark.parametrize("host", ["<script>alert(1)</script>", "a'b&c", "{http.request.uuid}", "x" * 300, 'a"b'])
def test_an_odd_host_is_not_repeated(caddy: Caddy, host: str) -> None:
    answer = _asked_for(caddy.port, [host])[host]

    assert answer.startswith(("HTTP/1.1 421", "HTTP/1.1 400"))
    assert host not in answer


def test_the_address_of_ipv6_at_which_it_is_reached_may_be_asked_for(start_caddy: StartCaddy) -> None:
    caddy = start_caddy(bind=["127.0.0.1", "::1"])
    with (
        sidecar(Echo(), caddy.upstream),
        httpx.Client(base_url=f"http://[::1]:{caddy.port}", trust_env=False) as client,
    ):
        statuses = [client.get("/widget", headers={"Host": host}).status_code for host in ("[::1]", "[::1]:8", "[::2]")]
    assert statuses == [200, 200, 421]


def test_a_page_at_an_address_of_ipv6_has_its_certificate(start_caddy: StartCaddy, tmp_path: Path) -> None:
    caddy = start_caddy(
        scheme="https", host="[::1]", hosts=["[::1]", "[fd00::5]"], bind=["::1", "127.0.0.1"], verify=False,
        tls={"mode": "internal", "storage": str(tmp_path / "tls")},
    )  # fmt: skip
    asked = ("[::1]", f"[::1]:{caddy.port}", "[fd00::5]", "[fd00::6]")
    with sidecar(Echo(), caddy.upstream):
        _once_the_certificate_is_made(caddy.client)
        trust = ssl.create_default_context(cafile=tmp_path / "tls" / "pki" / "authorities" / "local" / "root.crt")
        with httpx.Client(base_url=caddy.client.base_url, verify=trust, trust_env=False) as client:
            statuses = [client.get("/widget", headers={"Host": host}).status_code for host in asked]
    assert statuses == [200, 200, 200, 421]


def test_a_proxy_with_a_prefix_that_keeps_the_host_is_let_in_by_its_name(
    start_caddy: StartCaddy, tmp_path: Path
) -> None:
    caddy, port = start_caddy(hosts=["dash.lan"]), free_port()
    (tmp_path / "proxy").mkdir()
    path = tmp_path / "proxy" / "Caddyfile"
    path.write_text(
        f"{{\n\tadmin off\n}}\nhttp://:{port} {{\n\tbind 127.0.0.1\n\thandle_path /backup/* {{\n"
        f"\t\treverse_proxy 127.0.0.1:{caddy.port}\n\t}}\n}}\n"
    )
    command: list[str | Path] = [BINARY, "run", "--adapter", "caddyfile", "--config", path]
    echo = Echo()
    with (
        sidecar(echo, caddy.upstream),
        running("proxy", command, port=port, folder=tmp_path / "proxy"),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
    ):
        known = client.get("/backup/widget", headers={"Host": "dash.lan"})
        unknown = client.get("/backup/widget", headers={"Host": "other.lan"})
    assert (known.status_code, known.json()["path"]) == (200, "/widget")
    assert (unknown.status_code, len(echo.seen)) == (421, 1)
    assert "other.lan" in unknown.text


def test_only_users_with_a_password_may_see_the_page_and_the_password_is_not_passed_on(start_caddy: StartCaddy) -> None:
    caddy = start_caddy(users=[{"name": "reader", "password_hash": _hash("open sesame")}])
    echo = Echo()
    with sidecar(echo, caddy.upstream):
        nameless = caddy.client.get("/widget", headers=READER)
        wrong = caddy.client.get("/widget", auth=("reader", "abracadabra"))
        right = caddy.client.get("/widget", auth=("reader", "open sesame"))
    assert [nameless.status_code, wrong.status_code, right.status_code] == [401, 401, 200]
    assert nameless.headers["www-authenticate"].startswith("Basic")
    assert "A name and a password are needed" in nameless.text
    assert [seen["authorization"] for seen in echo.seen] == ["Bearer right"]


def test_glances_server_gets_the_extension_with_a_password_and_with_the_headers_that_it_needs(
    start_caddy: StartCaddy,
) -> None:
    caddy = start_caddy(users=[{"name": "glance", "password_hash": _hash("open sesame")}])
    app = create_app(timeline=nothing_due, board=good_morning, ready=lambda: True, keys=["right"], clock=lambda: NOW)
    with sidecar(app, caddy.upstream):
        answer = caddy.client.get("/extension", auth=("glance", "open sesame"))
    assert answer.status_code == 200
    assert answer.headers["widget-title"] == "Backups"
    assert answer.headers["widget-content-type"] == "html"
    assert "All 12 backed up" in answer.text


def test_another_service_decides_who_may_see_the_page(start_caddy: StartCaddy, tmp_path: Path) -> None:
    decider = Echo(key="session")
    caddy = start_caddy(forward_auth={"address": f"unix/{tmp_path / 'auth.sock'}", "uri": "/decide"})
    echo = Echo()
    with sidecar(decider, tmp_path / "auth.sock"), sidecar(echo, caddy.upstream):
        stranger = caddy.client.get("/widget")
        friend = caddy.client.get("/widget", headers={"Authorization": "Bearer session", "Cookie": "session=1"})
    assert [stranger.status_code, friend.status_code] == [401, 200]
    assert [seen["x-forwarded-uri"] for seen in decider.seen] == ["/widget", "/widget"]
    assert [("cookie" in seen, seen["authorization"]) for seen in echo.seen] == [(False, "Bearer right")]


def test_tls_with_caddys_own_authority(start_caddy: StartCaddy, tmp_path: Path) -> None:
    caddy = start_caddy(scheme="https", verify=False, tls={"mode": "internal", "storage": str(tmp_path / "tls")})
    with sidecar(Echo(), caddy.upstream):
        assert _once_the_certificate_is_made(caddy.client).status_code == 200


def test_tls_with_certificate_files(start_caddy: StartCaddy, tmp_path: Path) -> None:
    pair = make_certificates(tmp_path)["databasement"]
    tls = {"mode": "files", "certificate": str(pair.certificate), "key": str(pair.key)}
    caddy = start_caddy(scheme="https", verify=ssl.create_default_context(cafile=pair.ca), tls=tls)
    with sidecar(Echo(), caddy.upstream):
        assert caddy.client.get("/widget").status_code == 200


def test_the_file_is_formatted_as_caddy_formats(tmp_path: Path) -> None:
    acme = {"mode": "acme", "directory": "https://ca.lan/dir", "ca": "/ca.pem"}
    modes = ({"mode": "off"}, {"mode": "files", "certificate": "/c.pem", "key": "/k.pem"}, {"mode": "acme"}, acme)
    for tls in modes:
        text = render_caddyfile(
            site=":80",
            key_file=Path("/k"),
            upstream=Path("/s"),
            tls=tls,
            hosts=["backup.lan", "fd00::7"],
            allow=["private_ranges"],
            users=[{"name": "reader", "password_hash": "$2a$14$x"}],
            forward_auth={"address": "auth.lan:9091", "uri": "/api/authz/forward-auth", "pages": ["/oauth2", "/a.b/"]},
        )
        path = tmp_path / "Caddyfile"
        path.write_text(text)
        formatted = subprocess.run([BINARY, "fmt", path], capture_output=True, text=True, check=False)
        assert (formatted.returncode, formatted.stdout) == (0, text)


def test_an_old_caddy_is_refused_with_its_version(tmp_path: Path) -> None:
    old = tmp_path / "caddy"
    old.write_text("#!/bin/sh\necho v2.6.2\n")
    old.chmod(0o755)
    with pytest.raises(SystemExit, match=r"is Caddy v2\.6\.2; the Caddyfile needs 2\.11\.4 or newer"):
        assert_version(old)
    assert assert_version(BINARY) >= (2, 11, 4)


def _hash(password: str) -> str:
    arguments = [str(BINARY), "hash-password", "--bcrypt-cost", "6", "--plaintext", password]
    printed: str = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout
    return printed.strip()


def _once_the_certificate_is_made(client: httpx.Client) -> httpx.Response:
    """Caddy creates its own certificates after it starts to listen."""
    for _ in range(100):
        try:
            return client.get("/widget")
        except httpx.ConnectError:
            time.sleep(0.1)
    pytest.fail("no certificate within 10 s")
