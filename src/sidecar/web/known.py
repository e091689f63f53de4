"""What one request is answered from, and how the questions that are asked again and again are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from sidecar.core.history.verdict_log import ExpectationKey
from sidecar.core.model import Board
from sidecar.core.past.days import History
from sidecar.core.past.members import ServiceMembers
from sidecar.core.past.present import Present, nobody_present
from sidecar.core.past.records import Records
from sidecar.core.past.undecided import Undecided

from .dues import Dues
from .query import ExtensionQuery, WidgetQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A board, and what belongs to it, which is made when it is asked for.

    Attributes:
        timeline: what is due at any time.
        stale_since: when it was judged, where that is so long ago that only what still holds is left of it.
        members: whose past is whose service's.
        former: what no service has any more, among the members that are remembered.
        undecided: what was due since a moment, after the newest due times that were decided.
        present: whose the records of a stretch of time are.
        history: the past, where it was asked for and can be read.
    """

    board: Board
    timeline: Callable[[], Dues]
    stale_since: datetime | None = None
    members: Callable[[], tuple[ServiceMembers, ...]] = tuple
    former: Callable[[frozenset[str]], tuple[ServiceMembers, ...]] = lambda _: ()
    undecided: Callable[[Mapping[ExpectationKey, datetime], datetime], tuple[Undecided, ...]] = lambda _, __: ()
    present: Callable[[Records], Present] = nobody_present
    history: History | None = None


class Whole(Enum):
    """What is shown in one form only: the board as JSON and as metrics, and the calendar to subscribe to."""

    STATUS = "status"
    METRICS = "metrics"
    CALENDAR_FEED = "calendar feed"


#: What an answer is kept for: the view, in one form however it was asked for.
Question = WidgetQuery | ExtensionQuery | Whole


def is_unhurried(question: Question) -> bool:
    """It is not answered for a new board before that is shown: who asks comes rarely, or the disk must be read for it."""
    return question is Whole.CALENDAR_FEED or needs_past(question)


def needs_past(question: Question) -> bool:
    """It is answered from what is remembered."""
    return not isinstance(question, Whole) and question.view == "history"
