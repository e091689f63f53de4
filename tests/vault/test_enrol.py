"""`backup-glance enrol`: a wrapping token becomes a tested credential, or there is an error and nothing has changed."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.cli import main
from sidecar.errors import SecretError
from sidecar.vault import enrol
from sidecar.vault.client import Server
from tests.vault.server import AppRole, Bao

OLD = "old-secret-id\n"


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def command(*arguments: str, stdin: str) -> Done:
    """The command in this process, which saves half a second each time; one test starts a real process."""
    out, err = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin.encode()))
    try:
        with redirect_stdout(out), redirect_stderr(err):
            code = main(arguments)
    finally:
        sys.stdin = before
    return Done(code, out.getvalue(), err.getvalue())


class Host:
    """A machine to be enrolled: a configuration, a role_id and an older credential."""

    def __init__(self, bao: Bao, role: AppRole, directory: Path) -> None:
        self.bao = bao
        self.role = role
        self.config = directory / "config.yaml"
        self.credential = directory / "credentials" / "secret_id"
        self.credential.parent.mkdir()
        self.credential.write_text(OLD)
        (self.credential.parent / "role_id").write_text(f"{role.role_id}\n")
        self.configure()

    def configure(self, **vault: object) -> None:
        section = {"address": self.bao.address, "ca_file": str(self.bao.ca_file), **vault}
        source = {"kind": "databasement", "url": "https://127.0.0.1:1", "token": {"file": "/nonexistent"}}
        self.config.write_text(yaml.safe_dump({"vault": section, "sources": {"db": source}}))

    def wrapping_token(self, **settings: object) -> str:
        return str(self.bao.wrapping_token(self.path, **settings)["token"])  # type: ignore[arg-type]

    @property
    def path(self) -> str:
        return f"auth/approle/role/{self.role.name}/secret-id"

    def enrol(self, token: str, **options: str) -> Done:
        chosen = {"config": str(self.config), "credential": str(self.credential), "role": self.role.name, **options}
        done = command("enrol", *(f"--{name}={value}" for name, value in chosen.items()), stdin=f"{token}\n")
        assert not token or token not in done.stdout + done.stderr
        return done

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """The files of the directory stay as they are."""
        before = {path.name: path.read_text() for path in self.credential.parent.iterdir()}
        yield
        assert {path.name: path.read_text() for path in self.credential.parent.iterdir()} == before

    def refused(self, token: str, code: int = 1, **options: str) -> str:
        with self.unchanged():
            done = self.enrol(token, **options)
        assert done.returncode == code
        assert done.stdout == ""
        return done.stderr


@pytest.fixture
def host(bao: Bao, tmp_path: Path) -> Host:
    return Host(bao, bao.role(), tmp_path)


def test_a_good_token_becomes_a_credential_that_logs_in(host: Host) -> None:
    done = host.enrol(host.wrapping_token(ttl="120s", num_uses=0))

    assert done.returncode == 0, done.stderr
    secret_id = host.credential.read_text()
    assert secret_id.endswith("\n")
    assert host.credential.stat().st_mode & 0o7777 == 0o400
    assert host.credential.stat().st_uid == os.geteuid()
    assert secret_id.strip() not in done.stdout + done.stderr
    assert [path.name for path in sorted(host.credential.parent.iterdir())] == ["role_id", "secret_id"]
    login = Server(host.bao.address, host.bao.ca_file).log_in("approle", host.role.role_id, secret_id.strip())
    assert login.renewable


def test_the_installed_command_takes_the_token_from_standard_input(host: Host) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sidecar", "enrol", "--config", host.config, "--credential", host.credential,
         "--role", host.role.name],
        input=host.wrapping_token(), capture_output=True, text=True, check=False, timeout=30, env={"PATH": os.defpath},
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")
    assert set(json.loads(done.stdout)) == {"secret_id_accessor", "expires_at"}
    assert host.credential.read_text() != OLD


def test_what_it_prints_is_recorded_beside_the_credentials_and_nothing_of_it_is_secret(host: Host) -> None:
    done = host.enrol(host.wrapping_token())
    record = host.credential.parent.parent / "secret_id.json"

    assert record.read_text() == done.stdout
    assert set(json.loads(done.stdout)) == {"secret_id_accessor", "expires_at"}
    assert record.stat().st_mode & 0o7777 == 0o600
    assert host.credential.read_text().strip() not in record.read_text()


def test_an_enrolment_that_cannot_be_recorded_is_installed_all_the_same(host: Host) -> None:
    (host.credential.parent.parent / "secret_id.json").mkdir()
    done = host.enrol(host.wrapping_token())

    assert done.returncode == 0
    assert "secret_id.json: can't be written" in done.stderr
    assert host.credential.read_text() != OLD


def test_it_prints_the_accessor_and_when_the_secret_id_expires(host: Host) -> None:
    enrolled = json.loads(host.enrol(_wrapped_for(host, "1h")).stdout)

    looked_up = host.bao.call(
        "POST", f"{host.path}-accessor/lookup", {"secret_id_accessor": enrolled["secret_id_accessor"]}
    )["data"]
    assert enrolled["expires_at"].endswith("Z")
    assert datetime.fromisoformat(enrolled["expires_at"]) - datetime.fromisoformat(
        looked_up["expiration_time"]
    ) < timedelta(seconds=2)
    assert (
        timedelta(minutes=58) < datetime.fromisoformat(enrolled["expires_at"]) - datetime.now(UTC) < timedelta(hours=1)
    )


def test_a_secret_id_that_does_not_expire_has_no_end(host: Host) -> None:
    assert json.loads(host.enrol(host.wrapping_token()).stdout)["expires_at"] is None


def _wrapped_for(host: Host, ttl: str) -> str:
    info: dict[str, Any] = host.bao.call("POST", host.path, {"ttl": ttl}, wrap="60s")["wrap_info"]
    return str(info["token"])


def test_the_test_login_leaves_no_token_behind(host: Host) -> None:
    host.enrol(host.wrapping_token())

    assert host.bao.logins(host.role) == 0


def test_a_token_created_for_another_role_is_an_alarm_and_is_not_used_up(host: Host) -> None:
    other = host.bao.role()
    token = str(host.bao.wrapping_token(f"auth/approle/role/{other.name}/secret-id")["token"])

    error = host.refused(token, code=3)

    assert "ALARM" in error
    assert "Somebody else may have unwrapped the original token" in error
    assert f"not at {host.path}" in error
    assert host.enrol(token, role=other.name).returncode == 1, (
        "the role_id belongs to another role, but the token still works"
    )


def test_a_token_that_wraps_a_secret_id_somebody_has_seen_is_an_alarm(host: Host) -> None:
    seen = host.bao.secret_id(host.role.name)
    token = host.bao.call("POST", "sys/wrapping/wrap", {"secret_id": seen["secret_id"]}, wrap="60s")["wrap_info"][
        "token"
    ]

    assert "created at 'sys/wrapping/wrap'" in host.refused(token, code=3)


def test_a_mount_written_with_a_slash_is_not_an_alarm(host: Host) -> None:
    host.configure(approle={"mount": "approle/"})

    assert host.enrol(host.wrapping_token()).returncode == 0


def test_a_used_token_is_an_error_that_names_the_possible_causes(host: Host) -> None:
    token = host.wrapping_token()
    Server(host.bao.address, host.bao.ca_file).unwrap(token)

    error = host.refused(token)

    assert "has expired, is mistyped, or was unwrapped already" in error
    assert "somebody else has the secret_id: destroy it by its accessor" in error


def test_an_expired_token_is_the_same_error(host: Host) -> None:
    token = str(host.bao.wrapping_token(host.path, "1s")["token"])
    time.sleep(1.2)

    assert "has expired" in host.refused(token)


def test_a_sealed_vault_is_an_error_and_the_token_still_works_afterwards(host: Host) -> None:
    token = host.wrapping_token()
    host.bao.seal()

    assert "is sealed" in host.refused(token)

    host.bao.unseal()
    assert host.enrol(token).returncode == 0


@pytest.mark.parametrize(
    ("vault", "says"),
    [
        ({"address": "https://127.0.0.1:1"}, "connection refused; start it, or correct vault.address"),
        ({"ca_file": None}, "put the CA that signed its certificate into vault.ca_file"),
        ({"ca_file": "/nonexistent/ca.pem"}, "vault.ca_file /nonexistent/ca.pem can't be used"),
        ({"approle": {"role_id": {"credential": "other"}}}, "credential other: No such file"),
    ],
)
def test_an_error_before_the_token_is_used_leaves_it_usable(host: Host, vault: dict[str, object], says: str) -> None:
    token = host.wrapping_token()
    host.configure(**vault)

    assert says in host.refused(token)

    host.configure()
    assert host.enrol(token).returncode == 0


def test_a_directory_that_cannot_be_written_leaves_the_token_usable(host: Host) -> None:
    token = host.wrapping_token()

    error = host.refused(token, credential="/nonexistent/secret_id", credentials=str(host.credential.parent))

    assert "/nonexistent/secret_id: can't be written: No such file or directory" in error
    assert host.enrol(token).returncode == 0


def test_a_login_that_fails_writes_nothing_and_says_that_the_token_is_used_up(host: Host) -> None:
    (host.credential.parent / "role_id").write_text("0" * 36)

    error = host.refused(host.wrapping_token())

    assert "the role_id belongs to another role" in error
    assert "the wrapping token is used up: once this is fixed" in error


def test_a_mount_of_version_1_is_named_before_anything_is_written(bao: Bao, tmp_path: Path) -> None:
    bao.call("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
    bao.call("PUT", "sys/policies/acl/old", {"policy": 'path "old/data/backup-glance/*" { capabilities = ["read"] }'})
    host = Host(bao, bao.role(token_policies="old"), tmp_path)
    host.configure(kv_mount="old")

    error = host.refused(host.wrapping_token())

    assert "has KV version 1 at old, and backup-glance reads version 2 only" in error
    assert "the wrapping token is used up: once this is fixed" in error
    assert bao.logins(host.role) == 0


@pytest.mark.parametrize("uses", [1, 2])
def test_a_secret_id_for_a_few_logins_is_refused(bao: Bao, tmp_path: Path, uses: int) -> None:
    """The test login is one of them, and a later start would be refused."""
    host = Host(bao, bao.role(secret_id_num_uses=uses), tmp_path)

    assert "secret_id_num_uses to 0" in host.refused(host.wrapping_token())


@pytest.mark.parametrize("token", ["", "short", "two words of it", "s.€€€€€€€€€€", "x" * 9000])
def test_what_is_not_a_token_is_refused_without_calling_vault(host: Host, token: str) -> None:
    host.configure(address="https://127.0.0.1:1")

    assert "is not a wrapping token" in host.refused(token)


@contextmanager
def never_ending() -> Iterator[str]:
    """The address of a Vault whose answer goes on and on, a byte at a time: no call is ever silent for long."""
    ended = threading.Event()

    def serve(listening: socket.socket) -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while not ended.wait(0.01):
                    connection.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            ended.set()
            # Also where nobody came.
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_an_answer_without_an_end_ends_the_enrolment(tmp_path: Path) -> None:
    role = enrol.Role("approle", "backup-glance", "role-id-0123456789", "secret")
    before = signal.getsignal(signal.SIGALRM)

    with never_ending() as address, pytest.raises(SecretError) as caught:
        enrol.enrol(Server(address), role, "hvs.wrapping-token-0123456789", tmp_path / "secret_id", within=0.2)

    assert str(caught.value).startswith(
        f"Vault {address} did not answer everything within 0.2 s, and nothing was written"
    )
    assert "issue a new one" in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_without_a_vault_section_enrolment_is_refused(host: Host) -> None:
    text = yaml.safe_load(host.config.read_text())
    del text["vault"]
    host.config.write_text(yaml.safe_dump(text))

    assert "vault: is missing" in host.refused("s.abcdefghijkl", code=2)
