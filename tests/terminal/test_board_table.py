"""The table in a terminal: every row of the board with the board's own state, whatever names and width there are."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.model import NEEDS_YOU, State, Verdict
from sidecar.terminal import board_table
from sidecar.terminal.board_table import NotABoardError, Shown
from sidecar.terminal.style import Style
from sidecar.terminal.text import cells
from sidecar.web import views
from tests.web import boards

BERLIN = ZoneInfo("Europe/Berlin")
ESCAPE = "\x1b"


def table(board: dict[str, Any], **style: Any) -> list[str]:
    return list(board_table.lines(board, Shown(Style(**style), BERLIN)))


def status(name: str) -> dict[str, Any]:
    return dict(json.loads(json.dumps(views.status(BOARDS[name]))))


BOARDS = {"bad": boards.bad_morning(), "good": boards.good_morning()}


def test_the_table_of_a_bad_night() -> None:
    lines = table(status("bad"))
    text = "\n".join(lines)

    assert lines[0] == f"failed: {BOARDS['bad'].overall.headline}"
    for service in BOARDS["bad"].services:
        (row,) = [line for line in lines if line[2:].startswith(f"{service.name} ")]
        assert f" {service.verdict.state}" in row
        silent = service.verdict.state in (State.OK, State.NEW, State.DISABLED)
        assert silent or (service.verdict.reason or "") in text.replace("\n    ", " ")
    assert ESCAPE not in text


def test_a_mark_and_a_word_tell_each_state_also_without_colour() -> None:
    for plain in (False, True):
        style = Style(plain=plain)
        marks = {state: style.mark(state) for state in State}
        assert all(cells(mark) == 1 for mark in marks.values())
        assert {mark for state, mark in marks.items() if state in NEEDS_YOU}.isdisjoint(
            mark for state, mark in marks.items() if state not in NEEDS_YOU
        )
        assert not plain or all(mark.isascii() for mark in marks.values())


def test_colour_changes_nothing_but_colour() -> None:
    coloured = "\n".join(table(status("bad"), colour=True))
    for number in ("0", "1", "2", "31", "32", "33", "34"):
        coloured = coloured.replace(f"{ESCAPE}[{number}m", "")
    assert coloured == "\n".join(table(status("bad")))


@pytest.mark.parametrize("width", [40, 60, 72, 80, 120, 200])
def test_it_is_as_wide_as_the_terminal_at_most(width: int) -> None:
    lines = table(status("bad"), width=width)
    # A word that is longer, a part of a command, is never broken.
    assert [line for line in lines[1:] if cells(line) > width and " " in line.strip()] == []


@pytest.mark.parametrize(
    ("state", "code"),
    [
        *((state, 0) for state in (State.OK, State.LATE, State.RUNNING, State.NEW, State.DISABLED)),
        (State.WARNING, 1),
        *((state, 2) for state in (State.FAILED, State.MISSED, State.NEVER)),
        (State.UNKNOWN, 3),
        ("of a later version", 3),
        (None, 3),
    ],
)
def test_exit_codes_are_those_of_monitoring_plugins(state: object, code: int) -> None:
    assert board_table.exit_code({"overall": {"state": state, "headline": "x"}}) == code


def test_the_first_line_gives_a_monitoring_system_no_figures() -> None:
    assert "|" not in board_table.first_line({"overall": {"state": "ok", "headline": "a | b=1;2;3"}})


@given(st.text(max_size=30), st.text(max_size=80))
def test_hostile_names_and_reasons_command_no_terminal(name: str, reason: str) -> None:
    board = BOARDS["bad"]
    row = replace(board.services[0], name=name, verdict=Verdict(state=State.FAILED, reason=reason, action=reason))
    hostile = replace(board, services=(row, *board.services[1:]), notes=(reason,))
    lines = table(views.status(hostile))

    assert all(letter.isprintable() for line in lines for letter in line)
    assert len([line for line in lines if line.startswith(("✗", "!", "?", "✓", "▸", "…", "○", "–", "∅"))]) >= len(
        board.services
    )


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({}, "another version"),
        ({"version": 2}, "another version"),
        ({"version": 1}, "when it was made"),
        ({"version": 1, "generated_at": "now"}, "when it was made"),
        ({"version": 1, "generated_at": "2026-11-23T06:26:00Z"}, "has no services"),
    ],
)
def test_what_is_no_board_is_refused(broken: dict[str, Any], says: str) -> None:
    with pytest.raises(NotABoardError, match=says):
        table(broken)


def test_fields_of_another_kind_show_as_not_known() -> None:
    board = status("bad")
    board["services"] = [{"name": 5, "state": [], "last_backup": "soon", "count": "many", "next_run": 3}, "no row"]

    assert sum("unknown" in line for line in table(board)) >= 2
