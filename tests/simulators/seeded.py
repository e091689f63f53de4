"""Values that look random and never change: drawn from names and dates, so that every run has the same story."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def fraction(*key: object) -> float:
    """A number in [0, 1) that belongs to ``key``."""
    return int(_digest(key)[:13], 16) / 16**13


def seconds(low: float, high: float, *key: object) -> timedelta:
    """A whole number of seconds between ``low`` and ``high``."""
    return timedelta(seconds=round(low + (high - low) * fraction(*key)))


def vary(usual: timedelta, *key: object) -> timedelta:
    """``usual``, up to 6 % shorter or longer, in whole seconds."""
    return timedelta(seconds=round(usual.total_seconds() * (0.94 + 0.12 * fraction(*key))))


def hexdigits(length: int, *key: object) -> str:
    """``length`` lower-case hex digits."""
    return (_digest(key) + _digest(("more", *key)))[:length]


def number(low: int, high: int, *key: object) -> int:
    """A whole number in [low, high)."""
    return low + int(fraction(*key) * (high - low))


@lru_cache(maxsize=4096)
def ulid(moment: datetime, *key: object) -> str:
    """A ULID as Laravel writes it: lower case, 10 characters of time and 16 of chance (DB-5)."""
    value = (int(moment.timestamp() * 1000) << 80) | int(_digest(key)[:20], 16)
    return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))


@lru_cache(maxsize=16384)
def _digest(key: tuple[object, ...]) -> str:
    return sha256("\0".join(map(str, key)).encode()).hexdigest()
