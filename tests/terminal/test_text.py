"""Text in a terminal: its width is kept, a command is never broken, and nothing in it commands the terminal."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from sidecar.terminal.text import cells, cut, padded, safe, wrapped


@given(st.text(max_size=60))
def test_nothing_that_a_terminal_obeys_is_left_in_a_text_that_is_safe(text: str) -> None:
    shown = safe(text)

    assert all(letter.isprintable() for letter in shown)
    assert not {unicodedata.category(letter) for letter in shown} & {"Cc", "Cf", "Zl", "Zp"}
    assert safe(shown) == shown


def test_an_escape_sequence_and_a_text_that_runs_backwards_are_written_out() -> None:
    assert safe("a\x1b[31mb\u202ec\x9b2J\nd") == "a\\u001b[31mb\\u202ec\\u009b2J d"


@given(st.text(max_size=40).map(safe), st.integers(1, 30))
def test_a_cell_is_exactly_as_wide_as_it_should_be(text: str, width: int) -> None:
    assert cells(padded(text, width)) == width
    assert cells(cut(text, width)) <= width


def test_letters_that_take_two_columns_are_counted_and_never_halved() -> None:
    assert cells("データ") == 6
    assert cells("e\u0301") == 1
    assert cut("データベース", 6) == "デー…"


@given(st.lists(st.text("abc-/'", min_size=1, max_size=30), min_size=1, max_size=12), st.integers(10, 40))
def test_lines_are_broken_between_words_only_and_lose_nothing(words: list[str], width: int) -> None:
    text = " ".join(words)
    lines = list(wrapped(text, width))

    assert " ".join(lines) == text
    assert all(cells(line) <= width or " " not in line for line in lines)
