"""A ready ``services:`` block from what is seen: what is called alike is one service, and what is in doubt is a comment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from .config.services import Service
from .core.board.source_rows import source_rows
from .core.judgement.judged import Judged, JudgedPart, JudgedService
from .core.model import PartKind, State
from .core.parts.backup_groups import is_glob
from .core.parts.equal_names import grouped
from .core.parts.part import Part
from .core.settings import Settings
from .texts.hidden_characters import displayed

_KEYS = {PartKind.GUEST: "guests", PartKind.DATABASE: "databases", PartKind.PLAN: "plans"}
_WORDS = {PartKind.GUEST: "guest", PartKind.DATABASE: "database", PartKind.PLAN: "plan"}

#: Characters of a service's name, as the configuration allows it, and of a line of a comment.
_LONGEST_NAME, _LONGEST_LINE = 100, 400

#: So long a line that no name is ever broken.
_WIDTH = 1_000_000


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The text, and the sources that could not be read, whose parts are missing in it."""

    text: str
    unreadable: tuple[str, ...]


def suggestion(judged: Judged, intro: str) -> Suggestion:
    """From everything that was judged without a map. ``intro``: the first line, a comment."""
    settings = judged.inputs.settings
    parts = [part.part for service in judged.services for part in service.parts]
    refs = _References(settings, parts)
    shown = [service for service in judged.services if not _is_left_out(service)]
    written, unwritten = _entries(shown, refs)
    unreadable = tuple(row.name for row in source_rows(judged.inputs) if row.verdict.state is State.UNKNOWN)
    comments = [
        _comment(intro),
        _comment(
            "What is called alike is one service; everything else stands alone. Rename, join and remove as you like."
        ),
        *(_comment(f"{name} could not be read: what it knows is missing here.") for name in unreadable),
    ]
    notes = [
        *_section("No backup:", _without_backup(judged)),
        *_section("Called alike, but not surely the same; join what belongs together:", _doubtful(parts)),
        *_section("No reference means only this; give it another name where it is kept:", unwritten),
    ]
    return Suggestion("\n".join([*comments, _yaml(written), *notes]) + "\n", unreadable)


# --- the block --------------------------------------------------------------------------------------------------------


def _is_left_out(service: JudgedService) -> bool:
    """It stands alone, has no backup, and nothing is expected of it: it is only told, as a comment."""
    return len(service.parts) == 1 and not _has_backup(service.parts[0]) and not service.parts[0].part.expected


def _has_backup(part: JudgedPart) -> bool:
    return part.good is not None


def _entries(services: Iterable[JudgedService], refs: _References) -> tuple[list[dict[str, Any]], list[str]]:
    """The services as the configuration has them, and the parts that no reference means alone."""
    entries: list[dict[str, Any]] = []
    unwritten: list[str] = []
    names: set[str] = set()
    for service in services:
        entry: dict[str, Any] = {"name": _unique(service.service.name, names)}
        for part in service.service.parts:
            reference = refs.of(part)
            if reference is None:
                unwritten.append(_described(part))
            else:
                entry.setdefault(_KEYS[part.kind], []).append(reference)
        if len(entry) > 1:
            names.add(entry["name"])
            entries.append(entry)
    return entries, unwritten


def _unique(name: str, taken: set[str]) -> str:
    """A name that the configuration allows."""
    name = displayed(name)[:_LONGEST_NAME].strip() or "service"
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name[: _LONGEST_NAME - len(str(number)) - 1]} {number}"
    return unique


class _References:
    """How the configuration names parts: as short as it can be without meaning anything else."""

    def __init__(self, settings: Settings, parts: Iterable[Part]) -> None:
        self._settings = settings
        self._known: dict[tuple[PartKind, str], list[Part]] = {}
        for part in parts:
            self._known.setdefault((part.kind, _literal(part)), []).append(part)

    def of(self, part: Part) -> str | int | None:
        """What means exactly this part; None where nothing does."""
        plain = _literal(part)
        for text in (plain, f"{part.source}:{plain}"):
            reference = int(text) if text.isdecimal() and text.isascii() else text
            if self._meant(part.kind, text) == [part] and _is_allowed(part.kind, reference):
                return reference
        return None

    def _meant(self, kind: PartKind, text: str) -> list[Part]:
        """The parts that a literal reference finds, as core/parts/services.py looks for them."""
        source, ref = self._settings.split(text)
        return [part for part in self._known.get((kind, ref), ()) if source in (None, part.source)]


def _literal(part: Part) -> str:
    """A pattern that matches this reference only. The path of a backup group is a pattern only with an asterisk in it."""
    if part.kind is PartKind.GUEST and "/" in part.ref and not is_glob(part.ref):
        return part.ref
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in part.ref)


def _is_allowed(kind: PartKind, reference: str | int) -> bool:
    """The configuration takes it, and it reads as it was written: an upstream may call its things what it likes."""
    if not str(reference).isprintable():
        return False
    try:
        Service.model_validate({"name": "any", _KEYS[kind]: [reference]})
    except ValidationError:
        return False
    return True


def _yaml(entries: list[dict[str, Any]]) -> str:
    text: str = yaml.safe_dump(
        {"services": entries}, allow_unicode=True, sort_keys=False, width=_WIDTH, default_flow_style=None
    )
    return text.rstrip("\n")


# --- the comments -----------------------------------------------------------------------------------------------------


def _without_backup(judged: Judged) -> Iterator[str]:
    for service in judged.services:
        for part in service.parts:
            if not _has_backup(part) and part.verdict.state is not State.DISABLED:
                yield f"{_described(part.part)}: {part.verdict.reason or part.verdict.state}"


def _doubtful(parts: list[Part]) -> Iterator[str]:
    for alike in grouped(parts).doubtful:
        yield "; ".join(_described(part) for part in alike)


def _described(part: Part) -> str:
    return f"{part.name}, {_WORDS[part.kind]} {part.full_ref}"


def _section(head: str, texts: Iterable[str]) -> Iterator[str]:
    lines = [_comment(f"- {text}") for text in texts]
    if lines:
        yield from ("#", _comment(head), *lines)


def _comment(text: str) -> str:
    """One line, whatever it contains."""
    line = displayed(" ".join(text.split()))
    return f"# {line if len(line) <= _LONGEST_LINE else f'{line[:_LONGEST_LINE]}…'}"
