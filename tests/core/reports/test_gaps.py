"""Rule 6: what is remembered of a time in which a scope could not be read, and how readings of different ages count together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest

from sidecar.core.model import SourceKind
from sidecar.core.parts.inputs import Inputs
from sidecar.core.reports.facts import ReadingGap
from sidecar.core.reports.report import Problem, ProblemKind, Reading, Report, keep_what_failed
from sidecar.core.settings import Settings, SourceSetting
from tests.core.factories import BERLIN

EIGHT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
STALE_AFTER = timedelta(minutes=20)
PBS = SourceSetting(name="pbs", kind=SourceKind.PBS, url="https://pbs.lan", stale_after=STALE_AFTER)
DENIED = Problem("no", kind=ProblemKind.NO_PERMISSION)


def read(minutes: int, problem: Problem | None = None, *, whole: bool = False) -> Report:
    at = EIGHT + timedelta(minutes=minutes)
    if problem is not None and whole:
        return Report(source="pbs", kind=SourceKind.PBS, at=at, problem=problem)
    return Report(
        source="pbs",
        kind=SourceKind.PBS,
        at=at,
        readings=(Reading(("datastores",), None if problem else at, (), problem),),
    )


@pytest.mark.parametrize(
    ("reports", "gap"),
    [
        ([read(0), read(5)], None),
        ([read(0), read(5, Problem("off")), read(10)], (0, 10)),
        ([read(0), read(5, Problem("off"), whole=True), read(10)], (0, 10)),
        ([read(0), read(5, Problem("off")), read(10), read(60)], (0, 10)),
        ([read(0), read(5, Problem("off")), read(10), read(71)], None),
        ([read(0), read(5, Problem("off")), read(10), read(15, Problem("off")), read(20)], (10, 20)),
        ([read(0), read(5, DENIED), read(10)], None),
        ([read(0, Problem("off")), read(5)], None),
    ],
    ids=["none", "a scope", "a source", "within the hour", "long ago", "two", "denied", "never read before"],
)
def test_rule_6_a_gap_goes_from_the_last_reading_to_the_next_good_one(
    reports: list[Report], gap: tuple[int, int] | None
) -> None:
    (reading,) = reduce(lambda before, new: keep_what_failed(new, before), reports).readings

    expected = ReadingGap(*(EIGHT + timedelta(minutes=minute) for minute in gap)) if gap else None
    assert reading.gap == expected


@pytest.mark.parametrize(
    ("minutes", "stale"), [((0, -10), False), ((0, -21), True), ((0, 1440), True), ((1440, 0), True), ((0, 5), False)]
)
def test_rule_6_one_reading_from_the_future_spoils_what_rests_on_several(
    minutes: tuple[int, ...], *, stale: bool
) -> None:
    """The clock was set back, and since then one of them could not be read."""
    inputs = Inputs({"pbs": read(0)}, Settings(timezone=BERLIN, sources=(PBS,)), EIGHT)
    readings = [Reading((str(place),), EIGHT + timedelta(minutes=each)) for place, each in enumerate(minutes)]

    assert inputs.evidence(PBS, *readings).stale(EIGHT) is stale
