"""Rendered answers are kept per board and query, and no more than a few."""

from __future__ import annotations

from sidecar.web.rendered import RenderedAnswers
from tests.web.boards import good_morning


def test_the_same_question_about_the_same_board_is_rendered_once() -> None:
    answers, board, rendered = RenderedAnswers(), good_morning(), list[str]()

    def render() -> bytes:
        rendered.append("once")
        return b"page"

    assert answers.get(board, "q", render, "text/html") is answers.get(board, "q", render, "text/html")
    assert rendered == ["once"]


def test_an_equal_but_other_board_is_rendered_anew() -> None:
    answers = RenderedAnswers()
    first = answers.get(good_morning(), "q", lambda: b"old", "text/html")
    second = answers.get(good_morning(), "q", lambda: b"new", "text/html")
    assert (first.body, second.body) == (b"old", b"new")


def test_no_more_than_the_limit_is_kept_and_the_oldest_goes_first() -> None:
    answers, board = RenderedAnswers(limit=2), good_morning()
    kept = [answers.get(board, query, lambda: b"", "text/html") for query in ("a", "b", "c")]
    assert answers.get(board, "c", lambda: b"again", "text/html") is kept[2]
    assert answers.get(board, "b", lambda: b"again", "text/html") is kept[1]
    assert answers.get(board, "a", lambda: b"again", "text/html").body == b"again"
