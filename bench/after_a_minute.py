"""What the processor keeps near is gone when a board is judged: a minute has passed since the one before, full of other work.

Measured one right after the other, a board of 1,000 services would lie in the caches as a whole and one of 10,000 would not,
and the larger one would seem to take more than it does.
"""

from __future__ import annotations

from collections.abc import Callable

#: More than the caches of a small machine hold, and how much of it comes near at once.
_BYTES, _LINE = 64 << 20, 64

_other = bytearray(_BYTES)
_written = bytes(_BYTES // _LINE)


def after_a_minute(task: Callable[[], float]) -> float:
    """What ``task`` measures when nothing of what it needs is near."""
    _other[::_LINE] = _written
    return task()
