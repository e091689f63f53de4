"""docs/deploy.md and the role's page, as they are written: without Vault, without Ansible, the inventory to copy, the units."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sidecar.config import load
from tests.blocks import ROOT, configuration, the_block
from tests.processes import free_port

DEPLOY = "docs/deploy.md"
ROLE = ROOT / "roles" / "backup_glance"
BIN = Path(sys.executable).parent

# --- the inventory --------------------------------------------------------------------------------------------------------


@pytest.mark.fortnight
def test_the_inventory_to_copy_is_one(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "inventory", tmp_path / "inventory", ignore=shutil.ignore_patterns("home"))
    (copied,) = re.findall("^cp -r inventory/.*$", the_block(DEPLOY, "git clone").text, re.MULTILINE)
    done = sh(f"{copied}\n{the_block(DEPLOY, '$EDITOR inventory').text}", tmp_path, EDITOR="ls")
    assert done.returncode == 0, done.stderr
    done = sh("ansible-inventory -i inventory/home --list", tmp_path)

    (host,) = json.loads(done.stdout)["_meta"]["hostvars"].values()
    assert host["ansible_host"] == "192.168.1.20"
    assert host["backup_glance_config"]["sources"]


def test_the_play_of_the_role_s_page_is_one() -> None:
    block = the_block("roles/backup_glance/README.md", "- hosts:")
    (play,) = yaml.safe_load(block.filled().replace("00:11:…", "00:" * 31 + "00"))
    ((role, variables),) = [(entry["role"], entry["vars"]) for entry in play["roles"]]

    assert (ROOT / "roles" / role).is_dir()
    assert variables.keys() <= yaml.safe_load((ROLE / "defaults/main.yml").read_text("utf-8")).keys()
    load.parse(configuration(variables["backup_glance_config"]), str(block))


def test_the_role_s_page_lists_every_entry_point() -> None:
    specs = yaml.safe_load((ROLE / "meta/argument_specs.yml").read_text("utf-8"))["argument_specs"]
    page = (ROLE / "README.md").read_text("utf-8")

    assert set(re.findall(r"^\| `(\w+)` \| `playbooks/", page, re.MULTILINE)) == specs.keys()


# --- without Vault --------------------------------------------------------------------------------------------------------

#: What the role makes of the variables of an inventory, without a target.
PLAY = f"""
- hosts: backup_glance
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: {ROLE}
        tasks_from: preflight_values.yml
        rolespec_validate: false
        public: true
    - ansible.builtin.copy:
        content: "{{{{ lookup('ansible.builtin.template', '{ROLE}/templates/config.yaml.j2') }}}}"
        dest: "{{{{ inventory_dir }}}}/config.yaml"
        mode: "0600"
    - ansible.builtin.copy:
        content: "{{{{ backup_glance_credentials.pbs_secret }}}}"
        dest: "{{{{ inventory_dir }}}}/pbs_secret"
        mode: "0600"
