"""Who may ask, what is answered, and what every answer carries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote

import pytest

from sidecar.core.model import Board
from sidecar.web.app import WidgetOptions, create_app
from tests.web.asking import KEY, SECOND_KEY, app_for, ask, nothing_due
from tests.web.boards import HOSTILE, NOW, bad_morning, good_morning

CALENDAR = "/api/v1/calendar?from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z"
CHANGES = "/api/v1/changes?since=2026-11-22T00:00:00Z"
PATHS = [
    "/readyz",
    "/widget",
    "/widget?view=calendar",
    "/extension",
    "/extension?view=all",
    "/theme.css",
    "/api/v1/status",
    "/api/v1/services/vault",
    CALENDAR,
    "/metrics",
    CHANGES,
    "/calendar.ics",
    "/openapi.json",
]


@pytest.mark.parametrize("path", [*PATHS, "/static/widget.css", "/nowhere"])
@pytest.mark.parametrize("key", [None, "", "wrong", KEY + "x", KEY[:-1], f"{KEY} {KEY}"])
def test_without_the_right_key_everything_is_401(path: str, key: str | None) -> None:
    answer = ask(app_for(), path, key=key)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert KEY not in answer.text


def test_healthz_needs_no_key() -> None:
    assert ask(app_for(), "/healthz", key=None).json() == {"status": "ok"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", [KEY, SECOND_KEY])
def test_every_configured_key_is_accepted(path: str, key: str) -> None:
    assert ask(app_for(), path, key=key).status_code == 200


def test_another_scheme_or_a_bare_key_is_not_accepted() -> None:
    for value in (f"Basic {KEY}", KEY, f"Token {KEY}"):
        assert ask(app_for(), "/widget", key=None, headers={"Authorization": value}).status_code == 401


def test_without_any_key_nobody_gets_in() -> None:
    app = create_app(timeline=nothing_due, board=good_morning, ready=lambda: True, keys=(), clock=lambda: NOW)
    assert ask(app, "/widget", key="").status_code == 401


def test_an_empty_key_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="empty"):
        create_app(timeline=nothing_due, board=good_morning, ready=lambda: True, keys=("good", " "), clock=lambda: NOW)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/healthz", *PATHS])
def test_only_get_and_head_are_answered(path: str, method: str) -> None:
    answer = ask(app_for(), path, method=method)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert answer.json()["title"] == "Method Not Allowed"


@pytest.mark.parametrize("path", PATHS)
def test_head_answers_like_get(path: str) -> None:
    assert ask(app_for(), path, method="HEAD").headers == ask(app_for(), path).headers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/widget/", 404),
        ("/static/", 404),
        ("/static/../app.py", 404),
        ("/api/v1/services/nobody", 404),
    ],
)
def test_what_does_not_exist_is_a_problem_document(path: str, status: int) -> None:
    answer = ask(app_for(), path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json().keys() == {"type", "title", "status", "detail"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ("/", "./widget"),
        ("/?view=calendar&light=true", "./widget?view=calendar&light=true"),
        ("/?view=a%0d%0aSet-Cookie:x", "./widget?view=a%0d%0aSet-Cookie:x"),
        ("/?//evil.lan", "./widget?//evil.lan"),
    ],
)
def test_the_root_leads_to_the_page_below_whatever_prefix(method: str, asked: str, location: str) -> None:
    answer = ask(app_for(), asked, method=method)

    assert (answer.status_code, answer.content) == (307, b"")
    assert answer.headers["location"].lower() == location.lower()


def test_readyz_is_503_until_every_source_was_tried() -> None:
    assert ask(app_for(ready=False), "/readyz").status_code == 503
    assert ask(app_for(ready=True), "/readyz").json() == {"status": "ready"}


def test_an_internal_error_is_a_500_without_details() -> None:
    def broken() -> Board:
        raise RuntimeError("secret detail")

    app = create_app(timeline=nothing_due, board=broken, ready=lambda: True, keys=(KEY,), clock=lambda: NOW)
    answer = ask(app, "/api/v1/status")
    assert answer.status_code == 500
    assert answer.json()["status"] == 500
    assert "secret" not in answer.text
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("path", ["/healthz", *PATHS, "/nowhere", "/widget?view=x"])
@pytest.mark.parametrize("key", [KEY, None])
def test_every_answer_carries_the_security_headers(path: str, key: str | None) -> None:
    headers = ask(app_for(), path, key=key).headers
    policy = dict(piece.split(" ", 1) for piece in headers["content-security-policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "font-src": "'self'",
        "connect-src": "'self'",
        "frame-ancestors": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'" if path.startswith("/widget") else "'none'",
    }
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "cache-control" in headers
    assert "permissions-policy" in headers
    assert headers["cross-origin-resource-policy"] == "same-origin"


def test_frame_ancestors_come_from_configuration() -> None:
    options = WidgetOptions(frame_ancestors=("https://glance.lan", "http://10.0.0.5:8080"))
    policy = ask(app_for(options=options), "/widget").headers["content-security-policy"]
    assert "frame-ancestors https://glance.lan http://10.0.0.5:8080;" in policy


@pytest.mark.parametrize("ancestor", ["https://a.lan; script-src *", "https://a.lan https://b.lan", "", "a,b", "ä"])
def test_a_frame_ancestor_that_would_change_the_policy_is_refused(ancestor: str) -> None:
    with pytest.raises(ValueError, match="frame_ancestors"):
        app_for(options=WidgetOptions(frame_ancestors=(ancestor,)))


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/readyz"])
def test_an_unchanged_answer_is_304(path: str) -> None:
    app = app_for()
    etag = ask(app, path).headers["etag"]
    for offered in (etag, f'"x", {etag}', f"W/{etag}", "*"):
        answer = ask(app, path, headers={"If-None-Match": offered})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
    assert ask(app, path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_new_board_is_shown_at_once() -> None:
    present = [bad_morning()]
    app = create_app(timeline=nothing_due, board=lambda: present[0], ready=lambda: True, keys=(KEY,), clock=lambda: NOW)
    before = ask(app, "/widget")
    present[0] = good_morning()
    after = ask(app, "/widget")
    assert "3 of 12 need you" in before.text
    assert "All 12 backed up" in after.text
    assert before.headers["etag"] != after.headers["etag"]


def test_static_files_may_be_kept_for_ever_under_the_name_the_page_gives() -> None:
    app = app_for()
    page = ask(app, "/widget").text
    name = page.split('href="static/')[1].split('"')[0]
    answer = ask(app, f"/static/{name}")
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert ask(app, "/static/widget.css").status_code == 404


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("view=calender", 'Unknown view "calender"'),
        ("month=2026-11", "month and day need view=calendar"),
        ("view=calendar&month=2026-13", 'month: "2026-13"'),
        ("view=calendar&month=1999-12", "years 2000 to 2099"),
        ("view=calendar&day=2026-02-30", 'day: "2026-02-30"'),
        ("view=calendar&day=20261123", 'day: "20261123"'),
        ("view=calendar&service=vault", "leave out service"),
        ("mnth=2026-11", 'Unknown parameter "mnth"'),
        ("servce=vault", 'Unknown parameter "servce"'),
        ("view=table&view=table", "given twice"),
        ("light=maybe", "light must be true or false"),
        ("background-color=red", "background-color must be three numbers"),
        ("background-color=240 8 101", "not a number from 0 to 100"),
        ("contrast-multiplier=nan", "contrast-multiplier"),
        (f"view={'x' * 500}", "Unknown view"),
    ],
)
def test_a_query_that_makes_no_sense_is_422_with_words(query: str, words: str) -> None:
    answer = ask(app_for(), f"/widget?{query}")
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert len(answer.json()["detail"]) < 300


def test_theme_css_takes_theme_parameters_only() -> None:
    assert ask(app_for(), "/theme.css?service=vault").status_code == 422
    assert "rgb(239 241 245)" in ask(app_for(), "/theme.css?light=true&background-color=220 23 95").text


def test_the_page_hands_its_theme_parameters_to_the_style_sheet() -> None:
    page = ask(app_for(), "/widget?light=true&view=table&background-color=220+23+95").text
    assert 'href="theme.css?background-color=220%2023%2095&amp;light=true"' in page


def test_one_service_can_be_shown_alone() -> None:
    page = ask(app_for(), "/widget?service=vaultwarden").text
    assert "vaultwarden: missed" in page
    assert "paperless" not in page
    assert ask(app_for(), "/widget?service=nobody").status_code == 404


def test_a_service_with_slashes_in_its_name_has_its_page() -> None:
    board = good_morning()
    named = replace(board.services[0], name="nas (pbs:main/ns/host/nas)")
    app = app_for(lambda: replace(board, services=(named,)))
    assert ask(app, "/api/v1/services/nas%20(pbs:main%2Fns%2Fhost%2Fnas)").json()["name"] == named.name


@pytest.mark.parametrize("made", [good_morning, bad_morning])
def test_a_board_that_is_not_renewed_any_more_shows_nothing_as_ok(made: Callable[[], Board]) -> None:
    app = app_for(made, now=NOW + timedelta(minutes=6))
    status = ask(app, "/api/v1/status").json()
    states = {row["state"] for key in ("services", "jobs", "sources") for row in status[key]}
    assert states <= {"failed", "missed", "never", "unknown"}
    assert "stopped judging" in status["overall"]["headline"]
    assert sum(status["overall"]["counts"].values()) == 12
    assert status["generated_at"] == "2026-11-23T06:32:00Z"


def test_a_board_within_its_time_is_shown_as_it_is() -> None:
    app = app_for(good_morning, now=NOW + timedelta(minutes=4))
    assert ask(app, "/api/v1/status").json()["overall"]["state"] == "ok"


def test_a_hostile_query_comes_back_as_json_only() -> None:
    answer = ask(app_for(), f"/widget?{quote(HOSTILE)}=1")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
