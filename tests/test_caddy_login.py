"""A login service with its own pages on the protected host, through a real Caddy: what goes to it, and that nobody gets by."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from tests.caddy import BINARY, Caddy, running_caddy, sidecar, status_of
from tests.caddyfile import render_caddyfile
from tests.login_service import DECIDES, PAGES, PASSWORD, SESSION, LoginService

READER = {"Accept": "text/html"}
IN = f"Cookie: session={SESSION}"
TOKEN = "X-Backup-Glance-Token: token-of-a-script-0123456789abcdef"


@dataclass
class Sidecar:
    """Notes what reaches it, and refuses whoever comes without the key."""

    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.seen.append((scope["raw_path"].decode("latin-1"), headers))
        status = 200 if headers.get("authorization") == "Bearer right" else 401
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"the page of the sidecar"})


@dataclass
class House:
    """Caddy with a login service and a sidecar behind it."""

    caddy: Caddy
    login: LoginService
    sidecar: Sidecar
    address: str


def start_house(stack: ExitStack, folder: Path, pages: list[str] | None = None, **options: Any) -> House:
    login, behind, socket = LoginService(), Sidecar(), folder / "login.sock"
    forward_auth: dict[str, Any] = {"address": f"unix/{socket}", "uri": DECIDES}
    if pages is not None:
        forward_auth["pages"] = pages
    caddy = stack.enter_context(running_caddy(folder, log=True, try_for="100ms", forward_auth=forward_auth, **options))
    stack.enter_context(sidecar(login, socket))
    stack.enter_context(sidecar(behind, caddy.upstream))
    return House(caddy, login, behind, forward_auth["address"])


@pytest.fixture(scope="module")
def open_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ExitStack() as stack:
        yield start_house(stack, tmp_path_factory.mktemp("caddy"), [f"{PAGES}/", "/outpost.goauthentik.io"])


@pytest.fixture
def house(open_house: House) -> House:
    open_house.login.broken = 0
    open_house.login.decided.clear()
    open_house.login.pages.clear()
    open_house.sidecar.seen.clear()
    return open_house


def test_a_reader_logs_in_on_the_pages_of_the_login_service_and_out_again(house: House) -> None:
    with httpx.Client(base_url=house.caddy.client.base_url, trust_env=False, headers=READER) as browser:
        refused = browser.get("/widget?view=all")
        asked = browser.get(refused.headers["location"])
        wrong = browser.post(refused.headers["location"], data={"password": "abracadabra"})
        right = browser.post(refused.headers["location"], data={"password": PASSWORD})
        back = browser.get(right.headers["location"])
        page = browser.get(back.headers["location"])
        out = browser.get(f"{PAGES}/sign_out")
        again = browser.get("/widget")

    assert (refused.status_code, refused.headers["location"]) == (302, "/oauth2/sign_in?rd=/widget")
    assert "csrf=for-one-login" in refused.headers["set-cookie"]
    assert (asked.status_code, asked.text) == (200, "<p>a page of the login service</p>")
    assert (wrong.status_code, wrong.text) == (403, "<p>a wrong password</p>")
    assert f"session={SESSION}" in back.headers["set-cookie"]
    assert (page.status_code, page.text) == (200, "the page of the sidecar")
    assert (out.status_code, again.status_code) == (302, 302)
    ((path, seen),) = house.sidecar.seen
    assert path == "/widget"
    assert "cookie" not in seen
    assert f"session={SESSION}" in house.login.pages[-1].headers["cookie"]


#: Targets that are pages of the login service.
PAGE = (
    "/oauth2",
    "/oauth2/",
    "/oauth2/sign_in",
    "/oauth2/start?rd=%2Fwidget%3Fview%3Dall",
    "/oauth2?rd=/../widget",
    "/oauth2/callback?code=..%2f..%2fwidget&state=a:/oauth2/../widget",
    "/oauth2/static/css/bulma.min.css",
    "/outpost.goauthentik.io/auth/start/",
    "http://localhost/oauth2/sign_in",
)
#: Targets that only resemble one: for Caddy each is as any other.
OTHER = (
    "/oauth2x",
    "/oauth2x/start",
    "/oauth",
    "/oauth2.",
    "/oauth2;a=b",
    "/oauth2;/start",
    "/OAUTH2/",
    "/OAUTH2/start",
    "/Oauth2",
    "//oauth2",
    "//oauth2/start",
    "/./oauth2/start",
    "/oauth2//start",
    "/oauth2/./start",
    "/oauth2/../widget",
    "/oauth2/..",
    "/oauth2/.../widget",
    "/oauth2/%2e%2e/widget",
    "/oauth2/%2E%2e/widget",
    "/oauth2/.%2e/widget",
    "/oauth2/%252e%252e/widget",
    "/oauth2%2f..%2fwidget",
    "/oauth2/..%2fwidget",
    "/oauth2%2fstart",
    "/oauth2%2F",
    "/oauth2/start%2f..%2f..%2fwidget",
    "/oauth2/..\\widget",
    "/oauth2/..%5cwidget",
    "/oauth2\\..\\widget",
    "/%6fauth2/start",
    "/oauth%32/start",
    "/oauth2/start%00",
    "/oauth2/start%0a",
    "/oauth2%20",
    "/oauth2/..;/widget",
    "/oauth2/;/../widget",
    "/oauth2%3f/../widget",
    "/oauth2/%23/../widget",
    "/widget/../oauth2/start",
    "/widget/..%2foauth2/start",
    "/widget?/oauth2/start",
    "/widget?a=/oauth2/",
    "/widget/oauth2/start",
    "/outpostXgoauthentik.io/start",
    "/outpost.goauthentik.io.evil/start",
    "http://localhost/oauth2/../widget",
    "http://localhost//oauth2/start",
    "x:oauth2/start",
    "x:widget",
    "x:http://localhost/oauth2/start",
    "x:http://localhost/widget",
    "/calendar/../oauth2/start.ics",
    "/oauth2/../calendar/token-of-a-phone-0123456789abcdefgh.ics",
)


@pytest.mark.parametrize("target", PAGE)
def test_a_page_of_the_login_service_goes_to_it_alone_as_it_was_asked_for(house: House, target: str) -> None:
    house.caddy.ask(target)
    house.caddy.ask(target, "Content-Length: 4", IN, TOKEN, "Authorization: Basic eA==", method="POST", body="a=%2")

    assert (house.sidecar.seen, house.login.decided) == ([], [])
    path = target.removeprefix("http://localhost").partition("?")[0]
    stranger, reader = house.login.pages
    assert (stranger.method, stranger.target, stranger.body) == ("GET", path, b"")
    assert (reader.method, reader.target, reader.body) == ("POST", path, b"a=%2")
    assert {"authorization", "cookie"}.isdisjoint(stranger.headers)
    assert (reader.headers["cookie"], reader.headers["authorization"]) == (f"session={SESSION}", "Basic eA==")
    assert "x-backup-glance-token" not in reader.headers


@pytest.mark.parametrize("target", OTHER)
def test_what_only_resembles_its_pages_needs_a_login_and_only_reads(house: House, target: str) -> None:
    for headers in ((), (TOKEN, "Connection: close, X-Backup-Glance-Token")):
        status = status_of(house.caddy.ask(target, *headers))
        assert status in (302, 400, 401), status
    assert status_of(house.caddy.ask(target, "Content-Length: 0", method="POST")) in (400, 405)

    assert house.login.pages == []
    # A program's token and a calendar's address go to the sidecar, which decides itself; never with the key.
    assert all("authorization" not in headers for _, headers in house.sidecar.seen)
    house.sidecar.seen.clear()

    if status_of(house.caddy.ask(target, IN)) != 400 and ".ics" not in target:
        ((_, seen),) = house.sidecar.seen
        assert seen["authorization"] == "Bearer right"
        assert "cookie" not in seen
    assert house.login.pages == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_its_pages_take_no_other_method(house: House, method: str) -> None:
    answer = house.caddy.ask(f"{PAGES}/sign_in", IN, "Content-Length: 0", method=method)
    assert status_of(answer) == 405
    assert "\r\nAllow: GET, HEAD, POST\r\n" in answer
    assert (house.login.pages, house.sidecar.seen) == ([], [])


@pytest.mark.parametrize("target", ["/widget", "/", "/api/v1/status", "/oauth2x", "/calendar/x.ics"])
def test_elsewhere_nothing_is_posted_with_and_without_a_session(house: House, target: str) -> None:
    for headers in ((), (IN,), (IN, TOKEN)):
        answer = house.caddy.ask(target, *headers, "Content-Length: 0", method="POST")
        assert status_of(answer) == 405
        assert "\r\nAllow: GET, HEAD\r\n" in answer
    assert (house.login.pages, house.login.decided, house.sidecar.seen) == ([], [], [])


@pytest.mark.parametrize("chunked", [False, True])
def test_a_page_takes_64_kilobytes(house: House, chunked: bool) -> None:
    answers = {}
    for size in (64_000, 64_001, 2_000_000):
        body = "x" * size
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        sent = f"{size:x}\r\n{body}\r\n0\r\n\r\n" if chunked else body
        answer = house.caddy.ask(f"{PAGES}/start", framing, method="POST", body=sent)
        # Caddy may end the connection while the rest of a body that is too long still arrives; then the answer can be lost.
        answers[size] = status_of(answer) if answer or size == 64_000 else 413
    assert answers == {64_000: 200, 64_001: 413, 2_000_000: 413}
    assert [len(asked.body) for asked in house.login.pages] == [64_000]
    assert house.sidecar.seen == []


def test_a_second_request_hidden_in_a_body_is_none(house: House) -> None:
    hidden = "GET /widget HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer right\r\n\r\n"
    head = f"POST {PAGES}/start HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    for framing in (
        f"Content-Length: {len(hidden)}\r\n",
        f"Content-Length: {len(hidden)}\r\nTransfer-Encoding: chunked\r\n",
        f"Content-Length: 0\r\nContent-Length: {len(hidden)}\r\n",
        f"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nContent-Length: {len(hidden)}\r\n",
    ):
        house.caddy.ask_raw(f"{head}{framing}\r\n{hidden}")
    assert house.sidecar.seen == []
    assert {asked.target for asked in house.login.pages} == {f"{PAGES}/start"}


def test_the_login_service_never_gets_the_token_of_a_program(house: House) -> None:
    house.caddy.ask("/healthz", TOKEN)
    house.caddy.ask(f"{PAGES}/start", TOKEN)
    assert len(house.login.decided) == 1
    assert len(house.login.pages) == 1
    assert "token-of-a-script" not in json.dumps([house.login.decided, house.login.pages[0].headers])


def test_a_query_of_the_reader_is_none_of_the_decision(house: House) -> None:
    """Else a link could change what is decided: where a login goes back to, or which groups are let in."""
    house.caddy.ask(
        "/widget?view=all&rd=https://evil.example", "X-Forwarded-Uri: /extension", "X-Forwarded-Method: POST"
    )
    (decided,) = house.login.decided
    assert decided["x-forwarded-uri"] == "/widget?view=all&rd=https://evil.example"
    assert (decided["x-forwarded-method"], decided["query"]) == ("GET", "")


def test_the_log_shows_no_code_of_a_login(house: House) -> None:
    house.caddy.ask(f"{PAGES}/callback?state=s3cret-a&code=4/s3cret-b&rd=/widget&Code=s3cret-c")
    log = house.caddy.log.read_text()
    assert "/oauth2/callback?state=[withheld]&code=[withheld]&rd=/widget&Code=[withheld]" in log
    assert "s3cret" not in log


def test_a_login_service_with_tls_is_asked_with_tls_everywhere(tmp_path: Path) -> None:
    forward_auth = {"address": "https://auth.lan", "uri": DECIDES, "pages": [PAGES]}
    text = render_caddyfile(site=":80", key_file=tmp_path / "key", upstream=tmp_path / "up", forward_auth=forward_auth)
    (tmp_path / "Caddyfile").write_text(text)
    command: list[str | Path] = [BINARY, "adapt", "--adapter", "caddyfile", "--config", tmp_path / "Caddyfile"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    dialled = re.findall(
        r'"transport":\{([^{}]*(?:\{[^}]*\})?[^{}]*)\},"upstreams":\[\{"dial":"auth.lan:443"\}\]', made
    )
    assert len(dialled) == 2
    assert all('"tls":{}' in transport and '"response_header_timeout"' in transport for transport in dialled)


@pytest.mark.fortnight
def test_without_pages_everything_is_decided_and_nothing_is_posted(tmp_path: Path) -> None:
    with ExitStack() as stack:
        house = start_house(stack, tmp_path)
        assert house.caddy.client.get(f"{PAGES}/sign_in").status_code == 401
        assert house.caddy.client.post(f"{PAGES}/sign_in").status_code == 405
    assert (house.login.pages, house.sidecar.seen, len(house.login.decided)) == ([], [], 1)


@pytest.mark.fortnight
def test_its_pages_are_no_way_past_the_network_and_the_names(tmp_path: Path) -> None:
    options: dict[str, Any] = {"allow": ["192.0.2.0/24"], "trusted_proxies": ["127.0.0.1"]}
    with ExitStack() as stack:
        house = start_house(stack, tmp_path, [PAGES], **options)
        near = "X-Forwarded-For: 192.0.2.7"
        for target in (f"{PAGES}/start", f"{PAGES}/../widget", "//oauth2/start", "/widget"):
            for headers in ((), (IN,)):
                assert status_of(house.caddy.ask(target, *headers)) == 403
                assert status_of(house.caddy.ask(target, *headers, near, host="evil.example")) == 421
        assert (house.login.pages, house.login.decided, house.sidecar.seen) == ([], [], [])
        assert status_of(house.caddy.ask(f"{PAGES}/start", near)) == 200


def test_a_login_service_that_is_down_is_named_and_not_the_sidecar(tmp_path: Path) -> None:
    forward_auth = {"address": "127.0.0.1:9", "uri": DECIDES, "pages": [PAGES]}
    with running_caddy(tmp_path, try_for="100ms", forward_auth=forward_auth) as caddy:
        behind = Sidecar()
        with sidecar(behind, caddy.upstream):
            for path in ("/widget", f"{PAGES}/start"):
                page, document = caddy.client.get(path, headers=READER), caddy.client.get(path)
                assert (page.status_code, document.status_code) == (502, 502)
                assert "<h1>The login service at 127.0.0.1:9 doesn't answer</h1>" in page.text
                assert document.headers["content-type"] == "application/problem+json"
                assert document.json()["detail"] == "The login service at 127.0.0.1:9 doesn't answer."
            fragment = caddy.client.get("/extension").text
            assert fragment == """<p class="color-highlight">The login service at 127.0.0.1:9 doesn't answer</p>"""
            program = caddy.client.get("/api/v1/status", headers=dict([TOKEN.split(": ")]))
        assert [path for path, _ in behind.seen] == ["/api/v1/status"]
        assert program.status_code == 401
        # With the sidecar down too, a program is told of the sidecar.
        away = caddy.client.get("/api/v1/status", headers=dict([TOKEN.split(": ")]))
        assert away.json()["detail"] == "backup-glance doesn't answer."


@pytest.mark.fortnight
def test_a_sidecar_that_is_down_is_named_and_not_the_login_service(tmp_path: Path) -> None:
    with ExitStack() as stack:
        house = start_house(stack, tmp_path, [PAGES])
        house.caddy.upstream.unlink()
        answer = house.caddy.ask("/widget", IN)
    assert status_of(answer) == 502
    assert "backup-glance doesn't answer" in answer
    assert "login service" not in answer


@pytest.mark.parametrize("broken", [500, 502, 503])
def test_a_decision_that_is_an_error_is_named_and_lets_nobody_in(house: House, broken: int) -> None:
    house.login.broken = broken
    answer = house.caddy.ask("/widget", IN)
    assert status_of(answer) == 503
    assert f"The login service at {house.address} answers with an error ({broken})" in answer
    assert "broken inside" not in answer
    assert house.sidecar.seen == []
