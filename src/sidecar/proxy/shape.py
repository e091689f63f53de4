"""Which fields of an upstream's answer are passed on, and how the answer is written with these only.

Everything else is left out, also a field that has another type than it should. Texts have lost hidden characters and our own
secrets before (upstream/border.py).
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from sidecar.texts.hidden_characters import visible_line
from sidecar.upstream import redaction


class Leaf(Enum):
    """A single value.

    Attributes:
        VALUE: a number, true or false, a name, or a list of names in one text.
        WORDS: a text for people, in one short line, without what looks like a password, a token or an address.
        UPID: the name of a task of Proxmox, without the user in it.
    """

    VALUE = "value"
    WORDS = "words"
    UPID = "upid"


@dataclass(frozen=True, slots=True)
class Each:
    """A list; what each of its entries is."""

    entry: Shape


Shape = Leaf | Each | Mapping[str, "Shape"]

#: Characters of a text that is passed on, such as the list of a job's guests; a longer one is left out.
LONGEST = 4096

#: Of a text for people so many characters are looked at; fewer are shown.
_LOOKED_AT = 1000

#: Seconds of a processor's time that an answer may take, looked at after so many pieces. 12,000 snapshots take one.
_MOST_SECONDS, _LOOK_EVERY = 4.0, 64

#: What errors say of where they were connected to: addresses of the web, users at hosts, addresses, hosts with a port.
_PLACES = re.compile(
    r"[a-z][a-z0-9+.-]{0,20}://\S+|[\w.+'-]{1,64}@[\w.'\[:-]{1,200}|\b\d{1,3}(?:\.\d{1,3}){3}\b(?::\d+)?"
    r"|\[[0-9a-f:.]{2,45}\](?::\d+)?|\b(?:[\w-]{1,63}\.){1,8}[\w-]{1,63}:\d{2,5}\b|\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}\b",
    re.IGNORECASE,
)

#: Whole numbers beyond are none that an upstream means.
_MOST = 10**32


@lru_cache(maxsize=1024)
def words(text: str) -> str:
    """A text for people as it is passed on."""
    return _PLACES.sub(redaction.HIDDEN, redaction.shown(text[:_LOOKED_AT]))


class TooLargeError(ValueError):
    """What would be passed on is larger than the limit, or takes too long to write."""


def written(document: Any, shape: Shape, limit: int) -> bytes:
    """The answer as JSON with the fields of its shape only. For a thread: a large one takes some tenths of a second.

    Raises:
        TooLargeError: it has more bytes than ``limit``, or it is made to take long.
    """
    pieces: list[bytes] = []
    size, began = 0, time.thread_time()
    for text in _pieces(document, shape):
        piece = text.encode("utf-8", "replace")
        size += len(piece)
        if size > limit or (len(pieces) % _LOOK_EVERY == 0 and time.thread_time() - began > _MOST_SECONDS):
            raise TooLargeError
        pieces.append(piece)
    return b"".join(pieces) if pieces else b"{}"


def _pieces(value: Any, shape: Shape) -> Iterator[str]:
    """Nothing where the value is not of that shape."""
    if value is None:
        yield "null"
    elif isinstance(shape, Leaf):
        text = _leaf(value, shape)
        if text is not None:
            yield text
    elif isinstance(shape, Each):
        if isinstance(value, list):
            yield from _list(value, shape.entry)
    elif isinstance(value, dict):
        yield from _object(value, shape)


def _list(values: list[Any], shape: Shape) -> Iterator[str]:
    between = "["
    for value in values:
        for piece in _pieces(value, shape):
            yield between + piece if between else piece
            between = ""
        between = between or ","
    yield "[]" if between == "[" else "]"


def _object(row: dict[str, Any], shape: Mapping[str, Shape]) -> Iterator[str]:
    between = "{"
    for key, inner in shape.items():
        begun = False
        for piece in _pieces(row[key], inner) if key in row else ():
            yield piece if begun else f"{between}{json.dumps(key)}:{piece}"
            begun = True
        between = "," if begun else between
    yield "{}" if between == "{" else "}"


def _leaf(value: Any, leaf: Leaf) -> str | None:
    if isinstance(value, str):
        text = _text(value, leaf)
        return None if text is None else json.dumps(text, ensure_ascii=False)
    if leaf is Leaf.VALUE and isinstance(value, bool | int | float):
        return _number(value)
    return None


def _number(value: Any) -> str | None:
    """None for a number that no upstream means."""
    if isinstance(value, float):
        return json.dumps(value) if math.isfinite(value) else "null"
    return json.dumps(value) if abs(value) < _MOST else None


def _text(value: str, leaf: Leaf) -> str | None:
    if leaf is Leaf.WORDS:
        return words(value)
    if len(value) > LONGEST:
        return None
    return visible_line(_without_user(value) if leaf is Leaf.UPID else value)


def _without_user(upid: str) -> str:
    """The last field but one names who started the task."""
    parts = upid.split(":")
    return ":".join([*parts[:-2], "", parts[-1]]) if parts[0] == "UPID" and len(parts) > 2 else ""
