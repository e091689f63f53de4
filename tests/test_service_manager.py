"""Notifications to systemd: ready with the first board, before the first poll, and stopping; on a real datagram socket."""

from __future__ import annotations

import logging
import secrets
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidecar.service_manager import READY, notify
from tests.commands.test_cli import KEY, running


@contextmanager
def manager(address: str) -> Iterator[socket.socket]:
    """A service manager that listens at this address."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(20)
        listener.bind(address)
        yield listener


def test_a_socket_with_a_path_is_notified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with manager(str(tmp_path / "notify")) as listener:
        notify(READY)

        assert listener.recv(100) == b"READY=1"


def test_an_abstract_socket_is_notified(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"backup-glance-test-{secrets.token_hex(8)}"
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    with manager(f"\0{name}") as listener:
        notify(READY)

        assert listener.recv(100) == b"READY=1"


def test_without_a_service_manager_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify(READY)

    assert caplog.messages == []


def test_a_service_manager_that_does_not_listen_is_logged_and_serving_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    with caplog.at_level(logging.WARNING):
        notify(READY)

    assert "systemd can't be notified of READY=1" in caplog.text


def test_it_is_ready_with_its_first_board_while_its_only_source_does_not_answer(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "sidecar_keys").write_text(f"{KEY}\n")
    (credentials / "password").write_text("secret\n")
    config = tmp_path / "config.yaml"
    with socket.create_server(("127.0.0.1", 0)) as silent, manager(str(tmp_path / "notify")) as listener:
        config.write_text(
            "timezone: Europe/Berlin\nsources:\n  backrest: {kind: backrest, username: glance, "
            f'url: "http://127.0.0.1:{silent.getsockname()[1]}", password: {{credential: password}}}}\n'
        )
        with running(config, credentials, tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify")) as sidecar:
            assert listener.recv(100) == b"READY=1"
            assert sidecar.get("/readyz")[0] == 503
            assert sidecar.get("/api/v1/status")[0] == 200

            sidecar.process.send_signal(signal.SIGTERM)
            assert listener.recv(100) == b"STOPPING=1"
