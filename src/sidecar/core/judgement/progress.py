"""Where a task is that serves several guests, in words (rule 5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sidecar.core.parts.expectation import Progress


def in_words(progress: Progress, at: Callable[[datetime], str]) -> str:
    """As the end of a clause: ": waits for CT 107, 2 of 9 done". ``at`` writes a moment."""
    if progress.over:
        here = "its own part is over"
    elif progress.waits_for is not None:
        here = f"waits for {progress.waits_for}"
    else:
        here = f"being saved since {at(progress.since)}" if progress.since else "being saved"
    counted = f", {progress.done} of {progress.total} done" if progress.total > 1 else ""
    return f": {here}{counted}"
