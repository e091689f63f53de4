"""The end of a deployment: whether the page comes, as Caddy answers a reader at each of its names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from tests.caddy import running_caddy
from tests.processes import free_port
from tests.role_file import ROLE, loaded
from tests.test_caddy_acme import Ports, log_until, site


@pytest.fixture(scope="module")
def front_door() -> ModuleType:
    """The script, which the role runs on its target."""
    return loaded("files/front_door.py")


@contextmanager
def caddy_in_the_journal(folder: Path) -> Iterator[dict[str, str]]:
    """An environment in which the journal is the log of the tests' Caddy."""
    journal = folder / "bin" / "journalctl"
    journal.parent.mkdir()
    journal.write_text(f'#!/bin/sh\ncat "{folder}/caddy.log"\n')
    journal.chmod(0o755)
    yield {"PATH": f"{journal.parent}:{os.defpath}"}


def asked(*options: object, environment: dict[str, str] | None = None) -> dict[str, list[str]]:
    """What the script prints."""
    done = subprocess.run(
        [sys.executable, ROLE / "files" / "front_door.py", *map(str, options)],
        capture_output=True, text=True, check=True, timeout=120, env=environment or {"PATH": os.defpath},
    )  # fmt: skip
    said: dict[str, list[str]] = json.loads(done.stdout)
    return said


def test_where_each_name_is_asked_for(front_door: ModuleType) -> None:
    """At an address of this machine: what a name leads to elsewhere says nothing about this Caddy."""
    assert front_door._place("backup.lan", []) == "127.0.0.1"
    assert front_door._place("backup.lan", ["eth0", "192.168.1.20"]) == "192.168.1.20"
    assert front_door._place("backup.lan", ["eth0"]) is None
    assert front_door._place("*.lan", []) is None
    assert front_door._place("127.0.0.1", []) == "127.0.0.1"
    assert front_door._place("127.0.0.1", ["0.0.0.0"]) == "127.0.0.1"
    assert front_door._place("127.0.0.1", ["192.168.1.20"]) is None
    assert front_door._place("[0::1]", ["::1"]) == "::1"
    assert front_door._place("192.0.2.1", []) is None


def test_a_page_that_comes_and_a_reader_who_is_kept_out(tmp_path: Path) -> None:
    """Without a sidecar, so that only those who are let in find something missing."""
    for allow, wrong in (
        (["192.0.2.0/24"], []),
        (["127.0.0.0/8"], ["localhost: HTTP 502: backup-glance doesn't answer."]),
    ):
        with running_caddy(tmp_path, allow=allow, try_for="0s") as caddy:
            said = asked("--port", caddy.port, "--seconds", 0, "--bind", "127.0.0.1", "--name", "backup.lan")

        assert said == {"asked": ["localhost"], "wrong": wrong}


def test_a_caddy_that_is_away() -> None:
    port = free_port()

    said = asked("--port", port, "--tls", "--seconds", 0, "--name", "backup.lan", "--name", "192.0.2.1")

    assert said["asked"] == ["backup.lan"]
    assert said["wrong"] == [f"backup.lan: no answer at 127.0.0.1, port {port}: [Errno 111] Connection refused."]


@pytest.mark.fortnight
def test_a_name_that_is_not_on_the_certificate(tmp_path: Path) -> None:
    storage = {"mode": "internal", "storage": str(tmp_path / "storage")}
    with running_caddy(tmp_path, "https", allow=["192.0.2.0/24"], tls=storage) as caddy:
        log_until(caddy.log, '"certificate obtained successfully","identifier":"localhost"')
        said = asked("--port", caddy.port, "--tls", "--seconds", 0, "--name", "localhost", "--name", "other.lan")

    assert said["asked"] == ["localhost", "other.lan"]
    assert len(said["wrong"]) == 1
    assert said["wrong"][0].startswith("other.lan: Caddy has no certificate for it (")


@pytest.mark.fortnight
def test_a_certificate_that_never_comes_is_told_with_the_reason_in_the_log(tmp_path: Path) -> None:
    first = free_port(neighbours=2)
    away = {"directory": f"https://localhost:{first + 2}/dir"}
    with caddy_in_the_journal(tmp_path) as environment, site(tmp_path, Ports(first, first + 1), away):
        log_until(tmp_path / "caddy.log", '"could not get certificate from issuer","identifier":"localhost"')
        said = asked("--port", first + 1, "--tls", "--seconds", 0, "--name", "localhost", environment=environment)

    (wrong,) = said["wrong"]
    assert wrong.startswith("localhost: Caddy has no certificate for it (")
    assert "Its log: " in wrong
    assert "connection refused" in wrong
