"""Rendered answers are kept per board and question, and no more than a few."""

from __future__ import annotations

import gzip

import pytest
from starlette.requests import Request

from sidecar.web.known import Whole
from sidecar.web.query import ExtensionQuery
from sidecar.web.rendered import Rendered, RenderedAnswers, rendered, respond
from tests.web.boards import good_morning

A, B, C = (ExtensionQuery(fold=number) for number in range(3))


def an_answer(text: bytes = b"page") -> Rendered:
    return rendered(text, "text/html")


def test_an_answer_is_kept_for_its_board_and_question() -> None:
    answers, board, answer = RenderedAnswers[ExtensionQuery | Whole](), good_morning(), an_answer()
    answers.keep(board, A, answer)
    assert answers.get(board, A) is answer
    assert answers.get(board, Whole.STATUS) is None


def test_an_equal_but_other_board_has_other_answers() -> None:
    answers, board = RenderedAnswers[ExtensionQuery](), good_morning()
    answers.keep(board, A, an_answer())
    assert answers.get(good_morning(), A) is None
    answers.keep(good_morning(), B, an_answer())
    assert answers.get(board, A) is None


def test_of_too_many_the_one_that_was_asked_for_longest_ago_goes() -> None:
    answers, board = RenderedAnswers[ExtensionQuery](limit=2), good_morning()
    answers.keep(board, A, an_answer())
    answers.keep(board, B, an_answer())
    assert answers.get(board, A) is not None
    answers.keep(board, C, an_answer())
    assert [answers.get(board, question) is not None for question in (A, B, C)] == [True, False, True]


def test_of_too_large_ones_fewer_are_kept() -> None:
    answers, board = RenderedAnswers[ExtensionQuery](size=2 * len(an_answer().packed)), good_morning()
    for question in (A, B, C):
        answers.keep(board, question, an_answer())
    assert [answers.get(board, question) is not None for question in (A, B, C)] == [False, True, True]


def test_pieces_make_the_same_answer_as_the_whole() -> None:
    assert rendered(iter([b"pa", b"", b"ge"]), "text/html") == rendered(b"page", "text/html")
    assert an_answer().body == gzip.decompress(an_answer().packed) == b"page"


@pytest.mark.parametrize(
    ("accepted", "zipped"),
    [
        ("gzip", True),
        ("GZIP;q=0.5", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("*", True),
        ("", False),
        ("identity", False),
        ("zstd, br", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip-x", False),
    ],
)
def test_who_does_not_take_gzip_gets_the_answer_itself(accepted: str, zipped: bool) -> None:
    request = Request({"type": "http", "headers": [(b"accept-encoding", accepted.encode())]})
    response = respond(request, an_answer())
    assert (response.headers.get("content-encoding") == "gzip") is zipped
    assert (gzip.decompress(response.body) if zipped else response.body) == b"page"
    assert response.headers["vary"] == "Accept-Encoding"


def test_each_coding_has_a_tag_of_its_own_and_both_are_known() -> None:
    def answer(accepted: bytes, tag: bytes = b"") -> tuple[int, str]:
        headers = [(b"accept-encoding", accepted), (b"if-none-match", tag)]
        response = respond(Request({"type": "http", "headers": headers}), an_answer())
        return response.status_code, response.headers["etag"]

    (_, plain), (_, zipped) = answer(b""), answer(b"gzip")
    assert plain != zipped
    for tag in (plain, zipped):
        assert answer(b"", tag.encode()) == (304, plain)
        assert answer(b"gzip", tag.encode()) == (304, zipped)
