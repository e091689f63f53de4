"""Whether this process is the only one that sends: two with the same state directory never both do."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path


class Alone:
    """A lock on the state directory, held as long as the process lives. Without a directory nobody else can have it."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._held: int | None = None
        self._asking = threading.Lock()

    def is_held(self) -> bool:
        """Takes the lock if it is free. A directory that can't be opened holds no ledger that another one could use."""
        with self._asking:
            return self._directory is None or self._held is not None or self._taken(self._directory)

    def _taken(self, directory: Path) -> bool:
        try:
            opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return True
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(opened)
            return False
        except OSError:
            # A file system without locks.
            os.close(opened)
            return True
        self._held = opened
        return True

    def release(self) -> None:
        """Lets another process have it."""
        held, self._held = self._held, None
        if held is not None:
            os.close(held)
