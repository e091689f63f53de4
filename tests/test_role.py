"""The role as it is written down: variables, their meanings and defaults agree, and releases are built as they are installed."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from sidecar.config import model
from sidecar.ledger.ledger import FILE, Ledger
from tests.commands.test_cli import KEY, running
from tests.core.sample_reports import pve
from tests.ledgers import NOW, desk, filled, written

ROOT = Path(__file__).parent.parent
ROLE = ROOT / "roles" / "backup_glance"
DEFAULTS: dict[str, Any] = yaml.safe_load((ROLE / "defaults/main.yml").read_text("utf-8"))
SPECS: dict[str, Any] = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text("utf-8"))["argument_specs"]
MANUAL = (ROOT / "docs" / "deploy.md").read_text("utf-8")
PLAYBOOKS = sorted(
    path for folder in ("roles", "playbooks", "molecule", "inventory") for path in (ROOT / folder).rglob("*.yml")
)

LOCK = """\
anyio==4.16.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
backports==1.0 ; python_full_version < '3.13' \\
    --hash=sha256:bb
colorama==0.4 ; sys_platform == 'win32' \\
    --hash=sha256:cc
"""


@pytest.fixture(scope="module")
def build_release() -> ModuleType:
    """The controller's script, which is no module of the product."""
    spec = importlib.util.spec_from_file_location("build_release", ROLE / "files" / "build_release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("entry", sorted(SPECS))
def test_every_variable_has_a_default_and_is_specified_at_every_entry_point(entry: str) -> None:
    assert set(SPECS[entry]["options"]) == set(DEFAULTS)


@pytest.mark.parametrize("entry", sorted(set(SPECS) - {"main"}))
def test_every_entry_point_has_its_tasks(entry: str) -> None:
    assert (ROLE / "tasks" / f"{entry}.yml").is_file()


@pytest.mark.parametrize("variable", sorted(DEFAULTS))
def test_every_variable_is_described_and_in_the_manual(variable: str) -> None:
    assert SPECS["main"]["options"][variable]["description"]
    assert re.search(rf"`{variable}`|\b{variable}:", MANUAL)


@pytest.mark.parametrize(
    "variable", [name for name in sorted(DEFAULTS) if re.search("token$|credentials|users|entries", name)]
)
def test_variables_that_hold_secrets_are_kept_out_of_the_output(variable: str) -> None:
    assert SPECS["main"]["options"][variable]["no_log"] is True


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_playbooks_use_only_what_ansible_itself_brings(path: Path) -> None:
    named = set(re.findall(r"^\s*-?\s*((?:[a-z_]+\.){2}[a-z_]+):", path.read_text("utf-8"), re.MULTILINE))
    assert all(name.startswith("ansible.builtin.") for name in named), named


def test_the_example_is_a_configuration_that_can_be_used() -> None:
    example = yaml.safe_load((ROOT / "inventory/example/group_vars/backup_glance.yml").read_text("utf-8"))
    assert set(example) <= set(DEFAULTS)
    vault = {"address": example["backup_glance_vault_address"]}
    found = model.Config.model_validate({"vault": vault, **example["backup_glance_config"]})
    assert list(found.across()) == []


@pytest.mark.parametrize(("python", "packages"), [("3.11", ["anyio", "backports"]), ("3.13", ["anyio"])])
def test_a_release_holds_what_its_python_needs_and_the_own_wheel_with_its_hash(
    build_release: ModuleType, tmp_path: Path, python: str, packages: list[str]
) -> None:
    own = tmp_path / "backup_glance-0.1.0-py3-none-any.whl"
    own.write_bytes(b"wheel")
    lock = build_release.release_lock(LOCK, own, python, "x86_64")
    assert re.findall(r"^([a-z-]+)==", lock, re.MULTILINE) == [*packages, "backup-glance"]
    assert ";" not in lock
    assert lock.count("--hash=sha256:") == len(packages) + 2
    digest = hashlib.sha256(b"wheel").hexdigest()
    assert lock.endswith(f"backup-glance==0.1.0 --hash=sha256:{digest}\n")


def test_the_same_checkout_gives_the_same_release(build_release: ModuleType, tmp_path: Path) -> None:
    """Only then a second deployment changes nothing."""
    first = build_release.build_wheel(ROOT, tmp_path / "first")
    second = build_release.build_wheel(ROOT, tmp_path / "second")
    assert first.read_bytes() == second.read_bytes()


def test_a_checkout_that_cannot_be_built_is_told_with_the_cure(build_release: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(build_release.ReleaseError, match=r"requirements-rollout\.txt"):
        build_release.build_wheel(tmp_path, tmp_path / "wheels")


def test_the_controllers_lock_fits_this_python_and_holds_hashes_only() -> None:
    text = (ROOT / "requirements-rollout.txt").read_text("utf-8")
    assert "://" not in text
    assert "--hash=sha256:" in text
    assert re.search(r"^ansible-core==2\.19\.\d+ ; python_full_version < '3\.12'", text, re.MULTILINE)
    assert sys.version_info >= (3, 11)


# --- a trial with a copy of the ledger ---


def script(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROLE / "files" / name, *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=60, env={"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip


def test_the_ledger_is_copied_whole_while_it_is_written(tmp_path: Path) -> None:
    state, trial = tmp_path / "state", tmp_path / "trial"
    state.mkdir()
    trial.mkdir()
    made, ledger = desk(state)
    made.record(pve("22 11:58"))
    written(ledger)
    (state / f"{FILE}.v0").write_text("from before a migration")
    done = script("copy_ledger.py", state / FILE, trial / FILE)
    ledger.close()

    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in trial.iterdir()) == [FILE, f"{FILE}.v0"]
    copy = Ledger(trial, NOW)
    copy.close()
    assert copy.remembered.reports.keys() == {"pve"}


def test_a_ledger_that_cannot_be_copied_is_told(tmp_path: Path) -> None:
    filled(tmp_path)
    done = script("copy_ledger.py", tmp_path / FILE, tmp_path / "nowhere" / FILE)

    assert done.returncode == 1
    assert "can't be copied" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_trial_fails_when_the_ledger_that_was_handed_over_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "sidecar_keys").write_text(f"{KEY}\n")
    (tmp_path / FILE).write_bytes(b"this is no database, but it is longer than a header of one hundred bytes. " * 10)
    config = tmp_path / "config.yaml"
    config.write_text('timezone: UTC\nsources:\n  b: {kind: backrest, url: "http://127.0.0.1:1"}\n')
    with running(config, tmp_path / "keys", tmp_path, "--state", str(tmp_path)) as sidecar:
        ordinary = script("prove.py", sidecar.path, tmp_path / "keys" / "sidecar_keys")
        trial = script("prove.py", sidecar.path, tmp_path / "keys" / "sidecar_keys", "remembering")

    assert (ordinary.returncode, ordinary.stdout) == (0, "it answers as it should\n")
    assert trial.returncode == 1
    assert "with a copy of the ledger it says: The ledger was broken" in trial.stderr
