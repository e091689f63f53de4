"""Starts the real sidecar as a process of its own, watches it, and ends it as systemd would."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent.parent
_KEY = "k" * 43
_ENVIRONMENT = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "PATH": os.defpath}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a case cost.

    Attributes:
        memory: the most resident memory, in MiB.
        step: the longest step of the event loop, in seconds of its thread's CPU time.
        place: where that step was at work.
        collection: the longest garbage collection within the loop, in seconds; part of a step.
        ended: seconds from SIGTERM to the end.
        log: what it wrote.
    """

    memory: float
    step: float
    place: str
    collection: float
    ended: float
    log: str


class Victim:
    """The running sidecar."""

    def __init__(self, process: subprocess.Popen[str], path: Path, folder: Path) -> None:
        self.process = process
        self._folder = folder
        self._client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path), limits=httpx.Limits(max_keepalive_connections=0)),
            base_url="http://sidecar",
            headers={"Authorization": f"Bearer {_KEY}"},
            timeout=90,
        )

    def get(self, path: str) -> httpx.Response:
        """An answer of the sidecar."""
        return self._client.get(path)

    def close(self) -> None:
        """Nothing more will be asked."""
        self._client.close()

    def board(self) -> dict[str, Any]:
        """Its board."""
        board: dict[str, Any] = self.get("/api/v1/status").json()
        return board

    def wait_until_tried(self, seconds: float) -> bool:
        """Until each source was tried once; False when that takes longer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"it ended by itself: {self.process.returncode}")
            if self.get("/readyz").status_code == 200:
                return True
            time.sleep(0.1)
        return False

    def end(self) -> Figures:
        """Ends it, and says what it cost."""
        memory = _peak(self.process.pid)
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        ended = time.monotonic() - began
        told = json.loads((self._folder / "steps.json").read_text())
        return Figures(
            memory=memory,
            step=told["longest"],
            place="".join(told["at"][-2:]),
            collection=told["collected"],
            ended=ended,
            log=(self._folder / "log").read_text(),
        )


def _peak(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


@contextmanager
def started(config: Path, folder: Path) -> Iterator[Victim]:
    """The sidecar with this configuration, and a ledger in ``folder``."""
    credentials, state, path = folder / "credentials", folder / "state", folder / "sidecar.sock"
    credentials.mkdir()
    state.mkdir()
    (credentials / "sidecar_keys").write_text(f"{_KEY}\n")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        log = (folder / "log").open("w")
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.watched", str(folder), "serve", "--config", str(config),
             "--credentials", str(credentials), "--state", str(state), "--fd", str(listener.fileno())],
            pass_fds=[listener.fileno()], stderr=log, text=True, env=_ENVIRONMENT, cwd=ROOT,
        )  # fmt: skip
        victim = Victim(process, path, folder)
        try:
            victim.get("/healthz")
            process.send_signal(signal.SIGUSR2)
            yield victim
        finally:
            victim.close()
            process.kill()
            process.wait()
            log.close()
