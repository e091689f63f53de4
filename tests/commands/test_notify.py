"""``backup-glance notify --test``, and that only the real service sends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar import cli
from sidecar.cli import main
from tests.notify.receivers import WebServer, web_server
from tests.processes import free_port

SECRET = "fake-secret-of-a-url"
ENVIRONMENT = {"PATH": os.defpath, "PYTHONPATH": str(Path(cli.__file__).parent.parent)}


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sidecar", *arguments],
        capture_output=True, text=True, check=False, timeout=60, env=ENVIRONMENT,
    )  # fmt: skip


class Host:
    """A configuration with receivers, and their addresses as credentials."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "config.yaml"
        self.credentials = folder / "credentials"
        self.credentials.mkdir()

    def receivers(self, **urls: str) -> None:
        lines = []
        for name, url in urls.items():
            (self.credentials / f"{name}_url").write_text(f"{url}\n")
            lines.append(f"    - {{name: {name}, url: {{credential: {name}_url}}}}\n")
        self.config.write_text(
            "sources:\n  pbs: {kind: pbs, url: 'https://127.0.0.1:1', token_id: 'a@pbs!b', secret: {file: /nonexistent}}\n"
            + ("alerts:\n  receivers:\n" if lines else "")
            + "".join(lines)
        )

    def notify(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return command("notify", *arguments, "--config", self.config, "--credentials", self.credentials)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        yield server


@pytest.mark.fortnight
def test_each_receiver_gets_one_message_and_it_is_said_whether_it_went_out(host: Host, web: WebServer) -> None:
    host.receivers(
        phone=f"ntfy://glance:{SECRET}@127.0.0.1:{web.port}/backups",
        mail=f"mailto://glance:{SECRET}@127.0.0.1:{free_port()}?from=a@lan.test&to=b@lan.test",
    )
    done = host.notify("--test")

    assert (done.returncode, done.stdout) == (1, "phone: sent\n")
    assert done.stderr == (
        "mail: not sent: its server refused the connection; check host and port in its url, and that it runs\n"
    )
    assert [call.json["title"] for call in web.calls] == ["Test of backup-glance"]
    assert "X-Priority" not in web.calls[0].headers


@pytest.mark.fortnight
def test_a_single_receiver_can_be_named(host: Host, web: WebServer) -> None:
    host.receivers(phone=f"json://127.0.0.1:{web.port}/phone", other=f"json://127.0.0.1:{web.port}/other")
    done = host.notify("--test", "other")

    assert (done.returncode, done.stdout, done.stderr) == (0, "other: sent\n", "")
    assert [(call.path, call.json["kind"]) for call in web.calls] == [("/other", "test")]


@pytest.mark.fortnight
@pytest.mark.parametrize(
    ("url", "says"),
    [
        (f"https://ntfy.lan/{SECRET}", "the scheme https is not supported"),
        (f"ntfys://ntfy.lan/{SECRET}?verify=no", "the option verify is not allowed in its address"),
        (f"json://127.0.0.1:99999/{SECRET}", "its address"),
    ],
)
def test_an_address_that_is_not_used_is_named_by_what_is_wrong(host: Host, url: str, says: str) -> None:
    host.receivers(phone=url)
    done = host.notify("--test")

    assert done.returncode == 1
    assert "phone: not sent: " in done.stderr
    assert says in done.stderr
    assert SECRET not in done.stderr + done.stdout


def test_without_receivers_and_for_unknown_ones_it_says_what_to_do(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    host.receivers()
    assert main(["notify", "--test", "--config", str(host.config)]) == 2
    assert capsys.readouterr().err == (
        "notify: there are no receivers; add them under alerts: in the configuration file\n"
    )

    host.receivers(phone="ntfy://127.0.0.1:1/x")
    assert main(["notify", "--test", "fone", "--config", str(host.config)]) == 2
    assert capsys.readouterr().err == "notify: there is no receiver 'fone'; use one of phone\n"


def test_nothing_else_can_be_sent_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["notify"])
    assert "--test" in capsys.readouterr().err


@pytest.mark.fortnight
def test_a_credential_that_is_not_there_is_told(host: Host) -> None:
    host.receivers(phone="ntfy://127.0.0.1:1/x")
    (host.credentials / "phone_url").unlink()
    done = host.notify("--test")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "phone: not sent: its url can't be read: credential phone_url: No such file or directory\n"


@pytest.mark.fortnight
def test_the_check_before_a_start_finds_an_address_that_is_not_used(host: Host) -> None:
    host.receivers(phone=f"ntfys://ntfy.lan/{SECRET}?verify=no", good="ntfys://ntfy.lan/backups")
    done = command("serve", "--check", "--config", host.config, "--credentials", host.credentials)

    found = [line for line in done.stderr.splitlines() if line.startswith("alerts.")]
    assert found == [
        "alerts.receivers.0.url: the option verify is not allowed in its address; nobody can be told there"
    ]
    assert SECRET not in done.stderr
