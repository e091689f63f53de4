"""Large JSON lists, row by row: the same rows however they arrive, an error for anything else, and time for other tasks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.upstream import json_rows
from tests.event_loop import longest_step


async def chunks(text: str, size: int) -> AsyncIterator[bytes]:
    data = text.encode()
    for place in range(0, len(data), size):
        yield data[place : place + size]


def read(text: str, size: int) -> list[Any]:
    return asyncio.run(json_rows.rows(chunks(text, size), "data", lambda row: row))


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_rows_are_the_same_however_the_answer_is_cut(size: int) -> None:
    text = ' {"success":true,"total": 2, "data" : [ {"a":"],\\u00e9"}, 12 , [1,{"b":null}],"ü"] ,"digest":"x","more":{"y":[1]}} '

    assert read(text, size) == [
        {"a": "],é"},
        12,
        [1, {"b": None}],
        "ü",
    ]


@pytest.mark.parametrize(
    ("text", "cut_off"),
    [
        ("", True),
        ('{"data":[', True),
        ('{"data":[{"a":1}', True),
        ('{"data":[{"a":1}]', True),
        ('{"data":[{"a":1}],"total"', True),
        ('{"data":null}', False),
        ('{"data":{"a":[1]}}', False),
        ("[1,2]", False),
        ("<html>", False),
        ('{"data":[1 2]}', False),
    ],
)
def test_the_error_for_anything_else_says_whether_it_was_cut_off(text: str, cut_off: bool) -> None:
    with pytest.raises(json_rows.RowsError) as caught:
        read(text, 64)

    assert caught.value.cut_off is cut_off


ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.lists(ANY_JSON, max_size=8), st.integers(1, 40))
def test_rows_are_what_json_says_they_are(rows: list[Any], size: int) -> None:
    assert read(json.dumps({"total": len(rows), "data": rows}), size) == rows


@given(st.text(alphabet='{}[]",:\\ dat1é\x00', max_size=40), st.integers(1, 40))
def test_any_text_gives_rows_or_an_error(text: str, size: int) -> None:
    with suppress(json_rows.RowsError):
        assert isinstance(read(text, size), list)


@pytest.mark.parametrize(
    "text",
    [
        '{"data":[' + "[" * 100_000,
        '{"data":[["' + "x" * 2_000_000 + '"]]}',
        "{" + '"a":1,' * 20_000 + '"data":[]}',
    ],
    ids=["nested too deep", "a row of 2 MB", "a long way to the list"],
)
def test_what_no_upstream_would_send_is_refused_quickly(text: str) -> None:
    with pytest.raises(json_rows.RowsError, match="not the requested list"):
        read(text, 16 * 1024)


def test_bytes_that_are_not_utf_8_are_not_a_list() -> None:
    async def latin_1() -> AsyncIterator[bytes]:
        yield '{"data":["ü"]}'.encode("latin-1")

    with pytest.raises(json_rows.RowsError, match="not the requested list"):
        asyncio.run(json_rows.rows(latin_1(), "data", lambda row: row))


@pytest.mark.fortnight
def test_fifty_thousand_rows_leave_time_for_other_tasks() -> None:
    """25 MB, as PBS would send them: one json.loads of it would take half a second; a few milliseconds are usual here."""
    row = (
        '{"backup-type":"vm","backup-id":"100","backup-time":1790650802,"files":['
        + ",".join(['{"filename":"drive-scsi0.img.fidx","crypt-mode":"none","size":34359738368}'] * 5)
        + '],"size":34359739300,"owner":"pve@pbs!a","protected":false}'
    )
    text = '{"data":[' + ",".join([row] * 50_000) + "]}"

    async def read(_: int) -> None:
        results = await json_rows.rows(chunks(text, 65536), "data", lambda row: (row["backup-time"], row["size"]))
        assert len(results) == 50_000

    assert asyncio.run(longest_step(read, 0.05)) < 0.05


@pytest.mark.fortnight
@pytest.mark.parametrize("size", [1, 64])
@pytest.mark.parametrize(
    "row", ['{"backup-id":"100","size":1}', '"' + "x" * 500_000 + '"'], ids=["many rows", "megabyte strings"]
)
def test_an_answer_in_tiny_pieces_is_read_without_long_steps(size: int, row: str) -> None:
    """What is not complete yet is parsed again only after it doubled: with every piece it would be hours."""
    count = max(2, 100_000 // len(row))
    text = '{"data":[' + ",".join([row] * count) + "]}"

    async def read(_: int) -> None:
        results = await json_rows.rows(paced(text, size), "data", lambda _: None)
        assert len(results) == count

    assert asyncio.run(longest_step(read, 0.05)) < 0.05


async def paced(text: str, size: int) -> AsyncIterator[bytes]:
    """Pieces as a network brings them: others get a turn now and then."""
    async for number, piece in enumerated(chunks(text, size)):
        if number % 1000 == 0:
            await asyncio.sleep(0)
        yield piece


async def enumerated(pieces: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    number = 0
    async for piece in pieces:
        yield number, piece
        number += 1


def test_too_many_rows_are_no_list() -> None:
    with pytest.raises(json_rows.TooManyRowsError):
        read('{"data":[' + "0," * json_rows.MOST_ROWS + "0]}", 1024 * 1024)
