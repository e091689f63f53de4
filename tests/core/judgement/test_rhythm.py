"""Rule 12: what is usual, and how that is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest

from sidecar.core.judgement.rhythm import age, announced_gap, limit, often, usual_gap

NEWEST = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


def starts(*gaps_in_hours: float) -> list[datetime]:
    """Starts with these gaps between them, newest first."""
    return [
        NEWEST,
        *accumulate((timedelta(hours=gap) for gap in gaps_in_hours), lambda at, gap: at - gap, initial=NEWEST),
    ][1:]


@pytest.mark.parametrize(
    ("gaps", "usual"),
    [
        ((24, 24, 24, 24), 24),
        ((24, 24, 24), None),
        ((), None),
        ((24, 25, 23, 24, 24, 24, 24, 300), 25),
        ((24, 24, 24, 24, 24, 24, 24, 72), 24),
        ((24, 24, 24, 24, 24, 24, 97), 24),
        ((24, 24, 24, 24, 24, 24, 96), 96),
        ((24, 24, 97, 24, 24, 99, 24), 97),
        ((24, 72, 24, 24, 24, 24, 72), 72),
    ],
    ids=[
        "daily",
        "too few",
        "none",
        "seven",
        "no more than seven",
        "outage",
        "no outlier",
        "only one is left out",
        "weekdays",
    ],
)
def test_rule_12_the_usual_gap_is_the_widest_of_seven_but_for_one_outlier(
    gaps: tuple[float, ...], usual: float | None
) -> None:
    assert usual_gap(starts(*gaps)) == (None if usual is None else timedelta(hours=usual))


def test_a_quarter_and_the_grace_are_allowed() -> None:
    assert limit(NEWEST, timedelta(hours=24), timedelta(minutes=30)) == NEWEST + timedelta(hours=30, minutes=30)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (1 / 12, "every 5 minutes"),
        (0.8, "every 48 minutes"),
        (0.9, "every hour"),
        (1, "every hour"),
        (6.1, "every 6 hours"),
        (21, "every 21 hours"),
        (21.6, "every day"),
        (23.9, "every day"),
        (25, "every day"),
        (72, "every 3 days"),
        (168.2, "every week"),
        (336, "every 2 weeks"),
    ],
)
def test_a_gap_in_words(hours: float, words: str) -> None:
    assert often(timedelta(hours=hours)) == words


@pytest.mark.parametrize(
    ("hours", "words"),
    [(0, "less than a minute"), (0.5, "30 minutes"), (1.9, "1 hour"), (2, "2 hours"), (24, "1 day"), (80, "3 days")],
)
def test_an_age_in_words(hours: float, words: str) -> None:
    assert age(timedelta(hours=hours)) == words


@pytest.mark.parametrize(
    ("dues_before", "starts_before", "widest"),
    [
        ((), (), 0),
        ((24,), (), 0),
        ((24, 48), (), 24),
        ((24, 48, 120), (), 72),
        ((24,), (54,), 30),
        ((24, 120), (48,), 24),
        ((24,), (24.05, 48), 24),
        ((24,), (24 + 1 / 12, 48), 24),
        ((24,), (12, 48), 24),
    ],
    ids=[
        "none",
        "nothing before",
        "due times",
        "the widest",
        "a run",
        "whatever came last",
        "its own run",
        "its own run, as early as can be",
        "not later ones",
    ],
)
def test_the_upstream_announced_what_lies_between_a_due_time_and_what_came_before_it(
    dues_before: tuple[float, ...], starts_before: tuple[float, ...], widest: float
) -> None:
    dues, began = ([NEWEST - timedelta(hours=hours) for hours in every] for every in (dues_before, starts_before))
    assert announced_gap(dues, began) == timedelta(hours=widest)
