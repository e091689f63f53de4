"""How a verdict about a part is written: its sentence, its action, its link, and what is newest of the part."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sidecar.core import words
from sidecar.core.model import Cause, Run, State, Verdict
from sidecar.core.parts.part import Part


def verdict_of(
    part: Part, state: State, cause: Cause, reason: str, since: datetime | None, action: str | None = None
) -> Verdict:
    """A verdict about a part; with a link where somebody must act."""
    link = part.link if state.rank <= State.WARNING.rank else None
    return Verdict(
        state=state,
        reason=words.sentence(reason),
        since=since,
        action=words.sentence(action) if action else None,
        link=link,
        cause=cause,
    )


def newest_in_words(part: Part, good: Run | None, now: datetime, zone: ZoneInfo) -> str:
    """What is newest of a part: "newest dump today 02:00", "no backup of web exists"."""
    if good is not None:
        return f"newest {part.noun} {words.moment(good.start, now, zone)}"
    return f"no good {part.noun} is known" if part.noun == "run" else f"no {part.noun} of {part.name} exists"


def quoted(text: str | None) -> str:
    """What an upstream said, as the end of a clause, in one line: ": job errors"; nothing where it said nothing."""
    return f": {' '.join(text.split())}" if text and text.strip() else ""
