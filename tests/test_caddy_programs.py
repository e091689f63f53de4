"""Programs with a token, through a real Caddy in every mode of access: where it lets them past, and that nobody else gets by."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from sidecar.config.tokens import Scope as Opens
from sidecar.tokens.accepted import Accepted, Program, digest
from sidecar.web.auth import RequireKey
from tests.caddy import Caddy, running_caddy, sidecar, status_of

CALENDAR, API = "calendar-token-of-a-phone-1234567890", "api-token-of-a-script-0123456789abcdef"
ACCEPTED = Accepted(
    (
        Program("phone", frozenset({Opens.CALENDAR}), digest(CALENDAR.encode())),
        Program("script", frozenset({Opens.API, Opens.METRICS}), digest(API.encode())),
    )
)
#: "open sesame", by bcrypt with a cost of 4.
USER = {"name": "reader", "password_hash": "$2a$04$qxFC/c7j.aj0CADcv5AcV.hBAIQFLeL8KPaxrvEgh2H3rt498RR02"}


@dataclass
class App:
    """What stands behind the key: it answers every request, and notes it."""

    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.seen.append((scope["path"], headers))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"let in"})


class Decider:
    """Another service that decides who may see the page: nobody without a session."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        self.asked.append(headers.get(b"x-forwarded-uri", b"").decode())
        status = 200 if headers.get(b"cookie") == b"session=1" else 401
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@dataclass
class House:
    """Caddy in one mode, with an application behind it that is guarded as in production."""

    caddy: Caddy
    app: App
    decider: Decider

    def ask(self, target: str, *headers: str, method: str = "GET") -> str:
        return self.caddy.ask(target, *headers, method=method)

    def status(self, target: str, *headers: str, method: str = "GET") -> int:
        return status_of(self.ask(target, *headers, method=method))


def shown(token: str) -> str:
    return f"X-Backup-Glance-Token: {token}"


MODES: dict[str, dict[str, Any]] = {
    "private": {"allow": ["private_ranges"]},
    "basic": {"users": [USER]},
    "forward_auth": {"forward_auth": {"address": "unix/{decider}", "uri": "/decide"}},
    "open": {},
}


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[House]:
    app, decider = App(), Decider()
    if "forward_auth" in options:
        address = options["forward_auth"]["address"].format(decider=folder / "auth.sock")
        options["forward_auth"] = {**options["forward_auth"], "address": address}
    guarded: ASGIApp = RequireKey(app, ["right"], lambda: ACCEPTED)
    with (
        running_caddy(folder, log=True, try_for="100ms", **options) as caddy,
        sidecar(guarded, caddy.upstream),
        sidecar(decider, folder / "auth.sock"),
    ):
        yield House(caddy, app, decider)


#: Quick tests look at the mode in which there is most to get past.
@pytest.fixture(
    scope="module",
    params=[name if name == "basic" else pytest.param(name, marks=pytest.mark.fortnight) for name in MODES],
)
def open_house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with opened(tmp_path_factory.mktemp("caddy"), **MODES[request.param]) as house:
        yield house


@pytest.fixture
def house(open_house: House) -> House:
    open_house.app.seen.clear()
    open_house.decider.asked.clear()
    return open_house


def lets_readers_in(house: House) -> bool:
    """Whether a reader who shows nothing sees the page."""
    let_in = house.status("/widget") == 200
    house.app.seen.clear()
    house.decider.asked.clear()
    return let_in


def test_a_program_is_let_past_users_and_forward_auth_without_the_key(house: House) -> None:
    evil = ("Authorization: Basic ZXZpbA==", "Cookie: session=evil", "X-Api-Key: evil", "Forwarded: for=evil")
    answers = [
        house.ask("/api/v1/status", shown(API), *evil),
        house.ask("/openapi.json", shown(API)),
        house.ask("/metrics", shown(API), method="HEAD"),
        house.ask("/calendar.ics", shown(CALENDAR)),
        house.ask(f"/calendar/{CALENDAR}.ics", *evil),
    ]

    assert [status_of(answer) for answer in answers] == [200] * 5
    assert [path for path, _ in house.app.seen] == [
        "/api/v1/status",
        "/openapi.json",
        "/metrics",
        "/calendar.ics",
        "/calendar.ics",
    ]
    assert house.decider.asked == []
    for _, headers in house.app.seen:
        assert {"authorization", "cookie", "x-api-key", "forwarded"}.isdisjoint(headers)


