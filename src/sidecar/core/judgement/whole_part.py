"""What holds for a part whatever its jobs say: a pause, a reference that means nothing, a member that is gone (rules 2, 11)."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sidecar.core import words
from sidecar.core.model import Cause, State, Verdict
from sidecar.core.parts.expectation import PauseWindow
from sidecar.core.parts.part import Part

from .evidence import newest_evident
from .wording import newest_in_words, verdict_of


def of_the_part_alone(part: Part, now: datetime, zone: ZoneInfo) -> Verdict | None:
    """Rule 2: a pause hides whatever happens meanwhile. Then: a reference that means nothing, and rule 11."""
    pause = next((each for each in part.pauses if each.start <= now < each.end), None)
    if pause is not None:
        return _paused(part, pause, now, zone)
    if part.note is not None:
        return verdict_of(part, State.UNKNOWN, Cause.CANNOT_TELL, part.note, None, part.actions.unreadable)
    if part.gone is not None and not part.evidence.stale(now):
        reason = f"gone from {part.source} since {words.moment(part.gone, now, zone)}, but still expected"
        return verdict_of(part, State.MISSED, Cause.GONE, reason, part.gone, part.actions.missed)
    return None


def _paused(part: Part, pause: PauseWindow, now: datetime, zone: ZoneInfo) -> Verdict:
    why = f": {pause.reason}" if pause.reason else ""
    newest = newest_in_words(part, newest_evident(part, now), now, zone)
    reason = f"paused until {words.moment(pause.end, now, zone)}{why}; {newest}"
    return verdict_of(part, State.DISABLED, Cause.PAUSED, reason, pause.start)
