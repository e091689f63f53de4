"""The Glance extension: always an answer that Glance can show, all of it escaped, and nothing in Glance's way."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import Any
from urllib.parse import quote

import pytest
from starlette.types import ASGIApp

from sidecar.core.model import Board, Link, State
from sidecar.web.app import create_app
from sidecar.web.extension import collapse_after
from sidecar.web.page import page
from sidecar.web.query import VIEWS
from tests.web import boards, calendars
from tests.web.asking import KEY, ask
from tests.web.boards import NOW
from tests.web.test_page import Reader

#: What of Glance's own is used (GL-2). "calendar", "clock", "todo" and "search" must not: Glance replaces them.
GLANCES_CLASSES = {
    *("flex", "flex-wrap", "items-center", "justify-between", "gap-12", "margin-top-10", "min-width-0"),
    *("list", "list-gap-4", "list-gap-8", "list-gap-10", "list-with-separator", "list-horizontal-text"),
    *("collapsible-container", "details", "summary", "progress-bar", "progress-value", "progress-value-notice"),
    *("size-h2", "size-h4", "size-h6", "color-highlight", "color-paragraph", "visually-hidden"),
}

HOSTILE = {
    "markup": '<img src=x onerror="alert(1)"><script>alert(2)</script></li></ul></div></style>',
    "quotes": "\"'` onmouseover=alert(1) x='\">",
    "newlines": "one\ntwo\r\n\tthree\u2028\u0000four",
    "right to left": "\u202ekcab\u2066 \u0627\u0644\u0646\u0633\u062e",
    "half a character": "\ud800",
    "template": "{{ 7 * 7 }}{% raw %}&lt;b&gt;",
    "long": "w" * 5_000,
}


def app_for(board: Board, **more: Any) -> ASGIApp:
    """The application with this board and a calendar."""
    given = {"clock": lambda: NOW, "timeline": lambda: calendars.month(NOW), **more}
    return create_app(board=lambda: board, ready=lambda: True, keys=(KEY,), **given)


def fragment(board: Board, query: str = "") -> str:
    """What Glance gets. Whatever was asked, it comes as 200 and as HTML."""
    answer = ask(app_for(board), f"/extension{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["widget-title"] == "Backups"
    assert answer.headers["widget-content-type"] == "html"
    return answer.text


def words(html: str) -> str:
    """The text of a fragment without its style sheet."""
    reader = Reader(html)
    return " ".join(" ".join(text for text in reader.text if "{" not in text).split()).replace(" ,", ",")


# --- what it says -----------------------------------------------------------------------------------------------------


def test_it_says_what_the_page_says() -> None:
    shown = words(fragment(boards.bad_morning()))
    for piece in (
        "3 of 12 need you as of 07:26 next 02:00",
        "1 failed 1 missed 1 never 3 unknown 1 warning 1 late 1 running 1 new 2 ok",
        "backrest can't be read since 06:02: connection refused. Start Backrest on backrest.lan. Open Backrest",
        "vaultwarden missed missed guest ok dump guest 27 next 02:00 last 1d",
        boards.MISSED.reason,
        boards.MISSED.action,
        "dump mariadb-main/vaultwarden, daily 02:00 (0 2 * * *) ok 02:03 14 kept, 61 MiB",
        "main 63% of 3.9 TiB full Oct 2027",
        "upkeep ok Prune 05:00 Garbage collection Sat 03:00",
    ):
        assert piece is not None
        assert piece in shown


def test_rows_are_worst_first_and_good_rows_have_no_reason() -> None:
    shown = words(fragment(boards.bad_morning()))
    names = ["paperless", "vaultwarden", "n8n", "vault ", "home-assistant", "jellyfin", "immich", "nextcloud"]
    places = [shown.index(f" {name}") for name in names]
    assert places == sorted(places)
    assert "bg-why" not in fragment(boards.good_morning()).partition("</style>")[2]


def test_one_service_has_its_own_headline_and_nothing_of_the_others() -> None:
    shown = words(fragment(boards.bad_morning(), "?service=vaultwarden"))
    assert "vaultwarden: missed" in shown
    assert "paperless" not in shown


@pytest.mark.parametrize(
    ("view", "table", "month"), [("table", True, False), ("calendar", False, True), ("all", True, True)]
)
def test_views_show_the_table_the_calendar_or_both(view: str, table: bool, month: bool) -> None:
    shown = words(fragment(boards.good_morning(), f"?view={view}"))
    assert ("vaultwarden" in shown, "November 2026" in shown) == (table, month)
    assert ("Today and the next 24 hours Mon 23 Nov today 02:00 dump, ok: Databasement dumps" in shown) is month
    assert ("now 07:26" in shown) is month
    assert "All 12 backed up" in shown


@pytest.mark.parametrize("made", boards.ALL.values(), ids=boards.ALL)
def test_both_places_say_the_same_where_they_draw_the_same(made: Callable[[], Board]) -> None:
    """The tally, the troubles, all that opens, the days of the month and what is due."""
    board = made()
    widget = ask(app_for(board), "/widget?view=all").text
    ours = fragment(board, "?view=all&fold=-1")
    for structure in ("tally", "trouble", "part-detail", "copy", "why", "day", "entry", "when", "result"):
        there, here = _texts_of(widget, structure), _texts_of(ours, f"bg-{structure}")
        assert here == there, structure


def _texts_of(html: str, name: str) -> list[str]:
    """The words of all elements that have this class, each with what is inside it."""
    texts: list[str] = []
    for match in re.finditer(rf'<(\w+) class="(?:[^"]* )?{name}(?: [^"]*)?"[^>]*>', html):
        depth, end = 1, match.end()
        for piece in re.finditer(rf"<(/?){match[1]}\b", html[match.end() :]):
            depth += -1 if piece[1] else 1
            if depth == 0:
                end += piece.start()
                break
        texts.append("".join("".join(Reader(html[match.end() : end]).text).split()))
    return texts


def test_times_age_with_glance() -> None:
    reader = Reader(fragment(boards.bad_morning()))
    ageing = [
        attributes for tag, attributes in reader.tags if tag == "time" and "data-dynamic-relative-time" in attributes
    ]
    expected = {
        "datetime": "2026-11-22T03:07:00Z",
        "title": "Sun 22 Nov 2026 04:07:00 CET",
        "data-dynamic-relative-time": "1795316820",
    }
    assert expected in ageing
    assert ("span", {"data-dynamic-relative-time": str(int(NOW.timestamp()))}) in reader.tags


# --- the fold ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "fold", "shown"),
    [
        (boards.good_morning, 5, 5),
        (boards.good_morning, 0, 0),
        (boards.good_morning, 10, 10),
        (boards.good_morning, 11, -1),
        (boards.good_morning, 12, -1),
        (boards.good_morning, -1, -1),
        (boards.bad_morning, 5, -1),
        (boards.bad_morning, 0, 9),
        (boards.empty, 5, -1),
    ],
)
def test_what_needs_words_is_never_folded_and_one_row_alone_neither(
    made: Callable[[], Board], fold: int, shown: int
) -> None:
    assert collapse_after(page(made()).rows, fold) == shown


def test_the_fold_is_glances_own() -> None:
    assert 'data-collapse-after="5"' in fragment(boards.good_morning())
    assert 'data-collapse-after="3"' in fragment(boards.good_morning(), "?fold=3")
    assert 'data-collapse-after="-1"' in fragment(boards.good_morning(), "?fold=-1")


def test_a_long_list_has_groups_whatever_glance_folds() -> None:
    for query in ("", "?fold=-1", "?fold=999"):
        shown, *groups = fragment(boards.crowded(200, 70), query).split('<details class="details bg-group')
        assert 'data-collapse-after="-1"' in shown
        assert [part.count('<li class="bg-row">') for part in (shown, *groups)] == [70, 0, 43, 43, 44]
        assert words(groups[0]).endswith("130 ok oldest last backup 3h")
        assert "service-070 – service-112 43 ok" in words(groups[1])
    assert "bg-group" not in fragment(boards.crowded(60, 0), "?fold=-1").partition("</style>")[2]


# --- always the truth, always 200 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?veiw=calendar", 'Unknown parameter "veiw"; use view, service, fold.'),
        ("?view=month", 'Unknown view "month"; use table, calendar, all, history, line.'),
        ("?fold=many", 'fold: "many" is not a number from 0 to 999'),
        ("?fold=-2", 'fold: "-2" is not a number'),
        ("?fold=1000", 'fold: "1000" is not a number'),
        ("?view=all&service=vault", "leave out service"),
        ("?view=all&view=table", 'The parameter "view" is given twice.'),
        ("?service=nobody", "No service has this name."),
        ("?light=true", 'Unknown parameter "light"'),
        (f"?{quote(boards.HOSTILE)}=1", "Unknown parameter"),
    ],
)
def test_an_invalid_query_is_reported_where_the_board_would_be(query: str, message: str) -> None:
    html = fragment(boards.good_morning(), query)
    assert message in words(html)
    assert not {"img", "script"} & {tag for tag, _ in Reader(html).tags}


def test_before_anything_was_read_it_says_so() -> None:
    assert "Reading for the first time 0 of 4 sources answered" in words(fragment(boards.first_reading()))


def test_without_services_it_says_so() -> None:
    assert "No service seen all lists are empty" in words(fragment(boards.empty()))


def test_old_data_is_shown_at_the_top_and_nothing_looks_ok() -> None:
    html = fragment(boards.stale())
    assert words(html).startswith("Nothing read since 04:20, 3h ago. What you see is from then.")
    assert 'class="backup-glance bg-stale"' in html


def test_a_board_that_is_not_renewed_any_more_shows_nothing_as_ok() -> None:
    app = app_for(boards.good_morning(), clock=lambda: NOW + timedelta(minutes=6))
    html = ask(app, "/extension?fold=-1").text
    assert "stopped judging" in words(html)
    former_runs = r'<span class="bg-word bg-is-ok">ok</span>(?= <time|<span class="bg-took">)'
    assert "bg-is-ok" not in re.sub(former_runs, "", html).partition('<ul class="bg-rows')[2]


@pytest.mark.parametrize("path", ["/extension", "/extension?view=all"])
def test_an_internal_error_is_reported_without_its_details(path: str) -> None:
    def broken() -> Board:
        raise RuntimeError("secret detail")

    app = create_app(
        timeline=lambda: calendars.month(NOW), board=broken, ready=lambda: True, keys=(KEY,), clock=lambda: NOW
    )
    answer = ask(app, path)
    assert answer.status_code == 200
    assert answer.headers["widget-content-type"] == "html"
    assert "Internal error in backup-glance. Its log has the details." in words(answer.text)
    assert "secret" not in answer.text


# --- nothing of an upstream is more than text -------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("view", VIEWS)
def test_hostile_text_in_every_field_changes_nothing_but_the_words(name: str, view: str) -> None:
    """The fragment has the same elements with the same attributes as with a harmless word in all places."""
    harmless, hostile = (
        Reader(fragment(with_text(boards.bad_morning(), text), f"?view={view}")) for text in ("word", HOSTILE[name])
    )
    assert _skeleton(hostile) == _skeleton(harmless)
    assert "word" in "".join(harmless.text)


def test_a_hostile_address_is_no_link_and_a_hostile_query_in_one_stays_in_it() -> None:
    board = boards.hostile()
    good = replace(board.services[1].verdict, link=Link(f"https://x/{boards.HOSTILE}", "label"))
    shown = replace(board, services=(*board.services, replace(board.services[1], verdict=good)))
    addresses = [attributes["href"] for tag, attributes in Reader(fragment(shown)).tags if tag == "a"]
    assert f"https://x/{boards.HOSTILE}" in addresses
    assert all(address and address.startswith("https://") for address in addresses)


@pytest.mark.parametrize("made", boards.ALL.values(), ids=boards.ALL)
@pytest.mark.parametrize("view", VIEWS)
def test_it_holds_nothing_that_runs_and_nothing_that_gets_in_glances_way(made: Callable[[], Board], view: str) -> None:
    reader = Reader(fragment(made(), f"?view={view}"))
    assert not {"script", "img", "iframe", "form", "link", "meta", "object"} & {tag for tag, _ in reader.tags}
    for tag, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert re.fullmatch(r"--percent: \d{1,3}", attributes.get("style") or "--percent: 0")
        assert (attributes.get("id") or "bg-").startswith("bg-")
        for name in (attributes.get("class") or "").split():
            assert name in GLANCES_CLASSES or name.startswith("bg-") or name == "backup-glance"
        if tag == "a":
            assert (attributes["target"], attributes["rel"]) == ("_blank", "noopener noreferrer")
        if tag == "use":
            assert (attributes["href"] or "").startswith("#bg-")


def test_every_mark_that_is_used_is_drawn() -> None:
    reader = Reader(fragment(boards.bad_morning(), "?view=all"))
    drawn = {f"#{attributes['id']}" for tag, attributes in reader.tags if tag == "symbol"}
    used = {attributes["href"] for tag, attributes in reader.tags if tag == "use"}
    assert used <= drawn
    assert {f"#bg-{state}" for state in State if state is not State.DISABLED} <= used


def test_every_style_of_ours_is_bound_to_a_class_or_id_of_ours() -> None:
    styles = "".join(text for text in Reader(fragment(boards.bad_morning(), "?view=all")).text if "{" in text)
    without_notes = re.sub(r"/\*.*?\*/|@container [^{]*\{", "", styles, flags=re.DOTALL)
    selectors = re.findall(r"([^{}]+)\{[^}]*\}", without_notes)
    assert len(selectors) > 90
    for rule in selectors:
        for selector in re.split(r",(?![^()]*\))", rule):
            assert "bg-" in selector or "backup-glance" in selector


# --- quick and light --------------------------------------------------------------------------------------------------


def fifteen_services() -> Board:
    morning = boards.good_morning()
    more = [replace(row, name=f"{row.name} on the other host") for row in morning.services[:3]]
    return replace(morning, services=(*morning.services, *more))


def test_it_is_rendered_once_per_board_and_query() -> None:
    asked: list[int] = []

    def timeline() -> Any:
        asked.append(1)
        return calendars.month(NOW)

    app = app_for(boards.good_morning(), timeline=timeline)
    bodies = {
        ask(app, f"/extension?{query}").text for query in ("view=all&fold=3", "fold=3&view=all", "view=all&fold=3")
    }
    assert len(bodies) == 1
    assert len(asked) == 1
    assert ask(app, "/extension?view=all").text not in bodies


@pytest.mark.parametrize("view", VIEWS)
def test_fifteen_services_weigh_little(view: str) -> None:
    assert len(gzip.compress(fragment(fifteen_services(), f"?view={view}").encode())) < 14_000


def with_text(value: Any, text: str) -> Any:
    """The same value with ``text`` in every field that an upstream or a user can choose."""
    if is_dataclass(value) and not isinstance(value, type):
        kept = {"timezone", "kind"}
        return replace(
            value,
            **{
                field.name: with_text(getattr(value, field.name), text)
                for field in fields(value)
                if field.name not in kept
            },
        )
    if isinstance(value, tuple):
        return tuple(with_text(item, text) for item in value)
    return text if isinstance(value, str) and not isinstance(value, Enum) else value


def _skeleton(reader: Reader) -> Sequence[tuple[str, tuple[str, ...]]]:
    return [(tag, tuple(attributes)) for tag, attributes in reader.tags]
