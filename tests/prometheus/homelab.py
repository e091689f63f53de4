"""The demo's homelab after its bad night: simulated upstreams, the sidecar as a process of its own, and Caddy before it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sidecar.config import load
from sidecar.credentials import Credentials
from tests.caddy import Caddy, running_caddy
from tests.evening_before import EARLIER, SettableClock, write_ledger
from tests.product import MORNING
from tests.simulators import Rack, demo_faults, demo_homelab

ROOT = Path(__file__).parent.parent.parent
_KEY = "k" * 43

#: Nothing happens until the clock is set: so often is everything looked at that was due by then.
_PACE = {"poll_interval": "5m", "light_interval": "60s"}


@dataclass
class Homelab:
    """The running homelab."""

    rack: Rack
    caddy: Caddy
    _clock: SettableClock
    _process: subprocess.Popen[str]

    @property
    def target(self) -> str:
        """Where Prometheus finds it."""
        return f"127.0.0.1:{self.caddy.port}"

    def board(self) -> dict[str, Any]:
        """The board as JSON."""
        board: dict[str, Any] = self.caddy.client.get("/api/v1/status").raise_for_status().json()
        return board

    def heal(self) -> None:
        """A day later, after a night in which nothing failed."""
        self._clock.moment += timedelta(days=1)
        self.rack.faults = ()
        self.rack.settle()
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self._clock.moment.isoformat()}\n")
        self._process.stdin.flush()

    def wait_until_tried(self, seconds: float = 40) -> None:
        """Until each source was tried once."""
        deadline = time.monotonic() + seconds
        while self.caddy.client.get("/readyz").status_code != 200:
            assert self._process.poll() is None, "the sidecar has ended"
            assert time.monotonic() < deadline, "the sidecar did not try every source"
            time.sleep(0.1)


@contextmanager
def bad_morning(folder: Path) -> Iterator[Homelab]:
    """Monday 07:30 after the night of the demo, until the block ends."""
    clock = SettableClock(MORNING - EARLIER)
    with Rack(demo_homelab(), clock, folder / "upstreams", faults=demo_faults()) as rack:
        rack.settle()
        config = rack.write_config(folder / "config.yaml", _PACE)
        for name in ("credentials", "state"):
            (folder / name).mkdir()
        (folder / "credentials" / "sidecar_keys").write_text(f"{_KEY}\n")
        asyncio.run(write_ledger(load.load(config), Credentials(None), clock.moment, folder / "state"))
        clock.moment = MORNING
        rack.settle()
        with running_caddy(folder) as caddy, _sidecar(folder, caddy, clock.moment) as process:
            homelab = Homelab(rack, caddy, clock, process)
            homelab.wait_until_tried()
            yield homelab


@contextmanager
def _sidecar(folder: Path, caddy: Caddy, now: datetime) -> Iterator[subprocess.Popen[str]]:
    caddy.key_file.write_text(f"{_KEY}\n")
    with socket.socket(socket.AF_UNIX) as listener, (folder / "sidecar.log").open("w") as log:
        listener.bind(str(caddy.upstream))
        listener.listen(128)
        arguments = [
            folder / "config.yaml",
            folder / "credentials",
            folder / "state",
            listener.fileno(),
            now.isoformat(),
        ]
        with subprocess.Popen(
            [sys.executable, "-m", "tests.prometheus.watched", *map(str, arguments)],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=ROOT,
            env={"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "PATH": os.defpath},
        ) as process:
            try:
                yield process
            finally:
                process.terminate()
