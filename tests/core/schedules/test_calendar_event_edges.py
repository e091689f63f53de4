"""Proxmox calendar events at their edges: where an open step runs over the end of its unit, and where years begin and end.

A server steps from one due time to the next. Each row was worked out by such steps from a due time long before.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.schedules import calendar_event
from sidecar.core.schedules.wall_clock import ScheduleError

ZONE = ZoneInfo("UTC")


def due_after(text: str, after: str) -> str | None:
    """All in UTC."""
    due = calendar_event.parse(text).next_after(datetime.fromisoformat(after).replace(tzinfo=UTC), ZONE)
    return None if due is None else f"{due:%Y-%m-%d %H:%M:%S}".removesuffix(":00")


@pytest.mark.parametrize(
    ("text", "after", "due"),
    [
        ("*:*:3,5/59", "2026-01-01 00:00:59", "2026-01-01 00:01:05"),
        ("*:3,5/59", "2026-01-01 00:59:59", "2026-01-01 01:05"),
        ("3,5/23:00", "2026-01-01 23:59:59", "2026-01-02 05:00"),
        ("*-*-3/29", "2026-02-28 23:59:59", "2026-04-03 00:00"),
        ("*-2,3/12-01", "2026-12-31 23:59:59", "2027-03-01 00:00"),
    ],
    ids=["second 64", "minute 64", "hour 28", "32 February", "month 15"],
)
def test_one_step_beyond_the_first_value_of_the_next_unit_is_enough_to_miss_it(text: str, after: str, due: str) -> None:
    assert due_after(text, after) == due


@pytest.mark.parametrize(
    ("text", "after", "due"),
    [
        ("*-*-25,6/24 03:00", "2026-08-03 00:00", "2026-08-25 03:00"),
        ("*-*-29/29", "2026-02-10 00:00", "2026-03-29 00:00"),
        ("*-2/9-29", "2028-01-01 00:00", "2028-11-29 00:00"),
        ("*-0,1/12-01", "2026-06-01 00:00", "2027-01-01 00:00"),
        ("7/15:0/46", "2026-01-01 23:59:59", "2026-01-02 22:00"),
    ],
    ids=[
        "54 July is 23 August",
        "no day of February",
        "month 20 is August, past 29 February",
        "there is no month 0",
        "hour 37 after minute 92",
    ],
)
def test_what_runs_over_is_counted_on_in_the_unit_where_it_ends(text: str, after: str, due: str) -> None:
    assert due_after(text, after) == due


@pytest.mark.parametrize(
    ("text", "after", "due"),
    [
        ("tue */23:00", "2026-01-04 00:00", "2026-01-06 00:00"),
        ("wed,sun *-*-1/7,28 03:00", "2026-01-28 12:00", "2026-02-01 03:00"),
        ("tue *-*-*/7 13:00", "2025-01-01 00:00", "2025-04-01 13:00"),
        ("tue *-*-1/11,30 13:00", "2029-11-30 08:00", "2030-01-01 13:00"),
        ("tue *-*-1/11,30 */12:00", "2029-11-30 08:00", "2030-01-01 00:00"),
        ("tue *-*-1/11,30 6/12,7/12:00", "2029-11-30 08:00", "2030-01-01 06:00"),
    ],
)
def test_weekdays_lead_past_the_end_of_a_day_or_month_where_no_step_would(text: str, after: str, due: str) -> None:
    assert due_after(text, after) == due


@pytest.mark.parametrize(
    ("text", "after", "due"),
    [
        ("8..15/8:00", "2026-01-01 09:00", "2026-01-02 08:00"),
        ("8..16/8:00", "2026-01-01 09:00", "2026-01-01 16:00"),
        ("5..7/0:00", "2026-01-01 05:30", "2026-01-02 05:00"),
        ("5..7:00", "2026-01-01 05:30", "2026-01-01 06:00"),
    ],
    ids=["end left out", "end reached", "no step", "every hour"],
)
def test_a_range_ends_with_its_last_value(text: str, after: str, due: str) -> None:
    assert due_after(text, after) == due


@pytest.mark.parametrize(
    ("text", "after", "due"),
    [
        ("2028-1-1", "2026-11-24 00:00", "2028-01-01 00:00"),
        ("2028-1-2", "2026-11-24 00:00", "2028-01-02 00:00"),
        ("2028-3-5", "2026-11-24 00:00", "2028-03-05 00:00"),
        ("daily", "2199-12-30 12:00", "2199-12-31 00:00"),
        ("daily", "2199-12-31 12:00", None),
    ],
    ids=["New Year", "early in a year", "in the spring of a year", "the last day", "after the last day"],
)
def test_a_year_begins_in_january_and_the_last_one_is_2199(text: str, after: str, due: str | None) -> None:
    assert due_after(text, after) == due


@pytest.mark.parametrize(
    ("text", "after", "due"),
    [
        ("*/4-1-1", "2026-11-24 00:00", "2028-01-01 00:00"),
        ("*-*/5-01", "2026-01-15 00:00", "2026-06-01 00:00"),
        ("*-*-*/5", "2026-01-02 00:00", "2026-01-06 00:00"),
        ("*/5:00", "2026-01-01 00:30", "2026-01-01 05:00"),
        ("*:*/25", "2026-01-01 00:01", "2026-01-01 00:25"),
        ("*:*:*/25", "2026-01-01 00:00:01", "2026-01-01 00:00:25"),
    ],
    ids=["year 0", "January", "the first", "midnight", "minute 0", "second 0"],
)
def test_an_open_step_counts_from_the_first_value_of_its_field(text: str, after: str, due: str) -> None:
    assert due_after(text, after) == due


@pytest.mark.parametrize("text", ["24:00:00", "0:60:00", "0:0:60", "2200-1-1", "*-13-1", "*-*-32"])
def test_a_value_past_the_end_of_its_field_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError):
        calendar_event.parse(text)


@pytest.mark.parametrize("text", ["02:30\tUTC", "02:30XUTC"])
def test_only_spaces_may_stand_before_utc(text: str) -> None:
    with pytest.raises(ScheduleError):
        calendar_event.parse(text)


def test_128_characters_are_read_and_no_more() -> None:
    longest = "1," * 63 + "11"

    assert due_after(longest, "2026-01-01 00:05") == "2026-01-01 00:11"
    with pytest.raises(ScheduleError):
        calendar_event.parse(f"{longest},")
