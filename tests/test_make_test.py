"""What `make test` is made of says early what it needs, how long it took, and what it leaves."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parent.parent / "scripts"


#: The environment without what a make that runs this test hands on to the next one.
_ALONE = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}


def run(script: str, *arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPTS / script, *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60, env={**_ALONE, **environment},
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
    assert without_seconds(done.stdout)[-3:] == ["lint", "types\tfailed", "together"]
    assert without_seconds((tmp_path / ".cache" / "steps.tsv").read_text()) == ["lint", "types\tfailed"]


def test_steps_side_by_side_each_have_their_own_output_and_all_that_fail_are_named(tmp_path: Path) -> None:
    """Each of the first two would wait for ever if it ran alone."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "Makefile").write_text(
        "suite:\n\t@cat pipe; echo end of suite; exit 1\n\n"
        "rollout:\n\t@echo rollout here >pipe; echo words of rollout; exit 2\n\n"
        "types:\n\t@echo words of types\n\nlater:\n\t@touch later\n"
    )
    done = run("steps", "suite+rollout+types", "later", folder=tmp_path)

    shown, _, of_rollout = done.stdout.partition("What rollout said:\n")
    assert done.returncode == 1
    assert not (tmp_path / "later").exists()
    assert 0 < shown.index("rollout here\n") < shown.index("end of suite\n")
    assert "words of rollout" not in shown
    assert of_rollout.startswith("words of rollout\nmake: ")
    assert "words of types" not in done.stdout
    assert (tmp_path / ".cache" / "steps" / "types.log").read_text() == "words of types\n"
    assert sorted(without_seconds(done.stdout)[-4:-1]) == ["rollout\tfailed", "suite\tfailed", "types"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupt_ends_every_step_that_runs(tmp_path: Path, number: signal.Signals, code: int) -> None:
    (tmp_path / "Makefile").write_text("one two:\n\t@echo $$$$ >$@.new && mv $@.new $@.pid && exec sleep 600\n")
    # Under nohup the shell could not trap SIGHUP.
    command = ["env", "--default-signal", str(SCRIPTS / "steps"), "one+two"]
    steps = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    begun = [tmp_path / "one.pid", tmp_path / "two.pid"]
    while not all(file.exists() for file in begun):
        assert steps.poll() is None
        time.sleep(0.02)
    steps.send_signal(number)
    steps.communicate(timeout=60)

    assert steps.returncode == code
    for file in begun:
        with pytest.raises(ProcessLookupError):
            os.kill(int(file.read_text()), 0)


def without_seconds(text: str) -> list[str]:
    return [re.sub(r"\t\d+ s", "", line) for line in text.splitlines()]


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
    done = run("rollout", "nosuch", folder=SCRIPTS.parent)

    assert done.returncode == 1
    assert "There is no scenario nosuch. Scenarios: alternative default operations" in done.stderr
