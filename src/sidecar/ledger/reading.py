"""Says once that something in the file can't be read, and once that it can be again, however often it is asked for."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

log = logging.getLogger(__name__)


class ReadingLog:
    """What could not be read when it was last asked for. Several threads may read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._unreadable: set[str] = set()

    def failed(self, what: str, why: Exception) -> None:
        """``what`` could not be read."""
        with self._lock:
            is_new = what not in self._unreadable
            self._unreadable.add(what)
        if is_new:
            log.warning("ledger: %s: %s can't be read: %s", self._path, what, why)

    def succeeded(self, what: str) -> None:
        """``what`` was read."""
        # Nearly always there is nothing to say, and nothing to wait for.
        if what not in self._unreadable:
            return
        with self._lock:
            was_unreadable = what in self._unreadable
            self._unreadable.discard(what)
        if was_unreadable:
            log.info("ledger: %s: %s can be read again", self._path, what)
