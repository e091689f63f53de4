"""Programs that a demo or a test starts for itself: waited for until they answer, and ended by their process."""

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
    """A program did not come up; the message holds the end of what it said."""


@contextmanager
def running(
    name: str, command: Sequence[str | Path], *, port: int, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """``command`` until the block ends, from when it answers on ``port``. Its home is ``folder``, where its log is too.

    It sees no environment but its own, and has a session of its own: Ctrl-C reaches it through us, last.
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
    """A port of loopback where nothing listens, nor on so many after it.

    It lies below those that the system gives to whoever asks for any: another program can't be given it meanwhile.
    """
    while True:
        port = random.randrange(10_000, 30_000)
        if not any(_is_taken(one) for one in range(port, port + neighbours + 1)):
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
