"""Services are found by a part of their name: a form without script, under any prefix, of which nothing is kept."""

from __future__ import annotations

import re
from html import escape
from urllib.parse import quote

import pytest

from sidecar.core.model import Board
from sidecar.web.app import Handlers, WidgetOptions, app_of
from sidecar.web.known import Known
from sidecar.web.query import LONGEST_SEARCH
from tests.web import boards
from tests.web.asking import KEY, app_for, ask, nothing_due

BOARD = boards.good_morning()
BROWSER = {"Accept": "text/html"}
THEME = "background-color=240+21+15&light=true"


def named(*names: str) -> Board:
    return boards.board([boards.service(name, boards.guest(100 + place)) for place, name in enumerate(names)])


def found(query: str, *names: str) -> list[str]:
    html = ask(app_for(lambda: named(*names)), f"/widget?q={quote(query)}").text
    return re.findall(r'<b class="name">([^<]*)</b>', html)


def form(html: str) -> str:
    return html.partition("<form")[2].partition("</form>")[0]


def fields(html: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', form(html)))


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("vault", ["vault", "Vaultwarden"]),
        ("VAULT", ["vault", "Vaultwarden"]),
        ("ward", ["Vaultwarden"]),
        ("straße", ["STRASSE 7"]),
        (" vault ", ["vault", "Vaultwarden"]),
        (".*", []),
        ("", ["vault", "Vaultwarden", "STRASSE 7"]),
        ("  ", ["vault", "Vaultwarden", "STRASSE 7"]),
    ],
)
def test_rows_whose_name_has_the_text_are_found_whatever_its_case(query: str, rows: list[str]) -> None:
    assert found(query, "vault", "Vaultwarden", "STRASSE 7") == rows


def test_what_is_found_is_not_folded_and_the_headline_is_that_of_the_whole_board() -> None:
    html = ask(app_for(lambda: boards.crowded(1_000, 0)), "/widget?q=service-01").text
    assert html.count('class="row ') == 10
    assert "folded" not in html
    assert "All 1000 backed up" in html


def test_nobody_of_this_name_is_said_and_escaped() -> None:
    html = ask(app_for(), f"/widget?q={quote(boards.HOSTILE[:100])}").text
    assert (
        f"No service is called “<bdi>{escape(boards.HOSTILE[:100]).replace('&#x27;', '&#39;').replace('&quot;', '&#34;')}</bdi>”."
        in html
    )
    assert "<script>" not in html
    assert html.count("<img") == 0


def test_only_many_services_are_searched_and_whoever_searched_keeps_the_form() -> None:
    assert "<form" not in ask(app_for(lambda: boards.calm(60)), "/widget").text
    assert "<form" in ask(app_for(lambda: boards.calm(61)), "/widget").text
    assert 'value="forge"' in form(ask(app_for(), "/widget?q=forge").text)
    assert "<form" not in ask(app_for(lambda: boards.calm(61)), "/widget?view=calendar").text
    assert "<form" not in ask(app_for(lambda: boards.calm(61)), "/extension").text


def test_the_form_leads_to_the_same_page_and_keeps_what_was_asked_for_besides() -> None:
    html = ask(
        app_for(lambda: boards.calm(61)), f"/widget?{THEME}&view=all&month=2026-11&day=2026-11-20&fold=3&q=x"
    ).text
    assert 'method="get" action="?"' in form(html)
    assert fields(html) == {
        "view": "all",
        "month": "2026-11",
        "day": "2026-11-20",
        "fold": "3",
        "background-color": "240 21 15",
        "light": "true",
    }
    back = re.findall(r'<a href="([^"]*)">show all</a>', html)
    assert back == [
        "?view=all&amp;month=2026-11&amp;day=2026-11-20&amp;fold=3&amp;background-color=240%2021%2015&amp;light=true"
    ]


def test_a_form_may_lead_to_our_own_origin_on_the_page_and_nowhere_else() -> None:
    def forms(path: str) -> str:
        policy = ask(app_for(), path, headers=BROWSER).headers["content-security-policy"]
        return dict(directive.split(" ", 1) for directive in policy.split("; "))["form-action"]

    assert forms("/widget") == forms("/widget?q=x") == forms("/widget?view=calendar") == "'self'"
    for path in ("/", "/extension", "/theme.css", "/api/v1/status", "/nowhere", "/widget/", "/openapi.json"):
        assert forms(path) == "'none'", path


@pytest.mark.parametrize(
    "query", ["view=calendar&q=x", "view=line&q=x", "service=vault&q=x", f"q={'x' * (LONGEST_SEARCH + 1)}"]
)
def test_a_search_that_means_nothing_is_refused(query: str) -> None:
    assert ask(app_for(), f"/widget?{query}").status_code == 422


def test_a_search_is_never_kept() -> None:
    handlers = Handlers(
        known=lambda: Known(board=BOARD, timeline=nothing_due),
        ready=lambda: True,
        clock=lambda: boards.NOW,
        options=WidgetOptions(),
    )
    app = app_of(handlers, (KEY,))

    assert [ask(app, f"/widget?q={text}").status_code for text in ("a", "b", "a")] == [200] * 3
    assert handlers.answers.asked == ()
    assert ask(app, "/widget").status_code == 200
    assert len(handlers.answers.asked) == 1
