"""Times, ages and sizes as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.words import size
from sidecar.web.words import TimeFormat, duration
from tests.web.boards import NOW, at

BERLIN = TimeFormat(NOW, ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "1m"),
        (0, "1m"),
        (119, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (86_399, "23h"),
        (86_400, "1d"),
        (29 * 86_400, "29d"),
        (30 * 86_400, "1mo"),
        (364 * 86_400, "12mo"),
        (365 * 86_400, "1y"),
    ],
)
def test_ages_are_short(seconds: int, text: str) -> None:
    assert duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (at(24, "02:00"), "02:00"),
        (at(24, "07:25"), "07:25"),
        (at(24, "07:26"), "Tue 07:26"),
        (at(29, "04:00"), "Sun 04:00"),
        (at(30, "04:00"), "Mon 30 Nov"),
        (at(30, "08:00"), "Mon 30 Nov"),
        (at(1, "07:00", month=12), "1 Dec 07:00"),
        (datetime(2027, 11, 1, 6, tzinfo=UTC), "1 Nov 2027 07:00"),
        (at(23, "07:00"), "23 Nov 07:00"),
    ],
)
def test_a_moment_to_come_is_as_exact_as_it_must_be(moment: datetime, text: str) -> None:
    assert BERLIN.due(moment) == text


def test_days_are_those_of_the_readers_zone() -> None:
    just_after_midnight = datetime(2026, 11, 22, 23, 5, tzinfo=UTC)
    assert BERLIN.when(just_after_midnight) == "today 00:05"
    assert TimeFormat(NOW, ZoneInfo("UTC")).when(just_after_midnight) == "Sun 22 Nov 23:05"


def test_a_past_moment_names_its_day_and_far_away_its_year() -> None:
    assert BERLIN.stamp(at(23, "04:09")) == "04:09"
    assert BERLIN.stamp(at(22, "04:09")) == "Sun 22 Nov 04:09"
    assert BERLIN.when(at(22, "04:09").replace(year=2024)) == "Fri 22 Nov 2024 04:09"
    assert BERLIN.exact(at(23, "04:09")) == "Mon 23 Nov 2026 04:09:00 CET"


def test_a_datastore_fills_in_a_month_or_on_a_day() -> None:
    assert BERLIN.month(NOW + timedelta(days=330)) == "Oct 2027"
    assert BERLIN.month(NOW + timedelta(days=5)) == "28 Nov"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1_048_575, "1.0 MiB"),
        (64_000_000, "61 MiB"),
        (9_000_000_000, "8.4 GiB"),
        (4 * 1024**4, "4.0 TiB"),
        (2**80, "1048576 EiB"),
    ],
)
def test_sizes_are_binary(count: int, text: str) -> None:
    assert size(count) == text
