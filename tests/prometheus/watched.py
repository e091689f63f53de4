"""``python -m tests.prometheus.watched CONFIG CREDENTIALS STATE FD NOW``: the sidecar with a clock that standard input sets.

Each line is a time. It sleeps no longer than a second, so that it soon sees how late it is.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from datetime import datetime
from pathlib import Path

from sidecar import credentials, logs, runtime
from sidecar.config import load
from sidecar.credentials import Credentials
from tests.evening_before import SettableClock

_SHORT = 0.5


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(min(seconds, _SHORT))


def _set(clock: SettableClock) -> None:
    for line in sys.stdin:
        clock.moment = datetime.fromisoformat(line.strip())


def main(config: str, folder: str, state: str, descriptor: str, now: str) -> None:
    """Serves until it is told to end."""
    clock = SettableClock(datetime.fromisoformat(now))
    formatter = logs.set_up()
    secrets = Credentials(Path(folder), on_secret=formatter.hide)
    keys = credentials.sidecar_keys(secrets)
    threading.Thread(target=_set, args=[clock], daemon=True).start()
    with socket.socket(fileno=int(descriptor)) as listener:
        asyncio.run(runtime.serve(load.load(Path(config)), secrets, keys, listener, clock, Path(state), _sleep))


if __name__ == "__main__":
    main(*sys.argv[1:])
