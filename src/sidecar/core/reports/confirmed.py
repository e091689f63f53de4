"""Rule 6: what a light round confirmed is as old as the list of tasks that shows that nothing happened to it."""

from __future__ import annotations

from dataclasses import replace

from .cached import carry_over
from .report import Reading, Report


def confirmed(before: Report | None, report: Report) -> Report:
    """``before`` with the times of a report that says nothing new: readings that were confirmed are younger now.

    What could not be read stays as it is, and so does what is known of it.
    """
    if before is None:
        return report
    readings = tuple(_later(reading, report.reading(*reading.scope)) for reading in before.readings)
    after = replace(before, at=report.at, apart=report.apart, readings=readings)
    carry_over(before, after)
    return after


def _later(reading: Reading, again: Reading | None) -> Reading:
    if reading.problem is not None or reading.as_of is None or again is None or again.problem is not None:
        return reading
    is_later = again.as_of is not None and again.as_of > reading.as_of
    return replace(reading, as_of=again.as_of) if is_later else reading
