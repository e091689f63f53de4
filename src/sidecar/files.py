"""Files that somebody else names: only regular ones are read, and never more than expected of them.

A FIFO, a device or a directory under the name of a file must be an error at once: reading it might wait for ever.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_KINDS = (
    (stat.S_ISDIR, "is a directory, not a file"),
    (stat.S_ISFIFO, "is a FIFO, not a file"),
    (stat.S_ISSOCK, "is a socket, not a file"),
    (stat.S_ISCHR, "is a device, not a file"),
    (stat.S_ISBLK, "is a device, not a file"),
)


def read(path: Path, most: int) -> bytes:
    """The bytes of a regular file, at most ``most``.

    Raises:
        OSError: it can't be read, is not a regular file, or is larger; ``strerror`` is a clause about it.
    """
    try:
        # Without O_NONBLOCK, opening a FIFO waits until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except ValueError:
        raise OSError(errno.EINVAL, "is not the name of a file") from None
    try:
        _refuse_others(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"is larger than {most} bytes")
    return data


def check(path: Path, most: int) -> None:
    """Nothing, if it is a regular file that a library may read by its name. Raises OSError like ``read``."""
    try:
        found = path.stat()
    except ValueError:
        raise OSError(errno.EINVAL, "is not the name of a file") from None
    _refuse_others(found)
    if found.st_size > most:
        raise OSError(errno.EFBIG, f"is larger than {most} bytes")


def _refuse_others(found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = next((text for is_kind, text in _KINDS if is_kind(found.st_mode)), "is not a file")
        raise OSError(errno.EINVAL, kind)
