"""Facts and problems as JSON text and back: plain fields by name, nothing that runs when it is read (never pickle).

The dataclasses of ``core.reports`` say what is expected. A text that is not JSON is damage; one of another shape may be of
a version that is too different, and is refused as a whole: it never becomes half a report. Fields with their default value
are left out.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator, core_schema

from sidecar.core.reports.facts import BackrestPlan, Fact, UpkeepJob
from sidecar.core.reports.report import Limit, Problem
from sidecar.texts.kept_once import kept_once

from . import older_facts
from .values import UnreadableRecordError, to_time

#: Every kind of fact by its name.
_KINDS: dict[str, type] = {kind.__name__: kind for kind in typing.get_args(Fact)}

#: Names that kinds of facts had in earlier versions.
_EARLIER_NAMES = {"Plan": BackrestPlan.__name__}

_TAG = "fact"


class OtherVersionError(UnreadableRecordError):
    """A text is JSON, but not of the shape that this version writes."""


#: Whether UpkeepJob has its last run among its runs. Rows of earlier versions have it in separate fields.
_LAST_RUN_IS_A_RUN = "last_state" not in {field.name for field in fields(UpkeepJob)}

#: How much of an error goes into the log: it may quote hostile text.
_MOST_OF_AN_ERROR = 200


def facts_to_text(facts: tuple[Fact, ...]) -> str:
    """The facts of one reading as text. One after the other: all of them as rows take five times their text."""
    return f"[{','.join([_to_text({_TAG: type(fact).__name__, **_to_row(fact)}) for fact in facts])}]"


def facts_from_text(text: str) -> tuple[Fact, ...]:
    """The facts that ``facts_to_text`` wrote. Raises UnreadableRecordError."""
    return tuple(_fact(row) for row in _rows(text))


def _rows(text: str) -> Iterator[Any]:
    """The rows of a list, one after the other, as ``facts_to_text`` writes them; any other text is read as a whole."""
    place, more = 1, str(text).startswith("[{")
    if not more:
        rows = _from_text(text)
        if not isinstance(rows, list):
            raise OtherVersionError("The facts in the ledger are not a list")
        yield from rows
    while more:
        try:
            row, place = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            raise UnreadableRecordError("The ledger is not readable JSON") from None
        yield row
        more = text[place : place + 1] == ","
        if not more and text[place:].rstrip() != "]":
            raise UnreadableRecordError("The ledger is not readable JSON")
        place += 1


def problem_to_text(problem: Problem | None) -> str | None:
    """A problem as text; None stays None."""
    return None if problem is None else _to_text(_to_row(problem))


def problem_from_text(text: str | None) -> Problem | None:
    """The problem that ``problem_to_text`` wrote. Raises UnreadableRecordError."""
    if text is None:
        return None
    return typing.cast("Problem", _from_row(Problem, _of_today(older_facts.problem, _from_text(text))))


def limits_to_text(limits: tuple[Limit, ...]) -> str:
    """The limits of a report as text."""
    return _to_text([_to_row(limit) for limit in limits])


def limits_from_text(text: str) -> tuple[Limit, ...]:
    """What ``limits_to_text`` wrote; earlier versions wrote sentences alone. Raises UnreadableRecordError."""
    rows = _from_text(text)
    if not isinstance(rows, list):
        raise OtherVersionError("The limits in the ledger are not a list")
    return tuple(
        Limit(text=row) if isinstance(row, str) else typing.cast("Limit", _from_row(Limit, row)) for row in rows
    )


def texts_to_text(texts: tuple[str, ...]) -> str:
    """A scope."""
    return _to_text(list(texts))


def texts_from_text(text: str) -> tuple[str, ...]:
    """What ``texts_to_text`` wrote. Raises UnreadableRecordError."""
    texts = _from_text(text)
    if not isinstance(texts, list) or not all(isinstance(item, str) for item in texts):
        raise UnreadableRecordError("The ledger has something else where a list of texts should be")
    return tuple(texts)


def _to_text(plain: object) -> str:
    return json.dumps(plain, separators=(",", ":"))


def _from_text(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (TypeError, ValueError, RecursionError):
        raise UnreadableRecordError("The ledger is not readable JSON") from None


def _refuse(constant: str) -> None:
    """NaN and Infinity: Python's JSON takes them, and nothing of ours writes them."""
    raise ValueError(constant)


def _fact(row: Any) -> Fact:
    name = row.pop(_TAG, None) if isinstance(row, dict) else None
    kind = _KINDS.get(_EARLIER_NAMES.get(name, name)) if isinstance(name, str) else None
    if kind is None:
        raise OtherVersionError(f"The ledger has an unknown kind of fact: {str(name)[:_MOST_OF_AN_ERROR]!r}")
    if kind is UpkeepJob and _LAST_RUN_IS_A_RUN and older_facts.is_upkeep_job(row):
        row = _of_today(older_facts.upkeep_job, row)
    return typing.cast("Fact", _from_row(kind, row))


def _of_today(change: Callable[[Any], Any], row: Any) -> Any:
    """A row of an earlier version in today's shape."""
    try:
        return change(row)
    except UnreadableRecordError as error:
        raise OtherVersionError(str(error)) from None


_DECODER = json.JSONDecoder(parse_constant=_refuse)


# --- dataclass ⇄ row: what json takes and gives -----------------------------------------------------------------------


def _to_row(value: object) -> dict[str, Any]:
    kind: type = type(value)
    return typing.cast("dict[str, Any]", _adapter(kind).dump_python(value, mode="json", exclude_defaults=True))


def _from_row(kind: type, row: object) -> object:
    try:
        return _validator(kind).validate_python(row)
    except ValidationError as error:
        details = error.errors(include_input=False, include_context=False, include_url=False)[0]
        where = ".".join([kind.__name__, *map(str, details["loc"])])
        raise OtherVersionError(f"{where}: {details['msg']}"[:_MOST_OF_AN_ERROR]) from None


# Both are made once for each kind: that takes milliseconds.


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


@cache
def _validator(kind: type) -> SchemaValidator:
    return SchemaValidator(_strict(_adapter(kind).core_schema))


def _strict(schema: Any) -> Any:
    """The schema of a dataclass, so that it takes exactly what ``_to_row`` gives once it has been through JSON.

    Pydantic's own strict mode takes no list for a tuple and no text for a time or an enum, except from JSON text; but its
    JSON parser refuses the surrogates that upstreams may send.
    """
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if kind == "datetime":
        return core_schema.no_info_plain_validator_function(to_time)
    if kind == "str":
        return core_schema.no_info_after_validator_function(kept_once, {**schema, "strict": True})
    made = {key: _strict(value) for key, value in schema.items()}
    if kind in ("int", "bool"):
        made["strict"] = True
    if kind == "dataclass-args":
        made["extra_behavior"] = "forbid"
    return made
