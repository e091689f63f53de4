"""What ``make demo`` was asked for: what it shows, and one clear line about whatever it can't show."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.demo.options import BAD_MORNING, GOOD_MORNING, DemoError, parse

BERLIN = ZoneInfo("Europe/Berlin")


def test_it_is_the_morning_after_a_night_with_failures() -> None:
    options = parse([], BERLIN)

    assert (options.now, options.port, options.faults) == (datetime.fromisoformat(BAD_MORNING), 8480, True)
    assert not options.night
    assert not options.glance


def test_after_a_good_night_it_is_the_day_after() -> None:
    options = parse(["--morning", "good"], BERLIN)

    assert (options.now, options.faults) == (datetime.fromisoformat(GOOD_MORNING), False)


@pytest.mark.parametrize(
    ("given", "begins"),
    [
        ("2026-11-22T07:30:00+01:00", "2026-11-22T07:30:00+01:00"),
        ("2026-11-22T06:30:00Z", "2026-11-22T07:30:00+01:00"),
        ("2026-11-22T07:30", "2026-11-22T07:30:00+01:00"),
        ("2026-06-22 07:30", "2026-06-22T07:30:00+02:00"),
        ("2026-11-22", "2026-11-22T00:00:00+01:00"),
        ("2026-10-25T02:30", "2026-10-25T02:30:00+02:00"),
    ],
)
def test_a_time_without_a_zone_is_one_of_the_homelab(given: str, begins: str) -> None:
    assert parse(["--now", given], BERLIN).now == datetime.fromisoformat(begins)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--now", "yesterday"], "NOW=yesterday is not a time: write it like NOW=2026-11-23T07:30:00+01:00"),
        (["--now", "2026-11-31"], "NOW=2026-11-31 is not a time: "),
        (["--now", "0001-01-01"], "NOW=0001-01-01 is outside of the years 2000 to 2099: "),
        (
            ["--now", "9999-12-31T23:59:59-12:00"],
            "NOW=9999-12-31T23:59:59-12:00 is outside of the years 2000 to 2099: ",
        ),
        (["--now", "2026-03-29T02:30"], "NOW=2026-03-29T02:30 does not exist in Europe/Berlin, "),
        (["--morning", "grey"], "MORNING=grey is not known. Choose MORNING=good or MORNING=bad."),
        (["--port", "http"], "PORT=http is not a port. Choose a number up to 65535, or 0 for any."),
        (["--port", "-1"], "PORT=-1 is not a port. "),
        (["--port", "65536"], "PORT=65536 is not a port. "),
        (["--port", "65535", "--glance"], "PORT=65535 is not a port. Choose a number up to 65534, or 0 for any."),
        (["--port", ""], "PORT= is not a port. "),
        (["--port", "٣"], "PORT=٣ is not a port. "),
    ],
)
def test_what_it_cannot_show_is_one_line_with_the_variable_and_what_to_do(arguments: list[str], line: str) -> None:
    with pytest.raises(DemoError) as caught:
        parse(arguments, BERLIN)

    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_port_0_is_any_free_one() -> None:
    assert 0 < parse(["--port", "0"], BERLIN).port < 65536
