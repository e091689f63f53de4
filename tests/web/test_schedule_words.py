"""The words for a schedule in the list, derived from its due times."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.schedules import schedule
from sidecar.web.schedule_words import GROUPS, schedule_words

BERLIN = ZoneInfo("Europe/Berlin")


def words(text: str, zone: str = "Europe/Berlin", start: str = "2026-11-23") -> tuple[str, str]:
    begin = datetime.fromisoformat(start).replace(tzinfo=BERLIN)
    dues = schedule.parse(text, ZoneInfo(zone)).between(begin, begin + timedelta(days=366), 16)
    return schedule_words(dues, BERLIN)


@pytest.mark.parametrize(
    ("text", "group", "when"),
    [
        ("04:00", "daily", "04:00"),
        ("0 2 * * *", "daily", "02:00"),
        ("0 2,14 * * *", "daily", "02:00, 14:00"),
        ("*:0/15", "daily", "every 15m"),
        ("0 */4 * * *", "daily", "every 4h"),
        ("0 8-18 * * *", "daily", "11 times a day"),
        ("mon 04:00", "weekly", "Mon 04:00"),
        ("sat 03:00", "weekly", "Sat 03:00"),
        ("mon..fri 22:00", "weekly", "Mon–Fri 22:00"),
        ("tue,fri 01:30", "weekly", "Tue, Fri 01:30"),
        ("0 7 1 * *", "monthly", "1st 07:00"),
        ("0 7 2 * *", "monthly", "2nd 07:00"),
        ("0 7 13 * *", "monthly", "13th 07:00"),
        ("0 7 23 * *", "monthly", "23rd 07:00"),
        ("0 7 1 1 *", "other", "1 Jan 07:00"),
        ("2026-12-24 18:00", "other", "24 Dec 18:00"),
    ],
)
def test_a_schedule_in_words(text: str, group: str, when: str) -> None:
    assert words(text) == (group, when)


@pytest.mark.parametrize("start", ["2026-03-20", "2026-03-29", "2026-10-20", "2026-10-25"])
@pytest.mark.parametrize(
    ("text", "group", "when"),
    [("02:15", "daily", "02:15"), ("sun 02:15", "weekly", "Sun 02:15"), ("04:00", "daily", "04:00")],
)
def test_a_clock_change_does_not_change_the_words(start: str, text: str, group: str, when: str) -> None:
    assert words(text, start=start) == (group, when)


def test_times_are_shown_in_the_time_zone_of_the_reader() -> None:
    assert words("0 2 * * *", "America/New_York") == ("daily", "08:00")


@given(st.lists(st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)), min_size=1, max_size=16, unique=True))
def test_any_due_times_have_a_group_and_words(moments: list[datetime]) -> None:
    group, when = schedule_words(sorted(moment.replace(tzinfo=ZoneInfo("UTC")) for moment in moments), BERLIN)

    assert group in GROUPS
    assert when
