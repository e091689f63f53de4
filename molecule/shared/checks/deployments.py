"""Deployments for the checks: with given variables and sources, and the state of the target afterwards.

``deployments.py FOLDER`` copies the sources of this checkout there.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from load import under_load

ROOT = Path(__file__).parent.parent.parent.parent
SCENARIO = Path(os.environ.get("MOLECULE_SCENARIO_DIRECTORY", ROOT / "molecule" / "default"))
HOST, TARGET, RACK = "debian13", "10.77.0.13", "10.77.0.10"
#: The version of a release that is made from this checkout.
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
#: Where a target is, and its page.
TARGETS = {"debian12": ("10.77.0.12", "https://10.77.0.12"), "debian13": (TARGET, f"http://{TARGET}:8080")}
#: Prints what runs on the target, and with which files; a refused deployment must not change it.
WHAT_RUNS = r"""
readlink /opt/backup-glance/current
find /etc/backup-glance /etc/systemd/system -path /etc/backup-glance/candidate -prune -o -type f -print0 |
    sort -z | xargs -0 sha256sum
systemctl show --property=MainPID,ActiveState backup-glance.service backup-glance-caddy.service backup-glance.socket
"""
#: Prints failed units, what belongs to a candidate, and releases that are not complete: none of it may be left.
LEFTOVERS = r"""
systemctl list-units --failed --no-legend --plain 'backup-glance*'
systemctl list-units --all --no-legend --plain 'backup-glance-candidate*'
find /run /var/lib -maxdepth 3 -name 'backup-glance-candidate*' '!' -path /run/backup-glance-candidate -print
find /opt/backup-glance/releases -mindepth 1 -maxdepth 1 -type d '!' -exec test -e '{}/complete' ';' -print
"""


class Bench:
    """The scenario: its directory with tokens, its Vault, and the target with its page."""

    def __init__(self, run: Path, rack: str, host: str = HOST) -> None:
        self.run, self.rack, self.host = run, rack, host
        self._target, self.page = TARGETS[host]
        self.vault = f"https://{rack}:8200"
        self.described = json.loads((run / "rack.json").read_text("utf-8"))

    def deploy(self, playbook: str, *options: str, **variables: Any) -> tuple[int, str]:
        """Exit code and output of a deployment of the target with these variables, from a directory without ansible.cfg."""
        command = ["ansible-playbook", "-i", str(ROOT / "molecule/shared/inventory"), "-i", str(SCENARIO / "inventory"),
                   "--limit", f"{self.host},localhost", "-e", json.dumps(variables), *options, str(ROOT / playbook)]  # fmt: skip
        environment = {
            **{name: value for name, value in os.environ.items() if name != "ANSIBLE_CONFIG"},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "true",
        }
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd="/")
        return done.returncode, done.stdout + done.stderr

    def on_target(self, script: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a shell script there as root."""
        return _by_ssh(self._target, script, stdin)

    def on_rack(self, verb: str, source: str) -> str:
        """What the rack answers (rack/rack.py): ``rotate``, ``close`` or ``open`` one of its upstreams."""
        program = f"""import socket
with socket.socket(socket.AF_UNIX) as rack:
    rack.connect("/srv/rack/state/control")
    rack.sendall(b"{verb} {source}\\n")
    print(rack.recv(1000).decode().strip())
"""
        done = _by_ssh(RACK, "python3 -", program)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def board(self) -> dict[str, Any]:
        """The board, as a reader gets it."""
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=ssl._create_unverified_context())
        )
        with opener.open(f"{self.page}/api/v1/status", timeout=20) as answer:
            board: dict[str, Any] = json.load(answer)
        return board

    def wait_for(self, what: str, holds: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
        """The first board of which it holds; says how long that took. An answer that is not a board is waited for too."""
        began, board = time.monotonic(), {}
        while time.monotonic() - began < seconds:
            with suppress(OSError):
                board = self.board()
                if holds(board):
                    print(f"{what}: after {time.monotonic() - began:.0f} s", flush=True)
                    return board
            time.sleep(0.5)
        raise AssertionError(f"{what}: not within {seconds:.0f} s: {json.dumps(board)[:4000]}")

    def said(self, script: str) -> str:
        """What it prints."""
        return self.on_target(script).stdout.strip()

    def as_admin(self, path: str, body: dict[str, Any] | None = None, *, namespace: str = "") -> Any:
        """A call to Vault with the admin's token."""
        token = (self.run / "admin-token").read_text("utf-8").strip()
        request = urllib.request.Request(
            f"{self.vault}/v1/{path}",
            json.dumps(body).encode() if body is not None else None,
            {"X-Vault-Token": token, **({"X-Vault-Namespace": namespace} if namespace else {})},
            method="PUT",
        )
        trust = ssl.create_default_context(cafile=self.run / "vault-ca.pem")
        with urllib.request.urlopen(request, context=trust, timeout=20) as answer:
            return json.loads(answer.read() or b"null")


def _by_ssh(address: str, script: str, stdin: str) -> subprocess.CompletedProcess[str]:
    command = ["ssh", "-q", "-i", "/var/lib/backup-glance-rollout/key", "-o", "StrictHostKeyChecking=no",
               "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5", f"root@{address}", script]  # fmt: skip
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)


