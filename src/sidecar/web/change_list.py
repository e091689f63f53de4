"""What changed since a moment, as JSON: read in a thread of its own, because it may have to wait for a disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

from starlette.exceptions import HTTPException

from sidecar.core.history.change_page import ChangePage, Position, page_of
from sidecar.core.history.verdict_log import VerdictChange, of_service
from sidecar.core.model import Board

from .query import ChangesQuery
from .views import VERSION, Json, timestamp

T = TypeVar("T")

#: Changes are kept for so long.
KEPT_FOR = timedelta(days=400)

#: How many may wait for the disk at once. It takes milliseconds, unless something is wrong with it.
_MOST_WAITING = 8


class Changes(Protocol):
    """Where the changes come from. See change_history.py."""

    def page(self, position: Position, until: datetime, most: int) -> ChangePage:
        """At most ``most`` changes from ``position`` up to and including ``until``. May wait for the disk."""


class NoChanges:
    """For an application that judges nothing itself: it knows of no change."""

    def page(self, position: Position, until: datetime, most: int) -> ChangePage:
        """Nothing; and what was before is not known."""
        return page_of([], position, most, known_since=until)


class DiskReader:
    """One thread for what waits for a disk, so that nobody else waits with it."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "changes")
        self._waiting = 0

    async def read(self, work: Callable[[], T]) -> T:
        """What ``work`` returns. 503 while too many wait."""
        if self._waiting >= _MOST_WAITING:
            detail = "The disk is slow, and others wait for it already. Try again later."
            raise HTTPException(503, detail, {"Retry-After": "5"})
        self._waiting += 1
        reading = asyncio.get_running_loop().run_in_executor(self._thread, work)
        reading.add_done_callback(self._done)
        # Whoever goes away leaves the work in the thread.
        return await asyncio.shield(reading)

    def _done(self, _: object) -> None:
        self._waiting -= 1


def change_list(changes: Changes, query: ChangesQuery, board: Board) -> Json:
    """One page of changes, up to the moment of the board: what /api/v1/status does not show yet is not in it."""
    start = max(query.since, board.at.astimezone(UTC) - KEPT_FOR)
    page = changes.page(Position(start, query.skip if start == query.since else 0), board.at, query.limit)
    services = _services(board)
    return {
        "version": VERSION,
        "since": exact(start),
        "until": timestamp(board.at),
        "known_since": timestamp(page.known_since),
        "changes": [_change(change, services) for change in page.changes],
        "more": page.more,
        "next": {"since": exact(page.next.since), "skip": page.next.skip},
    }


def exact(moment: datetime) -> str:
    """RFC 3339 in UTC to the microsecond: who goes on from there misses nothing of that second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _services(board: Board) -> dict[str, str]:
    """Member → service; the first by name where several have the same."""
    parts = ((row.name, part) for row in sorted(board.services, key=lambda row: row.name) for part in row.parts)
    names = {of_service(row.name).member: row.name for row in board.services}
    for name, part in parts:
        names.setdefault(f"{part.kind}:{part.source}:{part.ref}", name)
    return names


def _change(change: VerdictChange, services: dict[str, str]) -> Json:
    return {
        "at": timestamp(change.at),
        "service": services.get(change.member),
        "member": change.member,
        "job": change.job or None,
        "destination": change.destination or None,
        "state_from": change.state_from.value if change.state_from else None,
        "state_to": change.state_to.value,
        "cause": change.cause,
        "reason": change.reason,
    }
