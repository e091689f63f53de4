"""Documentation that goes stale is a bug: every option, command and make target is documented where a reader looks for it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from sidecar.cli import main
from sidecar.config import model
from sidecar.core.model import State
from sidecar.web import openapi

ROOT = Path(__file__).parent.parent
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("key", sorted(model.known_keys()))
def test_every_configuration_key_is_documented(key: str) -> None:
    assert re.search(rf"`{key}`|\b{key}:", CONFIGURATION)


@pytest.mark.parametrize("command", ["demo", "check", "test"])
def test_the_readme_lists_what_make_can_do(command: str) -> None:
    assert f"make {command}" in README
    assert re.search(rf"^{command}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_table_of_minutes_keeps_make_test_within_its_bounds() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.partition("## How long `make test` takes\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*) \| ([0-9.]+) \| ([0-9.]+) \|$", section, re.MULTILINE)
    (steps,) = re.findall(r"@scripts/steps (.*)", (ROOT / "Makefile").read_text())

    assert {step for name, _, _ in rows for step in re.findall("`([a-z]+)`", name)} >= set(re.findall(r"\w+", steps))
    assert sum(float(cold) for _, cold, _ in rows) <= 45
    assert sum(float(warm) for _, _, warm in rows) <= 15


def test_the_recipe_for_glances_custom_api_asks_only_for_what_the_board_has() -> None:
    (widget,) = yaml.safe_load((ROOT / "docs" / "custom-api.yml").read_text())
    schemas = openapi.document()["components"]["schemas"]
    known = {"detail", "fold"}.union(*(schemas[name]["properties"] for name in BOARD))

    asked = re.findall(r"\.(?:String|Int|Array|IntOr) [\"`]([^\"`]+)[\"`]", widget["template"])
    states = re.findall(r'state=="(\w+)"', widget["template"])

    assert {name for path in asked for name in path.split(".") if not name.startswith("#")} <= known
    assert sorted(states) == sorted(State)


BOARD = ("Board", "Overall", "Service", "Part", "Source", "Datastore")


def test_every_link_in_the_documentation_leads_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_command_helps() -> None:
    output = subprocess.run(
        [sys.executable, "-m", "sidecar", "serve", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    ).stdout

    assert all(option in output for option in ("--config", "--credentials", "--state", "--fd", "--listen"))


@pytest.mark.parametrize("command", ["status", "report", "doctor", "suggest"])
def test_the_commands_for_people_help_and_are_documented(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    output = capsys.readouterr().out
    page = (ROOT / "docs" / "commands.md").read_text()

    assert command == "report" or all(option in output for option in ("--config", "--credentials"))
    assert f"## `{command}`" in page
    assert f"`backup-glance {command}`" in README
    section = page.partition(f"## `{command}`")[2].partition("\n## ")[0]
    for option in re.findall(r"^\| `(--[a-z-]+)", section, re.MULTILINE):
        assert option in output


def test_next_helps_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["next", "--help"])
    output = capsys.readouterr().out

    assert all(option in output for option in ("--tz", "--count", "--after", "mon..fri 22:00"))


@pytest.mark.parametrize("lock", sorted(path.name for path in ROOT.glob("requirements*.txt")))
def test_locks_hold_hashes_and_no_addresses(lock: str) -> None:
    text = (ROOT / lock).read_text()

    assert "://" not in text
    for line in re.findall(r"^\S+==\S+.*(?:\n    .*)*", text, re.MULTILINE):
        assert "--hash=sha256:" in line


def test_the_changelog_has_a_dated_section_for_this_version_and_the_newest_is_first() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [re.fullmatch(r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)", heading) for heading in headings]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert None not in released[headings[0] == "Unreleased" :]
    versions = [(tuple(map(int, found.groups()[:3])), found[4]) for found in released if found]
    assert versions == sorted(versions, reverse=True)
    assert tuple(map(int, version.split("."))) in [number for number, _ in versions]


def test_what_the_page_about_operations_quotes_is_said_somewhere() -> None:
    """A reader searches it for the words on the screen."""
    said = " ".join(
        path.read_text()
        for path in [
            *(ROOT / "src").rglob("*.py"),
            *(ROOT / "src").rglob("*.html"),
            *(ROOT / "roles").rglob("*.py"),
            ROOT / "caddy" / "Caddyfile.j2",
        ]
    )
    # A sentence in code may be cut into two texts.
    said = re.sub(r'"\s+f?"', "", said)
    quoted = re.findall(r'"([^"\n]+)"', re.sub(r"```.*?```", "", OPERATIONS, flags=re.DOTALL))

    assert len(quoted) > 10
    missing = [
        piece for text in quoted for piece in re.split(r"…", text) if piece.strip(" ;,") and piece.strip() not in said
    ]
    assert not missing


OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
