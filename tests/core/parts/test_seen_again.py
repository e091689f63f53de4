"""A part that was seen again is as it was in all but its evidence; whatever else is different makes it another one."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from sidecar.core.ids import JobId, SourceName
from sidecar.core.model import PartKind, PlaceKind, RestoreTest
from sidecar.core.parts.expectation import Evidence, Expectation, Observed, ScheduleInForce
from sidecar.core.parts.part import Part, RestoreTests
from sidecar.core.parts.seen_again import seen_again
from sidecar.core.parts.stored import Stored
from sidecar.core.reports.facts import ReadingGap
from sidecar.core.reports.report import Problem
from tests.core.factories import at, run

READ, AGAIN, NOW = at("23 07:00"), at("23 07:15"), at("23 07:16")
HOUR = timedelta(hours=1)
JOB = JobId(SourceName("pbs"), "backup", "daily")
BEFORE = Evidence(source="pbs", as_of=READ, stale_after=HOUR)
LATER = replace(BEFORE, as_of=AGAIN)
WEEKLY = RestoreTest(
    name="weekly", target="spare/web", schedule=None, enabled=True, tested_at=READ, last_run=None, skipped=None
)

#: Another value of any field, whatever its type.
ANOTHER: Any = "another"


def part(evidence: Evidence, schedule: dict[str, Any] | None = None, **expected: Any) -> Part:
    """A database with everything that has evidence, each time of new objects."""
    observed = Observed(evidence=evidence, runs=(run("23 02:00"),), count=3)
    expectation = Expectation(
        job=JOB,
        destination="nas",
        observed=observed,
        schedule=ScheduleInForce(**{"job": JOB, "text": "02:00", **(schedule or {})}),
        past=(ScheduleInForce(job=JOB, text="01:00", valid_to=at("1 01:00")),),
    )
    stored = Stored(place="pbs/main", kind=PlaceKind.DATASTORE, named=("pbs",), evidence=evidence, newest=READ)
    return Part(
        kind=PartKind.DATABASE,
        ref="101",
        name="web",
        source="pbs",
        observed=observed,
        expectations=(replace(expectation, **expected),),
        stored=(stored,),
        restore_tests=RestoreTests(evidence, (WEEKLY,)),
    )


def seen(later: Part) -> bool:
    return seen_again(part(BEFORE), later, NOW)


def test_newer_evidence_makes_no_other_part_of_it() -> None:
    assert seen(part(BEFORE)), "the very same"
    assert seen(part(LATER))
    assert not seen_again(part(LATER), part(BEFORE), NOW), "an older reading"


# --- evidence -----------------------------------------------------------------------------------------------------------

GAP = ReadingGap(at("23 05:00"), READ)


@pytest.mark.parametrize(
    "changes",
    [
        {"as_of": None},
        {"as_of": READ - HOUR / 60},
        {"as_of": NOW + timedelta(minutes=6)},
        {"newest": READ - timedelta(seconds=1)},
        {"gap": GAP},
        {"starts_gap": GAP},
        {"problem": Problem("refused")},
    ],
    ids=["never read", "older", "of the future", "newest is older", "a gap", "starts unseen", "a problem"],
)
def test_evidence_that_proves_less_makes_another_part_of_it(changes: dict[str, Any]) -> None:
    assert not seen(part(replace(LATER, **changes)))


def test_an_expectation_that_rests_on_other_evidence_makes_another_part_of_it() -> None:
    later = part(LATER)
    assert not seen(part(LATER, observed=replace(later.observed, evidence=BEFORE)))
    assert not seen(part(LATER, observed=replace(later.observed, evidence=replace(LATER))))


def test_what_was_never_read_before_is_another_part() -> None:
    assert not seen_again(part(replace(BEFORE, as_of=None)), part(LATER), NOW)


def test_a_reading_that_is_stale_by_now_is_none() -> None:
    assert not seen_again(part(BEFORE), part(LATER), AGAIN + 2 * HOUR)


def test_a_trouble_that_was_there_before_is_no_other_one() -> None:
    troubled: dict[str, Any] = {"gap": GAP, "starts_gap": GAP, "problem": Problem("refused"), "newest": READ}
    assert seen_again(part(replace(BEFORE, **troubled)), part(replace(LATER, **troubled)), NOW)


# --- everything else ----------------------------------------------------------------------------------------------------


def others(kind: type, *names: str) -> list[Any]:
    """All fields but those with evidence, which are looked at by what they hold."""
    every = (each.name for each in fields(kind))
    return [pytest.param(name, id=f"{kind.__name__}.{name}") for name in every if name not in names]


@pytest.mark.parametrize("name", others(Part, "observed", "expectations", "stored", "restore_tests"))
def test_anything_else_of_it_counts(name: str) -> None:
    assert not seen(replace(part(LATER), **{name: ANOTHER}))


@pytest.mark.parametrize("name", others(Observed, "evidence"))
def test_what_was_seen_of_it_counts(name: str) -> None:
    later = part(LATER)
    changed = replace(later.observed, **{name: ANOTHER})
    assert not seen(replace(later, observed=changed))
    assert not seen(part(LATER, observed=changed))


@pytest.mark.parametrize("name", others(Expectation, "observed", "schedule", "past", "hint"))
def test_what_is_expected_of_it_counts(name: str) -> None:
    assert not seen(part(LATER, **{name: ANOTHER}))


@pytest.mark.parametrize("name", others(ScheduleInForce))
def test_its_schedule_counts(name: str) -> None:
    assert not seen(part(LATER, schedule={name: ANOTHER}))


@pytest.mark.parametrize("name", others(Stored, "evidence"))
def test_where_it_lies_counts(name: str) -> None:
    later = part(LATER)
    assert not seen(replace(later, stored=(replace(later.stored[0], **{name: ANOTHER}),)))


def test_one_more_or_less_counts() -> None:
    later = part(LATER)
    for changes in (
        {"expectations": ()},
        {"expectations": 2 * later.expectations},
        {"stored": ()},
        {"stored": 2 * later.stored},
        {"restore_tests": None},
        {"restore_tests": RestoreTests(LATER)},
    ):
        assert not seen(replace(later, **changes))


def test_a_schedule_that_ended_is_no_schedule_in_force() -> None:
    before, later = part(BEFORE), part(LATER)
    (expectation,) = later.expectations
    ended = replace(expectation, schedule=None, past=expectation.schedules)
    assert not seen(part(LATER, past=()))
    assert not seen_again(before, replace(later, expectations=(ended,)), NOW)
