"""Fields of rows: what is taken for a number, a time or a text, and what makes a row unreadable."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sidecar.sources.backrest_parse import parse_dashboard
from sidecar.sources.databasement_parse import parse_job
from sidecar.sources.fields import UnreadableError, first_line, label, list_of, moment, text, whole, words
from tests.sources.recorded import texts

YEAR_9999 = 253_402_300_799


@pytest.mark.parametrize(("value", "number"), [(0, 0), ("12", 12), (3.0, 3), (2**63 - 1, 2**63 - 1), (None, None)])
def test_whole_numbers_come_as_numbers_or_in_a_string(value: Any, number: int | None) -> None:
    assert whole({"n": value}, "n") == number


@pytest.mark.parametrize("value", [-1, 1.5, 1e308, float("nan"), float("inf"), 2**63, "9" * 19, "-2", "", True, [], {}])
def test_what_no_database_would_take_for_a_whole_number_is_none(value: Any) -> None:
    with pytest.raises(UnreadableError):
        whole({"n": value}, "n")


@pytest.mark.parametrize(
    ("seconds", "at"),
    [
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (1795458492, datetime(2026, 11, 23, 18, 28, 12, tzinfo=UTC)),
        (32_503_680_000, None),
        (YEAR_9999, None),
        (2**62, None),
    ],
)
def test_a_time_that_no_calendar_can_show_is_not_known(seconds: int, at: datetime | None) -> None:
    """An estimate of when a datastore is full may lie absurdly far ahead (PBS-22)."""
    assert moment({"t": seconds}, "t") == at


@pytest.mark.parametrize(
    "recent",
    [
        {"timestampMs": [f"{YEAR_9999}000"], "durationMs": ["1"], "status": ["STATUS_SUCCESS"]},
        {"timestampMs": ["0"], "durationMs": [f"{YEAR_9999}000"], "status": ["STATUS_SUCCESS"]},
    ],
)
def test_a_run_of_backrest_beyond_all_calendars_is_left_out_and_counted(recent: dict[str, Any]) -> None:
    dashboard = parse_dashboard({"planSummaries": [{"id": "photos", "recentBackups": recent}]})

    assert dashboard.plans[0].runs == ()
    assert texts(dashboard.limits) == ("1 of 1 runs of plan photos could not be read",)


@pytest.mark.parametrize("created", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_job_of_databasement_beyond_all_calendars_is_unreadable(created: str) -> None:
    row = {
        "id": "01k",
        "status": "completed",
        "created_at": created,
        "snapshot": {"server": {"id": "1", "name": "mariadb-main"}, "database_name": "shop"},
    }

    with pytest.raises(UnreadableError):
        parse_job(row, {})


def test_a_name_of_hundreds_of_kilobytes_is_unreadable() -> None:
    assert text({"s": "x" * 512}, "s") == "x" * 512
    for value in ("x" * 513, 10**600):
        with pytest.raises(UnreadableError):
            label({"s": value}, "s")


def test_of_a_long_text_for_people_the_beginning_is_read() -> None:
    assert first_line({"s": "y" * 900_000}, "s") == "y" * 200 + "…"


def test_a_list_within_a_row_has_an_end() -> None:
    assert list_of({"l": [1] * 5_000}, "l") == [1] * 5_000
    with pytest.raises(UnreadableError):
        list_of({"l": [1] * 5_001}, "l")


def test_half_characters_are_replaced_for_nothing_could_write_them() -> None:
    assert text({"s": "a\ud800b"}, "s") == "a?b"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("job errors", "job errors"),
        ("exit code 2:\n\tdump: \x1b[31mgot error\x00", r"exit code 2: dump: \u001b[31mgot error\u0000"),
        ("x" * 5000, "x" * 200 + "…"),
        ("", ""),
        (None, None),
    ],
)
def test_words_for_people_are_one_line_of_bearable_length(value: str | None, shown: str | None) -> None:
    assert words({"s": value}, "s") == shown
