"""Reports as JSON text and back: plain fields by name, nothing that runs when it is read (never pickle).

The dataclasses of ``core.report`` say what is expected, so a text that was changed by hand or written by another version
is refused as a whole instead of becoming a half-true report. Fields with their default value are left out.
"""

from __future__ import annotations

import json
import types
import typing
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from sidecar.core.reports.facts import Fact
from sidecar.core.reports.report import Problem

T = TypeVar("T")

#: Every kind of fact by its name.
_FACTS: dict[str, type] = {kind.__name__: kind for kind in typing.get_args(Fact)}

_TAG = "fact"


class UnreadableRecordError(ValueError):
    """A text in the ledger is not what this version would have written."""


def facts_to_text(facts: tuple[Fact, ...]) -> str:
    """The facts of one reading as text."""
    return _text([{_TAG: type(fact).__name__, **_plain(fact)} for fact in facts])


def facts_from_text(text: str) -> tuple[Fact, ...]:
    """The facts that ``facts_to_text`` wrote. Raises UnreadableRecordError."""
    rows = _loaded(text)
    if not isinstance(rows, list):
        raise UnreadableRecordError("no list of facts")
    return tuple(_fact(row) for row in rows)


def problem_to_text(problem: Problem | None) -> str | None:
    """A problem as text; None stays None."""
    return None if problem is None else _text(_plain(problem))


def problem_from_text(text: str | None) -> Problem | None:
    """The problem that ``problem_to_text`` wrote. Raises UnreadableRecordError."""
    return None if text is None else _built(Problem, _loaded(text))


def texts_to_text(texts: tuple[str, ...]) -> str:
    """A scope, or a list of limits."""
    return _text(list(texts))


def texts_from_text(text: str) -> tuple[str, ...]:
    """What ``texts_to_text`` wrote. Raises UnreadableRecordError."""
    return typing.cast("tuple[str, ...]", _value(tuple[str, ...], _loaded(text)))


# --- to JSON ----------------------------------------------------------------------------------------------------------


def _text(plain: object) -> str:
    return json.dumps(plain, separators=(",", ":"))


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if not is_dataclass(value):
        return value
    kind: Any = type(value)
    found = ((one.name, getattr(value, one.name), one.default) for one in _fields(kind))
    return {name: _plain(item) for name, item, default in found if default is MISSING or item != default}


# --- and back -----------------------------------------------------------------------------------------------------------


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise UnreadableRecordError("no JSON") from None


def _fact(row: Any) -> Fact:
    name = row.pop(_TAG, None) if isinstance(row, dict) else None
    kind = _FACTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise UnreadableRecordError(f"no fact of kind {name!r} is known")
    return typing.cast("Fact", _built(kind, row))


def _built(kind: type[T], row: Any) -> T:
    if not isinstance(row, dict):
        raise UnreadableRecordError(f"no {kind.__name__}")
    any_kind: Any = kind
    wanted = _types(any_kind)
    if unknown := row.keys() - wanted.keys():
        raise UnreadableRecordError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    try:
        return kind(**{name: _value(wanted[name], value) for name, value in row.items()})
    except TypeError:
        raise UnreadableRecordError(f"{kind.__name__} lacks a field") from None


def _value(kind: Any, value: Any) -> object:
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        wanted = [one for one in typing.get_args(kind) if one is not types.NoneType]
        return None if value is None else _value(wanted[0], value)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(typing.get_args(kind)[0], one) for one in value)
    if kind is datetime and isinstance(value, str):
        return _moment(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum) and value in list(kind):
        return kind(value)
    if is_dataclass(kind):
        return _built(typing.cast("type[object]", kind), value)
    if type(value) is kind:
        return value
    raise UnreadableRecordError(f"no {getattr(kind, '__name__', kind)}")


def _moment(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UnreadableRecordError("no time") from None
    if when.tzinfo is None:
        raise UnreadableRecordError("a time without its zone")
    return when


@cache
def _fields(kind: Any) -> tuple[Field[Any], ...]:
    return fields(kind)


@cache
def _types(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)
