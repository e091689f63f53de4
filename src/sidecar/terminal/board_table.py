"""The board of the API as a table in a terminal. Nothing is judged here: every state is the board's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sidecar.core.model import HARMLESS, NEEDS_YOU, State
from sidecar.web.words import NOTHING, TimeFormat

from .style import Style
from .text import cells, cut, padded, safe, wrapped

Json = Mapping[str, Any]

#: Exit codes as monitoring plugins have them.
OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3

#: What stands for a bar in the first line: a monitoring system takes what follows one for figures.
NO_BAR = "\\u007c"

#: The fewest columns of a name.
_NAME = 16

#: What a reason or an action is moved in by.
_INDENT = "    "

#: States of a service that need no sentence beside them.
_SILENT = frozenset({State.OK, State.NEW, State.DISABLED})


class NotABoardError(ValueError):
    """It is no board of a version that is known here."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How a board is shown: in this style, with times of this zone."""

    style: Style
    zone: ZoneInfo


def made_at(board: Json) -> datetime:
    """When it was judged. Raises NotABoardError."""
    if board.get("version") != 1:
        raise NotABoardError("the board has another version than 1: use the command of the release that runs")
    try:
        return datetime.fromisoformat(str(board["generated_at"]))
    except (KeyError, ValueError):
        raise NotABoardError("the board does not tell when it was made") from None


def exit_code(board: Json) -> int:
    """Of the overall state: 0 in order, 1 a warning, 2 something failed or was missed, 3 nobody can tell."""
    state = _state(_mapping(board.get("overall")))
    if state in NEEDS_YOU:
        return CRITICAL
    return WARNING if state is State.WARNING else UNKNOWN if state is State.UNKNOWN else OK


def first_line(board: Json) -> str:
    """Everything in one line, for a monitoring system."""
    overall = _mapping(board.get("overall"))
    return f"{_state(overall)}: {_text(overall, 'headline') or NOTHING}".replace("|", NO_BAR)


def lines(board: Json, shown: Shown) -> Iterator[str]:
    """The whole table, the line for everything first. Raises NotABoardError."""
    style, times = shown.style, TimeFormat(made_at(board), shown.zone)
    yield style.bold(first_line(board)) if style.colour else first_line(board)
    yield style.faint(f"{times.time(times.now)} {shown.zone.key}")
    services = _rows(board, "services")
    yield from _table(services, style, times)
    besides = list(_besides(board, style))
    yield from ["", *besides] if besides else []
    asides = list(_asides(board))
    yield from ["", *(style.faint(text) for text in asides)] if asides else []


# --- services ---------------------------------------------------------------------------------------------------------


_HEAD = ("last", "kept", "next")


def _table(services: list[Json], style: Style, times: TimeFormat) -> Iterator[str]:
    if not services:
        return
    rows = [(_text(row, "name"), row, _figures(row, times)) for row in services]
    widths = _fitting([max(map(cells, column)) for column in zip(_HEAD, *(row[2] for row in rows), strict=True)], style)
    longest = max(cells(name) for name, _, _ in rows)
    name_width = min(max(style.width - _beside(widths), _NAME), max(longest, len("service")))
    yield ""
    yield style.faint(f"  {padded('service', name_width)}  {'state':<8}{_columns(_HEAD, widths)}".rstrip())
    for name, row, figures in rows:
        state = _state(row)
        line = f"{style.mark(state)} {padded(name, name_width)}  {style.word(state, 8)}{_columns(figures, widths)}"
        yield line.rstrip()
        yield from () if state in _SILENT else _why(row, style)


def _fitting(widths: list[int], style: Style) -> list[int]:
    """The columns that fit beside a name: all of them, or only the last backup, or none."""
    for count in (len(widths), 1):
        if _beside(widths[:count]) + _NAME <= style.width:
            return widths[:count]
    return []


def _beside(widths: list[int]) -> int:
    """What a line takes beside the name."""
    return 2 + 2 + len(State.DISABLED) + sum(width + 2 for width in widths)


def _columns(figures: Iterable[str], widths: list[int]) -> str:
    return "".join(f"  {padded(text, width)}" for text, width in zip(figures, widths, strict=False))


def _figures(row: Json, times: TimeFormat) -> tuple[str, str, str]:
    """Last backup, how many are kept, next run."""
    last, following = _moment(row, "last_backup"), _moment(row, "next_run")
    count = row.get("count")
    return (
        times.stamp(last) if last else NOTHING,
        str(count) if isinstance(count, int) else NOTHING,
        times.due(following) if following else NOTHING,
    )


def _why(row: Json, style: Style) -> Iterator[str]:
    """Its reason, and what to do."""
    for key in ("reason", "action"):
        if text := _text(row, key):
            arrow = ("> " if style.plain else "→ ") if key == "action" else ""
            for number, line in enumerate(wrapped(text, style.width - len(_INDENT) - len(arrow))):
                yield f"{_INDENT}{arrow if not number else ' ' * len(arrow)}{line}"


# --- what is no service -----------------------------------------------------------------------------------------------


def _besides(board: Json, style: Style) -> Iterator[str]:
    """Jobs, sources and datastores that are not well, and what a source can't show."""
    for word, key, name in (
        ("source", "sources", "name"),
        ("job", "jobs", "title"),
        ("datastore", "datastores", "name"),
    ):
        for row in _rows(board, key):
            state = _state(row)
            if state in HARMLESS:
                continue
            whose = f"{_text(row, 'source')}/" if key == "datastores" else ""
            yield f"{style.mark(state)} {cut(f'{word} {whose}{_text(row, name)}', style.width - 12)}  {style.word(state)}"
            yield from _why(row, style)


def _asides(board: Json) -> Iterator[str]:
    lists = (board.get("notes"), *(row.get("limits") for row in _rows(board, "sources")))
    count = sum(len(each) for each in lists if isinstance(each, list))
    if count:
        yield f"{count} note{'s' if count > 1 else ''} on the page; backup-glance doctor says what to do"
    if isinstance(left_out := board.get("left_out"), int) and left_out:
        yield f"left out: {left_out}"


# --- fields -----------------------------------------------------------------------------------------------------------


def _mapping(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _rows(board: Json, key: str) -> list[Json]:
    rows = board.get(key)
    if not isinstance(rows, list):
        raise NotABoardError(f"the board has no {key}")
    return [_mapping(row) for row in rows]


def _text(row: Json, key: str) -> str:
    value = row.get(key)
    return safe(value) if isinstance(value, str) else ""


def _state(row: Json) -> State:
    """What a newer version calls otherwise can't be told here."""
    try:
        return State(str(row.get("state")))
    except ValueError:
        return State.UNKNOWN


def _moment(row: Json, key: str) -> datetime | None:
    value = row.get(key)
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
