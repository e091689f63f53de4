"""The history view: a real table of days, in words too, as it was remembered."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial

import pytest
from starlette.types import ASGIApp

from sidecar.core.model import Board
from sidecar.core.past.days import Past
from sidecar.web.app import create_app
from sidecar.web.past_reader import PastRecords
from sidecar.web.rows import MOST_ROWS
from tests.web import boards
from tests.web.asking import KEY, ask, nothing_due
from tests.web.pasts import HandmadePast, former_of, members_of


class Unreadable:
    def past(self, _now: datetime) -> Past | None:
        return None


def app_for(board: Board | None = None, past: PastRecords | None = None, looked: int = 300) -> ASGIApp:
    shown = board or boards.good_morning()
    return create_app(
        board=lambda: shown,
        timeline=nothing_due,
        ready=lambda: True,
        keys=(KEY,),
        clock=lambda: shown.at,
        past=past or HandmadePast(shown, looked),
        members=lambda: members_of(shown, timedelta(days=looked)),
        former=partial(former_of, shown, timedelta(days=looked)),
    )


def page(query: str = "", app: ASGIApp | None = None, path: str = "/widget") -> str:
    return _good_morning(query, path) if app is None else _answer(app, query, path)


@cache
def _good_morning(query: str, path: str) -> str:
    return _answer(app_for(), query, path)


def _answer(app: ASGIApp, query: str, path: str) -> str:
    answer = ask(app, f"{path}?view=history{query}")
    assert answer.status_code == 200
    return answer.text


def row(text: str, service: str) -> str:
    (found,) = [each for each in text.split("<tbody")[1:] if f">{service}</b>" in each]
    return found


@pytest.mark.parametrize("path", ["/widget", "/extension"])
def test_each_service_has_a_row_and_each_day_of_a_year_a_column_in_words(path: str) -> None:
    text = page(path=path)

    assert text.count('<th role="columnheader"') == 1 + 365
    assert text.count('<th role="rowheader"') == len(boards.good_morning().services)
    mine = row(text, "vaultwarden")
    assert mine.count("<td") == 365 + 2
    assert 'title="Sat 14 Nov: failed, 1 of 2 runs kept"' in mine
    assert re.search(r'title="Fri 20 Nov: kept late[^"]*"', mine)
    assert "not kept: 1 day<" in mine.replace(" <", "<")
    assert re.findall(r">Mon 23 Nov: ([^<]*)<", mine)


def test_the_last_month_in_one_line() -> None:
    text = re.sub(r"<[^>]+>", " ", row(page(), "vaultwarden"))

    assert "59 of 60 runs" in text
    assert "longest gap 2d" in text
    assert "8.4 GiB, grew by 277 MiB" in text


def test_what_was_not_observed_is_said_and_is_no_kept_run() -> None:
    assert "59 of 60 runs, 1 not observed" in row(page(), "nextcloud")


def test_days_before_anybody_looked_are_blank_and_that_is_said_once() -> None:
    text = page(app=app_for(looked=10))

    assert text.count("Days are blank before Fri 13 Nov") == 1
    assert 'class="past-before" title="Thu 12 Nov: not looked at yet"' in row(text, "vault")


def test_without_schedule_nothing_was_promised() -> None:
    board = boards.good_morning()
    first = board.services[0]
    part = replace(first.parts[0], schedule=None, job=None, next_run=None, ref="nobody's")
    alone = replace(board, services=(replace(first, parts=(part,), next_run=None),))
    app = app_for(alone, HandmadePast(board))

    assert "no schedule is known, nothing was promised" in page(app=app)


@pytest.mark.parametrize("path", ["/widget", "/extension"])
def test_what_cannot_be_read_is_not_known(path: str) -> None:
    text = page(app=app_for(past=Unreadable()), path=path)

    assert "read at present, so nothing is known of the past." in text
    assert "<table" not in text


@pytest.mark.parametrize("path", ["/widget", "/extension"])
def test_without_a_ledger_nothing_is_remembered_and_why(path: str) -> None:
    board = boards.good_morning()
    app = create_app(board=lambda: board, timeline=nothing_due, ready=lambda: True, keys=(KEY,), clock=lambda: board.at)

    assert "Nothing is remembered: backup-glance runs without a directory for its state." in page(app=app, path=path)


@pytest.mark.parametrize("path", ["/widget", "/extension"])
def test_what_no_service_has_any_more_stands_below_the_others(path: str) -> None:
    """As in the month's report."""
    then = boards.good_morning()
    board = replace(then, services=tuple(row for row in then.services if row.name != "vaultwarden"))
    app = app_for(board, HandmadePast(then))
    text = page(app=app, path=path)
    shown, former = text.split("No longer there: no service has these any more")

    assert "guest:pve:101" not in shown
    assert "29 of 30 runs" in former
    assert 'title="Sat 14 Nov: failed"' in former
    assert "longest gap" not in row(former, "vaultwarden (guest:pve:101)"), "nothing is saved of it since it is gone"
    assert text.count('<th role="rowheader"') == len(then.services) + 1, "each of its two parts by itself"
    assert "No longer there" not in page("&service=vault", app, path)
    assert "No longer there" not in page(path=path)


def test_of_too_much_that_is_gone_the_number_is_said() -> None:
    then = boards.crowded(100, 0)
    board = replace(then, services=then.services[:MOST_ROWS])
    text = page(app=app_for(board, HandmadePast(then, 40)))

    assert text.count('<th role="rowheader"') == MOST_ROWS
    assert (
        f"{100 - MOST_ROWS} things that no service has any more are not drawn; the report of the month lists them."
        in text
    )


def test_one_service_alone() -> None:
    text = page("&service=vaultwarden")

    assert text.count('<th role="rowheader"') == 1
    assert ask(app_for(), "/widget?view=history&service=nobody").status_code == 404


def test_a_month_belongs_to_the_calendar() -> None:
    assert ask(app_for(), "/widget?view=history&month=2026-11").status_code == 422


def test_a_large_house_is_drawn_in_part_and_says_what_is_left_out() -> None:
    board = boards.crowded(100, 0)
    text = page(app=app_for(board, HandmadePast(board, 40)))

    assert text.count('<th role="rowheader"') == MOST_ROWS
    assert f"{100 - MOST_ROWS} more services are not drawn; all of them kept every run of the last month." in text


def test_hostile_names_are_shown_as_text() -> None:
    board = boards.hostile()
    for path in ("/widget", "/extension"):
        text = page(app=app_for(board, HandmadePast(board, 3)), path=path)
        assert "<script>alert" not in text
        assert "<img" not in text


def test_the_views_lead_to_each_other() -> None:
    text = ask(app_for(), "/widget?light=true").text

    assert 'href="?view=history&amp;light=true">history</a>' in text
    assert 'href="?view=history" aria-current="page">history</a>' in page()


def test_it_has_no_inline_script_no_inline_style() -> None:
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=", page())
