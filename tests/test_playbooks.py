"""The playbooks with a real Ansible on this machine: from any directory, what they refuse, and what they print.

ANSIBLE_PLAYBOOK names another Ansible than that of the tests' environment; `make controllers`
does so for the oldest and the newest.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands.test_cli import KEY

pytestmark = pytest.mark.fortnight

ROOT = Path(__file__).parent.parent
ANSIBLE = os.environ.get("ANSIBLE_PLAYBOOK") or str(Path(sys.executable).with_name("ansible-playbook"))
PASSWORD = "a-secret-that-nobody-may-see"
CREDENTIALS = f"backup_glance_credentials: {{mail_password: {PASSWORD}}}\n"

#: Runs ansible-playbook with these arguments in a directory; returns what it prints, and whether it succeeded.
Play = Callable[..., tuple[str, bool]]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that everybody may write, so Ansible does not read its ansible.cfg."""
    copy = tmp_path_factory.mktemp("checkout") / "backup glance"
    copy.mkdir()
    for name in ("roles", "playbooks", "inventory", "caddy"):
        shutil.copytree(ROOT / name, copy / name, symlinks=True)
    for name in ("site.yml", "ansible.cfg"):
        shutil.copy(ROOT / name, copy / name)
    copy.chmod(0o777)
    return copy


def player(folder: Path) -> Play:
    """Runs Ansible there, unless another directory is given."""

    def run(*arguments: object, cwd: Path = folder) -> tuple[str, bool]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            [ANSIBLE, *map(str, arguments)],
            capture_output=True, text=True, check=False, timeout=300, env=environment, cwd=cwd,
        )  # fmt: skip
        return done.stdout + done.stderr, done.returncode == 0

    return run


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return player(tmp_path)


class Home:
    """An inventory of one target, which is this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "home"
        shutil.copytree(ROOT / "inventory" / "example", self.folder)
        target = {"ansible_host": "FD00:0::5", "ansible_connection": "local"}
        (self.folder / "hosts.yml").write_text(yaml.safe_dump({"backup_glance": {"hosts": {"glance": target}}}))
        self._variables = self.folder / "group_vars" / "backup_glance.yml"

    def change(self, before: str, after: str) -> int:
        """Replaces a text of the example's variables, which it has once; returns the number of its line."""
        text = self._variables.read_text("utf-8")
        assert text.count(before) == 1
        self._variables.write_text(text.replace(before, after), "utf-8")
        return text[: text.index(before)].count("\n") + 1

    def add(self, text: str) -> None:
        with self._variables.open("a") as file:
            file.write(text)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


#: Those with the role.
PLAYBOOKS = [
    "site.yml",
    *sorted(
        f"playbooks/{path.name}"
        for path in (ROOT / "playbooks").glob("*.yml")
        if re.search(r"(name|role): backup_glance$", path.read_text("utf-8"), re.MULTILINE)
    ),
]


def test_every_playbook_is_understood_from_any_directory(checkout: Path, play: Play, home: Home) -> None:
    for cwd in (checkout, home.folder):
        output, good = play(
            "--syntax-check", "-i", home.folder, *(checkout / playbook for playbook in PLAYBOOKS), cwd=cwd
        )
        assert good, output
        assert output.count("playbook: ") == len(PLAYBOOKS)
        assert ("ignoring it as an ansible.cfg source" in output) == (cwd == checkout)


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_bad_variable_is_refused_by_every_playbook_by_its_line_before_the_target_is_asked(
    checkout: Path, play: Play, home: Home, tmp_path: Path, playbook: str
) -> None:
    line = home.change("backup_glance_tls: internal # or", "backup_glance_tls: internally # or")

    output, good = play("-i", "home", checkout / playbook)

    assert not good
    assert f'home/group_vars/backup_glance.yml line {line}: backup_glance_tls: "internally" is not one of' in output
    assert "Gather" not in output
    assert "Validating arguments" not in output


def test_values_given_with_e_are_named_so_and_texts_are_taken_for_numbers_and_booleans(
    checkout: Path, play: Play, home: Home
) -> None:
    given = [
        "-e",
        "backup_glance_port=8443",
        "-e",
        "backup_glance_require_sources=false",
        "-e",
        "backup_glance_vault_role=root",
    ]

    output, good = play("-i", home.folder, *given, checkout / "playbooks" / "deploy.yml")

    assert not good
    assert '-e: backup_glance_vault_role: "root" is not' in output
    assert "backup_glance_port" not in output
    assert "backup_glance_require_sources" not in output


