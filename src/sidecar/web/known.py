"""What one request is answered from, and how the questions that are asked again and again are called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from sidecar.core.model import Board

from .dues import Dues
from .query import ExtensionQuery, WidgetQuery


@dataclass(frozen=True, slots=True)
class Known:
    """A board, and the timeline that belongs to it, which is made when it is first asked for."""

    board: Board
    timeline: Callable[[], Dues]


class Whole(Enum):
    """The board as JSON."""

    STATUS = "status"


#: What an answer is kept for: the view, in one form however it was asked for.
Question = WidgetQuery | ExtensionQuery | Whole
