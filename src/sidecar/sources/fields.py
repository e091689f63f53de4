"""Fields of the JSON rows that Proxmox sends, read strictly: a field of another type makes its row unreadable.

PVE is written in Perl: its numbers may come as strings and its booleans as 0 and 1 (PVE-8). ``null`` and an absent
field are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sidecar.texts.hidden_characters import visible_line
from sidecar.texts.kept_once import kept_once
from sidecar.upstream.error_text import clean

Row = Mapping[str, Any]

#: Times outside can't be shown in every zone, nor can a grace be added to the last one that Python knows.
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
_DIGITS = 18

#: What the clock of an upstream may differ from ours, and what stands for a clock that is not told.
_CLOCKS_DIFFER, _UNTOLD = timedelta(minutes=5), datetime(1970, 1, 1, tzinfo=UTC)

#: Characters of a name or of another short text: a UPID has 250, the path of a namespace 300. A longer one is unreadable.
LONGEST_NAME = 512

#: Characters of a list in one text, such as the tags of a guest or the nodes of a storage.
LONGEST_LIST = 64 * 1024

#: Entries of a list that stands within a row: a database server has hundreds of databases at most.
MOST_WITHIN = 5_000

#: Characters that are looked at of a text for people; the rest of a longer one is left out.
_LOOKED_AT = 4096

#: What databases take for a whole number.
_MOST = 2**63 - 1


class UnreadableError(ValueError):
    """A row is not what it should be."""


def row_of(value: Any) -> Row:
    """A JSON object."""
    if not isinstance(value, dict):
        raise UnreadableError("no object")
    return value


def text(row: Row, key: str, most: int = LONGEST_NAME) -> str | None:
    """A string of ``most`` characters; None when it is absent. A tab or a line break in it, which no name has, becomes an escape.

    All other characters that nobody sees are escapes already (upstream/border.py). The same words in 50,000
    rows are one object.
    """
    value = _lines(row, key, most)
    return None if value is None else visible_line(value)


def _lines(row: Row, key: str, most: int) -> str | None:
    """A text with its lines. Half characters, which can't be written anywhere, are replaced."""
    value = row.get(key)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > most:
        raise UnreadableError(key)
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode("utf-8")
    return kept_once(value)


def beginning(row: Row, key: str) -> str:
    """The beginning of a text for people, however long it is; "" when it is absent."""
    value = row.get(key)
    return _lines({key: value[:_LOOKED_AT]} if isinstance(value, str) else row, key, _LOOKED_AT) or ""


def name(row: Row, key: str) -> str:
    """A string that must be there and not be empty."""
    value = text(row, key)
    if not value:
        raise UnreadableError(key)
    return value


def list_of(row: Row, key: str, most: int = MOST_WITHIN) -> list[Any]:
    """A list within a row; an empty one where it is absent."""
    value = row.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        raise UnreadableError(key)
    return value


def step(row: Row, key: str) -> str:
    """A name that is one step of a path: without a slash, so that no other path can be made of it."""
    value = name(row, key)
    if "/" in value:
        raise UnreadableError(key)
    return value


def label(row: Row, key: str, most: int = LONGEST_NAME) -> str | None:
    """A string that Perl may have sent as a number; None when it is absent."""
    value = row.get(key)
    return text({key: str(value)} if isinstance(value, int) and not isinstance(value, bool) else row, key, most)


def words(row: Row, key: str) -> str | None:
    """A text for people, such as an error: in one line and not too long; None when it is absent."""
    return None if row.get(key) is None else clean(beginning(row, key))


def first_line(row: Row, key: str) -> str | None:
    """The first line of a note; None when there is nothing in it (PBS-18)."""
    lines = beginning(row, key).strip().splitlines()
    return clean(lines[0]) if lines else None


def whole(row: Row, key: str) -> int | None:
    """A whole number, zero or more; None when it is absent."""
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, str) and value.isdecimal() and len(value) <= _DIGITS:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        raise UnreadableError(key)
    return value


def moment(row: Row, key: str) -> datetime | None:
    """A Unix time in seconds; None when it is absent or beyond what a calendar can show."""
    seconds = whole(row, key)
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None and seconds < _LATEST.timestamp() else None


def clock_ahead(row: Row, key: str, now: datetime | None) -> int | None:
    """By how many seconds an upstream's clock is ahead of ours, in whole minutes; None where it is right or not told."""
    told = moment(row, key)
    if now is None or told is None or told == _UNTOLD or abs(told - now) <= _CLOCKS_DIFFER:
        return None
    return round((told - now) / timedelta(minutes=1)) * 60


def showable(at: datetime) -> datetime:
    """The time itself, if it is one that a calendar can show."""
    if not _EARLIEST <= at < _LATEST:
        raise UnreadableError("time")
    return at


def begun(row: Row, key: str) -> datetime:
    """A Unix time that must be there."""
    start = moment(row, key)
    if start is None:
        raise UnreadableError(key)
    return start


def flag(row: Row, key: str, *, default: bool = False) -> bool:
    """A boolean: true, false, 0 or 1, or one of these as a string; ``default`` when it is absent."""
    value = row.get(key)
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        return value
    if value in (0, 1, "0", "1"):
        return value in (1, "1")
    raise UnreadableError(key)