def test_a_refusal_of_the_sidecar_arrives_as_it_is_and_asks_nobody_to_log_in(house: House) -> None:
    unknown = house.ask("/api/v1/status", shown("no-such-token-0123456789abcdefghijkl"))
    lacking = house.ask("/api/v1/status", shown(CALENDAR), "Accept: text/html")
    nowhere = house.ask("/widget", shown(API))

    assert [status_of(answer) for answer in (unknown, lacking, nowhere)] == [401, 403, 403]
    assert "www-authenticate: token" in unknown.lower()
    assert "Basic" not in unknown
    assert "lacks the scope api" in lacking
    assert "No token opens this path" in nowhere
    assert all("application/problem+json" in answer for answer in (unknown, lacking, nowhere))
    assert house.app.seen == []


ENCODED = "".join(f"%{ord(letter):02X}" for letter in CALENDAR)
#: Requests that nobody may get in with who is not let in as a reader: target and headers.
NASTY: dict[str, tuple[str, ...]] = {
    "healthz with a token": ("/healthz", shown(API)),
    "healthz with a token that is taken away": ("/healthz", shown(API), "Connection: X-Backup-Glance-Token"),
    "healthz in two slashes, token taken away": ("//healthz", shown(API), "Connection: close, X-Backup-Glance-Token"),
    "healthz behind a dot": ("/./healthz", shown(API), "Connection: X-Backup-Glance-Token"),
    "healthz behind two dots": ("/api/../healthz", shown(API), "Connection: X-Backup-Glance-Token"),
    "healthz encoded": ("/%68ealthz", shown(API), "Connection: X-Backup-Glance-Token"),
    "healthz encoded twice": ("/%2568ealthz", shown(API)),
    "healthz in capitals": ("/HEALTHZ", shown(API)),
    "healthz with a slash behind it": ("/healthz/", shown(API)),
    "healthz with an encoded slash": ("/healthz%2f", shown(API), "Connection: X-Backup-Glance-Token"),
    "healthz with a null": ("/healthz%00", shown(API)),
    "healthz with a parameter": ("/healthz;a=b", shown(API)),
    "healthz with a fragment": ("/healthz#a", shown(API)),
    "healthz by its whole address": ("http://localhost/healthz", shown(API), "Connection: X-Backup-Glance-Token"),
    "healthz as a calendar": ("/calendar/%2e%2e/healthz.ics",),
    "healthz before a calendar": (f"/healthz/../calendar/../healthz?/calendar/{CALENDAR}.ics", shown(CALENDAR)),
    "the page with a calendar's token": ("/widget", shown(CALENDAR)),
    "the page with a token of an api": ("/widget", shown(API)),
    "the api with a calendar's token": ("/api/v1/status", shown(CALENDAR)),
    "the page behind the api": ("/api/../widget", shown(CALENDAR)),
    "the page behind a calendar": (f"/calendar/{CALENDAR}.ics/../../widget",),
    "the page within a calendar": ("/calendar/..%2fwidget%3f.ics",),
    "the page as a calendar": ("/calendar/../widget?.ics",),
    "the api as a calendar": ("/calendar/%2e%2e%2fapi%2fv1%2fstatus%23.ics",),
    "no token": ("/calendar/.ics",),
    "a calendar of another token": (f"/calendar/{API}.ics",),
    "a calendar of nobody": ("/calendar/nobody-nobody-nobody-nobody-nobody.ics",),
    "a calendar behind an encoded slash": (f"/%2Fcalendar/{CALENDAR}.ics",),
    "a calendar in two slashes": (f"//calendar/{CALENDAR}.ics",),
    "a calendar with two slashes": (f"/calendar//{CALENDAR}.ics",),
    "a calendar with a slash behind it": (f"/calendar/{CALENDAR}.ics/",),
    "a calendar in capitals": (f"/CALENDAR/{CALENDAR}.ics",),
    "an ending in capitals": (f"/calendar/{CALENDAR}.ICS",),
    "a token in capitals": (f"/calendar/{CALENDAR.upper()}.ics",),
    "a calendar with a null": (f"/calendar/{CALENDAR}.ics%00",),
    "a token and a null": (f"/calendar/{CALENDAR}%00.ics",),
    "a token and a line break": (f"/calendar/{CALENDAR}%0a.ics",),
    "a token encoded twice": (f"/calendar/{quote(ENCODED)}.ics",),
    "a token in the path and in a header": (f"/calendar/{CALENDAR}.ics", shown(CALENDAR)),
    "a token twice": ("/calendar.ics", shown(CALENDAR), shown(CALENDAR)),
    "two tokens": ("/calendar.ics", shown(API), shown(CALENDAR)),
    "two tokens in one header": ("/calendar.ics", shown(f"{CALENDAR}, {CALENDAR}")),
    "an empty token": ("/calendar.ics", "X-Backup-Glance-Token:"),
    "an empty token for healthz": ("/healthz", "X-Backup-Glance-Token:"),
    "a token in a header with underscores": ("/calendar.ics", f"X_Backup_Glance_Token: {CALENDAR}"),
    "a token and a space before the colon": ("/calendar.ics", f"X-Backup-Glance-Token : {CALENDAR}"),
    "a folded header": ("/calendar.ics", f"X-Backup-Glance-Token:\r\n {CALENDAR}x"),
    "a token in the query": (f"/calendar.ics?token={CALENDAR}&X-Backup-Glance-Token={CALENDAR}",),
    "a token as a bearer": ("/calendar.ics", f"Authorization: Bearer {CALENDAR}"),
    "a token as a cookie": ("/calendar.ics", f"Cookie: X-Backup-Glance-Token={CALENDAR}"),
    "the key and a wrong token": ("/widget", "Authorization: Bearer right", shown("wrong")),
    "the key with a name in front": ("/widget", "X-Forwarded-Authorization: Bearer right"),
    "another path in a header": ("/widget", "X-Original-URL: /calendar.ics", "X-Forwarded-Uri: /calendar.ics"),
    "a method in a header": ("/widget", "X-HTTP-Method-Override: GET", shown(CALENDAR)),
    "a web socket": ("/widget", shown(API), "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: eA=="),
}


