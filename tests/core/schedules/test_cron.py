"""Cron as Databasement and Backrest evaluate it: five fields, the usual names, the local clock."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from time import process_time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.schedules import cron
from sidecar.core.schedules.wall_clock import ScheduleError

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "after", "due"),
    [
        ("0 2 * * *", "2026-11-24 02:00", "2026-11-25 02:00"),
        ("*/15 * * * *", "2026-11-24 12:01", "2026-11-24 12:15"),
        ("*/25 * * * *", "2026-11-24 12:50", "2026-11-24 13:00"),  # unlike Proxmox, which goes on at 13:25
        ("0 0 * * 7", "2026-11-24 00:00", "2026-11-29 00:00"),
        ("0 8-10 * * *", "2026-11-24 08:00", "2026-11-24 09:00"),
        ("0 0 * jan-mar sun", "2026-11-24 00:00", "2027-01-03 00:00"),
        ("0 0 29 2 *", "2026-11-24 00:00", "2028-02-29 00:00"),
        ("0 0 L * *", "2026-11-24 00:00", "2026-11-30 00:00"),
        ("0 3 * * 5L", "2026-11-24 00:00", "2026-11-27 03:00"),
        ("0 3 * * 5L", "2026-11-27 03:00", "2026-12-25 03:00"),
        ("0 3 * * 7l", "2026-11-24 00:00", "2026-11-29 03:00"),
        ("0 3 * * friL", "2026-11-27 03:00", "2026-12-25 03:00"),
        ("0 3 * * 6L,FRIL", "2026-11-24 00:00", "2026-11-27 03:00"),
        ("0 3 * * 6L,FRIL", "2026-11-27 03:00", "2026-11-28 03:00"),
        ("0 3 LW * *", "2026-11-24 00:00", "2026-11-30 03:00"),
        ("0 3 LW * *", "2027-01-29 02:59", "2027-01-29 03:00"),
        ("0 3 lw * ?", "2027-01-29 03:00", "2027-02-26 03:00"),
        ("*/5 * LW 2 *", "2027-02-26 23:55", "2028-02-29 00:00"),
        ("59/15 * * * *", "2026-11-24 12:00", "2026-11-24 12:59"),
        ("  0  2\t* * *", "2026-11-24 00:00", "2026-11-24 02:00"),
    ],
)
def test_five_fields_are_due_on_the_local_clock(text: str, after: str, due: str) -> None:
    assert cron.parse(text).next_after(_local(after), BERLIN) == _local(due)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@Daily", "0 0 * * *"),
    ],
)
def test_a_name_stands_for_its_fields(name: str, fields: str) -> None:
    moment = _local("2026-11-24 12:34")
    assert cron.parse(name).next_after(moment, BERLIN) == cron.parse(fields).next_after(moment, BERLIN)


def test_the_longest_text_that_upstreams_accept_is_read() -> None:
    text = "00" + ",0" * 59 + " 2 * * *"
    assert len(text) == 128
    assert cron.parse(text).next_after(_local("2026-11-24 00:00"), BERLIN) == _local("2026-11-24 02:00")


def test_a_day_counts_when_the_day_of_month_or_the_weekday_fits() -> None:
    """Where both are restricted: Friday 27 November, Friday 4 December, …, Sunday 13 December."""
    rule, due = cron.parse("0 0 13 * 5"), _local("2026-11-24 00:00")
    days = []
    for _ in range(4):
        following = rule.next_after(due, BERLIN)
        assert following is not None
        due = following
        days.append(due.astimezone(BERLIN).strftime("%d %b"))
    assert days == ["27 Nov", "04 Dec", "11 Dec", "13 Dec"]


@pytest.mark.parametrize(
    ("text", "same_as"),
    [("0 2-2 * * *", "0 2 * * *"), ("0 02-2/3 * * *", "0 2 * * *"), ("0 2 * * Mon-mon", "0 2 * * mon")],
)
def test_a_range_from_a_value_to_itself_is_that_value(text: str, same_as: str) -> None:
    """croniter 7 takes it for the whole cycle, which neither Laravel nor Backrest does."""
    moment = _local("2026-11-24 02:00")
    assert cron.parse(text).next_after(moment, BERLIN) == cron.parse(same_as).next_after(moment, BERLIN)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 0 2 * * *", "'0 0 2 * * *': expected five fields (minute, hour, day of month, month, day of week), got 6"),
        ("0 2 * *", "'0 2 * *': expected five fields"),
        ("", "'': expected five fields"),
        ("@reboot", "'@reboot': expected five fields or one of @hourly, @daily"),
        ("@every 1h", "'@every 1h': expected five fields or one of @hourly"),
        ("H 2 * * *", "'H 2 * * *' at 'H': expected a value, not one chosen by hash or at random"),
        ("0 1,h(2-4)/2 * * *", "at 'h(2-4)/2': expected a value, not one chosen"),
        ("R 2 * * *", "at 'R': expected a value, not one chosen"),
        ("0 24 * * *", "'0 24 * * *' at '24': expected a valid hour"),
        ("0 0 0 * *", "at '0': expected a valid day of month"),
        ("0 2 * * mun", "at 'mun': expected a valid day of week"),
        ("0 2 * * 1," + "1," * 80 + "1", "…': expected at most 128 characters"),
    ],
)
def test_what_no_upstream_runs_is_refused_with_the_text_and_the_reason(text: str, message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        cron.parse(text)
    assert message in str(caught.value)


_HOSTILE = st.text(alphabet="*/-,?#@LWHR0123456789monfribc ()\t²٣", max_size=12)


@given(st.text(max_size=140) | st.lists(_HOSTILE, min_size=5, max_size=5).map(" ".join))
def test_unreadable_text_is_a_schedule_error_and_nothing_else(text: str) -> None:
    try:
        rule = cron.parse(text)
    except ScheduleError:
        return
    rule.next_after(_local("2026-11-24 00:00"), BERLIN)


@pytest.mark.parametrize("text", ["0 0 31 2 *", "0 0 30,31 2 *", "0 0 31 4,6,9,11 *"])
def test_what_is_never_due_is_known_at_once(text: str) -> None:
    begun = process_time()
    assert cron.parse(text).next_after(_local("2026-11-24 00:00"), BERLIN) is None
    assert process_time() - begun < 1


def test_the_last_working_day_is_looked_for_day_by_day() -> None:
    """Not minute by minute: from the 26th on, where it can be at the earliest, each day is asked for once."""
    asked: list[str] = []
    rule = cron.parse("* * LW * *")
    sys.setprofile(lambda frame, event, _: asked.append(event) if frame.f_code.co_name == "get_next" else None)
    try:
        due = rule.next_after(_local("2026-11-25 12:00"), BERLIN)
    finally:
        sys.setprofile(None)

    assert due == _local("2026-11-30 00:00")
    assert asked.count("call") == 5


def _some(low: int, high: int) -> st.SearchStrategy[list[int]]:
    return st.just(list(range(low, high + 1))) | st.lists(st.integers(low, high), min_size=1, max_size=4)


@given(_some(0, 59), _some(0, 23), _some(1, 28), _some(1, 12), _some(0, 6), st.integers(0, 60 * 24 * 365))
def test_it_agrees_with_the_slowest_possible_reading(
    minutes: list[int], hours: list[int], days: list[int], months: list[int], weekdays: list[int], offset: int
) -> None:
    """A day of month or weekday field that lists everything is written as a star: not restricted."""
    fields = (minutes, hours, days, months, weekdays)
    stars = [len(values) > 4 for values in fields]
    text = " ".join("*" if star else ",".join(map(str, values)) for values, star in zip(fields, stars, strict=True))

    def day_fits(at: datetime) -> bool:
        by_date, by_weekday = at.day in days or stars[2], at.isoweekday() % 7 in weekdays
        return at.month in months and (by_date and by_weekday if stars[2] or stars[4] else by_date or by_weekday)

    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=offset)
    due = moment + timedelta(minutes=1)
    while not (day_fits(due) and due.hour in hours and due.minute in minutes):
        due = due + timedelta(minutes=1) if day_fits(due) else due.replace(hour=0, minute=0) + timedelta(days=1)
    assert cron.parse(text).next_after(moment, ZoneInfo("UTC")) == due


def _local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)
