"""Proxmox calendar events: every vector of upstream's own tests and of the derived ones, and what they leave open."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.schedules import calendar_event
from sidecar.core.schedules.wall_clock import ScheduleError

_VECTORS = Path(__file__).parent / "vectors"


def _vectors(name: str) -> list[Any]:
    entries: list[Any] = json.loads((_VECTORS / f"calendar_event_{name}.json").read_text())
    return [pytest.param(entry, id=f"{number} {entry['spec']}") for number, entry in enumerate(entries)]


UPSTREAM, PARSE, DERIVED = _vectors("vectors"), _vectors("parse_vectors"), _vectors("derived_vectors")


def test_no_vector_is_lost() -> None:
    """203 from Proxmox's own tests, 103 for the parser, 297 derived from documentation, quirks and clock changes."""
    assert (len(UPSTREAM), len(PARSE), len(DERIVED)) == (203, 103, 297)


@pytest.mark.parametrize("vector", UPSTREAM)
def test_it_answers_as_proxmox_tests_itself(vector: dict[str, Any]) -> None:
    assert _answer(vector) == vector["next"]


@pytest.mark.parametrize("vector", DERIVED)
def test_it_answers_as_documented_and_measured(vector: dict[str, Any]) -> None:
    assert _answer(vector) == vector["next"]


@pytest.mark.parametrize("vector", PARSE)
def test_it_reads_what_proxmox_reads_and_nothing_else(vector: dict[str, Any]) -> None:
    if vector["valid"]:
        calendar_event.parse(vector["spec"])
    else:
        with pytest.raises(ScheduleError):
            calendar_event.parse(vector["spec"])


def _answer(vector: dict[str, Any]) -> float | None:
    after = datetime.fromtimestamp(vector["after"], UTC)
    due = calendar_event.parse(vector["spec"]).next_after(after, ZoneInfo(vector["tz"]))
    return None if due is None else due.timestamp()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tues 8:00", "unable to read schedule 'tues 8:00' at 'tues': expected a weekday like mon or monday"),
        ("mon..fri 22:00 x", "at '22:00 x': expected [weekdays] [year-month-day] [hour:minute[:second]]"),
        ("*-13-01 8:00", "at '*-13-01 8:00': expected years below 2200, months up to 12, days up to 31"),
        ("12:60", "unable to read schedule '12:60' at '12:60': expected hours up to 23, minutes and seconds up to 59"),
        ("", "unable to read schedule '': expected a weekday, a date, a time or a word like daily"),
        ("1," * 100 + "1", "…': expected at most 128 characters"),
    ],
)
def test_an_error_names_the_text_the_place_and_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(ScheduleError) as caught:
        calendar_event.parse(text)
    assert message in str(caught.value)


