"""The command: what it refuses to start with, and that it serves on a given socket until it is stopped."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from sidecar import cli
from sidecar.cli import main
from sidecar.commands import serve
from tests.simulators import Rack, demo_homelab

KEY = "k" * 43
#: Child processes run the code that is tested here, wherever another version may be installed.
ENVIRONMENT = {"PATH": os.defpath, "PYTHONPATH": str(Path(cli.__file__).parent.parent)}
NOW = datetime.fromisoformat("2026-11-23T07:30:00+01:00")


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sidecar", *arguments],
        capture_output=True, text=True, check=False, timeout=30, env={**ENVIRONMENT, **environment},
    )  # fmt: skip


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    directory = tmp_path / "credentials"
    directory.mkdir()
    (directory / "sidecar_keys").write_text(f"{KEY}\n")
    return directory


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(
        "timezone: Europe/Berlin\nsources:\n"
        '  pbs: {kind: pbs, url: "https://127.0.0.1:1", token_id: "a@pbs!b", secret: {file: /nonexistent}}\n'
    )
    return path


def test_a_configuration_that_cannot_be_used_and_a_missing_key_are_reported_together(tmp_path: Path) -> None:
    bad = tmp_path / "config.yaml"
    bad.write_text("tmezone: UTC\n")

    done = command("serve", "--config", str(bad))

    assert done.returncode == 2
    assert "tmezone: is an unknown key; did you mean timezone?" in done.stderr
    assert "sources: is missing; add it" in done.stderr
    assert "credential sidecar_keys" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "systemd passed on no socket"),
        (["--fd", "0"], "file descriptor 0 is not a socket"),
        (["--listen", "8481"], "is not an address"),
        (["--listen", "127.0.0.1:99999"], "the port is too high"),
    ],
)
def test_without_a_socket_it_says_what_to_do(config: Path, credentials: Path, arguments: list[str], says: str) -> None:
    done = command("serve", "--config", str(config), "--credentials", str(credentials), *arguments)

    assert done.returncode == 2
    assert says in done.stderr


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0"])
def test_an_answer_by_tcp_does_not_wait_for_the_one_before_to_be_acknowledged(address: str) -> None:
    with serve._bound(address) as listener, socket.create_connection(listener.getsockname()[:2]):
        answering, _ = listener.accept()
        with answering:
            assert answering.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_schema_and_openapi_are_json() -> None:
    assert json.loads(command("schema").stdout)["title"] == "Config"
    assert json.loads(command("openapi").stdout)["openapi"].startswith("3.1")


AFTER = "2026-11-20T21:00:00+01:00"


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ["mon..fri 22:00", "--tz", "Europe/Berlin", "--count", "3", "--after", AFTER],
            ["2026-11-20T22:00:00+01:00", "2026-11-23T22:00:00+01:00", "2026-11-24T22:00:00+01:00"],
        ),
        (
            ["30 2 * * *", "--tz", "Europe/Berlin", "--count", "2", "--after", "2026-03-28T12:00"],
            ["2026-03-30T02:30:00+02:00", "2026-03-31T02:30:00+02:00"],
        ),
        (["@monthly", "--count", "1", "--after", AFTER], ["2026-12-01T00:00:00+00:00"]),
        (["2020-02-29 12:00"], ["never"]),
        (["0 0 31 2 *"], ["never"]),
        (["2026-12-24 18:00", "--after", AFTER], ["2026-12-24T18:00:00+00:00", "never again"]),
        (["daily", "--after", "9999-12-31T23:00:00Z"], ["never"]),
    ],
)
def test_next_prints_due_times_in_the_zone_of_the_schedule(
    capsys: pytest.CaptureFixture[str], arguments: list[str], lines: list[str]
) -> None:
    code, printed = main(["next", *arguments]), capsys.readouterr()

    assert (code, printed.out.splitlines(), printed.err) == (0, lines, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["every day"], "unable to read schedule 'every day'"),
        (["0 25 * * *"], "expected a valid hour"),
        (["daily", "--tz", "Europe/Berln"], "there is no time zone 'Europe/Berln'"),
        (["daily", "--tz", "../../etc/passwd"], "there is no time zone"),
        (["daily", "--count", "0"], "must be from 1 to 1000"),
        (["daily", "--after", "tomorrow"], "--after tomorrow: is not a time"),
    ],
)
def test_next_says_what_it_can_not_read(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    code, printed = main(["next", *arguments]), capsys.readouterr()

    assert (code, printed.out) == (2, "")
    assert says in printed.err


class Sidecar:
    """A sidecar that runs as its own process on a unix socket that it was given."""

    def __init__(self, path: Path, process: subprocess.Popen[str]) -> None:
        self.path = path
        self.process = process

    def get(self, path: str, key: str | None = KEY) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(10)
        connection.sock.connect(str(self.path))
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        result = answer.status, answer.read()
        connection.close()
        return result

    def board(self) -> dict[str, object]:
        return dict(json.loads(self.get("/api/v1/status")[1]))

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 20
        while self.get("/readyz")[0] != 200:
            assert time.monotonic() < deadline, "the sources were not tried within 20 s"
            time.sleep(0.05)


@contextmanager
def running(config: Path, credentials: Path, directory: Path, *more: str, **environment: str) -> Iterator[Sidecar]:
    path = directory / "sidecar.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "sidecar", "serve", "--config", str(config), "--credentials", str(credentials),
             "--fd", str(listener.fileno()), *more],
            pass_fds=[listener.fileno()], stderr=subprocess.PIPE, text=True, env={**ENVIRONMENT, **environment},
        )  # fmt: skip
        try:
            yield Sidecar(path, process)
        finally:
            process.kill()
            process.communicate()
            path.unlink()


def test_it_serves_on_the_socket_it_was_given_and_stops_on_sigterm(
    tmp_path: Path, config: Path, credentials: Path
) -> None:
    with running(config, credentials, tmp_path) as sidecar:
        assert sidecar.get("/healthz", key=None)[0] == 200
        assert sidecar.get("/widget", key=None)[0] == 401
        assert sidecar.get("/widget", key="x" * 43)[0] == 401
        sidecar.wait_until_ready()
        assert sidecar.get("/widget")[0] == 200

        sidecar.process.send_signal(signal.SIGTERM)
        _, log = sidecar.process.communicate(timeout=10)

    assert sidecar.process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in log
    assert KEY not in log


def test_ctrl_c_ends_it_without_a_traceback(tmp_path: Path, config: Path, credentials: Path) -> None:
    with running(config, credentials, tmp_path) as sidecar:
        sidecar.wait_until_ready()
        sidecar.process.send_signal(signal.SIGINT)
        _, log = sidecar.process.communicate(timeout=10)

    assert sidecar.process.returncode == -signal.SIGINT
    assert "Traceback" not in log


def test_a_source_whose_secret_cannot_be_read_is_unknown_and_the_rest_goes_on(
    tmp_path: Path, credentials: Path
) -> None:
    with Rack(demo_homelab(), lambda: NOW, tmp_path / "rack") as rack:
        path = rack.write_config(tmp_path / "config.yaml")
        text = path.read_text().replace(str(tmp_path / "rack" / "pbs"), "/nonexistent/pbs")
        path.write_text(text)
        with running(path, credentials, tmp_path) as sidecar:
            sidecar.wait_until_ready()
            sources = {source["name"]: source for source in sidecar.board()["sources"]}  # type: ignore[attr-defined]

    assert sources["pbs"]["state"] == "unknown"
    assert "its credential can't be read: file /nonexistent/pbs" in sources["pbs"]["reason"]
    assert sources["pve"]["state"] in ("ok", "warning")


def test_the_client_of_vault_is_loaded_by_nobody_who_needs_none() -> None:
    code = "import sys, sidecar.cli; sidecar.cli.parser(); print([name for name in sys.modules if name in ('hvac', 'requests')])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30, env=ENVIRONMENT
    )

    assert done.stdout.strip() == "[]"


def test_whoever_reads_only_the_beginning_gets_no_traceback() -> None:
    """As with `| head`. The description is longer than a pipe holds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sidecar", "openapi"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.read(1)
    process.stdout.close()

    assert process.wait(60) == 128 + signal.SIGPIPE
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
