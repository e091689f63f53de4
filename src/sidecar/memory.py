"""What Python and the C library keep of memory that nobody uses: as little as they can be told to.

A refresh of a large backup server needs 20 MB for a second; without this the process would be that much larger for ever.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: glibc's names of these are M_MMAP_THRESHOLD and M_ARENA_MAX (mallopt(3)).
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8

#: Blocks of this size are given back as soon as they are free; left alone, glibc raises that with every one.
_LARGE = 256 * 1024

#: After so many boards, about a day, all objects are looked through.
_ALL_AFTER = 1_500


#: Of the C library; not every one has what is asked of it here.
_LIBRARY = ctypes.CDLL(None)


def keep_little() -> None:
    """Tells the C library to give large blocks back, and to have one heap for all threads.

    What was loaded until now stays, so the garbage collector need not look through it.
    """
    if hasattr(_LIBRARY, "mallopt"):
        _LIBRARY.mallopt(_MMAP_THRESHOLD, _LARGE)
        _LIBRARY.mallopt(_ARENA_MAX, 1)
    gc.freeze()


def _give_back() -> None:
    """Gives back what is free, also between what is used."""
    if hasattr(_LIBRARY, "malloc_trim"):
        _LIBRARY.malloc_trim(0)


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Python's garbage collector rests meanwhile; else it would look through all that a board is made of, part by part.

    What is not used any more is freed all the same. Several threads may let it rest: it wakes when the first of them ends.
    """
    was_awake = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_awake:
            gc.enable()


class Garbage:
    """What Python's garbage collector looks through: what came until a board is judged, and once only.

    It stops every thread while it looks. What is judged and drawn is most of what comes, and holds no circles but those that
    BoardKeeper.forget_replaced breaks: it is left alone. With 50,000 snapshots that would be a tenth of a second, again and
    again.
    """

    def __init__(self) -> None:
        self._boards = 0

    def put_out(self) -> None:
        """Collects what is new, before the next board is judged. Once a day it looks through everything."""
        self._boards += 1
        if self._boards % _ALL_AFTER == 0:
            gc.unfreeze()
        gc.collect()
        gc.freeze()

    def leave_alone(self) -> None:
        """From now on what is there is not looked through, but for once a day. Gives free memory back."""
        gc.freeze()
        _give_back()
