"""``python -m tests.soak.soaked CONFIG CREDENTIALS STATE FD NOW``: the sidecar, with a clock that standard input moves on.

The first line of standard input says that everything was read once. Each other line is a time: when everything that was due
by then is done, a line of figures goes to standard output.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import sys
import threading
from datetime import datetime
from pathlib import Path

from sidecar import credentials, logs, runtime
from sidecar.config import load
from sidecar.credentials import Credentials
from tests.soak.stepped_clock import SteppedClock

_PAGE = os.sysconf("SC_PAGE_SIZE")


def figures(state: Path) -> dict[str, int]:
    """What must not grow: bytes of resident memory, open files and sockets, threads, tasks, bytes of the state directory."""
    gc.collect()
    return {
        "memory": int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE,
        "files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        "threads": threading.active_count(),
        "tasks": len(asyncio.all_tasks()),
        "ledger": sum(path.stat().st_size for path in state.glob("ledger.sqlite*") if _is_current(path)),
    }


def _is_current(path: Path) -> bool:
    return path.name.removeprefix("ledger.sqlite") in ("", "-wal")


async def _soaked(config: Path, folder: Path, state: Path, descriptor: int, now: datetime) -> None:
    clock = SteppedClock(now)
    formatter = logs.set_up()
    secrets = Credentials(folder, on_secret=formatter.hide)
    keys = credentials.sidecar_keys(secrets)
    with socket.socket(fileno=descriptor) as listener:
        serving = asyncio.create_task(
            runtime.serve(load.load(config), secrets, keys, listener, clock, state, clock.sleep)
        )
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        await reader.readline()  # everything was read once
        await clock.steady()
        sys.stdout.write(json.dumps(figures(state)) + "\n")
        sys.stdout.flush()
        while line := await reader.readline():
            await clock.move_to(datetime.fromisoformat(line.decode().strip()))
            sys.stdout.write(json.dumps(figures(state)) + "\n")
            sys.stdout.flush()
        os.kill(os.getpid(), signal.SIGTERM)
        await serving


if __name__ == "__main__":
    given = sys.argv[1:]
    asyncio.run(
        _soaked(Path(given[0]), Path(given[1]), Path(given[2]), int(given[3]), datetime.fromisoformat(given[4]))
    )