@pytest.mark.parametrize("name", NASTY)
def test_no_odd_request_gets_in(house: House, name: str) -> None:
    target, *headers = NASTY[name]
    open_to_readers = lets_readers_in(house)
    answer = house.ask(target, *headers)
    status = status_of(answer)

    for path, seen in house.app.seen:
        # Whoever is let in as a reader came with the key, and without any token.
        assert open_to_readers
        assert seen["authorization"] == "Bearer right"
        assert "x-backup-glance-token" not in seen
        assert not path.startswith("/calendar/") or CALENDAR not in path or not path.endswith(".ics")
    if not open_to_readers:
        assert status in (400, 401, 403, 404), answer
        assert "let in" not in answer
    assert CALENDAR not in answer


@pytest.mark.parametrize(
    "path",
    ["/calendar/{}.ics/", "/calendar/{}", "/calendar/{}/", "/calendar/{}.ical", "/calendar/x/{}.ics", "/calendar/"],
)
def test_an_address_nearly_of_a_calendar_is_not_found_and_shown_to_nobody(house: House, path: str) -> None:
    """A slash behind it, or a missing ending: the token in it is still one."""
    answer = house.ask(path.format(CALENDAR), "Accept: text/calendar")

    assert status_of(answer) == 404
    assert "There is no such calendar: its address ends with .ics" in answer
    assert CALENDAR not in answer
    assert (house.app.seen, house.decider.asked) == ([], [])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE"])
def test_a_token_lets_nobody_write(house: House, method: str) -> None:
    assert house.status("/api/v1/status", shown(API), method=method) in (400, 405)
    assert house.app.seen == []


def test_a_token_is_no_way_past_the_host(house: House) -> None:
    request = f"GET /api/v1/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n{shown(API)}\r\n\r\n"
    assert status_of(house.caddy.ask_raw(request)) == 421
    assert house.app.seen == []


