"""The restore tests of a database in the opened row: when its dump was last read back, and by what."""

from __future__ import annotations

from sidecar.core.model import Outcome, PartRow, RestoreTest

from .words import TimedText, TimeFormat


def restore_lines(part: PartRow, times: TimeFormat) -> tuple[TimedText, ...]:
    """One line for each restore test of the part, around the time of its newest good run."""
    return tuple(_line(test, times) for test in part.restore_tests)


def _line(test: RestoreTest, times: TimeFormat) -> TimedText:
    details = "".join(f", {piece}" for piece in _details(test))
    if test.tested_at is None:
        return TimedText(f"not restored to {test.target} yet{details}")
    tested = times.moment(test.tested_at, times.stamp(test.tested_at))
    return TimedText("restored", tested, f" to {test.target}{details}")


def _details(test: RestoreTest) -> list[str]:
    failed = test.last_run is not None and test.last_run.outcome is Outcome.FAILED
    pieces = ["the newest test failed"] if failed else []
    if not test.enabled:
        pieces.append("switched off")
    elif test.schedule:
        pieces.append(f"schedule {test.schedule}")
    return [*pieces, f"left out last time: {test.skipped}"] if test.skipped else pieces
