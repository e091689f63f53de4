"""Immutable dataclasses that cost no more than mutable ones: a board makes ten thousand of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

C = TypeVar("C")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(*, kw_only: bool = False, eq: bool = True) -> Callable[[type[C]], type[C]]:
    """A dataclass that nobody may change, which mypy checks.

    ``frozen=True`` also checks it at run time, which makes a board take a fifth longer.

    Args:
        kw_only: as for ``dataclass``.
        eq: compared and hashed by its fields; otherwise by what it is.
    """
    return dataclass(slots=True, kw_only=kw_only, eq=eq, unsafe_hash=eq)