def test_a_token_is_no_way_past_the_network(tmp_path: Path) -> None:
    with opened(tmp_path, allow=["192.0.2.0/24"]) as house:
        assert house.status("/api/v1/status", shown(API)) == 403
        assert house.status(f"/calendar/{CALENDAR}.ics") == 403
        assert house.app.seen == []


@pytest.mark.fortnight
def test_programs_need_no_key_of_caddy_and_readers_do(tmp_path: Path) -> None:
    with opened(tmp_path) as house:
        house.caddy.key_file.unlink()
        assert house.status("/api/v1/status", shown(API)) == 200
        assert house.status("/widget") == 503


def test_a_second_request_hidden_in_a_body_is_none(house: House) -> None:
    hidden = "GET /widget HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer right\r\n\r\n"
    head = f"GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{shown(API)}\r\n"
    for framing in (
        f"Content-Length: {len(hidden)}\r\n",
        f"Content-Length: {len(hidden)}\r\nTransfer-Encoding: chunked\r\n",
        f"Content-Length: 0\r\nContent-Length: {len(hidden)}\r\n",
    ):
        house.caddy.ask_raw(f"{head}{framing}\r\n{hidden}")
        assert {path for path, _ in house.app.seen} <= {"/api/v1/status"}


# --- logs -------------------------------------------------------------------------------------------------------------


def tokens_in(text: str) -> list[str]:
    """The tokens that can be read there, also where they are encoded."""
    every = [text, unquote(text), unquote(unquote(text)), text.lower()]
    return [
        token for token in (CALENDAR, API) if any(token[:20] in form or token.lower()[-20:] in form for form in every)
    ]


ADDRESSES: Sequence[str] = (
    f"/calendar/{CALENDAR}.ics",
    f"/calendar/{ENCODED}.ics",
    f"/%63alendar/{CALENDAR}.ics",
    f"//calendar//{CALENDAR}.ics",
    f"/CALENDAR/{CALENDAR}.ICS?a=b",
    f"/calendar/{CALENDAR[:16]}/{CALENDAR[16:]}.ics",
    f"/nowhere/{API}",
    f"/widget?token={API}&view=table",
    f"/api/v1/status?token={quote(ENCODED)}",
    f"/widget?{API}",
)


async def breaks_off(scope: Scope, _receive: Receive, send: Send) -> None:
    """An answer that ends before its length."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
    await send({"type": "http.response.body", "body": b"begun", "more_body": True})
    raise ConnectionAbortedError("on purpose")


BEHIND: dict[str, ASGIApp | None] = {
    "answers": RequireKey(App(), ["right"], lambda: ACCEPTED),
    "breaks off": breaks_off,
    "away": None,
}


@pytest.mark.parametrize(
    "behind", ["answers", *(pytest.param(name, marks=pytest.mark.fortnight) for name in ("breaks off", "away"))]
)
def test_no_log_of_caddy_holds_a_token(tmp_path: Path, behind: str) -> None:
    """Requests and errors, with a token in the path, in a header and in the query, whatever the sidecar does."""
    with ExitStack() as stack:
        caddy = stack.enter_context(running_caddy(tmp_path, log=True, try_for="100ms"))
        if (app := BEHIND[behind]) is not None:
            stack.enter_context(sidecar(app, caddy.upstream))
        for address in ADDRESSES:
            ask_somehow(caddy, address, {})
        ask_somehow(caddy, "/api/v1/status", {"X-Backup-Glance-Token": API})
        ask_somehow(caddy, "/metrics", {"Host": "evil.example", "X-Backup-Glance-Token": API})
    log = caddy.log.read_text()

    entries = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    handled = [entry["request"]["uri"] for entry in entries if entry["msg"] == "handled request"]
    assert len(handled) == len(ADDRESSES) + 2
    assert handled[0] == "/calendar/[withheld]"
    assert handled[7] == "/widget?token=[withheld]&view=table"
    assert handled[-1] == "/metrics"
    assert behind != "breaks off" or any("request" in entry and entry["msg"] != "handled request" for entry in entries)
    assert tokens_in(log) == []
    assert CALENDAR[:16] not in log


def ask_somehow(caddy: Caddy, address: str, headers: dict[str, str]) -> None:
    with suppress(httpx.RemoteProtocolError):
        caddy.client.get(address, headers=headers)
