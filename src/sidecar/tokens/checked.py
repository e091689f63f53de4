"""Which of the tokens that were read can be accepted, and why the others can't. No message holds a token."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sidecar.config.tokens import Scope, Token

from .accepted import Program, digest

#: Characters of a token, and what it consists of: it stands in a header and in an address without being encoded.
SHORTEST = 32
_CHARACTERS = re.compile(r"[A-Za-z0-9._~-]*")

_ANOTHER = "Write another one there, for example what `openssl rand -hex 32` prints"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of ``tokens:`` as it was read: its ``value``, or why that can't be read."""

    place: str
    name: str
    scopes: frozenset[Scope]
    value: str | None
    trouble: str = ""


def entry(number: int, token: Token, value: str | None, trouble: str = "") -> Entry:
    """The entry at this place of the list."""
    return Entry(f"tokens.{number}.token", token.name, frozenset(token.scopes), value, trouble)


def programs(entries: Iterable[Entry], keys: Sequence[str]) -> tuple[tuple[Program, ...], tuple[str, ...]]:
    """The programs whose tokens are accepted, and a sentence about each that is not. ``keys`` are the sidecar's own."""
    every = tuple(entries)
    times = Counter(entry.value for entry in every)
    accepted, refused = [], []
    for each in every:
        reason = _reason(each, times, keys)
        if reason is None and each.value is not None:
            accepted.append(Program(each.name, each.scopes, digest(each.value.encode())))
        else:
            refused.append(f"The token of program {each.name} ({each.place}) is not accepted: {reason}.")
    return tuple(accepted), tuple(refused)


def _reason(entry: Entry, times: Counter[str | None], keys: Sequence[str]) -> str | None:
    """Why it is not accepted, and what to do; None where it is."""
    if entry.value is None:
        return f"it can't be read: {entry.trouble}"
    if len(entry.value) < SHORTEST:
        return f"it is shorter than {SHORTEST} characters. {_ANOTHER}"
    if not _CHARACTERS.fullmatch(entry.value):
        return f"it has a character that is not one of A-Z a-z 0-9 - . _ ~. {_ANOTHER}"
    if times[entry.value] > 1:
        return "another entry has the same token. Give each program its own"
    if entry.value in keys:
        return f"it is the key between Caddy and the sidecar. {_ANOTHER}"
    return None
