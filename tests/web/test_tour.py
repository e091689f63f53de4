"""What the page says in its first week of what it does not show yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sidecar.core.model import Board
from sidecar.web.app import WidgetOptions
from sidecar.web.page import Wanted, page
from tests.web import boards
from tests.web.asking import app_for, ask


def watched(since: datetime | None, board: Board | None = None) -> Board:
    return replace(board or boards.good_morning(), watched_since=since)


@pytest.mark.parametrize(
    ("age", "lines"),
    [
        (timedelta(0), 3),
        (timedelta(days=6, hours=23), 3),
        (timedelta(days=7), 0),
        (timedelta(days=400), 0),
        (-timedelta(minutes=1), 0),
    ],
)
def test_the_first_week_says_in_three_lines_what_will_come(age: timedelta, lines: int) -> None:
    assert len(page(watched(boards.NOW - age)).tour) == lines


def test_it_says_since_when_to_whom_and_from_when() -> None:
    board = watched(boards.at(22, "18:30"))
    history, alerts, rhythm = page(board, Wanted(receivers=2)).tour
    assert history.startswith("History began Sun 22 Nov 18:30;")
    assert alerts.startswith("Alerts go to 2 receivers,")
    assert rhythm.endswith("of daily ones from Thu 26 Nov on.")
    assert "go to 1 receiver," in page(board, Wanted(receivers=1)).tour[1]
    assert "nobody: add alerts.receivers" in page(board).tour[1]


def test_it_stands_on_the_page_and_in_the_extension_with_the_receivers_of_the_configuration() -> None:
    app = app_for(lambda: watched(boards.NOW), options=WidgetOptions(receivers=3))
    for path in ("/widget", "/widget?view=all", "/extension"):
        html = ask(app, path).text
        assert html.count("What comes next") == 1
        assert "3 receivers" in html
    for path in ("/widget?view=calendar", "/widget?view=line", "/widget?q=vault", "/widget?service=vault"):
        assert "What comes next" not in ask(app, path).text


def test_it_is_silent_where_nothing_is_remembered_and_where_nothing_can_be_relied_on() -> None:
    assert page(watched(None)).tour == ()
    assert page(watched(boards.NOW, boards.stale())).tour == ()
