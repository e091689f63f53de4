"""What is wrong with a value, and what to write instead: pydantic's findings in our own words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .values import Model, sections_of

Details = Mapping[str, Any]

_TEXT = "must be text; write it in quotes"
_YES_OR_NO = "must be true or false; write one of these words"
_NUMBER = "must be a whole number; write it in digits"
_NAMES = "must be a section of names, each with its value; write NAME: VALUE"
_LIST = "must be a list; write [A, B], or each item on a line of its own after a dash"


def said(kind: str, details: Details) -> str | None:
    """The sentence for a finding of this kind; None where there is none."""
    sentence = _SENTENCES.get(kind)
    return sentence(details) if callable(sentence) else sentence


def _section(details: Details) -> str:
    """A section that was given a value: which keys it has, or how it is written."""
    sections = {section.__name__: section for section in sections_of(Model)}
    section = sections.get(details.get("class_name", ""))
    return f"must be a section; write {section.how_to_write()}" if section else _NAMES


_SENTENCES: dict[str, str | Callable[[Details], str]] = {
    "missing": "is missing; add it",
    "union_tag_not_found": "is missing the key kind; use pbs, pve, databasement or backrest",
    "union_tag_invalid": "has an unknown kind; use pbs, pve, databasement or backrest",
    "model_type": _section,
    "model_attributes_type": "must be a section; begin it with kind: pbs, pve, databasement or backrest",
    "dict_type": _NAMES,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "frozen_set_type": _LIST,
    "string_type": _TEXT,
    "string_unicode": _TEXT,
    "path_type": _TEXT,
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "int_type": _NUMBER,
    "int_parsing": _NUMBER,
    "int_parsing_size": _NUMBER,
    "int_from_float": _NUMBER,
    "finite_number": _NUMBER,
    "greater_than_equal": lambda details: f"is too small; write at least {details['ge']}",
    "less_than_equal": lambda details: f"is too large; write at most {details['le']}",
    "string_too_short": "is empty; write some text",
    "string_too_long": lambda details: f"is too long; write at most {details['max_length']} characters",
    "too_short": "is empty; name at least one",
    "literal_error": lambda details: f"is not a known word; write {details['expected']}",
    "enum": lambda details: f"is not a known word; write {details['expected']}",
}
