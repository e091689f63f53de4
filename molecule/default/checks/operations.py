"""What an owner does over the years, under load: no request may fail.

``operations.py RUN_FOLDER RACK_ADDRESS`` runs on the controller against debian13, which is already deployed.
"""

from __future__ import annotations

import copy
import json
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deployments import TARGET, Bench, other_checkout, refused

URL = f"http://{TARGET}:8080/widget"
PER_SECOND = 30


def main() -> None:
    """Exits with a message at the first thing that is not as it should be."""
    bench = Bench(Path(sys.argv[1]), sys.argv[2])
    with tempfile.TemporaryDirectory() as scratch:
        newer = other_checkout(Path(scratch) / "source", "A newer release.\n")
        _upgrade(bench, newer)
        _secret_id(bench, newer)
        _sidecar_key(bench)
        _roll_back(bench)
        _forward_again(bench, newer)
    _not_all_sources(bench)


def _upgrade(bench: Bench, newer: Path) -> None:
    before, unused = _active(bench), "/etc/backup-glance/credentials/former /etc/backup-glance/ca/former.pem"
    _said(bench, f"touch {unused}")
    output = _done(bench, "an upgrade", "playbooks/deploy.yml", backup_glance_source=str(newer))
    assert f"4 of 4 sources read; {URL}" in output, output[-2000:]
    assert _active(bench) != before
    assert _said(bench, f"ls {unused}") == ""


def _secret_id(bench: Bench, newer: Path) -> None:
    accessor = _said(bench, "cat /etc/backup-glance/secret_id.json")
    destroyed = {"secret_id_accessor": json.loads(accessor)["secret_id_accessor"]}
    bench.as_admin("auth/approle/role/backup-glance/secret-id-accessor/destroy", destroyed)
    _done(bench, "a secret_id that was replaced", "playbooks/issue-secret-id.yml", backup_glance_source=str(newer))
    assert _said(bench, "cat /etc/backup-glance/secret_id.json") != accessor


def _sidecar_key(bench: Bench) -> None:
    before = _said(bench, "cat /etc/backup-glance/caddy/key")
    output = _done(bench, "a key that was replaced", "playbooks/rotate-key.yml")
    assert "the sidecar accepts 1 key" in output, output[-2000:]
    after = _said(bench, "cat /etc/backup-glance/caddy/key")
    assert after not in ("", before)
    assert _said(bench, "cat /etc/backup-glance/credentials/sidecar_keys") == after
    assert _said(bench, "stat -c '%a %U %G' /etc/backup-glance/caddy/key") == "440 root backup-glance-caddy"


def _roll_back(bench: Bench) -> None:
    active, previous = _active(bench), _said(bench, "readlink /opt/backup-glance/previous")
    output = " ".join(_done(bench, "a rollback", "playbooks/rollback.yml").split())
    assert _active(bench) == previous != active
    assert f"Rolled back from {Path(active).name} (0.1.0, installed 20" in output, output[-2000:]
    code, output = bench.deploy("playbooks/rollback.yml")
    assert code != 0
    assert "is active already" in output, output[-2000:]


def _forward_again(bench: Bench, newer: Path) -> None:
    previous, config = Path(_active(bench)).name, {**bench.described["config"], "week_start": "sunday"}
    variables = {"backup_glance_source": str(newer), "backup_glance_config": config}
    output = _done(bench, "the next deployment, with a changed configuration", "playbooks/deploy.yml", **variables)
    said = " ".join(output.split())
    assert "This goes forward again: on 20" in said, output[-2000:]
    assert f"to {previous} (0.1.0, installed" in said, output[-2000:]
    assert _said(bench, "ls /opt/backup-glance") == "caddy\ncurrent\nprevious\nreleases"
    assert "week_start: sunday" in _said(bench, "cat /etc/backup-glance/config.yaml")


def _not_all_sources(bench: Bench) -> None:
    config = copy.deepcopy(bench.described["config"])
    config["sources"]["pbs"]["fingerprint"] = ":".join(["00"] * 32)
    variables = {"backup_glance_config": config, "backup_glance_require_sources": True}
    refused(
        bench,
        "a wrong fingerprint",
        "playbooks/deploy.yml",
        variables,
        "3 of 4 sources read",
        "Not read, or not all of it: pbs: Can't be read",
    )


def _done(bench: Bench, what: str, playbook: str, **variables: Any) -> str:
    """Runs a playbook under load, and expects that it succeeds and no request fails. Returns what it printed."""
    with _load() as load:
        code, output = bench.deploy(playbook, **variables)
    assert code == 0, f"{what}: {output[-4000:]}"
    assert not load.failures, f"{what}: {load.failures[:5]} of {load.sent} requests failed"
    assert load.sent / load.seconds >= 20, f"{what}: only {load.sent} requests in {load.seconds:.0f} s"
    print(
        f"{what}: {load.sent} requests in {load.seconds:.0f} s, 0 failed, the slowest {load.slowest:.1f} s", flush=True
    )
    return output


class _Load:
    def __init__(self) -> None:
        self.ended = threading.Event()
        self.failures: list[str] = []
        self.sent = 0
        self.seconds = self.slowest = 0.0

    def send(self) -> None:
        """Requests at a steady rate until it is ended; those under way are waited for."""
        began = time.monotonic()
        with ThreadPoolExecutor(40) as pool:
            while not self.ended.wait(max(0.0, began + self.sent / PER_SECOND - time.monotonic())):
                pool.submit(self._request)
                self.sent += 1
            self.seconds = time.monotonic() - began

    def _request(self) -> None:
        opener, began = urllib.request.build_opener(urllib.request.ProxyHandler({})), time.monotonic()
        try:
            with opener.open(URL, timeout=20) as answer:
                answer.read()
        except OSError as error:
            self.failures.append(str(error))
        self.slowest = max(self.slowest, time.monotonic() - began)


@contextmanager
def _load() -> Iterator[_Load]:
    load = _Load()
    sending = threading.Thread(target=load.send)
    sending.start()
    try:
        yield load
    finally:
        load.ended.set()
        sending.join()


def _active(bench: Bench) -> str:
    return _said(bench, "readlink /opt/backup-glance/current")


def _said(bench: Bench, script: str) -> str:
    return bench.on_target(script).stdout.strip()


if __name__ == "__main__":
    main()
