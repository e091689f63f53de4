"""The past of every service, read from the disk in a thread of its own and kept for one board."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from sidecar.core.model import Board, State
from sidecar.core.past.days import History, Past
from sidecar.core.past.undecided import Undecided

from .change_list import DiskReader
from .known import Known

#: Nobody knows whether these still hold once nothing is judged any more.
_SETTLED = frozenset({State.FAILED, State.MISSED, State.NEVER, State.DISABLED})


class PastRecords(Protocol):
    """What is remembered. See remembered_days.py."""

    def past(self, now: datetime) -> Past | None:
        """The days of the last year. May wait for the disk; None when nothing can be read."""


class NoPast:
    """For an application without a ledger: it remembers nothing."""

    def past(self, _now: datetime) -> Past | None:
        """Nothing."""
        return None


class PastReader:
    """Reads once for each board, however many ask. Belongs to one event loop."""

    def __init__(self, past: PastRecords) -> None:
        self._past = past
        self._disk = DiskReader()
        self._read: tuple[Board, asyncio.Future[History | None]] | None = None

    @property
    def is_kept(self) -> bool:
        """Anything is remembered at all."""
        return not isinstance(self._past, NoPast)

    async def history(self, known: Known) -> History | None:
        """The past, and what is open, as it belongs to this board. None when nothing can be read.

        Raises HTTPException when too many wait for the disk already.
        """
        reading = self._read[1] if self._read is not None and self._read[0] is known.board else None
        if reading is None or reading.get_loop() is not asyncio.get_running_loop():
            reading = asyncio.ensure_future(self._disk.read(lambda: _history(self._past, known)))
            self._read = known.board, reading
        try:
            return await asyncio.shield(reading)
        except BaseException:
            if self._read is not None and self._read[1] is reading and reading.done():
                self._read = None
            raise


def _history(past: PastRecords, known: Known) -> History | None:
    found = past.past(known.board.at)
    if found is None:
        return None
    still_open = known.undecided(found.decided, found.start)
    if known.stale_since is not None:
        still_open = tuple(map(_as_far_as_known, still_open))
    return History(found, still_open)


def _as_far_as_known(each: Undecided) -> Undecided:
    return each if each.state in _SETTLED else replace(each, state=State.UNKNOWN)
