"""Reads each source again and again: one loop per source, one refresh at a time, whatever the source answers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

T = TypeVar("T")

#: Returns after so many seconds; in a demo they pass faster.
Sleep = Callable[[float], Awaitable[None]]

log = logging.getLogger(__name__)

#: A slow refresh is not repeated before ten times its own duration has passed.
DURATIONS_APART = 10


@dataclass(frozen=True, slots=True)
class Polled(Generic[T]):
    """Something that is read at an interval.

    Attributes:
        name: for logs.
        interval: from the start of one refresh to the start of the next.
        read: one refresh. It reports upstream failures in its answer; an exception is a bug of backup-glance.
        failed_report: the answer that stands for such an exception, so that nothing stays green because of it.
        pause: how long to wait after an answer, where that says so itself; else as ``interval`` says.
    """

    name: str
    interval: timedelta
    read: Callable[[], Awaitable[T]]
    failed_report: Callable[[Exception], T]
    pause: Callable[[T], timedelta | None] = field(default=lambda _: None)


async def poll(polled: Polled[T], deliver: Callable[[T], Awaitable[None]], sleep: Sleep = asyncio.sleep) -> None:
    """Refreshes for ever and delivers every answer, even when an earlier delivery failed. Ends only when cancelled."""
    while True:
        began = time.monotonic()
        answer = await _refresh(polled)
        pause = polled.pause(answer)
        if pause is None:
            pause = pause_after(polled.interval, timedelta(seconds=time.monotonic() - began))
        else:
            began = time.monotonic()
        await _deliver(polled, deliver, answer)
        await sleep(max(pause.total_seconds() - (time.monotonic() - began), 0))


def pause_after(interval: timedelta, took: timedelta) -> timedelta:
    """How long after the start of a refresh that took so long the next one begins."""
    return max(interval, DURATIONS_APART * took)


async def _deliver(polled: Polled[T], deliver: Callable[[T], Awaitable[None]], answer: T) -> None:
    try:
        await deliver(answer)
    except Exception:
        log.exception("source %s: internal error: its answer could not be processed", polled.name)


async def _refresh(polled: Polled[T]) -> T:
    try:
        return await polled.read()
    except Exception as error:
        log.exception("source %s: internal error: reading it failed", polled.name)
        return polled.failed_report(error)
