"""Databasement's zone, told from when its dumps begin: only what is sure is said."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.model import Outcome, Run, SourceKind
from sidecar.core.reports.facts import Dump, DumpPlan
from sidecar.core.reports.report import Reading, Report
from sidecar.doctor import dump_zone
from sidecar.doctor.findings import Severity

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def local(day: int, clock: str, zone: str = BERLIN) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def report(starts: Iterable[datetime], schedule: str | None = "0 2 * * *", *, scheduled: bool | None = True) -> Report:
    dumps = tuple(
        Dump(
            id=str(number),
            server="mariadb",
            database="app",
            run=Run(start=start, end=start + timedelta(minutes=1), outcome=Outcome.OK),
            scheduled=scheduled,
        )
        for number, start in enumerate(starts)
    )
    plans = (DumpPlan(server="mariadb", id="1", schedule_name="Daily", schedule=schedule),)
    readings = (Reading(("plans",), NOW, plans), Reading(("dumps",), NOW, dumps))
    return Report(source="db", kind=SourceKind.DATABASEMENT, at=NOW, readings=readings)


def found(told: Report, configured: str, *likely: str) -> list[tuple[Severity, str, str | None]]:
    found = dump_zone.findings(told, configured, likely or (BERLIN,), "source db")
    return [(finding.severity, finding.text, finding.action) for finding in found]


NIGHTS = [local(day, "02:00") + timedelta(seconds=40) for day in range(10, 22)]


def test_dumps_that_come_at_the_hours_of_another_zone() -> None:
    assert found(report(NIGHTS), "UTC") == [
        (
            Severity.PROBLEM,
            "its dumps come at 02:00 Europe/Berlin, as scheduled there; sources.db.timezone says UTC",
            "Write timezone: Europe/Berlin there; on its own machine it is APP_DISPLAY_TIMEZONE",
        )
    ]


def test_dumps_that_come_when_they_should() -> None:
    assert found(report(NIGHTS), BERLIN) == [(Severity.OK, f"its dumps begin at the due times of {BERLIN}", None)]


def test_a_zone_that_nothing_else_here_has_is_told_by_its_offset() -> None:
    starts = [local(day, "02:00", "Asia/Tokyo") for day in range(10, 22)]
    ((severity, text, action),) = found(report(starts), BERLIN)

    assert (severity, text) == (
        Severity.PROBLEM,
        "its dumps come at 02:00 UTC+9, as scheduled there; sources.db.timezone says Europe/Berlin",
    )
    assert (action or "").startswith("Write the zone that has this offset there")


@pytest.mark.parametrize(
    "told",
    [
        report(NIGHTS[:2]),
        report([NIGHTS[0] + timedelta(minutes=minute) for minute in range(12)]),
        report(NIGHTS, scheduled=False),
        report(NIGHTS, None),
        report(NIGHTS, "every night"),
        # Half of them fit neither: somebody works by hand.
        report([*NIGHTS[:6], *(start + timedelta(hours=5, minutes=33) for start in NIGHTS[6:])]),
        report([start + timedelta(minutes=27) for start in NIGHTS]),
    ],
    ids=["two", "one day", "by hand", "no schedule", "unreadable schedule", "mixed", "held up"],
)
def test_nothing_is_said_where_nothing_is_sure(told: Report) -> None:
    assert found(told, "UTC") == []


def test_an_hourly_schedule_fits_every_zone_and_is_no_evidence_against_any() -> None:
    starts = [local(day, "03:00") for day in range(10, 22)]

    assert [severity for severity, _, _ in found(report(starts, "0 * * * *"), "UTC")] == [Severity.OK]
