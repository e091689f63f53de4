"""The longest time without a backup: between the ends of good runs, and no longer than what is looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sidecar.core.past.longest_gap import longest_gap
from tests.core.factories import at

START, END = at("1 00:00"), at("30 00:00")
MOMENTS = st.datetimes(
    START.replace(tzinfo=None) - timedelta(days=9), END.replace(tzinfo=None) + timedelta(days=9)
).map(lambda moment: moment.replace(tzinfo=START.tzinfo))


def told(*ends: str, looked: str | None = "2026-01-01 00:00") -> tuple[datetime, datetime, bool, bool] | None:
    found = longest_gap([at(each) for each in ends], START, END, at(looked) if looked else None)
    return None if found is None else (found.start, found.end, found.began_before, found.lasts)


def test_it_lies_between_two_good_ends() -> None:
    assert told("2026-10-31 04:00", "10 04:00", "22 04:00", "29 04:00") == (
        at("10 04:00"),
        at("22 04:00"),
        False,
        False,
    )


def test_what_began_before_or_is_not_over_is_clipped_and_says_so() -> None:
    assert told("2026-10-02 04:00", "25 04:00") == (START, at("25 04:00"), True, False)
    assert told("1 00:00", "3 04:00") == (at("3 04:00"), END, False, True)
    assert told("2026-10-02 04:00") == (START, END, True, True)
    assert told() == (START, END, True, True)


def test_nothing_is_said_of_the_time_before_anybody_looked() -> None:
    assert told(looked="20 00:00") == (at("20 00:00"), END, False, True)
    assert told("21 00:00", looked="20 00:00") == (at("21 00:00"), END, False, True)
    assert told("10 00:00", looked="20 00:00") == (at("10 00:00"), END, False, True)
    assert told(looked=None) is None
    assert told(looked="2026-12-05 00:00") is None


@given(st.lists(MOMENTS, max_size=12))
def test_no_good_end_lies_in_it_and_no_other_one_is_longer(moments: list[datetime]) -> None:
    found = longest_gap(sorted(moments), START, END, START - timedelta(days=30))
    assert found is not None
    assert START <= found.start < found.end <= END
    assert not [moment for moment in moments if found.start < moment < found.end]
    edges = sorted({START, END, *(moment for moment in moments if START < moment < END)})
    assert found.length == max(later - earlier for earlier, later in pairwise(edges))
