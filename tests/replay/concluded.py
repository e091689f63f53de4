"""Reads tables of what must be concluded, and compares a board with one. The form stands at the top of each table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sidecar.core.model import Board, Verdict

_FIELDS = re.compile(r" {2,}")
_HEAD = re.compile(r"== (?P<name>[^:]+)(?:: as (?P<other>.+), but)?")


@dataclass(frozen=True, slots=True)
class Right:
    """What is right for one row."""

    state: str
    words: str = ""
    action: str = ""

    def wrong(self, name: str, verdict: Verdict | None) -> Iterator[str]:
        """Everything that is wrong with the verdict; None where there is no such row."""
        if verdict is None:
            yield f"{name}: no row, {self.state} is right"
            return
        if verdict.state != self.state:
            yield f"{name}: {verdict.state}, {self.state} is right: {verdict.reason}"
        if self.words.lower() not in (verdict.reason or "").lower():
            yield f"{name}: {self.words!r} is not said: {verdict.reason}"
        if self.action.lower() not in (verdict.action or "").lower():
            yield f"{name}: {self.action!r} is not the cure: {verdict.action}"


@dataclass(frozen=True, slots=True)
class Table:
    """One state: its rows by name, and what must stand among the limits."""

    rows: Mapping[str, Right]
    limits: frozenset[str]


def read(file: Path) -> dict[str, Table]:
    """All states of a table."""
    tables: dict[str, Table] = {}
    for name, other, lines in _blocks(file):
        rows = dict(tables[other].rows) if other else {}
        limits = set(tables[other].limits) if other else set()
        for line in lines:
            names, state, *rest = _FIELDS.split(line)
            said, _, cure = rest[-1].partition("=> ") if rest and "=> " in rest[-1] else ("", "", "")
            told = "" if not rest or rest[0].startswith("=> ") else rest[0]
            if names == "limit":
                limits.add(state)
            for each in names.split(", "):
                if state == "-":
                    rows.pop(each, None)
                    limits.discard(each.removeprefix("limit "))
                elif names != "limit":
                    rows[each] = Right(state, told or said.strip(), cure)
        tables[name] = Table(rows, frozenset(limits))
    return tables


def _blocks(file: Path) -> Iterator[tuple[str, str | None, list[str]]]:
    text = re.sub(r",\n +", ", ", file.read_text("utf-8"))
    for block in re.split(r"^(?=== )", text, flags=re.MULTILINE)[1:]:
        head, *lines = block.splitlines()
        found = _HEAD.fullmatch(head)
        assert found is not None, head
        yield found["name"], found["other"], [line for line in lines if line.strip()]


def wrong(table: Table, board: Board, verdicts: Mapping[str, Verdict], *, source: str) -> list[str]:
    """Everything in which a board differs from the table. ``verdicts``: its rows by the table's names."""
    findings = [text for name, right in table.rows.items() for text in right.wrong(name, verdicts.get(name))]
    findings += [
        f"{name}: {verdicts[name].state}, not in the table" for name in sorted(set(verdicts) - set(table.rows))
    ]
    limits = next(row.limits for row in board.sources if row.name == source)
    findings += [f"limit {words!r} is not told: {limits}" for words in table.limits if words not in " ".join(limits)]
    return findings
