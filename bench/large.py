"""A large installation with the real sidecar behind Caddy: how much memory it takes, and how long a reader waits.

The upstreams (large_house.py) and the sidecar are processes of their own. While the sidecar reads everything again and
again, a reader asks for the whole page fifty times a second. The upstreams give way to both: in a real house they are
other machines, and here there may be two cores.
"""

from __future__ import annotations

import http.client
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Measure, say
from tests.caddy import Caddy, running_caddy

ROOT = Path(__file__).parent.parent

#: How long it runs, and from when on it is measured: everything has been read by then, and once more.
SECONDS, WARM_AFTER = 155, 35
POLL_INTERVAL = "15s"
PAUSE = 0.02

#: MiB; and how much longer the slowest of a hundred answers may take while something is read or judged.
STEADY, PEAK = 120, 150
DURING_BESIDE_BETWEEN = 2.0

#: Starts the sidecar without what httpx loads for its own command where it finds it: a release does not have these.
_AS_RELEASED = (
    "import sys, runpy; sys.modules.update(dict.fromkeys(('pygments', 'rich'))); "
    "runpy.run_module('sidecar', run_name='__main__')"
)

#: Seconds after an upstream's answer in which its report may still be judged and drawn.
_JUDGED_WITHIN = 1.5


@dataclass(frozen=True, slots=True)
class _Asked:
    """One answer to the reader: when it was asked for, and how many seconds it took."""

    at: float
    took: float


def large_house(folder: Path) -> list[Measure]:
    """Memory and waiting, by their limits; memory also of a sidecar that starts with the ledger of the one before."""
    with _upstreams(folder) as asked, running_caddy(folder) as caddy, _listening(folder, caddy) as listener:
        with _sidecar(folder, listener) as process:
            answers, steady = _read(caddy, process)
            peak = _mebibytes(process, "VmHWM")
            board = caddy.client.get("/api/v1/status").json()
        with _sidecar(folder, listener) as process:
            _, restarted = _read(caddy, process)
            peak = max(peak, _mebibytes(process, "VmHWM"))
    say(f"large house: {board['overall']['headline']}, {len(board['services'])} services")
    moments = [float(line) for line in asked.read_text().split()]
    during, between = _apart(answers, moments)
    say(f"large house: answers while something is read {_spread(during)}, between {_spread(between)}")
    return [
        Measure("large house: memory", steady, STEADY, "MiB"),
        Measure("large house: memory after a restart with its ledger", restarted, STEADY, "MiB"),
        Measure("large house: most memory", peak, PEAK, "MiB"),
        Measure(
            "large house: p99 while something is read, beside p99 between",
            _percentile(during, 0.99) / _percentile(between, 0.99),
            DURING_BESIDE_BETWEEN,
        ),
    ]


@contextmanager
def _upstreams(folder: Path) -> Iterator[Path]:
    """The file in which each of their answers leaves its moment."""
    command = ["nice", "-n", "19", sys.executable, "-m", "bench.large_house", str(folder), POLL_INTERVAL]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "ready\n"
            yield folder / "asked"
        finally:
            process.stdin.close()


@contextmanager
def _listening(folder: Path, caddy: Caddy) -> Iterator[socket.socket]:
    """The socket that Caddy asks, and the key that it brings. It stays over a restart, as that of the unit does."""
    key = secrets.token_urlsafe(32)
    for name in ("credentials", "state"):
        (folder / name).mkdir()
    for path in (folder / "credentials" / "sidecar_keys", caddy.key_file):
        path.touch(0o600)
        path.write_text(f"{key}\n")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(caddy.upstream))
        listener.listen(128)
        yield listener


@contextmanager
def _sidecar(folder: Path, listener: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """``backup-glance serve``, as its unit starts it."""
    serve = ["serve", "--config", str(folder / "config.yaml"), "--credentials", str(folder / "credentials")]
    where = ["--state", str(folder / "state"), "--fd", str(listener.fileno())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with (folder / "sidecar.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _AS_RELEASED, *serve, *where],
            env=environment,
            pass_fds=[listener.fileno()],
            stderr=log,
            cwd=folder,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def _read(caddy: Caddy, process: subprocess.Popen[bytes]) -> tuple[list[_Asked], float]:
    """The answers after everything was read, and the memory that was taken then most of the time."""
    answers: list[_Asked] = []
    memory: list[float] = []
    client = http.client.HTTPConnection("127.0.0.1", caddy.port, timeout=30)
    began = time.time()
    while time.time() - began < SECONDS:
        at, clock = time.time(), time.perf_counter()
        client.request("GET", "/widget", headers={"Accept-Encoding": "gzip"})
        answer = client.getresponse()
        answer.read()
        took = time.perf_counter() - clock
        assert answer.status == 200
        if at - began > WARM_AFTER:
            answers.append(_Asked(at, took))
            memory.append(_mebibytes(process, "VmRSS"))
        time.sleep(PAUSE)
    client.close()
    return answers, sorted(memory)[len(memory) // 2]


def _mebibytes(process: subprocess.Popen[bytes], what: str) -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(f"{what}:"))
    return int(line.split()[1]) / 1024


def _apart(answers: Sequence[_Asked], moments: Sequence[float]) -> tuple[list[float], list[float]]:
    """How long the answers took while something was read, judged or drawn, and how long the others took."""
    during: list[float] = []
    between: list[float] = []
    for answer in answers:
        busy = any(
            moment - _JUDGED_WITHIN <= answer.at + answer.took and answer.at <= moment + _JUDGED_WITHIN
            for moment in moments
        )
        (during if busy else between).append(answer.took)
    return during, between


def _percentile(times: Sequence[float], share: float) -> float:
    return sorted(times)[int(share * (len(times) - 1))]


def _spread(times: Sequence[float]) -> str:
    shares = (0.5, 0.9, 0.99, 1.0)
    figures = " / ".join(f"{_percentile(times, share) * 1000:.1f}" for share in shares)
    return f"{figures} ms (p50 / p90 / p99 / longest of {len(times)})"
