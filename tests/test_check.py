"""`backup-glance serve --check`: its findings as fields, and that it changes nothing."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from sidecar.commands import check
from sidecar.credentials import Credentials
from sidecar.ledger.ledger import FILE
from tests.commands.test_cli import KEY, command
from tests.ledgers import filled, keeper_and_ledger, written

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Host:
    """A configuration, credentials and an empty state directory that can be used."""

    def __init__(self, folder: Path, upstream: int) -> None:
        self.config = folder / "config.yaml"
        self.credentials = folder / "credentials"
        self.state = folder / "state"
        self.credentials.mkdir()
        self.state.mkdir()
        (self.credentials / "sidecar_keys").write_text(f"{KEY}\n")
        (self.credentials / "secret").write_text("secret-of-the-source\n")
        self.config.write_text(
            f'sources:\n  pbs: {{kind: pbs, url: "https://127.0.0.1:{upstream}", token_id: "a@pbs!b", '
            "secret: {credential: secret}}\n"
        )

    def result(self) -> dict[str, Any]:
        """What the command prints with ``--json``."""
        printed, complaints = StringIO(), StringIO()
        with redirect_stdout(printed), redirect_stderr(complaints):
            code = check.run(self.config, Credentials(self.credentials), self.state, lambda: NOW, as_json=True)
        result: dict[str, Any] = json.loads(printed.getvalue())
        assert code == (0 if result["usable"] else 2)
        assert complaints.getvalue() == ""
        return result

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """The state directory stays as it is, to the byte."""
        before = {path.name: path.read_bytes() for path in self.state.iterdir()}
        yield
        after = {path.name: path.read_bytes() for path in self.state.iterdir()}
        # An index and an empty write-ahead log may appear when a ledger is read.
        new = {name for name in after.keys() - before.keys() if name.endswith("-shm") or not after[name]}
        assert {name: content for name, content in after.items() if name not in new} == before


@pytest.fixture
def upstream() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture
def host(tmp_path: Path, upstream: socket.socket) -> Host:
    return Host(tmp_path, upstream.getsockname()[1])


def kinds(result: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(finding["kind"], finding["fatal"]) for finding in result["findings"]]


def set_version(state: Path, version: int) -> None:
    with closing(sqlite3.connect(state / FILE)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = ?", (version,))


def test_what_can_be_used_is_usable_and_no_upstream_is_called(host: Host, upstream: socket.socket) -> None:
    result = host.result()

    assert result.pop("version")
    assert result == {
        "usable": True,
        "configuration": "ok",
        "ledger": {"state": "new", "detail": None},
        "board": True,
        "findings": [],
    }
    assert list(host.state.iterdir()) == []
    with pytest.raises(BlockingIOError):
        upstream.accept()


def test_a_ledger_is_opened_and_stays_as_it_is(host: Host) -> None:
    filled(host.state)

    with host.unchanged():
        result = host.result()

    assert (result["usable"], result["ledger"]["state"], result["board"]) == (True, "ok", True)


def test_a_ledger_that_a_sidecar_is_writing_can_be_checked(host: Host) -> None:
    keeper, ledger = keeper_and_ledger(host.state)
    keeper.rejudge()
    written(ledger)

    assert host.result()["ledger"]["state"] == "ok"

    ledger.close()


def test_without_a_state_directory_there_is_no_ledger(host: Host) -> None:
    credentials = Credentials(host.credentials)

    result = check.check(host.config, credentials, None, lambda: NOW)

    assert (result.usable, result.ledger.state, result.board) == (True, "none", True)


def test_a_ledger_of_a_newer_version_is_restored_from_its_copy(host: Host) -> None:
    filled(host.state)
    (host.state / f"{FILE}.v1").write_bytes((host.state / FILE).read_bytes())
    set_version(host.state, 99)

    with host.unchanged():
        result = host.result()

    assert (result["usable"], result["ledger"]["state"]) == (True, "restored")


def test_a_ledger_of_a_newer_version_without_a_copy_is_unusable(host: Host) -> None:
    filled(host.state)
    set_version(host.state, 99)

    with host.unchanged():
        result = host.result()

    assert (result["usable"], result["ledger"]["state"]) == (False, "unusable")
    assert kinds(result) == [("ledger", True)]
    assert "newer version" in result["ledger"]["detail"]


@pytest.mark.parametrize(
    "content",
    [b"this is not a database, but it is longer than a header of one hundred bytes. " * 10, None],
    ids=["another file", "damaged"],
)
def test_a_ledger_that_cannot_be_read_is_not_usable(host: Host, content: bytes | None) -> None:
    filled(host.state)
    ledger = host.state / FILE
    ledger.write_bytes(content or ledger.read_bytes()[:8192] + os.urandom(16384))

    with host.unchanged():
        result = host.result()

    assert (result["usable"], result["ledger"]["state"] in ("broken", "unusable")) == (False, True)
    assert kinds(result) == [("ledger", True)]
    assert str(ledger) in result["findings"][0]["text"]
    assert "backup-glance-check-" not in json.dumps(result)


@pytest.mark.parametrize(
    "make", [os.mkfifo, os.mkdir, lambda path: path.write_bytes(b"")], ids=["pipe", "folder", "empty"]
)
def test_what_is_no_file_in_place_of_the_ledger_is_named_and_not_opened(
    host: Host, make: Callable[[Path], object]
) -> None:
    make(host.state / FILE)
    result = host.result()

    assert (result["usable"], result["ledger"]["state"], result["board"]) == (False, "broken", True)
    assert kinds(result) == [("ledger", True)]
    assert [path.name for path in host.state.iterdir()] == [FILE]


def test_a_state_directory_that_is_not_there_is_named(host: Host) -> None:
    host.state.rmdir()

    result = host.result()

    assert (result["usable"], result["ledger"]["state"]) == (False, "unusable")
    assert f"{host.state}: is not a directory that backup-glance can write" in result["findings"][0]["text"]


def test_a_secret_file_that_is_missing_is_named_with_its_key(host: Host) -> None:
    (host.credentials / "secret").unlink()

    result = host.result()

    assert (result["usable"], result["configuration"]) == (False, "ok")
    assert kinds(result) == [("secret", True)]
    assert result["findings"][0]["text"].startswith("sources.pbs.secret: credential secret: No such file or directory")


def test_credentials_for_vault_that_are_not_enrolled_yet_are_a_finding_that_is_not_fatal(host: Host) -> None:
    text = host.config.read_text().replace("{credential: secret}", "{vault: backup-glance/pbs, field: secret}")
    host.config.write_text(f"{text}vault: {{address: https://127.0.0.1:1}}\n")

    result = host.result()

    assert result["usable"] is True
    assert kinds(result) == [("secret", False), ("secret", False)]
    assert "run backup-glance enrol" in result["findings"][1]["text"]


def test_all_errors_are_listed_at_once(host: Host) -> None:
    host.config.write_text(host.config.read_text().replace("kind: pbs", "kind: pps"))
    (host.credentials / "sidecar_keys").write_text("short\n")

    result = host.result()

    assert kinds(result) == [("configuration", True), ("keys", True)]
    assert (result["configuration"], result["ledger"]["state"], result["board"]) == ("invalid", None, False)
    assert result["findings"][0]["text"].startswith(f"{host.config}:2: sources.pbs")


def test_a_judgement_that_fails_is_a_finding(host: Host) -> None:
    def no_clock() -> datetime:
        raise ZeroDivisionError

    result = check.check(host.config, Credentials(host.credentials), None, no_clock)

    assert (result.usable, result.board) == (False, False)
    assert [finding.kind for finding in result.findings] == [check.Kind.BOARD]


def test_people_get_lines(host: Host) -> None:
    arguments = ["serve", "--check", "--config", str(host.config), "--credentials", str(host.credentials)]
    usable = command(*arguments)
    (host.credentials / "secret").unlink()
    unusable = command(*arguments)

    assert (usable.returncode, usable.stdout, usable.stderr) == (0, f"{host.config}: can be used\n", "")
    assert (unusable.returncode, unusable.stdout) == (2, "")
    assert unusable.stderr.startswith("sources.pbs.secret: credential secret: No such file or directory")


def test_programs_get_json(host: Host) -> None:
    options = ("--config", str(host.config), "--credentials", str(host.credentials), "--state", str(host.state))
    done = command("serve", "--check", "--json", *options)

    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, host.result(), "")


def test_json_without_check_is_refused(host: Host) -> None:
    done = command("serve", "--json", "--config", str(host.config))

    assert (done.returncode, done.stderr) == (2, "serve: --json is only for --check; add --check\n")


@pytest.mark.parametrize(
    ("secret", "says"),
    [
        ("hunter2", "sources.pbs.secret: is shorter than 8 characters"),
        ("backup", "sources.pbs.secret: is a word that the upstreams use"),
        ("datastore", "sources.pbs.secret: is a word that the upstreams use"),
    ],
)
def test_a_secret_that_cannot_always_be_withheld_is_told_and_does_not_stop_it(
    host: Host, secret: str, says: str
) -> None:
    (host.credentials / "secret").write_text(f"{secret}\n")

    result = host.result()

    assert result["usable"] is True
    assert kinds(result) == [("secret", False)]
    assert result["findings"][0]["text"].startswith(says)


def test_no_secret_is_printed(host: Host) -> None:
    host.config.write_text(host.config.read_text() + "vault: {address: https://127.0.0.1:1}\n")

    printed = json.dumps(host.result())

    assert "secret-of-the-source" not in printed
    assert KEY not in printed


# --- tokens of programs ---


def test_a_token_that_would_not_be_accepted_is_told_and_is_not_fatal(host: Host) -> None:
    values = {"good": "g" * 32, "short": "too-short-for-one", "twice": "t" * 32, "again": "t" * 32, "key": KEY}
    for name, value in values.items():
        (host.credentials / name).write_text(f"{value}\n")
    entries = "".join(f"  - {{name: {name}, token: {{credential: {name}}}, for: [api]}}\n" for name in values)
    vault = "  - {name: far, token: {vault: a/b, field: c}, for: [api]}\nvault: {address: 'https://vault.lan:8200'}\n"
    host.config.write_text(f"{host.config.read_text()}tokens:\n{entries}{vault}")
    result = host.result()
    texts = [finding["text"] for finding in result["findings"] if "program" in finding["text"]]

    assert result["usable"]
    assert [text.partition(" is not")[0] for text in texts] == [
        "The token of program short (tokens.1.token)",
        "The token of program twice (tokens.2.token)",
        "The token of program again (tokens.3.token)",
        "The token of program key (tokens.4.token)",
    ]
    assert not any(value in json.dumps(result) for value in values.values())


def test_a_token_in_a_file_that_does_not_exist_is_fatal_like_every_other_secret(host: Host) -> None:
    entry = "tokens: [{name: a, token: {file: /nonexistent/token}, for: [proxy]}]\n"
    host.config.write_text(f"{host.config.read_text()}{entry}")
    result = host.result()

    assert kinds(result) == [("secret", True)]
    assert result["findings"][0]["text"].startswith("tokens.0.token: file /nonexistent/token: ")
