"""The due times of a window, and those of its local times that a clock change leaves out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.schedules import schedule
from sidecar.core.schedules.due_times import Skipped, clocks_skip, due_times, skipped

BERLIN = ZoneInfo("Europe/Berlin")
#: At 02:00 the clocks of Berlin are put forward to 03:00.
SPRING = datetime(2026, 3, 29, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def skipped_walls(text: str, zone: str, start: datetime, end: datetime) -> list[str]:
    return [missing.wall.isoformat(" ") for missing in skipped(schedule.parse(text, ZoneInfo(zone)), start, end)]


def test_due_times_hold_the_start_and_not_the_end_and_are_cut_off_at_the_limit() -> None:
    hourly = schedule.parse("hourly", BERLIN)
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)

    assert due_times(hourly, noon, noon + timedelta(hours=2), 10) == (noon, noon + timedelta(hours=1))
    assert due_times(hourly, noon, noon + DAY, 1) == (noon,)


def test_rule_7_a_skipped_time_has_its_moment_and_its_local_time() -> None:
    nightly = schedule.parse("02:30", BERLIN)

    assert skipped(nightly, SPRING - DAY, SPRING + DAY) == (
        Skipped(SPRING + timedelta(minutes=30), datetime(2026, 3, 29, 2, 30)),
    )
    assert {missing.at.tzinfo for missing in skipped(nightly, SPRING - DAY, SPRING + DAY)} == {UTC}


@pytest.mark.parametrize(
    ("text", "walls"),
    [
        ("01:59:59", []),
        ("02:00", ["2026-03-29 02:00:00"]),
        ("02:59:59", ["2026-03-29 02:59:59"]),
        ("03:00", []),
        ("*/20", ["2026-03-29 02:00:00", "2026-03-29 02:20:00", "2026-03-29 02:40:00"]),
        ("30 2 * * *", ["2026-03-29 02:30:00"]),
        ("mon 02:30", []),
        ("02:30 UTC", []),
    ],
)
def test_rule_7_the_missing_hour_begins_at_two_and_ends_before_three(text: str, walls: list[str]) -> None:
    assert skipped_walls(text, "Europe/Berlin", SPRING - DAY, SPRING + DAY) == walls


def test_a_window_holds_the_skipped_time_at_its_start_and_not_the_one_at_its_end() -> None:
    at = SPRING + timedelta(minutes=30)
    nightly = schedule.parse("02:30", BERLIN)

    assert skipped(nightly, at, at + SECOND)
    assert not skipped(nightly, at + SECOND, at + DAY)
    assert not skipped(nightly, at - DAY, at)
    assert skipped(nightly, at - DAY, at + SECOND)


@pytest.mark.parametrize(
    ("zone", "text", "start", "walls"),
    [
        ("America/New_York", "02:30", "2026-03-08", ["2026-03-08 02:30:00"]),
        ("Europe/London", "01:30", "2026-03-28", ["2026-03-29 01:30:00"]),
        (
            "Australia/Lord_Howe",
            "02:*/10",
            "2026-10-03",
            [f"2026-10-04 02:{minute}:00" for minute in ("00", "10", "20")],
        ),
        # Samoa went over the date line: a whole day is missing.
        ("Pacific/Apia", "*:00", "2011-12-30", [f"2011-12-30 {hour:02}:00:00" for hour in range(24)]),
        ("Europe/Berlin", "02:30", "2026-10-24", []),
        ("UTC", "02:30", "2026-03-28", []),
    ],
)
def test_rule_7_every_zone_skips_its_own_times(zone: str, text: str, start: str, walls: list[str]) -> None:
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC)

    assert skipped_walls(text, zone, begin, begin + 2 * DAY) == walls


def test_a_long_window_holds_each_years_clock_change() -> None:
    begin = datetime(2025, 12, 1, tzinfo=UTC)

    assert skipped_walls("02:30", "Europe/Berlin", begin, begin + 3 * 366 * DAY) == [
        "2026-03-29 02:30:00",
        "2027-03-28 02:30:00",
        "2028-03-26 02:30:00",
    ]


@pytest.mark.parametrize(
    ("zone", "start", "skips"),
    [
        (BERLIN, SPRING - timedelta(hours=1), True),
        (BERLIN, SPRING, True),
        (BERLIN, SPRING - 3 * DAY, False),
        (BERLIN, SPRING + 2 * DAY, False),
        (BERLIN, datetime(2026, 10, 25, 0, tzinfo=UTC), False),
        (ZoneInfo("UTC"), SPRING - timedelta(hours=1), False),
    ],
)
def test_whether_any_time_is_skipped_is_known_without_a_schedule(zone: ZoneInfo, start: datetime, skips: bool) -> None:
    assert clocks_skip(zone, start, start + timedelta(hours=2)) is skips


def test_a_change_after_the_window_skips_nothing_in_it() -> None:
    assert not clocks_skip(BERLIN, SPRING - timedelta(hours=25), SPRING - timedelta(hours=1))


def test_the_change_is_found_to_the_second_wherever_the_window_begins() -> None:
    for seconds in range(0, 86_400, 977):
        begin = SPRING - DAY - timedelta(seconds=seconds)
        walls = skipped_walls("1..3:0/30", "Europe/Berlin", begin, begin + 3 * DAY)
        assert walls == ["2026-03-29 02:00:00", "2026-03-29 02:30:00"]


def test_moments_of_any_zone_are_understood() -> None:
    nightly = schedule.parse("02:30", BERLIN)
    local = SPRING.astimezone(ZoneInfo("Asia/Tokyo"))

    assert skipped(nightly, local - DAY, local + DAY) == skipped(nightly, SPRING - DAY, SPRING + DAY)