"""


@pytest.mark.fortnight
def test_a_secret_of_ansible_vault_is_asked_for_once(tmp_path: Path) -> None:
    """Both commands with a terminal of their own, which is where they ask."""
    encrypt = the_block(DEPLOY, "ansible-vault encrypt_string").text
    answers = ["correct horse", "correct horse", "vaulted_pbs_secret", "fake-secret-of-pbs"]
    code, said = typed(encrypt.split(), tmp_path, answers)
    assert code == 0, said
    encrypted = re.search(r"vaulted_pbs_secret: !vault \|\n(?: {10}\S+\n)+", said)
    assert encrypted is not None, said

    variables = tmp_path / "group_vars" / "backup_glance.yml"
    variables.parent.mkdir()
    variables.write_text(the_block(DEPLOY, "backup_glance_vault_address").filled() + encrypted[0])
    (tmp_path / "hosts.yml").write_text("backup_glance: {hosts: {backup.lan: {ansible_connection: local}}}\n")
    (tmp_path / "site.yml").write_text(PLAY)
    deploy = the_block(DEPLOY, "ansible-playbook -i inventory/home site.yml --ask-vault-pass").text
    command = deploy.replace("inventory/home", "hosts.yml").split()
    code, said = typed([*command, "-e", f"ansible_python_interpreter={sys.executable}"], tmp_path, ["correct horse"])

    assert (code, "failed=0" in said) == (0, True), said
    assert "fake-secret-of-pbs" not in said
    assert (tmp_path / "pbs_secret").read_text() == "fake-secret-of-pbs"
    config = load.load(tmp_path / "config.yaml")
    assert config.vault is None
    assert config.sources.keys() == {"pbs"}

    code, said = typed([*command, "-e", f"ansible_python_interpreter={sys.executable}"], tmp_path, ["wrong horse"])
    assert code != 0
    assert "Decryption failed" in said


def typed(command: list[str], folder: Path, answers: list[str]) -> tuple[int, str]:
    """Runs a command in a terminal, in which somebody answers each question. Returns its exit code and what it showed."""
    ours, theirs = os.openpty()
    with subprocess.Popen(
        ["setsid", "--ctty", BIN / command[0], *command[1:]],
        cwd=folder, env=environment(folder), stdin=theirs, stdout=theirs, stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        shown, waiting, left = "", "", list(answers)
        while True:
            try:
                piece = os.read(ours, 4096).decode()
            except OSError:  # the other end is closed
                break
            shown, waiting = shown + piece, waiting + piece
            if left and re.search(r"(password|name\)|\(hidden\)): $", waiting):
                # Whoever asks for a secret first throws away what was typed before.
                time.sleep(0.2)
                os.write(ours, f"{left.pop(0)}\n".encode())
                waiting = ""
        os.close(ours)
    return process.returncode, shown.replace("\r\n", "\n")


# --- without Ansible ------------------------------------------------------------------------------------------------------


@pytest.mark.fortnight
def test_without_ansible_it_runs_as_it_is_written(tmp_path: Path) -> None:
    port = free_port()

    def here(text: str) -> str:
        for folder in ("opt", "etc"):
            text = text.replace(f"/{folder}/backup-glance", str(tmp_path / folder / "backup-glance"))
        return text.replace("127.0.0.1:8481", f"127.0.0.1:{port}")

    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT / "src", checkout / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "requirements.txt"):
        shutil.copy(ROOT / name, checkout)
    installed = sh(here(the_block(DEPLOY, "python3 -m venv /opt").text), checkout)
    assert installed.returncode == 0, installed.stderr

    etc = tmp_path / "etc" / "backup-glance"
    (etc / "credentials").mkdir(parents=True)
    (etc / "credentials" / "pbs_secret").write_text("fake-secret-of-pbs")
    example = the_block("docs/configuration.md", "timezone: Europe/Berlin\nsources:\n  pbs:").filled()
    example = example.replace("{file: /etc/backup-glance/pbs}", "{credential: pbs_secret}")
    (etc / "config.yaml").write_text(example.replace("https://pbs.lan:8007", "https://127.0.0.1:1"))
    named = f" --config {etc}/config.yaml"
    checked = sh(
        re.sub(r"(--credentials \S+)$", rf"\1{named}", here(the_block(DEPLOY, "install -d -m 755").text)), checkout
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert (etc / "credentials").stat().st_mode & 0o777 == 0o700
    keys = etc / "credentials" / "sidecar_keys"
    assert keys.stat().st_mode & 0o777 == 0o600

    serve = here(the_block(DEPLOY, "/opt/backup-glance/bin/backup-glance serve --listen").text).split()
    with subprocess.Popen([*serve, *named.split()], stderr=subprocess.PIPE, text=True) as process:
        try:
            until_it_answers(port)
            assert status(port) == 401
            assert status(port, keys.read_text().strip()) == 200
        finally:
            process.send_signal(signal.SIGINT)
            _, log = process.communicate(timeout=30)
    assert "Traceback" not in log


def until_it_answers(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            assert status(port, path="/healthz") == 200
        except OSError:
            assert time.monotonic() < deadline, "it does not answer"
            time.sleep(0.1)
        else:
            return


def status(port: int, key: str | None = None, path: str = "/api/v1/status") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
    code = connection.getresponse().status
    connection.close()
    return code


# --- the units to copy ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["socket", "service"])
def test_the_units_to_copy_are_those_of_the_role(kind: str) -> None:
    """Which Molecule runs; other are only the paths, the group of the proxy and the names of secrets."""
    environment = Environment(
        loader=FileSystemLoader(ROLE / "templates"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    unit = {"name": "backup-glance", "release": "/opt/backup-glance", "config": "/etc/backup-glance/config.yaml"}
    rendered = environment.get_template(f"sidecar.{kind}.j2").render(
        unit={**unit, "socket": "/run/backup-glance/http.sock", "group": "caddy"},
        __backup_glance_user="backup-glance",
        __backup_glance_loaded=["sidecar_keys", "pbs_secret"],
        __backup_glance_secrets="/etc/backup-glance/credentials",
        ansible_managed="",
    )

    shown = (ROOT / "docs" / "systemd" / f"backup-glance.{kind}").read_text("utf-8")
    assert settings(shown) == settings(rendered.replace("/venv/bin/", "/bin/"))


def settings(unit: str) -> list[str]:
    return [line for line in unit.splitlines() if line and not line.startswith("#")]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
def test_systemd_accepts_the_units_to_copy(tmp_path: Path) -> None:
    for kind in ("socket", "service"):
        text = (ROOT / "docs" / "systemd" / f"backup-glance.{kind}").read_text("utf-8")
        # Whether the program is installed is not what is asked here.
        (tmp_path / f"backup-glance.{kind}").write_text(
            re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.M)
        )
    done = subprocess.run(
        ["systemd-analyze", "verify", "backup-glance.service", "backup-glance.socket"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {**kept, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder), "LANG": "C.UTF-8", **more}


def sh(script: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """A block of a page, which stops at the first command that fails."""
    return subprocess.run(
        ["sh", "-euc", script], cwd=folder, env=environment(folder, **more), capture_output=True, text=True, check=False
    )
