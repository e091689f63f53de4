"""What the documentation shows of glance.yml is what a real Glance accepts."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.blocks import ROOT, Block, blocks
from tests.glance.site import find_glance

pytestmark = pytest.mark.browser

#: A block of glance.yml: a list of widgets or columns, or a key of a widget.
SHOWN = [
    block
    for block in blocks()
    if block.page in ("docs/glance.md", "docs/deploy.md")
    and block.text.startswith(("- type: ", "- size: small", "source: https"))
]


def whole(block: Block) -> dict[str, Any]:
    """A glance.yml around it. An include is text to Glance, so it stays as it is."""
    shown = yaml.safe_load(block.text)
    if isinstance(shown, dict):
        shown = [{"type": "iframe", "height": 640, **shown}]
    columns = shown if "size" in shown[0] else [{"size": "small", "widgets": shown}]
    return {"pages": [{"name": "Home", "columns": [*columns, {"size": "full", "widgets": [{"type": "clock"}]}]}]}


def accepted(folder: Path, document: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    (folder / "glance.yml").write_text(yaml.safe_dump(document, sort_keys=False))
    shutil.copy(ROOT / "docs" / "custom-api.yml", folder)
    command: list[str | Path] = [find_glance(), "--config", folder / "glance.yml", "config:validate"]
    environment = {"PATH": os.defpath, "BACKUP_GLANCE": "https://backup.lan"}  # which custom-api.yml asks for
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("block", SHOWN, ids=str)
def test_glance_accepts_what_the_documentation_shows(block: Block, tmp_path: Path) -> None:
    done = accepted(tmp_path, whole(block))

    assert done.returncode == 0, done.stdout + done.stderr


def test_glance_would_refuse_another_type(tmp_path: Path) -> None:
    block = Block("a.md", 1, "yaml", "- type: ifrme\n  source: /backup/widget\n")

    done = accepted(tmp_path, whole(block))

    assert "ifrme" in done.stdout + done.stderr
    assert len(SHOWN) == 6
