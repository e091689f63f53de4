"""What `make dist` makes: the same bytes each time, a list of exactly what the lock lets in, a command that can be installed."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.dist import make

pytestmark = pytest.mark.fortnight

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make(tmp_path_factory.mktemp("dist") / "first")


def test_the_same_checkout_gives_the_same_bytes(made: list[Path], tmp_path: Path) -> None:
    again = make(tmp_path / "second")

    assert [path.name for path in again] == [path.name for path in made]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in made]


def test_the_list_names_exactly_what_the_lock_names(made: list[Path]) -> None:
    locked = re.findall(r"^([a-z0-9][^ ;]*)==([^ ;\\]+)", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    document = json.loads(made[2].read_text("utf-8"))

    assert {(part["name"], part["version"]) for part in document["components"]} == set(locked)
    assert document["metadata"]["component"]["hashes"][0]["content"] == hashlib.sha256(made[0].read_bytes()).hexdigest()


def test_the_checksums_are_those_of_the_files(made: list[Path]) -> None:
    checked = subprocess.run(
        ["sha256sum", "--check", "SHA256SUMS"], cwd=made[-1].parent, capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count(": OK") == 3


def test_the_wheel_is_a_command_by_itself(made: list[Path], tmp_path: Path) -> None:
    """As pipx installs it: into an environment of its own, here with the packages that are there already."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    target = next((tmp_path / "venv").glob("lib/python*/site-packages"))
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-index",
        "--no-deps",
    ]
    subprocess.run([*install, "--prefix", tmp_path / "venv", "--ignore-installed", made[0]], check=True)
    (target / "here.pth").write_text(str(Path(pytest.__file__).parent.parent))
    command = tmp_path / "venv" / "bin" / "backup-glance"
    due = subprocess.run(
        [tmp_path / "venv/bin/python", command, "next", "daily", "--after", "2026-11-20T21:00Z", "--count", "1"],
        capture_output=True,
        text=True,
    )

    assert (due.returncode, due.stdout.strip(), due.stderr) == (0, "2026-11-21T00:00:00+00:00", "")
