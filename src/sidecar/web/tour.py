"""The first week: what the page does not show yet, and when it will. Three lines, so that nobody looks for it in vain."""

from __future__ import annotations

from datetime import timedelta

from sidecar.core.model import Board

from .words import TimeFormat

#: How long it is shown, from the first reading of any source.
SHOWN_FOR = timedelta(days=7)

#: Gaps between runs that show a rhythm, and sizes to compare with (rules 12 and 13).
_LEARNED_FROM = timedelta(days=4)


def tour(board: Board, times: TimeFormat, receivers: int) -> tuple[str, ...]:
    """The lines; none once a week is over, and where nothing is remembered of when it began.

    Args:
        receivers: how many are configured under ``alerts``.
    """
    began = board.watched_since
    if began is None or not timedelta() <= board.at - began < SHOWN_FOR:
        return ()
    learned = times.date(began + _LEARNED_FROM)
    whom = f"{receivers} receiver{'s' if receivers > 1 else ''}" if receivers else "nobody: add alerts.receivers"
    return (
        f"History began {times.when(began)}; a day stands there as it was judged, once it is over.",
        f"Alerts go to {whom}, from the first time that something gets worse.",
        f"A rhythm, and a size that shrinks, are told after four more runs: of daily ones from {learned} on.",
    )
