"""Which due time counts for one expectation, the grace, and what is due next: rules 1, 3, 4, 7 and 8 at their edges."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from sidecar.core.judgement.due import due_time, grace, next_run, oldest_known, second_time
from sidecar.core.model import Outcome, Run
from sidecar.core.parts.expectation import Expectation, PauseWindow, ScheduleInForce
from tests.core.factories import announced, at, daily, failed, part, run

GOOD = run("22 04:00")
SWITCHED_OFF = daily(enabled=False)


def owed(*runs: Run, schedule: ScheduleInForce | None = None, **fields: Any) -> Expectation:
    """What a job owes, by a schedule of 04:00 every day if no other is given."""
    return replace(part(*runs, read=None, plans=(schedule or daily(),)).expectations[0], **fields)


def due(
    expectation: Expectation, *, oldest: datetime | None = None, pauses: tuple[PauseWindow, ...] = ()
) -> datetime | None:
    return due_time(expectation, pauses, expectation.observed.newest_good, oldest or at("22 00:00"))


# --- rule 1: from when on due times are known ---


@pytest.mark.parametrize(
    ("trace", "contact", "read", "read_since", "oldest"),
    [
        ("1 04:00", "5 12:00", "22 12:00", None, "1 04:00"),
        ("5 12:00", "1 04:00", "22 12:00", None, "1 04:00"),
        ("1 04:00", None, "22 12:00", None, "1 04:00"),
        (None, "5 12:00", "22 12:00", None, "5 12:00"),
        (None, None, "22 12:00", None, "22 12:00"),
        (None, None, None, None, None),
        ("1 04:00", "5 12:00", "22 12:00", "10 00:00", "10 00:00"),
        ("15 04:00", None, "22 12:00", "10 00:00", "15 04:00"),
        (None, None, None, "10 00:00", None),
    ],
    ids=[
        "its oldest trace",
        "the first contact",
        "a trace alone",
        "a contact alone",
        "the reading",
        "nothing was read",
        "older runs could not be read",
        "it is not as old as the list",
        "nothing was read that could be cut off",
    ],
)
def test_rule_1_no_due_time_counts_before_the_oldest_sign_of_it_that_could_be_read(
    trace: str | None, contact: str | None, read: str | None, read_since: str | None, oldest: str | None
) -> None:
    made = part(read=read, oldest_trace=at(trace) if trace else None, read_since=at(read_since) if read_since else None)

    assert oldest_known(made, made.expectations[0], at(contact) if contact else None) == (
        at(oldest) if oldest else None
    )


# --- rule 3: the first due time after the one that the newest good run answers ---


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ((GOOD,), "23 04:00"),
        ((run("22 03:54"),), "22 04:00"),
        ((run("22 03:55"),), "23 04:00"),
        ((GOOD, failed("22 15:00")), "23 04:00"),
    ],
    ids=["a good run", "too early", "early", "a failure says nothing of what is due"],
)
def test_rule_3_the_due_time_after_the_one_that_the_newest_good_run_answers(
    runs: tuple[Run, ...], expected: str
) -> None:
    assert due(owed(*runs)) == at(expected)


@pytest.mark.parametrize(
    ("former", "expected"),
    [
        (daily("05:00", valid_to=at("23 00:00")), "22 05:00"),
        (daily("05:00", valid_to=at("22 04:30")), "23 04:00"),
        (daily("05:00", valid_from=at("22 05:01"), valid_to=at("24 00:00")), "23 04:00"),
        (daily("03:00", valid_to=at("22 04:00")), "23 04:00"),
        (daily("03:00"), "23 03:00"),
    ],
    ids=["owed before the edit", "nothing left of it", "not yet in force", "ended with the good run", "no end known"],
)
def test_rule_1_what_a_former_schedule_owes_comes_first(former: ScheduleInForce, expected: str) -> None:
    assert due(owed(GOOD, past=(former,))) == at(expected)


def test_rule_1_a_job_that_is_switched_off_owes_only_what_was_due_before() -> None:
    former = daily("05:00", valid_to=at("23 00:00"))

    assert due(owed(GOOD, schedule=SWITCHED_OFF)) is None
    assert due(owed(GOOD, schedule=SWITCHED_OFF, past=(former,))) == at("22 05:00")


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ((GOOD,), None),
        ((failed("21 15:00"), GOOD), None),
        ((replace(failed("22 04:00"), end=None), GOOD), None),
        ((GOOD, failed("22 15:00"), failed("22 18:00")), "22 15:00"),
        ((failed("21 15:00"), failed("22 15:00")), "21 15:00"),
        ((GOOD, run("22 15:00", Outcome.RUNNING)), None),
    ],
    ids=["good", "failed before", "failed beside it", "the first failure", "no good run", "under way"],
)
def test_rule_1_where_no_schedule_is_known_a_failed_run_was_due_when_it_began(
    runs: tuple[Run, ...], expected: str | None
) -> None:
    made = owed(*runs, schedule=SWITCHED_OFF, every_run_was_due=True)

    assert due(made) == (at(expected) if expected else None)


# --- rule 1: without a good run, the first due time that is known ---


@pytest.mark.parametrize(
    ("oldest", "expected"),
    [
        (at("22 04:00"), "22 04:00"),
        (at("22 04:00") + timedelta(seconds=1), "23 04:00"),
        (at("22 03:59"), "22 04:00"),
    ],
)
def test_rule_1_without_a_good_run_the_first_due_time_from_the_oldest_trace_on(oldest: datetime, expected: str) -> None:
    assert due(owed(), oldest=oldest) == at(expected)


@pytest.mark.parametrize(
    ("not_its_own", "expected"), [((), "21 04:00"), (("21 04:01",), "22 04:00"), (("21 04:01", "22 04:01"), "23 04:00")]
)
def test_rule_1_a_failed_run_of_its_own_shows_an_earlier_due_time(not_its_own: tuple[str, ...], expected: str) -> None:
    runs = (failed("21 04:01"), failed("22 04:01"))
    made = owed(*runs, not_its_own=frozenset(at(start) for start in not_its_own))

    assert due(made, oldest=at("22 12:00")) == at(expected)


def test_rule_1_without_a_good_run_the_first_run_that_was_announced_is_due() -> None:
    assert due(owed(schedule=announced("21 04:00", "23 04:00"))) == at("21 04:00")


def test_rule_1_nothing_is_due_before_anything_is_known() -> None:
    assert due_time(owed(), (), None, None) is None


# --- rule 2: pauses ---


@pytest.mark.parametrize(
    ("pauses", "expected"),
    [
        ((("22 20:00", "23 04:00"),), "23 04:00"),
        ((("23 04:00", "23 20:00"),), "24 04:00"),
        ((("22 20:00", "23 20:00"),), "24 04:00"),
        ((("22 20:00", "24 04:00"),), "24 04:00"),
        ((("22 20:00", "23 20:00"), ("24 00:00", "25 00:00")), "25 04:00"),
    ],
    ids=["ends with it", "begins with it", "around it", "ends with the next", "two"],
)
def test_rule_2_what_is_due_in_a_pause_is_not_owed_afterwards(
    pauses: tuple[tuple[str, str], ...], expected: str
) -> None:
    windows = tuple(PauseWindow(at(start), at(end)) for start, end in pauses)

    assert due(owed(GOOD), pauses=windows) == at(expected)
    assert next_run(owed(GOOD), windows, at("22 12:00")) == at(expected)


def test_nothing_is_due_next_while_a_job_is_switched_off_or_has_no_schedule() -> None:
    assert next_run(owed(GOOD, schedule=SWITCHED_OFF), (), at("22 12:00")) is None
    assert next_run(replace(owed(GOOD), schedule=None), (), at("22 12:00")) is None


# --- rule 4: grace ---


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (daily("*:00"), timedelta(minutes=30)),
        (daily("0/4:00"), timedelta(hours=1)),
        (daily(), timedelta(hours=3)),
        (daily(grace=timedelta(minutes=5)), timedelta(minutes=5)),
        (daily("2026-12-24 04:00"), timedelta(hours=3)),
        (announced("23 04:00"), timedelta(hours=3)),
        (None, timedelta(hours=3)),
    ],
    ids=["hourly", "every four hours", "daily", "the owner's", "only once", "announced", "no job any more"],
)
def test_rule_4_where_starts_cannot_be_seen_the_grace_follows_the_period(
    schedule: ScheduleInForce | None, expected: timedelta
) -> None:
    made = replace(owed(GOOD), schedule=schedule, starts_seen=False)

    assert grace(made, at("22 12:00")) == expected


# --- rule 7: local times that come twice ---


@pytest.mark.parametrize(
    ("moment", "zone", "later"),
    [
        ("2026-10-25 02:30", "Europe/Berlin", timedelta(hours=1)),
        ("2026-10-25 01:59", "Europe/Berlin", timedelta()),
        ("2026-10-25 02:30", "UTC", timedelta()),
        ("2026-03-29 03:30", "Europe/Berlin", timedelta()),
        ("2026-10-25 02:30", None, timedelta()),
    ],
)
def test_rule_7_the_second_of_two_equal_local_times_is_waited_for(
    moment: str, zone: str | None, later: timedelta
) -> None:
    assert second_time(at(moment), [daily(timezone=zone)]) == later
    assert second_time(at(moment), [daily(timezone="UTC"), daily(timezone=zone)]) == later


def test_rule_7_what_was_announced_comes_once() -> None:
    assert second_time(at("2026-10-25 02:30"), [announced("23 04:00")]) == timedelta()


# --- rule 8: upkeep ---


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("22 03:00", "22 04:00"),
        ("22 03:59", "22 04:00"),
        ("22 04:00", "22 05:00"),
        ("22 05:30", "22 06:00"),
        (None, "22 03:00"),
    ],
    ids=["with a due time", "before one", "with the next one", "over two of them", "not known"],
)
def test_rule_8_a_due_time_that_passes_while_the_same_job_runs_is_not_owed(end: str | None, expected: str) -> None:
    """Hourly; the newest good run began at 02:10."""
    newest = replace(run("22 02:10"), end=at(end) if end else None)

    assert due(owed(newest, schedule=daily("*:00"), busy_is_kept=True)) == at(expected)
    assert due(owed(newest, schedule=daily("*:00"))) == at("22 03:00")


def test_rule_8_a_run_longer_than_everything_that_was_announced_leaves_nothing_owed() -> None:
    newest = replace(run("22 02:10"), end=at("22 05:30"))

    assert due(owed(newest, schedule=announced("22 03:00"), busy_is_kept=True)) is None


@pytest.mark.parametrize(
    ("until", "runs", "expected"),
    [
        ("25 04:00", (), "25 04:00"),
        ("25 03:59", (), "25 04:00"),
        ("25 04:01", (), "26 04:00"),
        ("22 04:00", (), "23 04:00"),
        ("25 04:00", (failed("23 03:55"),), "23 04:00"),
        ("25 04:00", (failed("24 04:00"),), "23 04:00"),
        ("25 04:00", (failed("23 03:54"),), "25 04:00"),
        ("25 04:00", (run("23 04:00", Outcome.RUNNING),), "23 04:00"),
    ],
    ids=[
        "on a due time",
        "before one",
        "after one",
        "already past",
        "failed early",
        "failed later",
        "failed outside the schedule",
        "under way",
    ],
)
def test_rule_8_what_the_server_itself_calls_due_next_is_due_unless_a_run_failed(
    until: str, runs: tuple[Run, ...], expected: str
) -> None:
    assert due(owed(GOOD, *runs, confirmed_until=at(until))) == at(expected)


def test_rule_8_the_server_says_nothing_of_what_a_former_schedule_owes() -> None:
    """Edited on Sunday morning from 05:00 to 04:00."""
    former = daily("05:00", valid_to=at("23 00:00"))

    assert due(owed(GOOD, past=(former,), confirmed_until=at("22 05:00"))) == at("22 05:00")
    assert due(replace(owed(GOOD, past=(former,), confirmed_until=at("24 04:00")), schedule=None)) == at("22 05:00")


def test_rule_8_without_a_good_run_what_the_server_calls_due_next_excuses_nothing() -> None:
    assert due(owed(confirmed_until=at("25 04:00"))) == at("22 04:00")
