"""What is not judged anew on every board is what a new judgement would say, at any moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.record import record
from sidecar.core.judgement.judged import judged
from sidecar.core.reports.report import Report
from sidecar.core.settings import Settings
from tests.core import sample_reports
from tests.core.factories import at
from tests.core.racks import Rack, racks
from tests.core.sample_reports import PBS, PVE, group, pbs, pve, vzdump

#: Minutes after the moment of a rack, also back: clocks are set.
LATER = (0, 1, 2, 9, 31, 8, 200, 190, 700, 1441, 3000, -30, 0)


def anew(reports: Mapping[str, Report]) -> dict[str, Report]:
    """The same reports, of which nothing was made yet."""
    return {name: replace(report) for name, report in reports.items()}


@settings(suppress_health_check=list(HealthCheck))
@given(racks(), st.lists(st.sampled_from(LATER) | st.integers(0, 1440), min_size=2, max_size=3), st.booleans())
def test_a_board_is_the_same_whatever_was_judged_before(rack: Rack, minutes: list[int], newer: bool) -> None:
    """Some minutes later or earlier, and with one report that is newer than the others."""
    reports, history = rack.live()
    board(reports, history, rack.settings, rack.now)
    if newer:
        name = min(reports)
        reports = {**reports, name: replace(reports[name])}
    for later in minutes:
        now = rack.now + timedelta(minutes=later)
        assert board(reports, history, rack.settings, now) == board(anew(reports), history, rack.settings, now)


REPORTS = {
    "pve": pve("23 07:25", vzdump("22 04:00", "22 04:10"), vzdump("23 04:00", "23 04:10")),
    "pbs": pbs("23 07:25", group("21 04:05", "22 04:05", "23 04:05")),
}


def remembered() -> History:
    return record(record(EMPTY, REPORTS["pve"]), REPORTS["pbs"])


def a_house(stale_after: timedelta = timedelta(days=3)) -> Settings:
    sources = tuple(replace(source, stale_after=stale_after) for source in (PVE, PBS))
    return sample_reports.settings(*sources)


def test_what_is_well_is_judged_once() -> None:
    reports, history, house = anew(REPORTS), remembered(), a_house()
    first, second = (judged(reports, history, house, at(now)) for now in ("23 07:30", "23 19:30"))
    assert [part.verdict.state.value for service in first.services for part in service.parts] == ["ok"]
    assert first.services[0].parts[0] is second.services[0].parts[0]


@pytest.mark.parametrize(
    ("later", "changed"),
    [
        ("24 00:00", "the reason no longer says today"),
        ("24 04:00", "it is due"),
        ("23 07:29", "the clock was set back"),
    ],
)
def test_it_is_judged_anew_when_that_may_change_anything(later: str, changed: str) -> None:
    reports, history, house = anew(REPORTS), remembered(), a_house()
    first, second = (judged(reports, history, house, at(now)) for now in ("23 07:30", later))
    assert first.services[0].parts[0] is not second.services[0].parts[0], changed


def test_it_is_judged_anew_when_a_reading_is_too_old_or_another_one() -> None:
    reports, history, house = anew(REPORTS), remembered(), a_house(timedelta(hours=1))
    first = judged(reports, history, house, at("23 07:30")).services[0].parts[0]
    stale = judged(reports, history, house, at("23 08:26")).services[0].parts[0]
    assert (first.verdict.state.value, stale.verdict.state.value) == ("ok", "unknown")
    for name in reports:
        newer = {**reports, name: replace(reports[name])}
        assert judged(newer, history, house, at("23 07:30")).services[0].parts[0] is not first
    assert (
        judged(reports, history, a_house(timedelta(hours=2)), at("23 08:26")).services[0].parts[0].verdict.state == "ok"
    )
