"""Schedules of both dialects: looking ahead, looking back, listing, and the nights when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.schedules import schedule
from sidecar.core.schedules.wall_clock import ScheduleError

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=BERLIN)


# --- reading --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("0 2 * * *", "2026-11-25 02:00"),
        ("@daily", "2026-11-25 00:00"),
        ("02:00", "2026-11-25 02:00"),
        ("*/25", "2026-11-24 12:25"),
        (" mon..fri 22:00\n", "2026-11-24 22:00"),
        ("mon *-12-07 02:00 UTC", "2026-12-07 03:00"),
    ],
)
def test_five_fields_or_a_leading_at_are_cron_and_anything_else_is_a_calendar_event(text: str, due: str) -> None:
    parsed = schedule.parse(text, BERLIN)
    assert parsed.text == text.strip()
    assert parsed.next_after(NOON) == datetime.fromisoformat(due).replace(tzinfo=BERLIN)


@pytest.mark.parametrize("text", ["every day", "@reboot", "0 0 2 * * *", "0 2 * * * UTC", "", "60"])
def test_an_unreadable_schedule_is_named(text: str) -> None:
    with pytest.raises(ScheduleError, match="unable to read schedule") as caught:
        schedule.parse(text, BERLIN)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(("length", "quoted"), [(128, 128), (129, 128), (500, 128)])
def test_a_long_text_is_quoted_up_to_the_longest_that_upstreams_accept(length: int, quoted: int) -> None:
    with pytest.raises(ScheduleError) as caught:
        schedule.parse("x" * length, BERLIN)
    assert repr("x" * quoted + "…" * (length > quoted)) in str(caught.value)


def test_schedules_are_equal_when_text_and_zone_are() -> None:
    assert schedule.parse("daily", BERLIN) == schedule.parse(" daily ", BERLIN)
    assert schedule.parse("daily", BERLIN) != schedule.parse("daily", ZoneInfo("UTC"))


# --- looking back, listing, periods ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment", "last"),
    [
        ("daily", "2026-11-24 00:00:00", "2026-11-24 00:00"),
        ("daily", "2026-11-23 23:59:59", "2026-11-23 00:00"),
        ("*/1", "2026-11-24 12:00:59", "2026-11-24 12:00"),
        ("mon..fri 22:00", "2026-11-23 21:00:00", "2026-11-20 22:00"),
        ("mon..fri 8..17:0/15", "2026-11-23 07:00:00", "2026-11-20 17:45"),
        ("*-*-01 *:*", "2026-11-24 12:00:00", "2026-11-01 23:59"),
        ("0 7 1 * *", "2026-11-24 12:00:00", "2026-11-01 07:00"),
        ("yearly", "2026-12-31 23:59:59", "2026-01-01 00:00"),
        ("0 0 29 2 *", "2026-11-24 12:00:00", "2024-02-29 00:00"),
        ("2026-11-20 05:00", "2026-11-24 12:00:00", "2026-11-20 05:00"),
        ("2015-11-20 05:00", "2026-11-24 12:00:00", None),
        ("2027-01-01", "2026-11-24 12:00:00", None),
        ("02-30", "2026-11-24 12:00:00", None),
        ("0 0 31 2 *", "2026-11-24 12:00:00", None),
    ],
)
def test_the_newest_due_time_up_to_a_moment(text: str, moment: str, last: str | None) -> None:
    answer = schedule.parse(text, BERLIN).last_at_or_before(datetime.fromisoformat(moment).replace(tzinfo=BERLIN))
    assert answer == (None if last is None else datetime.fromisoformat(last).replace(tzinfo=BERLIN))


def test_a_range_holds_its_start_and_not_its_end() -> None:
    daily = schedule.parse("12:00", BERLIN)
    assert daily.between(NOON, NOON + timedelta(days=2)) == [NOON, NOON + timedelta(days=1)]
    assert daily.between(NOON + timedelta(microseconds=1), NOON + timedelta(days=1)) == []
    assert daily.between(NOON, NOON) == []


def test_a_range_is_cut_off_at_the_limit_keeping_the_first() -> None:
    minutely = schedule.parse("*/1", BERLIN)
    assert minutely.between(NOON, NOON + timedelta(days=1), limit=3) == [NOON + timedelta(minutes=n) for n in range(3)]
    assert len(minutely.between(NOON, NOON + timedelta(days=30))) == 5000


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("daily", timedelta(days=1)),
        ("mon..fri 22:00", timedelta(days=3)),
        ("0 2 * * *", timedelta(days=1)),
        ("*/15", timedelta(minutes=15)),
        ("*/25", timedelta(minutes=35)),
        ("8..17:00", timedelta(hours=15)),
        ("*-*-01 07:00", timedelta(days=31)),
        ("yearly", timedelta(days=366)),
        ("2027-01-01", None),
        ("02-30", None),
    ],
)
def test_the_period_is_the_widest_of_the_next_eight_gaps(text: str, period: timedelta | None) -> None:
    assert schedule.parse(text, ZoneInfo("UTC")).period(NOON) == period


@pytest.mark.parametrize(("moment", "days"), [("2026-05-31 12:00", 1), ("2026-06-01 12:00", 22)])
def test_the_eighth_gap_counts_and_the_ninth_does_not(moment: str, days: int) -> None:
    first_nine_days = schedule.parse("*-*-1..9 00:00", ZoneInfo("UTC"))

    assert first_nine_days.period(datetime.fromisoformat(moment).replace(tzinfo=UTC)) == timedelta(days=days)


# --- clock changes --------------------------------------------------------------------------------------------------------

NIGHTS = [
    # Berlin: 02:00 → 03:00 in March, 03:00 → 02:00 in October.
    ("Europe/Berlin", "02:30", "2026-03-28", "28T02:30+01:00 30T02:30+02:00"),
    ("Europe/Berlin", "02:00", "2026-03-28", "28T02:00+01:00 30T02:00+02:00"),
    ("Europe/Berlin", "03:00", "2026-03-28", "28T03:00+01:00 29T03:00+02:00 30T03:00+02:00"),
    ("Europe/Berlin", "02:30", "2026-10-24", "24T02:30+02:00 25T02:30+02:00 26T02:30+01:00"),
    ("Europe/Berlin", "03:00", "2026-10-24", "24T03:00+02:00 25T03:00+01:00 26T03:00+01:00"),
    ("Europe/Berlin", "02:30", "2027-03-27", "27T02:30+01:00 29T02:30+02:00"),
    ("Europe/Berlin", "02:30", "2027-10-30", "30T02:30+02:00 31T02:30+02:00 01T02:30+01:00"),
    # New York: 02:00 → 03:00 in March, 02:00 → 01:00 in November.
    ("America/New_York", "02:30", "2026-03-07", "07T02:30-05:00 09T02:30-04:00"),
    ("America/New_York", "01:30", "2026-10-31", "31T01:30-04:00 01T01:30-04:00 02T01:30-05:00"),
    ("America/New_York", "02:30", "2027-03-13", "13T02:30-05:00 15T02:30-04:00"),
    ("America/New_York", "01:30", "2027-11-06", "06T01:30-04:00 07T01:30-04:00 08T01:30-05:00"),
    # Santiago: midnight → 01:00 in September, midnight → 23:00 of the day before in April.
    ("America/Santiago", "00:00", "2026-09-05", "05T00:00-04:00 07T00:00-03:00"),
    ("America/Santiago", "23:30", "2026-04-03", "03T23:30-03:00 04T23:30-03:00 05T23:30-04:00"),
    ("America/Santiago", "00:00", "2026-04-04", "04T00:00-03:00 05T00:00-04:00 06T00:00-04:00"),
    ("America/Santiago", "00:00", "2027-09-04", "04T00:00-04:00 06T00:00-03:00"),
    ("America/Santiago", "23:30", "2027-04-02", "02T23:30-03:00 03T23:30-03:00 04T23:30-04:00"),
    # Lord Howe: half an hour only, 02:00 → 02:30 in October, 02:00 → 01:30 in April.
    ("Australia/Lord_Howe", "02:15", "2026-10-03", "03T02:15+10:30 05T02:15+11:00"),
    ("Australia/Lord_Howe", "02:30", "2026-10-03", "03T02:30+10:30 04T02:30+11:00 05T02:30+11:00"),
    ("Australia/Lord_Howe", "01:45", "2026-04-04", "04T01:45+11:00 05T01:45+11:00 06T01:45+10:30"),
    ("Australia/Lord_Howe", "02:15", "2027-10-02", "02T02:15+10:30 04T02:15+11:00"),
    ("Australia/Lord_Howe", "01:45", "2027-04-03", "03T01:45+11:00 04T01:45+11:00 05T01:45+10:30"),
    ("UTC", "02:30", "2026-03-28", "28T02:30+00:00 29T02:30+00:00 30T02:30+00:00"),
    ("UTC", "02:30", "2027-10-30", "30T02:30+00:00 31T02:30+00:00 01T02:30+00:00"),
]


@pytest.mark.parametrize("dialect", ["calendar event", "cron"])
@pytest.mark.parametrize(("zone", "time", "first_day", "expected"), NIGHTS)
def test_a_local_time_that_does_not_exist_is_never_due_and_one_that_exists_twice_is_due_at_the_first(
    dialect: str, zone: str, time: str, first_day: str, expected: str
) -> None:
    hour, minute = time.split(":")
    text = time if dialect == "calendar event" else f"{int(minute)} {int(hour)} * * *"
    assert _three_days(text, zone, first_day) == expected.split()


EVERY_HALF_HOUR = [
    ("Europe/Berlin", "2026-03-29", "01:30+01:00 03:00+02:00"),
    ("Europe/Berlin", "2026-10-25", "02:30+02:00 03:00+01:00"),
    ("Europe/Berlin", "2027-03-28", "01:30+01:00 03:00+02:00"),
    ("Europe/Berlin", "2027-10-31", "02:30+02:00 03:00+01:00"),
    ("America/New_York", "2026-03-08", "01:30-05:00 03:00-04:00"),
    ("America/New_York", "2026-11-01", "01:30-04:00 02:00-05:00"),
    ("America/New_York", "2027-03-14", "01:30-05:00 03:00-04:00"),
    ("America/New_York", "2027-11-07", "01:30-04:00 02:00-05:00"),
    ("America/Santiago", "2026-04-04", "23:30-03:00 00:00-04:00"),
    ("America/Santiago", "2026-09-05", "23:30-04:00 01:00-03:00"),
    ("America/Santiago", "2027-04-03", "23:30-03:00 00:00-04:00"),
    ("America/Santiago", "2027-09-04", "23:30-04:00 01:00-03:00"),
    ("Australia/Lord_Howe", "2026-04-05", "01:30+11:00 02:00+10:30"),
    ("Australia/Lord_Howe", "2026-10-04", "01:30+10:30 02:30+11:00"),
    ("Australia/Lord_Howe", "2027-04-04", "01:30+11:00 02:00+10:30"),
    ("Australia/Lord_Howe", "2027-10-03", "01:30+10:30 02:30+11:00"),
]


@pytest.mark.parametrize("text", ["*:0/30", "*/30 * * * *"])
@pytest.mark.parametrize(("zone", "day", "expected"), EVERY_HALF_HOUR)
def test_a_frequent_schedule_passes_over_the_missing_and_the_repeated_time(
    text: str, zone: str, day: str, expected: str
) -> None:
    """``expected``: the last due time before the clocks change, and the one after it."""
    before, after = expected.split()
    due = schedule.parse(text, ZoneInfo(zone)).next_after(datetime.fromisoformat(f"{day}T{before}"))
    assert due is not None
    assert _local(due, ZoneInfo(zone))[3:] == after


def test_in_the_second_of_two_equal_hours_nothing_is_due_and_the_last_one_was_in_the_first() -> None:
    frequent = schedule.parse("*/15", BERLIN)
    second_pass = datetime(2026, 10, 25, 1, 20, tzinfo=UTC)  # 02:20 for the second time
    assert frequent.next_after(second_pass) == datetime(2026, 10, 25, 2, 0, tzinfo=UTC)
    assert frequent.last_at_or_before(second_pass) == datetime(2026, 10, 25, 0, 45, tzinfo=UTC)


def _three_days(text: str, zone_name: str, first_day: str) -> list[str]:
    zone = ZoneInfo(zone_name)
    start = datetime.fromisoformat(first_day).replace(tzinfo=zone)
    return [_local(due, zone) for due in schedule.parse(text, zone).between(start, start + timedelta(days=3))]


def _local(due: datetime, zone: ZoneInfo) -> str:
    return due.astimezone(zone).isoformat(timespec="minutes")[8:]


# --- what holds for every schedule ----------------------------------------------------------------------------------------

TEXTS = [
    *("daily", "hourly", "weekly", "monthly", "yearly", "02:30", "mon..fri 22:00", "sat 03:00", "*-*-01 07:00", "*/15"),
    *("*/25", "*:0/40:30", "0/5:00", "*-*-*/7 03:00", "*-*-1,31", "*-02-29", "fri..mon *:30", "2:* UTC", "02-30"),
    *("@hourly", "@weekly", "0 2 * * *", "30 2 * * *", "*/20 1-3 * * *", "0 0 13 * 5", "0 7 1 * *", "0 0 31 2 *"),
]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Pacific/Apia"]
SCHEDULES = st.builds(schedule.parse, st.sampled_from(TEXTS), st.sampled_from(ZONES).map(ZoneInfo))
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))
NEAR_A_CLOCK_CHANGE = st.builds(
    lambda day, seconds: day + timedelta(seconds=seconds),
    st.sampled_from(
        [datetime(2026, *day, tzinfo=UTC) for day in ((3, 8), (3, 29), (4, 5), (9, 6), (10, 4), (10, 25), (11, 1))]
    ),
    st.integers(-86_400, 86_400),
)


@given(SCHEDULES, MOMENTS | NEAR_A_CLOCK_CHANGE)
def test_the_next_due_time_is_later_and_nothing_is_due_in_between(parsed: schedule.Schedule, moment: datetime) -> None:
    due = parsed.next_after(moment)
    if due is None:
        return
    assert due > moment
    assert due.tzinfo is UTC
    assert due.microsecond == 0
    assert parsed.next_after(moment + (due - moment) / 2) == due
    assert parsed.next_after(due - timedelta(seconds=1)) == due
    assert parsed.last_at_or_before(due) == due


@given(SCHEDULES, MOMENTS | NEAR_A_CLOCK_CHANGE)
def test_looking_back_and_looking_ahead_agree(parsed: schedule.Schedule, moment: datetime) -> None:
    last = parsed.last_at_or_before(moment)
    if last is None:
        return
    assert last <= moment
    assert parsed.next_after(last - timedelta(seconds=1)) == last
    following = parsed.next_after(last)
    assert following is None or following > moment


@given(SCHEDULES, MOMENTS | NEAR_A_CLOCK_CHANGE, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_a_list_is_the_next_due_times_one_after_the_other(
    parsed: schedule.Schedule, start: datetime, length: timedelta
) -> None:
    stepped, due = [], parsed.next_after(start - datetime.resolution)
    while due is not None and due < start + length:
        stepped.append(due)
        due = parsed.next_after(due)
    assert parsed.between(start, start + length) == stepped
    middle = start + length / 2
    assert parsed.between(start, middle) + parsed.between(middle, start + length) == stepped


@given(st.text(max_size=40))
def test_any_text_is_a_schedule_or_a_schedule_error(text: str) -> None:
    try:
        parsed = schedule.parse(text, BERLIN)
    except ScheduleError:
        return
    parsed.next_after(NOON)
