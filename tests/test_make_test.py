"""What `make test` is made of says early what it needs, how long it took, and what it leaves."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"


def run(script: str, *arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPTS / script, *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, **environment},
    )  # fmt: skip


@pytest.mark.parametrize(("number", "code"), [("0", 0), ("1000", 1)])
def test_who_is_not_root_is_told_at_once_what_root_is_needed_for(tmp_path: Path, number: str, code: int) -> None:
    fake = tmp_path / "id"
    fake.write_text(f"#!/bin/sh\necho {number}\n")
    fake.chmod(0o755)
    done = run("need-root", folder=tmp_path, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    assert done.returncode == code
    assert [word in done.stderr for word in ("containers", "chromium", "sudo make test")] == [code == 1] * 3


def test_the_steps_end_with_the_first_that_fails_and_a_table(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("lint:\n\t@true\n\ntypes:\n\t@false\n\nsuite:\n\t@touch suite\n")
    done = run("steps", "lint", "types", "suite", folder=tmp_path)

    assert done.returncode != 0
    assert not (tmp_path / "suite").exists()
    assert done.stdout.splitlines()[-3:] == ["lint\t0 s", "types\t0 s", "together\t0 s"]


def test_clean_all_removes_what_is_kept_elsewhere_and_says_how_much(tmp_path: Path) -> None:
    images, other = tmp_path / "home" / "backup-glance" / "images", tmp_path / "home" / "other"
    for folder in (images, other, tmp_path / ".venv"):
        folder.mkdir(parents=True)
    (images / "trixie.tar.zst").write_bytes(b"x" * 300_000)
    done = run("clean-all", folder=tmp_path, XDG_CACHE_HOME=str(tmp_path / "home"))

    assert (done.returncode, done.stderr) == (0, "")
    assert f"K {images.parent}" in done.stdout
    assert not images.parent.exists()
    assert not (tmp_path / ".venv").exists()
    assert other.exists()


def test_a_scenario_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    done = run("rollout", "defaults", folder=SCRIPTS.parent)

    assert done.returncode == 1
    assert "There is no scenario defaults. Scenarios: alternative default operations" in done.stderr
