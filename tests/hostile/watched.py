"""``python -m tests.hostile.watched FOLDER serve …``: the sidecar, with a watch on how long it holds its event loop.

Each step of the loop is measured in CPU time of its own thread. What was longest is in FOLDER/steps.json, with the place
where it was at work, as soon as it happened. SIGUSR2: measure from now on. SIGUSR1: say where all threads are.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import json
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from sidecar.cli import main

#: Seconds after which a step is looked at while it lasts, and how often.
_SUSPICIOUS, _LOOK_EVERY = 0.02, 0.005


class Watch:
    """Measures each step of the event loop of this thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._longest = 0.0
        self._skip = False
        self._collected = 0.0
        self._collecting = 0.0
        self._seen: list[str] = []
        self._began: float | None = None
        self._loop_thread = threading.get_ident()
        self._run = asyncio.Handle._run

    def start(self) -> None:
        """From now on, for this process."""
        asyncio.Handle._run = lambda handle: self._step(handle)  # type: ignore[method-assign,assignment]
        gc.callbacks.append(self._collection)
        threading.Thread(target=self._look, daemon=True).start()
        signal.signal(signal.SIGUSR2, lambda *_: self._begin_anew())
        self._write()

    def _begin_anew(self) -> None:
        """What was before does not count: starting takes a while, and nobody waits yet."""
        self._longest = self._collected = 0.0
        self._skip = True

    def _step(self, handle: asyncio.Handle) -> None:
        self._began, began, self._seen = time.monotonic(), time.thread_time(), []
        try:
            self._run(handle)
        finally:
            took = time.thread_time() - began
            self._began = None
            if self._skip:
                self._skip = False
            elif took > self._longest:
                self._longest = took
                self._write()

    def _collection(self, phase: str, _info: dict[str, int]) -> None:
        if threading.get_ident() == self._loop_thread:
            if phase == "start":
                self._collecting = time.thread_time()
            else:
                self._collected = max(self._collected, time.thread_time() - self._collecting)

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK_EVERY)
            began = self._began
            if began is not None and time.monotonic() - began > _SUSPICIOUS:
                frame = sys._current_frames().get(self._loop_thread)
                self._seen = traceback.format_stack(frame, limit=8) if frame else []

    def _write(self) -> None:
        told = {"longest": self._longest, "collected": self._collected, "at": self._seen}
        self._path.write_text(json.dumps(told))


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)
    Watch(Path(sys.argv[1]) / "steps.json").start()
    sys.exit(main(sys.argv[2:]))
