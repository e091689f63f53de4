"""Which restores belong to which schedule of Databasement, from its rows and over its API."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.model import Outcome
from sidecar.core.reports.facts import ScheduledRestore
from sidecar.core.reports.report import Report
from sidecar.sources.databasement_parse import Server, distinct, parse_server
from sidecar.sources.databasement_restores import (
    Planned,
    parse_planned,
    parse_restored,
    parse_schedule,
    scheduled_restores,
)
from sidecar.sources.fields import UnreadableError
from tests.simulators import Rack, demo_homelab
from tests.simulators.faults import RestoreFails
from tests.sources.recorded import Kept
from tests.sources.test_databasement import answering, sample, source_for

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
SUNDAY = date(2026, 11, 22)
JOBS = sample("jobs_v1.3")["data"]
PLANNED = sample("scheduled_restores")["data"]


def servers() -> dict[str, Server]:
    return distinct(map(parse_server, sample("database_servers_v1.9")["data"]))


def read(rack: Rack) -> Report:
    source = source_for(rack.transport("databasement"), Kept(lambda: rack.token("databasement")))
    return asyncio.run(source.read(lambda: NOW))


def row(**changes: Any) -> dict[str, Any]:
    return {**PLANNED[0], **changes}


def restored(*, by: object = None, at: str = "2026-11-22T03:00:01.000000Z", **changes: Any) -> dict[str, Any]:
    (job,) = [each for each in JOBS if each["restore"]]
    return {**job, "created_at": at, "restore": {**job["restore"], "triggered_by": by}, **changes}


def made(*rows: dict[str, Any], jobs: tuple[dict[str, Any], ...] = ()) -> tuple[ScheduledRestore, ...]:
    found = [each for job in jobs if (each := parse_restored(job)) is not None]
    return scheduled_restores([parse_planned(each) for each in rows], found, servers(), {"s": "0 3 * * 0"})


def test_a_scheduled_restore_is_read_with_its_names() -> None:
    (only,) = made(row(backup_schedule_id="s"), jobs=(restored(),))

    assert (only.name, only.server, only.database) == ("Refresh staging", "shop-mysql", "shop")
    assert (only.target, only.schedule, only.enabled) == ("shop-mysql/shop_staging", "0 3 * * 0", True)
    assert [(run.outcome, run.start.hour) for run in only.runs] == [(Outcome.OK, 3)]


SOMEBODY = {"id": 1, "name": "Sample Admin"}


@pytest.mark.parametrize(
    ("job", "rows", "belongs"),
    [
        (restored(), [row()], True),
        (restored(at="2026-11-15T03:00:01.000000Z"), [row()], True),
        (restored(by=SOMEBODY, at="2026-11-22T03:00:40.000000Z"), [row()], True),
        (restored(by=SOMEBODY, at="2026-11-22T14:00:00.000000Z"), [row()], False),
        (restored(at="2026-03-20T08:59:59.000000Z"), [row()], False),
        (restored(), [row(schema_name="elsewhere")], False),
        (restored(), [row(target_server_id="01km57j4m0000000000000000")], False),
        (restored(at="2026-11-15T03:00:01.000000Z"), [row(), row(id="2", source_database_name="other")], False),
        (restored(), [row(), row(id="2", last_executed_at="2026-11-21T03:00:01.000000Z")], True),
        (restored(restore=None), [row()], False),
    ],
)
def test_a_restore_belongs_to_a_schedule_only_where_that_can_be_told(
    job: dict[str, Any], rows: list[dict[str, Any]], belongs: bool
) -> None:
    first, *others = made(*rows, jobs=(job,))

    assert bool(first.runs) is belongs
    assert not any(each.runs for each in others)


def test_of_two_restores_to_one_target_in_the_same_minute_each_schedule_has_its_own() -> None:
    rows = [row(id=str(second), last_executed_at=f"2026-11-22T03:00:0{second}.000000Z") for second in (1, 4)]
    jobs = tuple(restored(id=str(second), at=f"2026-11-22T03:00:0{second}.000000Z") for second in (4, 1))

    assert [[run.start.second for run in each.runs] for each in made(*rows, jobs=jobs)] == [[1], [4]]


def test_what_is_restored_from_a_server_that_is_gone_is_left_out() -> None:
    assert made(row(source_server_id="01km57j4m0000000000000000")) == ()


@pytest.mark.parametrize(
    "wrong", [{"id": None}, {"schema_name": 3}, {"source_database_name": ""}, {"enabled": "maybe"}]
)
def test_a_row_that_is_not_what_it_should_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        parse_planned(row(**wrong))


def test_a_schedule_is_read() -> None:
    schedule = parse_schedule({"id": "s", "name": "Weekly", "expression": "0 3 * * 0"})

    assert (schedule.id, schedule.expression) == ("s", "0 3 * * 0")
    assert isinstance(parse_planned(row()), Planned)


# --- over the API -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [None, RestoreFails("Restore test of forgejo", SUNDAY, "disk full")])
def test_the_simulated_restores_are_read(tmp_path: Path, fault: RestoreFails | None) -> None:
    report = read(Rack(demo_homelab(), lambda: NOW, tmp_path, faults=[fault] if fault else []))

    (only,) = report.facts(ScheduledRestore)
    assert (only.database, only.target, only.schedule) == ("forgejo", "postgres-main/forgejo_restored", "0 3 * * 0")
    assert (only.runs[0].good, only.runs[0].text) == ((False, "disk full") if fault else (True, None))
    assert {(earlier.start - later.start).days for later, earlier in zip(only.runs[1:], only.runs, strict=False)} <= {
        6,
        7,
    }
    assert len(only.runs) == 15


@pytest.mark.parametrize(
    ("status", "scopes", "cause"),
    [
        (404, [("plans",), ("dumps",)], None),
        (500, [("plans",), ("dumps",), ("restores",)], "HTTP 500"),
        (403, [("plans",), ("dumps",), ("restores",)], "HTTP 403"),
    ],
)
def test_without_scheduled_restores_the_rest_is_read(status: int, scopes: list[Any], cause: str | None) -> None:
    source = source_for(answering(("/api/v1/scheduled-restores", status, {"message": "no"})))
    report = asyncio.run(source.read(lambda: NOW))

    assert [reading.scope for reading in report.readings] == scopes
    problem = report.readings[-1].problem
    assert cause is None or (problem is not None and cause in problem.cause)
    assert report.problem is None


def test_a_running_restore_has_no_end(tmp_path: Path) -> None:
    during = datetime(2026, 11, 22, 2, 0, 20, tzinfo=UTC)
    rack = Rack(replace(demo_homelab()), lambda: during, tmp_path)
    source = source_for(rack.transport("databasement"), Kept(lambda: rack.token("databasement")))

    (only,) = asyncio.run(source.read(lambda: during)).facts(ScheduledRestore)
    assert (only.runs[0].outcome, only.runs[0].end) == (Outcome.RUNNING, None)
    assert only.runs[0].start - during < timedelta(seconds=1)
