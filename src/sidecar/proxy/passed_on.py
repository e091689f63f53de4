"""What may be passed on of a source: calls, the values that may be filled in, query keys, and the fields of the answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from sidecar.upstream.calls import Call

from .shape import Shape

#: A name in a path, such as that of a datastore, a node or a job. It can't be a step up, nor decoded into anything else.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:+-]{0,127}")

#: A value in a query: ``ns`` has slashes, ``sort`` a minus.
_VALUE = re.compile(r"[A-Za-z0-9_.@:+=,/-]{0,256}")

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True, slots=True)
class PassedOn:
    """A call that may be passed on, and what of its answer."""

    call: Call
    shape: Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that is on the list, with its placeholders filled in."""

    passed_on: PassedOn
    parts: tuple[tuple[str, str], ...]


class RefusedQueryError(ValueError):
    """A query that may not be passed on; the message repeats nothing of it."""


def steps(raw_path: bytes) -> tuple[str, ...] | None:
    """The steps of a path, each decoded once; None where it is not UTF-8."""
    try:
        return tuple(unquote_to_bytes(step).decode() for step in raw_path.split(b"/"))
    except UnicodeDecodeError:
        return None


def find(every: Iterable[PassedOn], path: Sequence[str]) -> Asked | None:
    """The call that is asked for by these steps, if it is on the list."""
    for passed_on in every:
        pattern = passed_on.call.path.removeprefix("/").split("/")
        parts = _matched(pattern, path)
        if parts is not None:
            return Asked(passed_on, parts)
    return None


def _matched(pattern: Sequence[str], path: Sequence[str]) -> tuple[tuple[str, str], ...] | None:
    """What stands for each placeholder; None where the path is another one."""
    if len(pattern) != len(path):
        return None
    parts = []
    for expected, step in zip(pattern, path, strict=True):
        placeholder = _PLACEHOLDER.fullmatch(expected)
        if placeholder is not None and _NAME.fullmatch(step):
            parts.append((placeholder[1], step))
        elif expected != step or placeholder is not None:
            return None
    return tuple(parts)


def checked(query: Iterable[tuple[str, str]], call: Call) -> tuple[tuple[str, str], ...]:
    """The query in one order, for a call that has these keys.

    Raises:
        RefusedQueryError: a key is not on the list or stands twice, or a value is none that is passed on.
    """
    pairs = sorted(query)
    keys = [key for key, _ in pairs]
    if not call.query.issuperset(keys) or len(set(keys)) < len(keys):
        known = ", ".join(sorted(call.query))
        raise RefusedQueryError(
            f"Only these are passed on, each once: {known}." if known else "No query is passed on here."
        )
    for key, value in pairs:
        if not _VALUE.fullmatch(value):
            raise RefusedQueryError(
                f"The value of {key} is not passed on: it has other characters than names and numbers have."
            )
    return tuple(pairs)
