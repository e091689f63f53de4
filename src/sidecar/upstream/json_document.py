"""Parses a JSON document of some megabytes without a long step: ``json.loads`` of one would hold up everything else.

Python's own parser does not let other threads work meanwhile, so a thread would not help. It is given pieces instead:
what is short at once, and what is long value by value.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .turns import Turns

#: Characters that are parsed in one go.
_AT_ONCE = 32 * 1024

#: Characters between two looks at whether others should work: a look costs as much as finding a bracket.
_LOOKS_APART = 512

#: Commas, colons and opening brackets of a document. Four megabytes of them would become more than 100 MB of objects; the
#: guests of a job with 5,000 of them take 200,000.
MOST_PARTS = 400_000

#: Members of one object. Only permissions have many: a path for each of them.
MOST_MEMBERS = 10_000

#: How deep lists and objects stand in each other; of what upstreams send none is deeper than ten.
MOST_LEVELS = 64

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")

#: Characters of a string.
_LONGEST_STRING = 512 * 1024

#: A string, with its last quote where that is near enough, or a bracket; and what follows that is neither. A repetition of
#: strings within the pattern would end too early on the Python 3.11.2 of Debian 12.
_TOKEN = re.compile(r"""(?:"[^"\\]*+(?:\\.[^"\\]*+)*+("?)|[\[\]{}]|[^"\[\]{}])[^"\[\]{}]*+""", re.DOTALL)


class DocumentError(ValueError):
    """It is not JSON, is cut off, or is nested deeper than anything that an upstream sends."""


class TooManyPartsError(DocumentError):
    """It has more than MOST_PARTS, an object with more than MOST_MEMBERS, or a string that no upstream would send."""


async def document(text: str) -> Any:
    """What ``json.loads`` makes of the text.

    Raises:
        DocumentError: it is not JSON, or none that an upstream would send.
        TooManyPartsError: it would become too many objects.
    """
    if parts(text) > MOST_PARTS:
        raise TooManyPartsError("too many parts")
    try:
        if len(text) <= _AT_ONCE:
            return json.loads(text)
        return await _Pieces(text).parsed()
    except DocumentError:
        raise
    except (ValueError, IndexError, RecursionError):
        raise DocumentError("no JSON") from None


def parts(text: str, begin: int = 0) -> int:
    """How many commas, colons and opening brackets it has from there on, those in its strings included."""
    return sum(text.count(mark, begin) for mark in ",:[{")


class _Pieces:
    """Parses a long text. ``_long``: where the lists and objects begin that are too long for one piece."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._long: set[int] = set()
        self._turns = Turns()

    async def parsed(self) -> Any:
        await self._find_long_ones()
        value, end = await self._value(self._past_space(0))
        if self._past_space(end) != len(self._text):
            raise DocumentError("goes on after its end")
        return value

    async def _find_long_ones(self) -> None:
        opened: list[int] = []
        place = looked_at = 0
        while (token := _TOKEN.match(self._text, place, place + _LONGEST_STRING)) is not None:
            mark, begin, place = self._text[place], place, token.end()
            if mark in "[{":
                opened.append(begin)
                if len(opened) > MOST_LEVELS:
                    raise DocumentError("nested too deeply")
            elif mark in "]}":
                if not opened:
                    raise DocumentError("closes what was not opened")
                if begin - (first := opened.pop()) >= _AT_ONCE:
                    self._long.add(first)
            elif token[1] == "":
                raise DocumentError("cut off") if place == len(self._text) else TooManyPartsError("a string too long")
            if place - looked_at > _LOOKS_APART:
                looked_at = place
                if self._turns.is_over:
                    await self._turns.pass_on()
        if opened:
            raise DocumentError("cut off")

    async def _value(self, place: int) -> tuple[Any, int]:
        """The value that begins there, and where it ends."""
        if place in self._long and self._text[self._past_space(place + 1)] not in "]}":
            return await (self._list(place) if self._text[place] == "[" else self._object(place))
        return _DECODER.raw_decode(self._text, place)

    async def _list(self, place: int) -> tuple[list[Any], int]:
        values: list[Any] = []
        while True:
            value, end = await self._value(self._past_space(place + 1))
            values.append(value)
            place = self._past_space(end)
            if self._ends(place, "]"):
                return values, place + 1
            if self._turns.is_over:
                await self._turns.pass_on()

    async def _object(self, place: int) -> tuple[dict[str, Any], int]:
        members: dict[str, Any] = {}
        while True:
            key, end = _DECODER.raw_decode(self._text, self._past_space(place + 1))
            place = self._past_space(end)
            if not isinstance(key, str) or self._text[place] != ":":
                raise DocumentError("no key")
            members[key], end = await self._value(self._past_space(place + 1))
            place = self._past_space(end)
            if len(members) > MOST_MEMBERS:
                raise TooManyPartsError("too many members")
            if self._ends(place, "}"):
                return members, place + 1
            if self._turns.is_over:
                await self._turns.pass_on()

    def _ends(self, place: int, bracket: str) -> bool:
        """False where another value follows."""
        mark = self._text[place]
        if mark not in (bracket, ","):
            raise DocumentError("neither end nor comma")
        return mark == bracket

    def _past_space(self, place: int) -> int:
        match = _SPACE.match(self._text, place)
        return match.end() if match else place
