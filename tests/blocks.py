"""The blocks of code in the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent

_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)

#: What stands for a value of the reader's own, and one that can be read.
_FILLED = {'"aa:bb:…"': f'"{":".join(["aa", "bb"] * 16)}"'}

#: What a fragment of the configuration may refer to.
_AROUND = """
vault: {address: "https://vault.lan:8200"}
sources:
  pbs: {kind: pbs, url: "https://pbs.lan:8007", token_id: "monitor@pbs!glance", secret: {file: /x}}
  pve: {kind: pve, url: "https://pve.lan:8006", token_id: "monitor@pve!glance", secret: {file: /x}}
  databasement: {kind: databasement, url: "https://databasement.lan", token: {file: /x}}
  backrest: {kind: backrest, url: "http://backrest.lan:9898"}
"""


@dataclass(frozen=True, slots=True)
class Block:
    """``page``: its path from the root of the repository. ``language``: what stands behind the backticks, or nothing."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def filled(self) -> str:
        """The text with a value where an ellipsis stands for one."""
        text = self.text
        for written, value in _FILLED.items():
            text = text.replace(written, value)
        return text


def pages() -> list[Path]:
    """Every page of the documentation."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "roles").rglob("*.md")])


def blocks() -> list[Block]:
    """All of them, in the order of the pages."""
    return [block for page in pages() for block in of_page(str(page.relative_to(ROOT)), page.read_text("utf-8"))]


def of_page(name: str, text: str) -> Iterator[Block]:
    """The blocks of a page, without the spaces that all their lines begin with in a list."""
    for found in _BLOCK.finditer(text):
        indent, language, code = found.groups()
        line = text.count("\n", 0, found.start()) + 1
        yield Block(name, line, language, re.sub(rf"^{indent}", "", code, flags=re.MULTILINE))


def the_block(page: str, start: str) -> Block:
    """The one block of a page that begins like this."""
    (found,) = [block for block in blocks() if block.page == page and block.text.startswith(start)]
    return found


def configuration(fragment: dict[str, Any]) -> str:
    """A whole configuration file around what an example shows. What names its own sources is whole already."""
    return yaml.safe_dump(fragment if "sources" in fragment else {**yaml.safe_load(_AROUND), **fragment})
