"""Errors in a browser: a page in the look of the widget. Programs get problem documents."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin

import httpx
import pytest

from sidecar.core.model import Board
from sidecar.web.app import create_app
from sidecar.web.problem_page import prefers_html
from tests.web.asking import KEY, app_for, ask, nothing_due
from tests.web.boards import HOSTILE, NOW

#: What Firefox and Chromium send when they open a page, and what a frame sends.
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


def opened(path: str, method: str = "GET") -> httpx.Response:
    """What a browser gets."""
    return ask(app_for(), path, method=method, headers={"Accept": BROWSER})


def links(page: str) -> list[str]:
    return [link.replace("&amp;", "&") for link in re.findall(r'(?:href|src)="([^"#]+)"', page)]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/nowhere", 404, "Nothing is served at this path."),
        ("/widget?service=nobody", 404, "No service has this name."),
        ("/widget?view=calender", 422, "Unknown view &#34;calender&#34;"),
        ("/widget?view=calendar&month=2026-13", 422, "month: &#34;2026-13&#34; is not a month"),
        ("/static/x.css", 404, "Nothing is served at this path."),
    ],
)
def test_a_browser_gets_a_page_that_says_what_is_wrong_and_leads_back(path: str, status: int, words: str) -> None:
    answer = opened(path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["cache-control"] == "no-store"
    assert words in answer.text
    assert "show all services" in answer.text
    views = [link.partition("view=")[2] for link in links(answer.text) if "view=" in link]
    assert views == ["calendar", "all", "history", "line"]


def test_writing_is_a_page_too() -> None:
    answer = opened("/widget", method="POST")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert "POST is not allowed: everything here is read-only." in answer.text


def test_an_internal_error_is_a_page_without_details() -> None:
    def broken() -> Board:
        raise RuntimeError("secret detail")

    app = create_app(timeline=nothing_due, board=broken, ready=lambda: True, keys=(KEY,), clock=lambda: NOW)
    answer = ask(app, "/widget", headers={"Accept": BROWSER})

    assert answer.status_code == 500
    assert "Its log has the details." in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/api/v1/services/nobody", "/api/v1/changes", "/api/v1/nothing", "/proxy/pbs/x"])
def test_what_only_programs_ask_for_is_a_problem_document_whoever_asks(path: str) -> None:
    answer = opened(path)

    assert answer.headers["content-type"] == "application/problem+json"
    assert "vary" not in answer.headers


@pytest.mark.parametrize(
    "accept", [None, "*/*", "application/json", "application/json, text/html", "text/css,*/*;q=0.1"]
)
def test_a_program_gets_a_problem_document_that_says_that_it_depends_on_accept(accept: str | None) -> None:
    answer = ask(app_for(), "/widget?view=x", headers={"Accept": accept} if accept else {})

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["vary"] == "Accept"
    assert answer.json()["title"] == "Unprocessable Content"


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("TEXT/HTML ; q=0.5", True),
        ("text/html;q=0", False),
        ("text/html;q=0.4, application/problem+json;q=0.5", False),
        ("text/html;q=nan", False),
        ("text/html;q=-1", False),
        ("text/html;q=", False),
        ("text/htmlx", False),
        ("text/*", False),
        ("", False),
        (",;,q=;text/html", False),
    ],
)
def test_html_is_for_who_asks_for_it_by_name(accept: str, *, html: bool) -> None:
    assert prefers_html(accept) is html


@pytest.mark.parametrize("path", ["/nowhere", "/a/b/c", "/widget?view=x", "/a%2Fb/c"])
def test_its_links_lead_to_the_same_files_as_those_of_the_page_under_any_prefix(path: str) -> None:
    there = [urljoin("https://lab/backup/widget", link) for link in links(ask(app_for(), "/widget").text)]
    here = {urljoin(f"https://lab/backup{path}", link) for link in links(opened(path).text)}

    assert "https://lab/backup/widget" in here
    assert {link for link in here if not link.startswith("https://lab/backup/widget")} <= set(there)


def test_it_keeps_the_theme_of_the_address_unless_that_is_what_is_wrong() -> None:
    kept = opened("/widget?view=x&light=true&background-color=220%2023%2095").text
    wrong = opened("/widget?light=maybe").text

    assert 'href="theme.css?background-color=220%2023%2095&amp;light=true"' in kept
    assert 'href="widget?background-color=220%2023%2095&amp;light=true"' in kept
    assert 'href="theme.css"' in wrong


def test_nothing_stands_inline_and_hostile_text_is_text() -> None:
    page = opened(f"/widget?{quote(HOSTILE)}=1").text

    assert "<script>" not in page
    assert "<style" not in page
    assert "style=" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_a_path_of_thousands_of_steps_makes_no_large_page() -> None:
    assert len(opened("/" + "a/" * 2_000).content) < 20_000


def test_glance_gets_its_fragment_as_before() -> None:
    answer = ask(app_for(), "/extension?view=x", headers={"Accept": BROWSER})

    assert answer.status_code == 200
    assert "Unknown view" in answer.text
