"""What one request is answered from, and how the questions that are asked again and again are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sidecar.core.model import Board

from .dues import Dues
from .query import ExtensionQuery, WidgetQuery


@dataclass(frozen=True, slots=True)
class Known:
    """A board, and the timeline that belongs to it, which is made when it is first asked for.

    ``stale_since``: when it was judged, where that is so long ago that only what still holds is left of it.
    """

    board: Board
    timeline: Callable[[], Dues]
    stale_since: datetime | None = None


class Whole(Enum):
    """What is shown in one form only: the board as JSON and as metrics, and the calendar to subscribe to."""

    STATUS = "status"
    METRICS = "metrics"
    CALENDAR_FEED = "calendar feed"


#: Whoever asks for these comes rarely and can wait: they are not answered for a new board before it is shown.
UNHURRIED = frozenset({Whole.CALENDAR_FEED})


#: What an answer is kept for: the view, in one form however it was asked for.
Question = WidgetQuery | ExtensionQuery | Whole
