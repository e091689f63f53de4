"""A source that tells more than any house has is not read, and says so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sidecar.core.model import Outcome, Run, SourceKind
from sidecar.core.reports import bounds
from sidecar.core.reports.bounds import within_bounds
from sidecar.core.reports.facts import (
    BackrestPlan,
    BackupGroup,
    BackupJob,
    Dump,
    DumpPlan,
    Fact,
    Guest,
    Namespace,
    Task,
)
from sidecar.core.reports.report import ProblemKind, Reading, Report

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
MANY = bounds.MOST_MEMBERS + 1


def report(*facts: Fact) -> Report:
    return Report(source="x", kind=SourceKind.PVE, at=NOW, readings=(Reading(("all",), NOW, facts),))


def guest(number: int) -> Guest:
    return Guest(vmid=number, type="lxc", name=None, node="pve1")


def group(number: int) -> BackupGroup:
    return BackupGroup(datastore="main", namespace="", type="ct", id=str(number), snapshots=())


def dump(number: int) -> Dump:
    return Dump(id=str(number), server="s", database=str(number), run=Run(start=NOW, end=None, outcome=Outcome.RUNNING))


def job(guests: int) -> BackupJob:
    return BackupJob(id="b", schedule="", enabled=True, storage=None, node=None, guests=tuple(range(guests)))


def plan(databases: int) -> DumpPlan:
    names = tuple(map(str, range(databases)))
    return DumpPlan(server="s", id="p", schedule_name=None, schedule=None, mode="selected", databases=names)


def task(number: int) -> Task:
    return Task(node="n", type="vzdump", id="", start=NOW, end=NOW, status="OK", upid=str(number))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (map(guest, range(MANY)), "5,001 guests, more than the 5,000"),
        (map(group, range(MANY)), "5,001 backup groups, more than the 5,000"),
        (map(dump, range(MANY)), "5,001 databases, more than the 5,000"),
        ((plan(MANY),), "5,001 databases, more than the 5,000"),
        ((BackrestPlan(str(number), None, ()) for number in range(MANY)), "5,001 plans, more than the 5,000"),
        ([job(5_000)] * 11, "55,000 guests of its jobs, more than the 50,000"),
        (
            (Namespace("main", str(number)) for number in range(20_001)),
            "20,001 jobs, storages, datastores and namespaces",
        ),
    ],
)
def test_too_much_of_anything_is_a_source_that_is_not_read(facts: list[Fact], said: str) -> None:
    bounded = within_bounds(report(*facts))

    assert bounded.problem is not None
    assert bounded.problem.kind is ProblemKind.TOO_LARGE
    assert said in bounded.problem.cause
    assert bounded.readings == ()


def test_too_many_scopes_are_a_source_that_is_not_read() -> None:
    readings = tuple(Reading(("snapshots", str(number)), NOW) for number in range(bounds.MOST_READINGS + 1))

    bounded = within_bounds(Report(source="x", kind=SourceKind.PBS, at=NOW, readings=readings))

    assert bounded.problem is not None
    assert bounded.problem.cause.startswith("it lists 20,001 readings")


def test_a_large_house_is_read() -> None:
    large = report(*map(guest, range(5_000)), *map(task, range(100_000)), job(5_000), plan(5_000))

    assert within_bounds(large) is large
