"""Rule 7 in the judgement: nights in which the clocks change, in every kind of zone, 2026 and 2027.

Each case is a daily job at a time that doesn't exist that day, or that exists twice.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.model import Outcome, Run, State
from sidecar.core.parts.expectation import Evidence
from sidecar.core.schedules.schedule import parse
from tests.core.factories import daily, judged_at, part

#: zone, day of the change, a time that is missing that day.
FORWARD = [
    ("Europe/Berlin", "2026-03-29", "02:30"),
    ("Europe/Berlin", "2027-03-28", "02:30"),
    ("America/New_York", "2026-03-08", "02:30"),
    ("America/New_York", "2027-03-14", "02:30"),
    ("America/Santiago", "2026-09-06", "00:30"),
    ("America/Santiago", "2027-09-05", "00:30"),
    ("Australia/Lord_Howe", "2026-10-04", "02:15"),
    ("Australia/Lord_Howe", "2027-10-03", "02:15"),
]

#: zone, day of the change, a time that comes twice that day, and how much later it comes again.
BACK = [
    ("Europe/Berlin", "2026-10-25", "02:30", 60),
    ("Europe/Berlin", "2027-10-31", "02:30", 60),
    ("America/New_York", "2026-11-01", "01:30", 60),
    ("America/New_York", "2027-11-07", "01:30", 60),
    ("America/Santiago", "2026-04-04", "23:30", 60),
    ("America/Santiago", "2027-04-03", "23:30", 60),
    ("Australia/Lord_Howe", "2026-04-05", "01:45", 30),
    ("Australia/Lord_Howe", "2027-04-04", "01:45", 30),
]

#: In UTC the same nights are like any other.
ORDINARY = [("UTC", "2026-03-29", "02:30"), ("UTC", "2026-10-25", "02:30"), ("UTC", "2027-03-28", "02:30")]

MINUTE = timedelta(minutes=1)


def local(zone: str, day: str, time: str, days: int = 0) -> datetime:
    """That time on the clocks of ``zone``, the first of two, ``days`` later on the calendar."""
    moment = datetime.fromisoformat(f"{day}T{time}") + timedelta(days=days)
    return moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def state(zone: str, time: str, now: datetime, *starts: datetime, dialect: str = "event") -> State:
    """The state at ``now``, just read, of a part that is due daily at ``time`` and ran well at ``starts``."""
    hour, minute = time.split(":")
    text = time if dialect == "event" else f"{int(minute)} {int(hour)} * * *"
    nightly = daily(text, schedule=parse(text, ZoneInfo(zone)), timezone=zone)
    runs = [Run(start=start, end=start + 5 * MINUTE, outcome=Outcome.OK) for start in starts]
    made = part(
        *runs,
        read=None,
        plans=(nightly,),
        evidence=Evidence(source="pbs", as_of=now, stale_after=timedelta(minutes=20)),
    )
    return judged_at(made, now).verdict.state


@pytest.mark.parametrize("dialect", ["event", "cron"])
@pytest.mark.parametrize(("zone", "day", "time"), FORWARD)
def test_rule_7_a_time_that_the_clocks_skip_is_not_expected(zone: str, day: str, time: str, dialect: str) -> None:
    before, after = local(zone, day, time, -1), local(zone, day, time, 1)
    for hours in range(1, int((after - before) / timedelta(hours=1))):
        assert state(zone, time, before + timedelta(hours=hours), before, dialect=dialect) is State.OK, hours

    assert state(zone, time, after - MINUTE, before, dialect=dialect) is State.OK
    assert state(zone, time, after, before, dialect=dialect) is State.LATE
    assert state(zone, time, after + 30 * MINUTE, before, dialect=dialect) is State.MISSED


@pytest.mark.parametrize(("zone", "day", "time"), FORWARD)
def test_rule_7_a_run_that_comes_although_its_time_was_skipped_counts(zone: str, day: str, time: str) -> None:
    before, after = local(zone, day, time, -1), local(zone, day, time, 1)
    anyway = before + timedelta(days=1)

    assert state(zone, time, anyway + timedelta(hours=1), before, anyway) is State.OK
    assert state(zone, time, after + 30 * MINUTE, before, anyway) is State.MISSED


@pytest.mark.parametrize("dialect", ["event", "cron"])
@pytest.mark.parametrize(("zone", "day", "time", "again"), BACK)
def test_rule_7_a_time_that_comes_twice_is_due_once_at_the_first(
    zone: str, day: str, time: str, again: int, dialect: str
) -> None:
    """Schedulers disagree which of the two they take (SCHED-4), so the grace begins at the second."""
    before, due, limit = local(zone, day, time, -1), local(zone, day, time), again + 30
    for minutes, expected in ((-1, State.OK), (0, State.LATE), (limit - 1, State.LATE), (limit, State.MISSED)):
        assert state(zone, time, due + minutes * MINUTE, before, dialect=dialect) is expected, minutes
    for minutes in (1, again - 1, again, again + 31, 12 * 60):
        assert state(zone, time, due + minutes * MINUTE, before, due, dialect=dialect) is State.OK, minutes


@pytest.mark.parametrize(("zone", "day", "time", "again"), BACK)
def test_rule_7_a_server_that_runs_it_at_the_second_is_late_and_then_good(
    zone: str, day: str, time: str, again: int
) -> None:
    before, due = local(zone, day, time, -1), local(zone, day, time)
    second = due + again * MINUTE

    assert state(zone, time, second + 6 * MINUTE, before, second) is State.OK
    assert state(zone, time, local(zone, day, time, 1) - MINUTE, before, second) is State.OK


@pytest.mark.parametrize(("zone", "day", "time"), ORDINARY)
def test_rule_7_in_utc_every_night_is_like_any_other(zone: str, day: str, time: str) -> None:
    before, due = local(zone, day, time, -1), local(zone, day, time)

    for minutes, expected in ((-1, State.OK), (0, State.LATE), (29, State.LATE), (30, State.MISSED)):
        assert state(zone, time, due + minutes * MINUTE, before) is expected, minutes
