"""Which sources somebody waits for, and which have something that is not well."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sidecar.core.history.history import EMPTY
from sidecar.core.history.record import record
from sidecar.core.judgement.awaited import awaited, troubled
from sidecar.core.judgement.judged import Judged, judged
from sidecar.core.reports.report import Problem, Report
from tests.core import sample_reports
from tests.core.factories import at
from tests.core.sample_reports import PBS, PVE, group, pbs, pve, vzdump


def house(read: str, now: str) -> Judged:
    """A guest that is saved at 04:00, with 30 minutes of grace: yesterday it was. Both sources were read at ``read``."""
    reports = {
        "pve": pve(read, vzdump("22 04:00", "22 04:10"), vzdump("23 04:00", "23 04:10")),
        "pbs": pbs(read, group("21 04:05", "22 04:05", "23 04:05")),
    }
    history = record(record(EMPTY, reports["pve"]), reports["pbs"])
    sources = tuple(replace(source, stale_after=timedelta(hours=3)) for source in (PVE, PBS))
    return judged(reports, history, sample_reports.settings(*sources), at(now))


def states(made: Judged) -> set[str]:
    return {part.verdict.state.value for service in made.services for part in service.parts}


@pytest.mark.parametrize(
    ("read", "now", "state", "waits"),
    [
        ("24 04:20", "24 04:29", "late", False),
        ("24 04:20", "24 04:30", "late", True),
        ("24 04:20", "24 06:00", "late", True),
        ("24 04:30", "24 04:45", "missed", False),
        ("23 07:25", "23 07:30", "ok", False),
    ],
    ids=["grace has not passed", "it has just passed", "it passed long ago", "read since then", "all is well"],
)
def test_rule_6_a_due_time_whose_grace_has_passed_waits_for_a_reading(
    read: str, now: str, state: str, waits: bool
) -> None:
    made = house(read, now)

    assert states(made) == {state}
    assert set(awaited(made).values()) == ({at("24 04:30")} if waits else set())
    assert awaited(made).keys() <= {"pve", "pbs"}


def failed(report: Report) -> Report:
    problem = Problem("timed out after 60 s")
    return replace(report, problem=problem, readings=tuple(replace(each, problem=problem) for each in report.readings))


def test_what_could_not_be_read_is_not_waited_for() -> None:
    made = house("24 04:20", "24 04:45")
    reports = {name: failed(report) for name, report in made.inputs.reports.items()}
    again = judged(reports, made.inputs.history, made.inputs.settings, made.inputs.now)

    assert states(again) == {"late"}
    assert awaited(again) == {}


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_the_latest_is_waited_for(order: int) -> None:
    made = house("24 04:20", "24 04:45")
    (service,) = made.services
    (part,) = service.parts
    earlier = replace(part, judgements=tuple(replace(each, due=at("24 03:55")) for each in part.judgements))
    both = replace(made, services=(replace(service, parts=(part, earlier)[::order]),))

    assert set(awaited(both).values()) == {at("24 04:30")}


def test_a_late_one_without_a_due_time_or_read_at_its_deadline_is_not_waited_for() -> None:
    made = house("24 04:20", "24 04:45")
    (service,) = made.services
    (part,) = service.parts
    (judgement,) = part.judgements
    seen = judgement.expectation.observed
    at_deadline = replace(seen, evidence=replace(seen.evidence, as_of=at("24 04:30")))
    for changed in (
        replace(judgement, due=None),
        replace(judgement, expectation=replace(judgement.expectation, observed=at_deadline)),
    ):
        parts = (replace(part, judgements=(changed,)),)
        assert awaited(replace(made, services=(replace(service, parts=parts),))) == {}


def test_of_what_is_not_well_both_sources_are_of_interest() -> None:
    made = house("24 04:31", "24 04:45")

    assert states(made) == {"missed"}
    assert troubled(made) == {"pve", "pbs"}
    assert troubled(house("23 07:25", "23 07:30")) == troubled(house("24 04:20", "24 04:29")) == frozenset()
