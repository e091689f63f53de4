"""The role's calls to Vault against a real server: set up in a namespace, a secret_id issued, and each failure with its cause."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.vault.client import Server
from tests.vault.redirecting import redirecting
from tests.vault.server import Bao, running

ROOT = Path(__file__).parent.parent.parent
SECRET = "s3cret-of-an-entry"
ENTRY = "night-watch/pbs"


def included(tasks_from: str) -> dict[str, Any]:
    return {"ansible.builtin.import_role": {"name": "backup_glance", "tasks_from": tasks_from}}


#: What playbooks/issue-secret-id.yml does with Vault, without a release: the command of this checkout unwraps.
ISSUE = [
    included("vault_ready"),
    included("vault_present"),
    {
        "ansible.builtin.copy": {
            "content": "{{ __backup_glance_role_id.json.data.role_id }}\n",
            "dest": "{{ __backup_glance_secrets }}/role_id",
            "mode": "0400",
        },
        "no_log": True,
    },
    {
        "ansible.builtin.include_role": {"name": "backup_glance", "tasks_from": "vault_issue"},
        "when": "__backup_glance_issue",
    },
    # Before the handlers, which would restart a service.
    {"ansible.builtin.meta": "end_play"},
]
#: What playbooks/vault-approle.yml does, or issue-secret-id.yml before it changes anything, for several targets at once.
#: Included as it runs: of what is imported, Ansible would start a process for each task that a target skips.
SEVERAL = [
    {"ansible.builtin.include_role": {"name": "backup_glance", "tasks_from": tasks}, "when": condition}
    for tasks, condition in (("vault_approle", "not deploys"), ("vault_ready", "deploys"), ("vault_present", "deploys"))
]


@dataclass(frozen=True, slots=True)
class Ran:
    """How a playbook ended, and what it printed."""

    code: int
    output: str

    def refused(self, target: str = "target") -> str:
        """The message of the task that failed for the target. Neither it nor the rest of the output holds a secret."""
        assert SECRET not in self.output
        (fatal,) = [line for line in self.output.splitlines() if re.match(rf"fatal: \[{target}( -> .*)?\]", line)]
        return str(json.loads(fatal[fatal.index("{") :])["msg"])


class Controller:
    """A machine with the role, an inventory of targets, which are itself, and an admin's token."""

    def __init__(self, bao: Bao, directory: Path, **variables: Any) -> None:
        self.etc = directory / "etc"
        (self.etc / "credentials").mkdir(parents=True)
        (self.etc / "candidate").mkdir()
        (directory / "venv").mkdir()
        (directory / "venv" / "bin").symlink_to(Path(sys.executable).parent)
        self._directory = directory
        self._variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "backup_glance_vault_address": bao.address,
            "backup_glance_vault_ca": str(bao.ca_file),
            "backup_glance_vault_token": bao.root,
            "backup_glance_vault_role": "night-watch",
            "backup_glance_vault_kv_mount": "kv/home",
            "backup_glance_vault_approle_mount": "machines/approle",
            "backup_glance_vault_bound_cidrs": ["127.0.0.0/8"],
            "backup_glance_vault_entries": {ENTRY: {"token_id": "monitor@pbs!glance", "secret": SECRET}},
            "backup_glance_config": {},
            **variables,
        }

    def set_up(self, *options: str) -> Ran:
        """Runs playbooks/vault-approle.yml."""
        return self._run(ROOT / "playbooks" / "vault-approle.yml", options, {"target": {}})

    def issue(self, *options: str, **variables: Any) -> Ran:
        """Issues a secret_id to the target, if it needs one."""
        return self._run(self._playbook(ISSUE), options, {"target": variables})

    def several(self, targets: dict[str, dict[str, Any]]) -> Ran:
        """What differs for each target is given. ``deploys``: as the deployer, instead of Vault's admin."""
        return self._run(
            self._playbook(SEVERAL), (), {name: {"deploys": False, **its} for name, its in targets.items()}
        )

    def _playbook(self, tasks: list[dict[str, Any]]) -> Path:
        playbook = self._directory / "playbook.yml"
        playbook.write_text(yaml.safe_dump([{"hosts": "backup_glance", "gather_facts": False, "tasks": tasks}]))
        return playbook

    def _run(self, playbook: Path, options: tuple[str, ...], targets: dict[str, dict[str, Any]]) -> Ran:
        inventory = self._directory / "hosts.json"
        group = {"hosts": targets, "vars": self._variables}
        inventory.write_text(json.dumps({"backup_glance": group}))
        paths = {"__backup_glance_etc": str(self.etc), "__backup_glance_release": str(self._directory)}
        done = subprocess.run(
            [Path(sys.executable).parent / "ansible-playbook", "-i", inventory, "-e", json.dumps(paths), playbook, *options],
            capture_output=True, text=True, check=False, cwd=self._directory,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.defpath}", "HOME": str(self._directory), "LC_ALL": "C.UTF-8",
                "ANSIBLE_ROLES_PATH": str(ROOT / "roles"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1",
                "ANSIBLE_FORKS": "4",
            },
        )  # fmt: skip
        return Ran(done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def own_bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    """A server that nobody else changes."""
    with running(tmp_path_factory.mktemp("own")) as bao:
        yield bao


def made(bao: Bao, namespace: str) -> str:
    steps = namespace.split("/")
    for depth, step in enumerate(steps):
        bao.call("POST", f"sys/namespaces/{step}", namespace="/".join(steps[:depth]))
    return namespace


def token(bao: Bao, *policies: str, namespace: str | None = None) -> str:
    answer = bao.call("POST", "auth/token/create", {"policies": policies}, namespace=namespace)
    return str(answer["auth"]["client_token"])


def known(bao: Bao, namespace: str | None = None) -> set[str]:
    """What an admin has set up."""
    paths = {
        f"{kind}/{path}"
        for kind in ("auth", "mounts")
        for path in bao.call("GET", f"sys/{kind}", namespace=namespace)["data"]
    }
    return paths | set(bao.call("LIST", "sys/policies/acl", namespace=namespace)["data"]["keys"])


@pytest.mark.skipif(os.geteuid() != 0, reason="the role gives files to root")
def test_in_a_namespace_and_at_other_mounts_a_secret_id_is_issued(own_bao: Bao, tmp_path: Path) -> None:
    home = made(own_bao, "team/backup")
    controller = Controller(own_bao, tmp_path, backup_glance_vault_namespace=home)
    first = controller.set_up()
    assert first.code == 0, first.output
    assert "vault token create -namespace=team/backup -policy=night-watch-deploy" in first.output

    vault = {"address": own_bao.address, "ca_file": str(own_bao.ca_file), "namespace": home, "kv_mount": "kv/home"}
    source = {"kind": "databasement", "url": "https://127.0.0.1:1", "token": {"file": "/nonexistent"}}
    document = {"vault": {**vault, "approle": {"mount": "machines/approle"}}, "sources": {"db": source}}
    (controller.etc / "candidate" / "config.yaml").write_text(yaml.safe_dump(document))
    deployer = {
        "backup_glance_vault_token": token(own_bao, "night-watch-deploy", namespace=home),
        "backup_glance_vault_entries": {},
    }
    issued = controller.issue("-vvv", **deployer)
    assert issued.code == 0, issued.output
    role_id, secret_id = (
        (controller.etc / "credentials" / name).read_text().strip() for name in ("role_id", "secret_id")
    )
    assert secret_id not in issued.output
    assert str(deployer["backup_glance_vault_token"]) not in issued.output
    server = Server(own_bao.address, own_bao.ca_file, home)
    login = server.log_in("machines/approle", role_id, secret_id)
    assert server.read(login.token, "kv/home", ENTRY)["secret"] == SECRET


#: Targets for which something is wrong, and what is said of it. "TOKEN …" stands for a token with that policy, STANDBY and BAO
#: for addresses.
WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "version-1": (
        {"backup_glance_vault_kv_mount": "old"},
        [
            "At old KV version 1 is mounted, and backup-glance reads version 2 only.",
            "vault kv enable-versioning old",
            "Nothing was changed.",
        ],
    ),
    "version-1-in-a-namespace": (
        {"backup_glance_vault_namespace": "untouched", "backup_glance_vault_kv_mount": "kv"},
        ["At kv KV version 1 is mounted, and backup-glance reads version 2 only.", "Nothing was changed."],
    ),
    "version-1-by-default": (
        {"backup_glance_vault_kv_mount": "bare"},
        ["At bare KV version 1 is mounted, and backup-glance reads version 2 only."],
    ),
    "version-1-for-a-deployer-who-can-know-it": (
        {"deploys": True, "backup_glance_vault_kv_mount": "old", "backup_glance_vault_approle_mount": "approle"},
        ["At old KV version 1 is mounted, and backup-glance reads version 2 only.", "Nothing was changed."],
    ),
    "other-kinds": (
        {"backup_glance_vault_kv_mount": "ciphers", "backup_glance_vault_approle_mount": "people"},
        [
            "At ciphers the engine transit is mounted, not KV version 2.",
            "At auth/people the method userpass is mounted, not AppRole.",
        ],
    ),
    "http": (
        {"backup_glance_vault_address": "http://vault.lan:8200"},
        [
            "backup_glance_vault_address: http://vault.lan:8200 would send tokens, logins and secrets without encryption.",
            "allow it by backup_glance_vault_allow_http=true",
        ],
    ),
    "http-on-loopback": (
        {"backup_glance_vault_address": "http://127.0.0.1:8200"},
        ["allow it by backup_glance_vault_allow_http=true"],
    ),
    "http-with-the-word": (
        {"backup_glance_vault_address": "http://127.0.0.1:1/", "backup_glance_vault_allow_http": "true"},
        ["Vault at http://127.0.0.1:1/ cannot be reached from the controller", "Connection refused"],
    ),
    "wrong-token": (
        {"backup_glance_vault_token": "s.nobody"},
        [
            "answered HTTP 403 at /v1/auth/token/lookup-self (permission denied).",
            "Vault refuses the token in backup_glance_vault_token or VAULT_TOKEN",
        ],
    ),
    "no-admin": (
        {"backup_glance_vault_token": "TOKEN default"},
        [
            "Could not read which auth methods and engines there are:",
            "answered HTTP 403 at /v1/sys/auth (1 error occurred: * permission denied).",
            "playbooks/vault-approle.yml is for Vault's admin",
            "Nothing was changed.",
        ],
    ),
    "half-an-admin": (
        {"backup_glance_vault_token": "TOKEN half"},
        [
            "Could not read the AppRole:",
            "answered HTTP 403 at /v1/auth/machines/approle/role/night-watch (1 error occurred: * permission denied).",
            "What was set up before this step stays",
        ],
    ),
    "a-value-that-vault-does-not-take": (
        {"backup_glance_vault_bound_cidrs": ["127.0.0.0/99"]},
        [
            "Could not write the AppRole:",
            "answered HTTP 500 at /v1/auth/machines/approle/role/night-watch (",
            "127.0.0.0/99). Its log says more.",
        ],
    ),
    "a-secret-in-vaults-words": (
        {
            "backup_glance_vault_bound_cidrs": ["127.0.0.0/98"],
            "backup_glance_vault_entries": {"a": {"b": "127.0.0.0/98"}},
        },
        [
            "answered HTTP 500 at /v1/auth/machines/approle/role/night-watch (its words hold a secret and are not shown)."
        ],
    ),
    "no-namespace": (
        {"backup_glance_vault_namespace": "nowhere"},
        [
            "answered HTTP 404 at /v1/auth/token/lookup-self (namespace not found).",
            "Check backup_glance_vault_namespace",
        ],
    ),
    "no-approle": (
        {"deploys": True, "backup_glance_vault_role": "nobody", "backup_glance_vault_approle_mount": "approle"},
        ["Vault has no AppRole nobody below approle (HTTP 404).", "playbooks/vault-approle.yml"],
    ),
    "no-deployer": (
        {"deploys": True, "backup_glance_vault_token": "TOKEN default"},
        [
            "answered HTTP 403 at /v1/auth/machines/approle/role/night-watch/role-id (1 error occurred: * permission",
            "is not allowed to read the role_id of night-watch. It needs the policy night-watch-deploy",
        ],
    ),
    "standby": (
        {"backup_glance_vault_address": "STANDBY"},
        [
            "answered HTTP 307 at /v1/sys/health. It redirects to BAO; the token is not sent there.",
            "Set backup_glance_vault_address to the active server, or to a load balancer that checks /v1/sys/health.",
        ],
    ),
}


