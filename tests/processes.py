"""Programs that the demo and the tests start: waits until they listen, and ends them."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


class NotStartedError(Exception):
    """A program did not start; the message contains the end of its log."""


@contextmanager
def running(
    name: str, command: Sequence[str | Path], *, port: int, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Runs ``command`` until the block ends; the block starts when it listens on ``port``. Its home and log are in ``folder``.

    It gets only this environment, and its own session: Ctrl-C ends this process first, which then ends the program.
    """
    own = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "PATH": os.defpath, **(environment or {})}
    path = folder / f"{name}.log"
    with path.open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=own, cwd=folder, start_new_session=True
        )
        try:
            _wait_for(name, process, port, path)
            yield
        finally:
            _end(process)


def free_port(neighbours: int = 0) -> int:
    """A port of loopback on which nothing listens, nor on the next ``neighbours`` ports.

    It is below the system's range of automatic ports, so that no other program gets it in the meantime.
    """
    while True:
        port = random.randrange(10_000, 30_000)
        if not any(_is_taken(candidate) for candidate in range(port, port + neighbours + 1)):
            return port


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _wait_for(name: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotStartedError(f"{name} did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
