"""What the two schedule dialects share: their error, and the step from the clock on the wall to moments in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

#: What a clock on the wall shows: a datetime without a zone, in whole seconds.
Wall = datetime

#: The longest schedule the upstreams accept (PVE's API schema); longer text is not worth reading.
LONGEST = 128


class ScheduleError(ValueError):
    """A schedule that can't be read. The message quotes it and says where reading stopped and what was expected."""

    def __init__(self, text: str, expected: str, rest: str | None = None) -> None:
        place = "" if rest is None else f" at {_quoted(rest)}"
        super().__init__(f"unable to read schedule {_quoted(text)}{place}: expected {expected}")


def due_after(next_wall: Callable[[Wall], Wall | None], moment: datetime, zone: ZoneInfo) -> datetime | None:
    """The first moment after ``moment`` at which the clocks of ``zone`` show a time that is due.

    A local time that doesn't exist is never due; one that exists twice is due once, at the first (rule 7).

    Args:
        next_wall: the next due wall-clock time strictly after one, None when there is none.
        moment: an aware datetime.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a moment needs a time zone: {moment}")
    wall: Wall | None = moment.astimezone(zone).replace(tzinfo=None, microsecond=0)
    while wall is not None and (wall := next_wall(wall)) is not None:
        due = _first_shown(wall, zone)
        if due is not None and due > moment:
            return due
    return None


def _first_shown(wall: Wall, zone: ZoneInfo) -> datetime | None:
    """When the clocks of ``zone`` show ``wall`` for the first time, in UTC; None when they skip it."""
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return moment if moment.astimezone(zone).replace(tzinfo=None) == wall else None


def _quoted(text: str) -> str:
    return repr(text if len(text) <= LONGEST else text[:LONGEST] + "…")