@pytest.fixture(scope="module")
def wrong(own_bao: Bao, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """All of them in one run. Where version 1 is refused, nothing is written."""
    bao = own_bao
    bao.call("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
    bao.call("POST", "sys/mounts/bare", {"type": "kv"})
    bao.call("POST", "sys/mounts/ciphers", {"type": "transit"})
    bao.call("POST", "sys/auth/people", {"type": "userpass"})
    bao.call("POST", "sys/auth/machines/approle", {"type": "approle"})
    bao.call("POST", "sys/mounts/kv/home", {"type": "kv", "options": {"version": "2"}})
    made(bao, "untouched")
    bao.call("POST", "sys/mounts/kv", {"type": "kv", "options": {"version": "1"}}, namespace="untouched")
    before = known(bao, "untouched")
    bao.call("POST", "auth/approle/role/night-watch", {"token_policies": "default"})
    allowed = 'path "sys/*" { capabilities = ["create", "read", "update", "sudo"] }'
    bao.call("PUT", "sys/policies/acl/half", {"policy": allowed})

    def filled(value: Any) -> Any:
        return token(bao, value.removeprefix("TOKEN ")) if str(value).startswith("TOKEN ") else value

    with redirecting(bao.tls(), lambda path: f"{bao.address}{path}?hunter2") as standby:
        targets = {
            name: {key: standby.address if value == "STANDBY" else filled(value) for key, value in its.items()}
            for name, (its, _) in WRONG.items()
        }
        ran = Controller(bao, tmp_path_factory.mktemp("wrong")).several(targets)
    assert known(bao, "untouched") == before
    return ran


@pytest.mark.parametrize("name", WRONG)
def test_the_cause_is_told_although_the_output_is_hidden(wrong: Ran, own_bao: Bao, name: str) -> None:
    error = wrong.refused(name)

    for part in WRONG[name][1]:
        assert part.replace("BAO", own_bao.address) in error
    assert "hunter2" not in error
    assert own_bao.root not in wrong.output


def test_a_sealed_vault(own_bao: Bao, tmp_path: Path) -> None:
    own_bao.seal()
    try:
        error = Controller(own_bao, tmp_path).set_up().refused()
    finally:
        own_bao.unseal()

    assert "Could not read Vault's health:" in error
    assert "answered HTTP 503 at /v1/sys/health. It is sealed. Unseal it" in error
