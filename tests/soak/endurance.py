"""Thousands of refreshes with random troubles: the real sidecar, the simulated upstreams over HTTPS, a clock that is moved on.

What is measured: resident memory, open files and sockets, threads, tasks, bytes of the ledger.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import httpx

from sidecar.ledger.ledger import FILE
from tests.simulators import Rack, demo_homelab
from tests.simulators.upstream_site import SOURCES
from tests.soak.troubles import Troubles, ask

ROOT = Path(__file__).parent.parent.parent
_KEY = "k" * 43
_ENVIRONMENT = {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}", "PATH": os.defpath}
MORNING = datetime.fromisoformat("2026-11-23T07:30:00+01:00")

#: The time between two refreshes of a source, and the rounds from one harm to the ledger's file to the next. A round is a
#: refresh of each of the four sources, with the judgements of five minutes.
EVERY, HARMED_EVERY = timedelta(minutes=5), 29

#: Rounds in which a memory for names fills up that come and go: they do not count.
WARM_UP = 6

#: By how much memory may have grown from the second quarter to the last one, and files, threads and tasks.
MOST_GROWTH, MOST_MORE = 1.03, {"files": 4, "threads": 1, "tasks": 2}

#: Bytes of a ledger of this size of a house, with what waits in its write-ahead log (docs/verdicts.md).
LARGEST_LEDGER = 24_000_000


@dataclass(slots=True)
class Curve:
    """The figures after each round, and what went wrong in the end."""

    points: list[dict[str, int]] = field(default_factory=list)
    harms: list[str] = field(default_factory=list)
    seconds_to_end: float = 0.0
    left: tuple[str, ...] = ()
    log: str = ""

    def excess(self) -> list[str]:
        """What grew, leaked or failed."""
        quarter = max(len(self.points) // 4, 1)
        second, last = self.points[quarter : 2 * quarter], self.points[-quarter:]
        found = []
        grown = _of(last, "memory", median) / _of(second, "memory", median)
        if grown > MOST_GROWTH:
            found.append(f"memory of the last quarter is {grown:.3f} times that of the second")
        for name, more in MOST_MORE.items():
            before, after = _of(second, name, max), _of(last, name, max)
            if after > before + more:
                found.append(f"{name}: {before:.0f} in the second quarter, {after:.0f} in the last")
        if (largest := _of(self.points, "ledger", max)) > LARGEST_LEDGER:
            found.append(f"the ledger had {largest:.0f} bytes")
        if "Traceback" in self.log or "internal error" in self.log:
            found.append(f"internal errors: {self.log[-3000:]}")
        if self.seconds_to_end > 5:
            found.append(f"it took {self.seconds_to_end:.1f} s to end")
        if self.left:
            found.append(f"it left {', '.join(self.left)}")
        return found

    def table(self, lines: int = 20) -> str:
        """The curve: the last figures of each of so many stretches."""
        step = max(len(self.points) // lines, 1)
        rows = ["refresh   memory  files threads tasks   ledger"]
        for number in range(step - 1, len(self.points), step):
            point = self.points[number]
            rows.append(
                f"{(number + 1) * len(SOURCES):7} {point['memory'] / 2**20:5.1f} MiB {point['files']:5} {point['threads']:7} "
                f"{point['tasks']:5} {point['ledger'] / 1000:6.0f} kB"
            )
        return "\n".join(rows)


def _of(points: Sequence[dict[str, int]], name: str, of: Callable[[list[int]], float]) -> float:
    return of([point[name] for point in points])


def endured(refreshes: int, seed: int = 1, told: Callable[[str], object] = lambda _text: None) -> Curve:
    """So many refreshes, of each source in turn. ``told`` is given a line now and then."""
    chance, now, curve = random.Random(seed), [MORNING], Curve()
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as name,
        Rack(demo_homelab(), lambda: now[0], Path(name) / "rack") as rack,
        _soaked(rack, Path(name)) as (process, client),
    ):
        folder = Path(name)
        troubles = Troubles(rack, folder / "state", chance)
        deadline = time.monotonic() + 60
        while client.get("/readyz").status_code != httpx.codes.OK:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        _moved(process, now[0])
        for _ in range(WARM_UP):
            troubles.make_up_names()
            now[0] += EVERY
            _moved(process, now[0])
        troubles.mend()
        for number in range(refreshes // len(SOURCES)):
            troubles.change()
            if number % HARMED_EVERY == HARMED_EVERY - 1:
                curve.harms.append(troubles.harm_ledger())
            for _ in range(3):
                ask(client, chance)
            now[0] += EVERY
            curve.points.append(_moved(process, now[0]))
            if number % 25 == 24:
                told(f"{(number + 1) * len(SOURCES)} refreshes: {curve.points[-1]}")
        troubles.mend()
        now[0] += EVERY
        _moved(process, now[0])
        began = time.monotonic()
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=60)
        curve.seconds_to_end = time.monotonic() - began
        curve.left = tuple(
            path.name for path in (folder / "state").iterdir() if path.name in (f"{FILE}-wal", f"{FILE}-shm")
        )
        curve.log = (folder / "log").read_text()
        assert process.returncode == -signal.SIGTERM, curve.log[-3000:]
    return curve


@contextmanager
def _soaked(rack: Rack, folder: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    config = rack.write_config(folder / "config.yaml", {"poll_interval": "5m"})
    credentials, state, path = folder / "credentials", folder / "state", folder / "sidecar.sock"
    credentials.mkdir()
    state.mkdir()
    (credentials / "sidecar_keys").write_text(f"{_KEY}\n")
    with (folder / "log").open("w") as log, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.soaked", str(config), str(credentials), str(state),
             str(listener.fileno()), MORNING.isoformat()],
            pass_fds=[listener.fileno()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            env=_ENVIRONMENT, cwd=ROOT,
        )  # fmt: skip
        client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)),
            base_url="http://sidecar",
            headers={"Authorization": f"Bearer {_KEY}"},
            timeout=60,
        )
        try:
            with client:
                yield process, client
        except Exception as error:
            error.add_note((folder / "log").read_text()[-5000:])
            raise
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()


def _moved(process: subprocess.Popen[str], moment: datetime) -> dict[str, int]:
    assert process.stdin is not None
    process.stdin.write(f"{moment.isoformat()}\n")
    process.stdin.flush()
    return _figures(process)


def _figures(process: subprocess.Popen[str]) -> dict[str, int]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(f"the sidecar ended by itself: {process.wait(timeout=10)}")
    figures: dict[str, int] = json.loads(line)
    return figures