def test_a_vault_without_encryption_is_refused_by_its_line(checkout: Path, play: Play, home: Home) -> None:
    line = home.change("backup_glance_vault_address: https://", "backup_glance_vault_address: http://")

    output, good = play("-i", "home", checkout / "playbooks" / "deploy.yml")

    assert not good
    assert (
        f"home/group_vars/backup_glance.yml line {line}: backup_glance_vault_address: http://vault.lan:8200" in output
    )


def test_an_address_of_ipv6_is_a_name_of_the_page(checkout: Path, play: Play, home: Home, tmp_path: Path) -> None:
    """The default of backup_glance_names is the target's address, which Ansible is given without brackets."""
    home.change("backup_glance_names: [backup.lan, 192.168.1.20]\n", "")
    show = {"ansible.builtin.debug": {"msg": "{{ __backup_glance_caddyfile.site }} {{ __backup_glance_address }}"}}

    output, good = play(
        "-i", home.folder, _playbook(tmp_path, checkout, "preflight_values", show), "-e", "backup_glance_port=8443"
    )

    assert good, output
    assert "https://[fd00::5]:8443 https://[fd00::5]:8443/widget" in output


def test_a_path_on_the_controller_begins_beside_the_inventory(
    checkout: Path, play: Play, home: Home, tmp_path: Path
) -> None:
    home.add("backup_glance_ca_files: {pve.pem: ca/pve.pem}\n")
    playbook = _playbook(tmp_path, checkout, "preflight_ca")

    refused, good = play("-i", home.folder, playbook)
    (home.folder / "ca").mkdir()
    (home.folder / "ca" / "pve.pem").write_text("certificate")
    found, better = play("-i", home.folder, playbook)

    assert (good, better) == (False, True), found
    assert f"{home.folder}/ca/pve.pem does not exist on the controller" in refused


def test_files_beside_the_inventory_are_not_taken_for_inventories(play: Play, home: Home) -> None:
    (home.folder / "files").mkdir()
    (home.folder / "files" / "vault-ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")

    output, good = play("--syntax-check", "-i", home.folder, ROOT / "site.yml", cwd=ROOT)

    assert good, output
    assert "pars" not in output


