"""Reads a large JSON list row by row: 50,000 snapshots are 25 MB, and one ``json.loads`` would block everything else."""

from __future__ import annotations

import asyncio
import codecs
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from . import json_document
from .turns import Turns

T = TypeVar("T")

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")

#: The start of the answer up to the list: plain values may come before it ("total", "success").
_TOP = r'\s*\{{(?:\s*"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[^\[\{{",\s]+)\s*,)*\s*"{key}"\s*:\s*\['

#: Characters that are collected before they are parsed. What is left of them is parsed again only after it has doubled,
#: so that an answer in pieces of one byte takes no longer than another one.
_AT_ONCE = 32 * 1024

#: Characters of a row, and of what comes before the list. Longer ones are refused.
_LONGEST_ROW, _LONGEST_TOP = 1024 * 1024, 64 * 1024

#: Commas, colons and opening brackets of a row that is longer than what is collected: parsing it is one step.
_MOST_PARTS = 50_000

#: Rows of a list that came to nothing that are freed in one go.
_FREED = 10_000

#: Rows of a list: four times as many as the largest server that we know of has.
MOST_ROWS = 200_000


class RowsError(ValueError):
    """The text is not a JSON object with a list of that name.

    ``cut_off``: it ended too early. ``is_page``: it is a page for people.
    """

    def __init__(self, *, cut_off: bool, is_page: bool = False) -> None:
        super().__init__("the answer was cut off" if cut_off else "the answer is not the requested list")
        self.cut_off = cut_off
        self.is_page = is_page


class TooManyRowsError(RowsError):
    """The list has more than MOST_ROWS rows."""

    def __init__(self) -> None:
        super().__init__(cut_off=False)


def _freely(_rows: int, _characters: int) -> None:
    """Takes any amount."""


async def rows(
    chunks: AsyncIterator[bytes],
    key: str,
    each: Callable[[Any], T],
    *,
    most: int = MOST_ROWS,
    take: Callable[[int, int], None] = _freely,
) -> list[T]:
    """The results of ``each`` for the rows of ``{"<key>": [row, …], …}``, as the chunks arrive.

    ``each`` should keep little of a row: with hundreds of thousands of live dicts Python's garbage collector blocks everything.

    Args:
        take: is told how many rows and characters came; it may raise an error of its own.

    Raises:
        RowsError: the answer is something else, or it was cut off.
        TooManyRowsError: there are more than ``most``; no list is better than one that lacks some.
    """
    results: list[T] = []
    try:
        await _read(chunks, _Reader(key), _Taken(results, each, most, take))
    except Exception:
        # To free them all at once would be a long step too.
        while results:
            del results[-_FREED:]
            await asyncio.sleep(0)
        raise
    return results


@dataclass(frozen=True, slots=True)
class _Taken(Generic[T]):
    """What is made of rows, and how many there may be; see ``rows``."""

    results: list[T]
    each: Callable[[Any], T]
    most: int
    take: Callable[[int, int], None]


async def _read(chunks: AsyncIterator[bytes], reader: _Reader, taken: _Taken[T]) -> None:
    results, turns = taken.results, Turns()
    async for text in _collected(chunks, reader):
        before = len(results)
        for row in reader.feed(text):
            results.append(taken.each(row))
            if len(results) > taken.most:
                raise TooManyRowsError
            if turns.is_over:
                await turns.pass_on()
        taken.take(len(results) - before, len(text))
    reader.close()


async def _collected(chunks: AsyncIterator[bytes], reader: _Reader) -> AsyncIterator[str]:
    """The text in pieces that are worth parsing: as long as what the reader has left over, and never short."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    pieces: list[str] = []
    length = 0
    try:
        async for chunk in chunks:
            pieces.append(decoder.decode(chunk))
            length += len(pieces[-1])
            if length >= max(_AT_ONCE, reader.left):
                yield "".join(pieces)
                pieces, length = [], 0
        yield "".join(pieces) + decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise RowsError(cut_off=False) from None


class _Reader:
    """Takes the text in pieces and yields rows as soon as they are complete; keeps only the incomplete rest."""

    def __init__(self, key: str) -> None:
        self._top = re.compile(_TOP.format(key=re.escape(key)))
        self._text = ""
        self._begun = False
        self._ended = False

    @property
    def left(self) -> int:
        """Characters that were no complete row yet."""
        return len(self._text)

    def feed(self, text: str) -> Iterator[Any]:
        self._text += text
        if not self._begun and (top := self._top.match(self._text)):
            if top.end() > _LONGEST_TOP:
                raise RowsError(cut_off=False)
            self._begun = True
            self._text = self._text[top.end() :]
        if self._begun and not self._ended:
            yield from self._complete_rows()
        if len(self._text) > (_LONGEST_ROW if self._begun else _LONGEST_TOP):
            raise RowsError(cut_off=False, is_page=self._is_page())

    def close(self) -> None:
        """Checks that the text is complete: the list has ended, and the rest of the object follows."""
        if self._is_page():
            raise RowsError(cut_off=False, is_page=True)
        if not self._ended:
            opened = self._begun or self._text.lstrip()[:1] in ("", "{")
            raise RowsError(cut_off=opened and (self._begun or not _is_document(self._text)))
        if not _is_document('{"":0' + self._text):
            raise RowsError(cut_off=True)

    def _is_page(self) -> bool:
        return not self._begun and self._text.lstrip()[:1] == "<"

    def _complete_rows(self) -> Iterator[Any]:
        position = _past_space(self._text, 0)
        while position < len(self._text):
            if self._text[position] == "]":
                self._ended = True
                position += 1
                break
            try:
                row, end = _DECODER.raw_decode(self._text, position)
            except RecursionError:
                raise RowsError(cut_off=False) from None
            except ValueError:
                if json_document.parts(self._text, position) > _MOST_PARTS:
                    raise RowsError(cut_off=False) from None
                break
            end = _past_space(self._text, end)
            if end == len(self._text) or self._text[end] in ".eE":
                break  # a number may continue, or a comma follow, in the next piece
            if self._text[end] not in ",]" or end - position > _LONGEST_ROW:
                raise RowsError(cut_off=False)
            yield row
            position = _past_space(self._text, end + 1) if self._text[end] == "," else end
        self._text = self._text[position:]


def _is_document(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _past_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