def refused(bench: Bench, what: str, playbook: str, variables: dict[str, Any], *words: str) -> None:
    """Expects that a deployment fails with an error that contains each of ``words``."""
    code, output = bench.deploy(playbook, **variables)
    joined = " ".join(output.split())
    assert code != 0, f"{what}: was deployed"
    for phrase in words:
        assert phrase in joined, f"{what}: the error does not contain {phrase!r}:\n{output[-3000:]}"
    print(f"{what}: … {' … '.join(words)} …", flush=True)


def deploy_wholly(bench: Bench, what: str, *options: str, login: str = "", **variables: Any) -> str:
    """Deploys after refused deployments with site.yml, under load, and expects that nothing of them is left.

    Every source is read, page and board are as the upstreams say, and a second deployment has nothing to change. ``login`` is the
    header of readers who need one until then. Returns what the first deployment printed.
    """
    with under_load(what, f"{bench.page}/widget", login=login):
        code, output = bench.deploy("site.yml", *options, **variables)
        assert code == 0, f"{what}: {output[-4000:]}"
    assert "4 of 4 sources read" in output, output[-3000:]
    command = [sys.executable, str(Path(__file__).with_name("as_user.py")), bench.page, str(bench.run / "rack.json")]
    seen = subprocess.run([*command, bench.rack, "{}"], capture_output=True, text=True, check=False)
    assert seen.returncode == 0, f"{what}: {seen.stderr}"
    runs, left = bench.said(WHAT_RUNS), bench.said(LEFTOVERS)
    assert runs.count("ActiveState=active") == 3, runs
    assert left == "", f"{what}: left over: {left}"
    code, again = bench.deploy("site.yml", *options, **variables)
    recap = again.rpartition("PLAY RECAP")[2]
    assert code == 0 and bench.host in recap and "changed=0 " in recap, f"{what}, again: {again[-4000:]}"
    assert bench.said(WHAT_RUNS) == runs
    print(f"{what}: {seen.stdout.strip()}; a second deployment changes nothing", flush=True)
    return output


def other_checkout(folder: Path, more: str) -> Path:
    """A copy of the sources that the role builds a release from, with more text in the README: another release."""
    shutil.copytree(ROOT, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*", "tests", "molecule", "bench"))
    readme = folder / "README.md"
    readme.write_text(readme.read_text("utf-8") + more, "utf-8")
    return folder


if __name__ == "__main__":
    other_checkout(Path(sys.argv[1]), "A copy.\n")
