"""A token instead of the key: what each scope opens, and every other path refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Request

from sidecar.config.tokens import Scope
from sidecar.tokens.accepted import Accepted, Program, digest
from sidecar.web import programs
from sidecar.web.auth import RequireKey
from tests.web.asking import KEY, app_for

TOKENS = {scope: f"token-for-{scope}-0123456789-0123456789" for scope in Scope}
EVERYTHING = "token-for-everything-0123456789-0123456789"
ACCEPTED = Accepted(
    (
        *(Program(scope, frozenset({scope}), digest(token.encode())) for scope, token in TOKENS.items()),
        Program("everything", frozenset(Scope), digest(EVERYTHING.encode())),
    )
)

#: What each scope opens, as it is documented.
OPENED = {
    Scope.API: ["/openapi.json", "/api/v1/status", "/api/v1/services/nas", "/api/anything"],
    Scope.CALENDAR: ["/calendar.ics"],
    Scope.METRICS: ["/metrics"],
    Scope.PROXY: ["/proxy/pbs/api2/json/version"],
}
CLOSED = ["/", "/healthz", "/readyz", "/widget", "/extension", "/theme.css", "/static/widget.css", "/api", "/metrics/"]
ODD = ["/apix", "/proxy", "/calendar", "/calendar/", "/calendar.ics/", "//metrics", "/METRICS", "/x/api/v1/status"]


def ask(
    app: ASGIApp, path: str, *, key: str | None = KEY, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> httpx.Response:
    """The answer of the guard; what stands behind it is not the described application."""
    authorization = {} if key is None else {"Authorization": f"Bearer {key}"}

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://sidecar") as client:
            return await client.request(method, path, headers={**authorization, **(headers or {})})

    return asyncio.run(send())


class Inside:
    """What is asked behind the guard."""

    def __init__(self) -> None:
        self.paths: list[tuple[str, bytes]] = []

    async def __call__(self, scope: Request, _receive: Receive, send: Send) -> None:
        self.paths.append((scope["path"], scope["raw_path"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def guarded(accepted: Accepted = ACCEPTED) -> tuple[Inside, ASGIApp]:
    inside = Inside()
    return inside, RequireKey(inside, [KEY], lambda: accepted)


def with_token(app: ASGIApp, path: str, token: str, headers: Mapping[str, str] | None = None) -> Any:
    return ask(app, path, key=None, headers={"X-Backup-Glance-Token": token, **(headers or {})})


@pytest.mark.parametrize("scope", Scope)
def test_a_token_opens_its_own_paths_and_no_others(scope: Scope) -> None:
    inside, app = guarded()
    for opened, paths in OPENED.items():
        for path in paths:
            answer = with_token(app, path, TOKENS[scope])
            assert answer.status_code == (200 if opened is scope else 403), path
            if opened is not scope:
                assert f"lacks the scope {opened}" in answer.json()["detail"]
    assert [path for path, _ in inside.paths] == OPENED[scope]


@pytest.mark.parametrize("path", [*CLOSED, *ODD])
def test_no_token_opens_anything_else(path: str) -> None:
    inside, app = guarded()
    for token in (*TOKENS.values(), EVERYTHING):
        answer = with_token(app, path, token)
        assert (answer.status_code, answer.json()["detail"]) == (403, "No token opens this path.")
    assert inside.paths == []


@pytest.mark.parametrize(
    "token", ["", "x", KEY, EVERYTHING[:-1], EVERYTHING + "x", EVERYTHING.upper(), f"Bearer {EVERYTHING}"]
)
def test_a_token_that_is_not_known_is_told_nothing(token: str) -> None:
    inside, app = guarded()
    answers = [with_token(app, path, token) for path in ("/metrics", "/healthz", "/nowhere", "/api/v1/status")]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].headers["www-authenticate"].startswith("Token")
    assert inside.paths == []


def test_an_address_with_a_token_is_the_calendar_and_nothing_behind_sees_the_token() -> None:
    inside, app = guarded()
    token = TOKENS[Scope.CALENDAR]

    assert ask(app, f"/calendar/{token}.ics", key=None).status_code == 200
    assert inside.paths == [("/calendar.ics", b"/calendar.ics")]
    assert ask(app, f"/calendar/{TOKENS[Scope.API]}.ics", key=None).status_code == 403
    assert ask(app, "/calendar/unknown.ics", key=None).status_code == 401
    assert ask(app, f"/calendar/{token}.ics", key=None, method="POST").status_code == 200, (
        "methods are the routes' matter"
    )


@pytest.mark.parametrize("key", [KEY, "wrong"])
def test_a_key_and_a_token_together_are_refused_whichever_is_right(key: str) -> None:
    inside, app = guarded()
    for token in (TOKENS[Scope.API], "wrong"):
        for path, headers in (
            ("/api/v1/status", {"X-Backup-Glance-Token": token}),
            (f"/calendar/{TOKENS[Scope.CALENDAR]}.ics", {}),
        ):
            answer = ask(app, path, key=key, headers=headers)
            assert answer.status_code == 401
            assert "not both" in answer.json()["detail"]
    assert inside.paths == []


def test_two_tokens_are_none() -> None:
    inside, app = guarded()
    token = TOKENS[Scope.CALENDAR]
    scope = {
        "type": "http",
        "path": "/calendar.ics",
        "raw_path": b"/calendar.ics",
        "headers": [(programs.HEADER, token.encode())] * 2,
    }

    assert status(app, scope) == 401
    assert status(app, {**scope, "headers": scope["headers"][:1]}) == 200
    in_the_path = {"path": f"/calendar/{token}.ics", "headers": scope["headers"][:1]}
    assert status(app, {**scope, **in_the_path}) == 401
    assert len(inside.paths) == 1


def status(app: ASGIApp, scope: Mapping[str, Any]) -> int:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def call() -> None:
        await app(dict(scope), receive, send)

    asyncio.run(call())
    return int(sent[0]["status"])


def test_until_a_token_could_be_read_programs_are_asked_to_come_back_and_readers_are_not() -> None:
    inside, app = guarded(Accepted(still_unread=True))
    answer = with_token(app, "/metrics", TOKENS[Scope.METRICS])

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert ask(app, "/calendar/whatever.ics", key=None).status_code == 503
    assert inside.paths == []
    assert ask(app, "/widget").status_code == 200
    assert ask(app, "/healthz", key=None).status_code == 200


def test_without_tokens_in_the_configuration_each_is_unknown() -> None:
    answer = with_token(app_for(), "/api/v1/status", EVERYTHING)

    assert answer.status_code == 401
    assert "content-security-policy" in answer.headers
    assert answer.headers["cache-control"] == "no-store"


@given(st.text(alphabet="/.%acdeilnprstx?#;-", max_size=24), st.sampled_from([*TOKENS.values(), EVERYTHING]))
def test_whatever_the_path_a_token_opens_only_what_the_table_says(path: str, token: str) -> None:
    inside, app = guarded()
    scope = {"type": "http", "path": path, "raw_path": path.encode(), "headers": [(programs.HEADER, token.encode())]}

    if status(app, scope) == 200:
        assert path in ("/metrics", "/calendar.ics", "/openapi.json") or path.startswith(("/api/", "/proxy/"))
    assert len(inside.paths) <= 1
