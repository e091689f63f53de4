"""The ledger's place in its directory: what else may stand there, and how a file is set aside.

What is set aside is renamed, never changed: it is evidence, and of a newer version it is somebody's memory.
"""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from pathlib import Path

log = logging.getLogger(__name__)

#: What SQLite keeps beside a file: the write-ahead log, its index, and the journal of another mode.
BESIDE = ("-wal", "-shm", "-journal")

#: So many files of each kind (broken, newer) are kept; the newest ones.
MOST_SET_ASIDE = 3

#: A larger file is none of ours: within its bounds a ledger has some hundred megabytes.
MOST_BYTES = 1 << 30

#: SQLite takes a smaller file for an empty one. A ledger is never empty: it gets its name when it is complete.
_LEAST_BYTES = 512


def is_absent(path: Path) -> bool:
    """Whether nothing at all stands there, not even a link that leads nowhere. Raises OSError."""
    try:
        path.lstat()
    except FileNotFoundError:
        return True
    return False


def concern(path: Path) -> str | None:
    """Why what stands there can't be a ledger, without opening it: opening a FIFO may wait for ever. Raises OSError."""
    if is_absent(path):
        left = [ending for ending in BESIDE if not is_absent(_beside(path, ending))]
        return f"it is gone, and its {left[0]} is left" if left else None
    for each in (path, *(_beside(path, ending) for ending in BESIDE)):
        if not is_absent(each) and (kind := _other_kind(each)) is not None:
            return f"{each.name} is {kind}"
    size = path.stat().st_size
    return None if _LEAST_BYTES <= size <= MOST_BYTES else f"it has {size} bytes"


def identity(path: Path) -> tuple[int, int] | None:
    """Which file stands there; None where none can be seen."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def set_aside(path: Path, why: str, now: datetime) -> Path:
    """Renames what stands there to ``NAME.WHY-TIME``, with what SQLite keeps beside it; returns the new path.

    Older ones of the same kind are removed, so that there are never more than a few. Raises OSError.
    """
    aside = _free_name(path, f"{path.name}.{why}-{now:%Y%m%dT%H%M%SZ}")
    for ending in ("", *BESIDE):
        if not is_absent(old := _beside(path, ending)):
            old.rename(_beside(aside, ending))
    for old in list(_older(path, why))[MOST_SET_ASIDE:]:
        _remove(old)
    return aside


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}{ending}")


def _other_kind(path: Path) -> str | None:
    """What it is, if it is no file. A link counts as what it leads to."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return f"a link that can't be followed ({error.strerror})" if path.is_symlink() else None
    if stat.S_ISREG(mode):
        return None
    return "a directory" if stat.S_ISDIR(mode) else "not a file"


def _free_name(path: Path, name: str) -> Path:
    """Two may be set aside within a second."""
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    candidates = (path.with_name(each) for each in names)
    return next(each for each in candidates if all(is_absent(_beside(each, ending)) for ending in ("", *BESIDE)))


def _older(path: Path, why: str) -> Iterator[Path]:
    """Those that were set aside for the same reason, newest first. Their names begin with their time."""
    names = {
        each.name.removesuffix(next((ending for ending in BESIDE if each.name.endswith(ending)), ""))
        for each in path.parent.glob(f"{path.name}.{why}-*")
    }
    yield from (path.with_name(name) for name in sorted(names, key=_by_time, reverse=True))


def _by_time(name: str) -> tuple[str, int]:
    moment, _, number = name.partition("Z-")
    return moment.removesuffix("Z"), int(number) if number.isdecimal() else 1


def _remove(path: Path) -> None:
    """Directories stay: they are somebody else's."""
    for ending in ("", *BESIDE):
        each = _beside(path, ending)
        try:
            if not is_absent(each) and (each.is_symlink() or not each.is_dir()):
                each.unlink()
        except OSError as error:
            log.warning("ledger: %s can't be removed: %s", each, error.strerror)