@given(st.text(alphabet="*/.,:-0123456789 \tmonfrisUTCdaily²٣", max_size=24) | st.text(max_size=140))
def test_unreadable_text_is_a_schedule_error_and_nothing_else(text: str) -> None:
    try:
        event = calendar_event.parse(text)
    except ScheduleError:
        return
    event.next_after(datetime(2026, 3, 28, tzinfo=UTC), ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize("text", ["02-30", "2021-02-29", "*-*-0", "00-05", "mon 2026-11-24", "*-02-30 *:*:*"])
def test_what_is_never_due_is_known_at_once(text: str) -> None:
    """Some of these make Proxmox try a thousand times; here they must not hold up a page."""
    event = calendar_event.parse(text)
    begun = process_time()
    assert event.next_after(datetime(2026, 11, 24, tzinfo=UTC), ZoneInfo("Europe/Berlin")) is None
    assert process_time() - begun < 1


@pytest.mark.parametrize(
    ("text", "after", "due"),
    [
        ("*/25", "2026-01-01 00:59:59", "2026-01-01 01:25"),  # :00 matches, but no chain of runs comes by
        ("*:*:0/25", "2026-01-01 00:00:59", "2026-01-01 00:01:25"),
        ("0/5:00", "2026-01-01 23:59:59", "2026-01-02 05:00"),
        ("*-*-*/7 03:00", "2026-02-01 00:00", "2026-02-08 03:00"),  # day 29 + 7 is 5 February
        ("*-*-*/7 03:00", "2026-02-22 12:00", "2026-03-01 03:00"),  # day 29 of February is 1 March
        ("*-*-*/2 03:00", "2026-01-31 12:00", "2026-02-01 03:00"),  # the 31st is due, and the day after it is the 1st
        ("*-*-1,31", "2026-02-28 23:59:59", "2026-03-31 00:00"),  # 31 February is 3 March: past the 1st
        ("*-1/5-01", "2026-12-31 23:59:59", "2027-06-01 00:00"),
        ("8:0/25", "2026-01-01 07:59:59", "2026-01-01 08:00"),  # hour 8 begins at its first minute
        ("2000/7-01-01", "2199-06-01 00:00", None),
    ],
)
def test_a_repetition_that_overshoots_its_unit_skips_the_start_of_the_next_wherever_the_search_begins(
    text: str, after: str, due: str | None
) -> None:
    answer = calendar_event.parse(text).next_after(_utc(after), ZoneInfo("UTC"))
    assert answer == (None if due is None else _utc(due))


@pytest.mark.parametrize(
    "text", ["*/25", "*:*:0/25", "0/5:00", "*-*-*/7 03:00", "*-*-*/20 *:00", "0/5:0/25", "*-1/5-01"]
)
def test_every_search_meets_the_same_chain_of_due_times(text: str) -> None:
    """A server steps from run to run. A search from any moment in between must find the next of them."""
    event, zone = calendar_event.parse(text), ZoneInfo("UTC")
    due = event.next_after(_utc("2026-01-20 00:00"), zone)
    for _ in range(40):
        assert due is not None
        following = event.next_after(due, zone)
        assert following is not None
        for part in range(7):
            assert event.next_after(due + (following - due) * part / 7, zone) == following
        assert event.next_after(following - timedelta(seconds=1), zone) == following
        due = following


_NUMBERS = {
    "hour": st.integers(0, 23),
    "minute": st.integers(0, 59),
    "day": st.integers(1, 28),
    "weekday": st.integers(0, 6),
}


def _some(name: str) -> st.SearchStrategy[list[int]]:
    return st.lists(_NUMBERS[name], min_size=1, max_size=4)


@given(_some("weekday"), _some("day"), _some("hour"), _some("minute"), st.integers(0, 60 * 24 * 365))
def test_lists_are_due_when_weekday_and_day_and_hour_and_minute_are_listed(
    weekdays: list[int], days: list[int], hours: list[int], minutes: list[int], offset: int
) -> None:
    """Against the slowest possible reading: look at every hour until one fits."""
    names = ",".join(("mon", "tue", "wed", "thu", "fri", "sat", "sun")[weekday] for weekday in weekdays)
    text = f"{names} *-{_comma(days)} {_comma(hours)}:{_comma(minutes)}"
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=offset)
    due = moment + timedelta(minutes=1)
    while not (due.weekday() in weekdays and due.day in days and due.hour in hours and due.minute in minutes):
        fits = due.weekday() in weekdays and due.day in days
        due = due + timedelta(minutes=1) if fits else due.replace(hour=0, minute=0) + timedelta(days=1)
    assert calendar_event.parse(text).next_after(moment, ZoneInfo("UTC")) == due


def test_a_range_of_weekdays_goes_on_over_sunday() -> None:
    event, due = calendar_event.parse("fri..mon 06:00"), _utc("2026-11-24 00:00")
    days = []
    for _ in range(5):
        following = event.next_after(due, ZoneInfo("UTC"))
        assert following is not None
        due = following
        days.append(f"{due:%a %d}")
    assert days == ["Fri 27", "Sat 28", "Sun 29", "Mon 30", "Fri 04"]


def test_utc_at_the_end_overrides_the_zone() -> None:
    event = calendar_event.parse("02:30 UTC")
    assert event.next_after(_utc("2026-03-29 00:00"), ZoneInfo("Europe/Berlin")) == _utc("2026-03-29 02:30")


def test_fractions_of_a_second_do_not_hide_a_due_time() -> None:
    after = _utc("2026-11-24 03:59:59") + timedelta(microseconds=999_999)
    assert calendar_event.parse("04:00").next_after(after, ZoneInfo("UTC")) == _utc("2026-11-24 04:00")


def test_a_moment_without_a_zone_is_refused() -> None:
    """Python would take it for the local time of whatever machine this runs on."""
    with pytest.raises(ValueError, match="needs a time zone"):
        calendar_event.parse("daily").next_after(datetime(2026, 11, 24), ZoneInfo("UTC"))


def _comma(numbers: list[int]) -> str:
    return ",".join(map(str, numbers))


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