class Target:
    """What step "configure" of a deployment needs and writes, in a directory of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "target"
        self.etc = self._folder / "etc"

    def prepare(self) -> None:
        """A release, which is the sidecar of this checkout, and its key."""
        binaries = self._folder / "release" / "venv" / "bin"
        binaries.mkdir(parents=True)
        (binaries / "backup-glance").symlink_to(Path(sys.executable).with_name("backup-glance"))
        (self.etc / "credentials").mkdir(parents=True)
        (self.etc / "credentials" / "sidecar_keys").write_text(f"{KEY}\n")

    def copy(self, other: Target) -> None:
        shutil.copytree(other._folder, self._folder, symlinks=True)

    def configured(self, play: Play, checkout: Path, *more: object) -> tuple[str, bool]:
        """Runs the step, with the inventory "home"."""
        variables = {
            "__backup_glance_etc": str(self.etc),
            "__backup_glance_release": str(self._folder / "release"),
            # For a dry run: the new release is not installed, and this one runs.
            "__backup_glance_complete": {"stat": {"exists": False}},
            "__backup_glance_current": str(self._folder / "release"),
            "__backup_glance_running": False,
            "__backup_glance_user": "root",
            "__backup_glance_caddy_user": "root",
            "ansible_python_interpreter": sys.executable,
        }
        playbook = _playbook(self._folder.parent, checkout, "configure")
        return play("-i", "home", "-e", json.dumps(variables), playbook, *more)


@pytest.fixture(scope="module")
def deployed(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Target, str]:
    """One that is configured, and what Ansible said. It has a password among its credentials."""
    folder = tmp_path_factory.mktemp("deployed")
    Home(folder).add(CREDENTIALS)
    target = Target(folder)
    target.prepare()
    output, good = target.configured(player(folder), checkout)
    assert good, output
    return target, output


@pytest.mark.skipif(os.geteuid() != 0, reason="the role gives its files to root")
class TestConfiguration:
    """Step "configure" of a deployment, into a directory of this machine."""

    @pytest.fixture
    def target(self, tmp_path: Path) -> Target:
        return Target(tmp_path)

    @pytest.fixture
    def configure(self, checkout: Path, play: Play, target: Target) -> Play:
        """For the first time."""
        target.prepare()
        return partial(target.configured, play, checkout)

    @pytest.fixture
    def configure_again(self, checkout: Path, play: Play, target: Target, deployed: tuple[Target, str]) -> Play:
        """After somebody has done so, with the example's variables."""
        target.copy(deployed[0])
        return partial(target.configured, play, checkout)

    def test_a_finding_of_the_sidecar_is_told_with_the_line_of_the_inventory(self, configure: Play, home: Home) -> None:
        line = home.change('fingerprint: "00:11:22', 'fingerprint: "zz:11:22')
        misspelt = home.change("  services:", "  servces:")

        output, good = configure()

        assert not good
        where = "home/group_vars/backup_glance.yml line"
        assert f"{where} {line}: backup_glance_config.sources.pbs.fingerprint: " in output
        assert f"{where} {misspelt}: backup_glance_config.servces: is an unknown key; did you mean services?" in output
        assert "config.yaml:" not in output
        assert "The running release was not changed." in output

    def test_what_changes_is_shown_only_with_diff_and_never_a_secret(
        self, configure_again: Play, home: Home, deployed: tuple[Target, str]
    ) -> None:
        quiet = deployed[1]
        home.add(CREDENTIALS)
        home.change("timezone: Europe/Berlin\n  sources", "timezone: Europe/Vienna\n  sources")
        home.change("backup_glance_names: [backup.lan, 192.168.1.20]", "backup_glance_names: [other.lan]")
        home.change(PASSWORD, f"{PASSWORD}-2")
        shown, good = configure_again("--diff", "-vvv")

        assert good, shown
        assert "changed=" in quiet
        assert not any(line.startswith(("--- ", "+++ ", "@@ ")) for line in quiet.splitlines())
        assert "+timezone: Europe/Vienna" in shown
        assert "+https://other.lan:443 {" in shown
        assert PASSWORD not in quiet + shown
        assert KEY not in quiet + shown

    def test_a_secret_in_the_configuration_is_refused_and_neither_shown_nor_written(
        self, configure_again: Play, home: Home, target: Target
    ) -> None:
        candidate = target.etc / "candidate" / "config.yaml"
        before = candidate.read_text()
        home.change("secret: {vault: backup-glance/pbs, field: secret}", f"secret: {PASSWORD}")

        refused, good = configure_again("--diff", "-vvv")
        dry, _ = configure_again("--diff", "-vvv", "--check")

        assert not good
        assert "backup_glance_config.sources.pbs.secret: " in refused
        assert "backup_glance_config.sources.pbs.secret: " in dry
        assert "What changes in the configuration is not shown." in dry
        assert PASSWORD not in refused + dry
        assert candidate.read_text() == before

    def test_a_dry_run_shows_what_changes_also_where_it_has_not_written_a_credential(
        self, configure_again: Play, home: Home
    ) -> None:
        home.change("secret: {vault: backup-glance/pbs, field: secret}", "secret: {credential: pbs_secret}")
        home.add(f"backup_glance_credentials: {{pbs_secret: {PASSWORD}}}\n")

        shown, good = configure_again("--diff", "--check")

        assert good, shown
        assert "+      credential: pbs_secret" in shown
        assert PASSWORD not in shown

    def test_the_hashes_of_passwords_are_not_shown(self, configure: Play, home: Home) -> None:
        hashed = "$2a$14$abcdefghijklmnopqrstuv"
        home.change("backup_glance_access: private", "backup_glance_access: basic")
        home.add(f"backup_glance_users: [{{name: reader, password_hash: {hashed}}}]\n")

        shown, good = configure("--diff", "-vvv")

        assert good, shown
        assert hashed not in shown


def _playbook(folder: Path, checkout: Path, tasks: str, *more: dict[str, Any]) -> Path:
    """A playbook of somebody's own, with one part of the role."""
    path = folder / f"{tasks}.yml"
    role = {"name": str(checkout / "roles" / "backup_glance"), "tasks_from": tasks, "public": True}
    path.write_text(
        json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.include_role": role}, *more]}])
    )
    return path
