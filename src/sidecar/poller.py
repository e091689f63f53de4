"""Asks again and again: one loop per source, one refresh at a time, whatever the source is and whatever it says."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

T = TypeVar("T")

#: Returns after so many seconds; a demo's pass more quickly.
Sleep = Callable[[float], Awaitable[None]]

log = logging.getLogger(__name__)

#: A refresh that took long is not repeated before ten times its own duration has passed (design §5).
REST_FACTOR = 10


@dataclass(frozen=True, slots=True)
class Polled(Generic[T]):
    """Something that is asked in an interval.

    Attributes:
        name: for logs.
        interval: from the start of one refresh to the start of the next.
        read: one refresh. What goes wrong upstream belongs into its answer; an exception is a mistake of ours.
        stumbled: makes an answer of such an exception, so that nothing stays green over it.
    """

    name: str
    interval: timedelta
    read: Callable[[], Awaitable[T]]
    stumbled: Callable[[Exception], T]


async def poll(polled: Polled[T], deliver: Callable[[T], None], sleep: Sleep = asyncio.sleep) -> None:
    """Refreshes for ever and delivers every answer, whatever becomes of it. Ends only when it is cancelled."""
    while True:
        began = time.monotonic()
        _deliver(polled, deliver, await _refresh(polled))
        took = time.monotonic() - began
        await sleep(max(polled.interval.total_seconds() - took, REST_FACTOR * took - took, 0))


def _deliver(polled: Polled[T], deliver: Callable[[T], None], answer: T) -> None:
    try:
        deliver(answer)
    except Exception:
        log.exception("source %s: its answer could not be taken in for a reason of our own", polled.name)


async def _refresh(polled: Polled[T]) -> T:
    try:
        return await polled.read()
    except Exception as error:
        log.exception("source %s: reading it failed for a reason of our own", polled.name)
        return polled.stumbled(error)
