"""Immutable dataclasses that cost no more than mutable ones: a board makes ten thousand of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

C = TypeVar("C")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(*, kw_only: bool = False, eq: bool = True, order: bool = False) -> Callable[[type[C]], type[C]]:
    """A dataclass that nobody may change, which mypy checks.

    ``frozen=True`` also checks it at run time, which makes a board take a fifth longer.

    Args:
        kw_only: as for ``dataclass``.
        eq: compared and hashed by its fields, or by its own ``__hash__``; otherwise by what it is.
        order: sorted by its fields.
    """

    def made(cls: type[C]) -> type[C]:
        hashed = eq and "__hash__" not in cls.__dict__
        return dataclass(slots=True, kw_only=kw_only, eq=eq, order=order, unsafe_hash=hashed)(cls)

    return made
