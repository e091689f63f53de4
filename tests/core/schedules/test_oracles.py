"""Schedules against other people's reading of the same thing: cron lines against cronsim, calendar events against dateutil.

Where the grammars agree. Left out, because they don't: a stepped star in a day field beside a restricted weekday (cronsim
does as Debian and wants both), a step without an end ("5/2"), and in calendar events what may lead past the start of the next
unit: open repetitions ("*/25") and days that not every month has ("*-1,30": 30 February is 2 March, SCHED-3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim, CronSimError
from dateutil.rrule import DAILY, rrule
from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.schedules import schedule

UTC_ZONE = ZoneInfo("UTC")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1))

#: How far ahead dateutil looks: eight years, for leap days.
SEARCHED = timedelta(days=3000)

#: A field as text, and the values it means; None: all of them.
Field = tuple[str, frozenset[int] | None]

#: Nights of clock changes by zone: noon before each.
NIGHTS = [
    ("Europe/Berlin", "2026-03-28"),
    ("Europe/Berlin", "2026-10-24"),
    ("Europe/Berlin", "2027-03-27"),
    ("Europe/Berlin", "2027-10-30"),
    ("America/New_York", "2026-03-07"),
    ("America/New_York", "2026-10-31"),
    ("America/New_York", "2027-03-13"),
    ("America/New_York", "2027-11-06"),
    ("America/Santiago", "2026-04-04"),
    ("America/Santiago", "2026-09-05"),
    ("America/Santiago", "2027-04-03"),
    ("America/Santiago", "2027-09-04"),
    ("Australia/Lord_Howe", "2026-04-04"),
    ("Australia/Lord_Howe", "2026-10-03"),
    ("Australia/Lord_Howe", "2027-04-03"),
    ("Australia/Lord_Howe", "2027-10-02"),
    ("UTC", "2026-03-28"),
]


def field(low: int, high: int, between: str, *, stepped_star: bool = False) -> st.SearchStrategy[Field]:
    """Everything, a list, a range or a stepped range; ``between`` stands between the ends of a range."""
    values = st.integers(low, high)
    ends = st.tuples(values, values).filter(lambda pair: pair[0] < pair[1])
    ranges = ends.map(lambda pair: (f"{pair[0]}{between}{pair[1]}", frozenset(range(pair[0], pair[1] + 1))))
    steps = st.tuples(ends, st.integers(1, high)).map(lambda both: _stepped(*both[0], both[1], between))
    stars = st.integers(2, high).map(lambda step: (f"*/{step}", frozenset(range(low, high + 1, step))))
    return st.one_of(st.just(("*", None)), lists(low, high), ranges, steps, *([stars] if stepped_star else []))


def lists(low: int, high: int) -> st.SearchStrategy[Field]:
    some = st.lists(st.integers(low, high), min_size=1, max_size=4)
    return some.map(lambda values: (",".join(map(str, values)), frozenset(values)))


def _stepped(first: int, last: int, step: int, between: str) -> Field:
    return f"{first}{between}{last}/{step}", frozenset(range(first, last + 1, step))


# --- cron ----------------------------------------------------------------------------------------------------------------


CRON = st.tuples(
    field(0, 59, "-", stepped_star=True),
    field(0, 23, "-", stepped_star=True),
    field(1, 31, "-", stepped_star=True),
    field(1, 12, "-", stepped_star=True) | st.sampled_from([("jan", None), ("FEB,nov", None)]),
    field(0, 6, "-") | st.sampled_from([("7", None), ("mon-fri", None), ("Sun", None)]),
).map(lambda fields: [text for text, _ in fields])


def agree_on_days(fields: list[str]) -> bool:
    """The grammars differ where one day field is a stepped star and the other is restricted."""
    day, weekday = fields[2], fields[4]
    return not (day.startswith("*/") and weekday != "*")


def cronsim(text: str, after: datetime) -> Iterator[datetime]:
    """The due times on the wall after ``after``; none for what it calls impossible."""
    try:
        yield from CronSim(text, after)
    except CronSimError:
        return


@given(CRON.filter(agree_on_days), MOMENTS)
def test_cron_lines_are_due_when_cronsim_says(fields: list[str], moment: datetime) -> None:
    text = " ".join(fields)
    expected = [due.replace(tzinfo=UTC) for due in islice(cronsim(text, moment), 5)]

    assert list(islice(schedule.parse(text, UTC_ZONE).after(moment.replace(tzinfo=UTC)), 5)) == expected


@given(CRON.filter(agree_on_days), st.sampled_from(NIGHTS))
def test_rule_7_cron_lines_are_due_when_the_clocks_first_show_what_cronsim_says(
    fields: list[str], night: tuple[str, str]
) -> None:
    # Every day: else hardly any example would be due in its night.
    text, (zone, day) = " ".join([*fields[:2], "*", "*", fields[4]]), night
    noon = datetime.fromisoformat(day) + timedelta(hours=12)
    walls = takewhile(lambda wall: wall < noon + 26 * HOUR, cronsim(text, noon - MINUTE))

    assert over_the_night(text, zone, day) == first_shown(walls, zone, day)


# --- calendar events -------------------------------------------------------------------------------------------------------

_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _weekday_range(ends: tuple[int, int]) -> Field:
    first, last = ends
    return f"{_NAMES[first]}..{_NAMES[last]}", frozenset((first + n) % 7 for n in range((last - first) % 7 + 1))


WEEKDAYS: st.SearchStrategy[Field] = st.one_of(
    st.just(("", None)),
    st.lists(st.integers(0, 6), min_size=1, max_size=3).map(
        lambda some: (",".join(_NAMES[number] for number in some), frozenset(some))
    ),
    st.tuples(st.integers(0, 6), st.integers(0, 6)).map(_weekday_range),
)

EVENTS = st.tuples(
    WEEKDAYS, field(1, 12, ".."), field(1, 28, ".."), field(0, 23, ".."), field(0, 59, ".."), lists(0, 59)
)


def event(fields: tuple[Field, ...], *, seconds: bool) -> str:
    weekdays, month, day, hour, minute, second = (text for text, _ in fields)
    time = f"{hour}:{minute}:{second}" if seconds else f"{hour}:{minute}"
    return f"{weekdays} {month}-{day} {time}".strip()


def rule(fields: tuple[Field, ...], start: datetime, *, seconds: bool) -> rrule:
    weekdays, months, days, hours, minutes, second = (values for _, values in fields)
    return rrule(
        DAILY,
        dtstart=start,
        until=start + SEARCHED - MINUTE / 60,
        byweekday=sorted(weekdays) if weekdays is not None else None,
        bymonth=sorted(months) if months is not None else None,
        bymonthday=sorted(days) if days is not None else None,
        byhour=sorted(hours) if hours is not None else range(24),
        byminute=sorted(minutes) if minutes is not None else range(60),
        bysecond=(sorted(second) if second is not None else range(60)) if seconds else 0,
    )


@given(EVENTS, MOMENTS)
def test_calendar_events_are_due_when_dateutil_says(fields: tuple[Field, ...], moment: datetime) -> None:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    end = (midnight + SEARCHED).replace(tzinfo=UTC)
    ours = takewhile(
        lambda due: due < end, schedule.parse(event(fields, seconds=True), UTC_ZONE).after(moment.replace(tzinfo=UTC))
    )
    theirs = (due for due in rule(fields, midnight, seconds=True) if due > moment)

    assert list(islice(ours, 5)) == [due.replace(tzinfo=UTC) for due in islice(theirs, 5)]


@given(EVENTS, st.sampled_from(NIGHTS))
def test_rule_7_calendar_events_are_due_when_the_clocks_first_show_what_dateutil_says(
    fields: tuple[Field, ...], night: tuple[str, str]
) -> None:
    # Every day, as above.
    weekdays, _, _, *time = fields
    fields, (zone, day) = (weekdays, ("*", None), ("*", None), *time), night
    noon = datetime.fromisoformat(day) + timedelta(hours=12)
    walls = rule(fields, noon - DAY / 2, seconds=False).between(noon, noon + 26 * HOUR, inc=True)

    assert over_the_night(event(fields, seconds=False), zone, day) == first_shown(walls, zone, day)


# --- what the clocks show --------------------------------------------------------------------------------------------------


def over_the_night(text: str, zone: str, day: str) -> list[datetime]:
    """Due times by our schedules, from noon of ``day`` to the next."""
    noon = _noon(zone, day)
    return schedule.parse(text, ZoneInfo(zone)).between(noon, noon + DAY)


def first_shown(walls: Iterable[datetime], zone: str, day: str) -> list[datetime]:
    """When the clocks first show each of these times; those that they never show are left out."""
    shown = _shown(zone, day)
    return sorted(shown[wall] for wall in walls if wall in shown)


@cache
def _shown(zone: str, day: str) -> dict[datetime, datetime]:
    """From noon to noon, minute by minute: what the clocks of ``zone`` show, and when they do for the first time."""
    shown: dict[datetime, datetime] = {}
    for minute in range(24 * 60):
        moment = _noon(zone, day) + minute * MINUTE
        shown.setdefault(moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None), moment)
    return shown


def _noon(zone: str, day: str) -> datetime:
    return (datetime.fromisoformat(day) + timedelta(hours=12)).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


@pytest.mark.parametrize(("zone", "day"), NIGHTS)
def test_the_nights_are_those_in_which_the_clocks_change(zone: str, day: str) -> None:
    before, after = ((_noon(zone, day) + days * DAY).astimezone(ZoneInfo(zone)).utcoffset() for days in (0, 1))

    assert (before != after) is (zone != "UTC")
