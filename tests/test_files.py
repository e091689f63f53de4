"""What is no ordinary file under the name of one (a FIFO, a device, a directory) is an error at once, wherever it is named.

A test that hangs here would have waited for a writer that never comes.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.config import load
from sidecar.config.secret_refs import CredentialSecret, FileSecret
from sidecar.credentials import Credentials, sidecar_keys
from sidecar.errors import SidecarError
from sidecar.upstream.tls import Trust, context
from sidecar.vault import transport

Use = Callable[[Path], object]

USES: dict[str, Use] = {
    "a file": lambda path: Credentials(None).local(FileSecret(file=path)),
    "a credential": lambda path: Credentials(path.parent).local(CredentialSecret(credential=path.name)),
    "the sidecar's keys": lambda path: sidecar_keys(_with_keys(path)),
    "the configuration": load.load,
    "the CA of a source": lambda path: asyncio.run(context("pbs.lan", 8007, Trust(ca_file=path), 1)),
    "the CA of Vault": transport.connections,
}


def _with_keys(path: Path) -> Credentials:
    folder = path.parent / "credentials"
    folder.mkdir()
    (folder / "sidecar_keys").symlink_to(path)
    return Credentials(folder)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(8 * 1024**3)


KINDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a FIFO": (os.mkfifo, "FIFO"),
    "a directory": (Path.mkdir, "directory"),
    "an endless device": (lambda path: path.symlink_to("/dev/zero"), "device"),
    "a socket": (_socket, "No such device or address|socket"),
    "8 GB": (_sparse, "larger than"),
    "a circle of links": (lambda path: path.symlink_to(path), "symbolic links"),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
@pytest.mark.parametrize(("make", "says"), KINDS.values(), ids=KINDS.keys())
def test_what_is_not_a_file_is_an_error_at_once(
    tmp_path: Path, use: Use, make: Callable[[Path], object], says: str
) -> None:
    path = tmp_path / "named"
    make(path)
    before = time.thread_time()

    with pytest.raises(SidecarError, match=says):
        use(path)

    assert time.thread_time() - before < 1


def test_a_file_that_is_reached_by_a_link_is_read(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("s3cret\n")
    (tmp_path / "link").symlink_to("real")

    assert Credentials(tmp_path).local(CredentialSecret(credential="link")) == "s3cret"


def test_a_name_that_no_file_can_have_is_an_error() -> None:
    with pytest.raises(SidecarError, match="is not the name of a file"):
        Credentials(None).local(FileSecret(file=Path("a\0b")))
