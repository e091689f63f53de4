"""Which runs and readings count as evidence, and for how long (rule 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sidecar.core.judgement.evidence import newest_evident
from sidecar.core.model import Cause, Outcome, Run, State
from sidecar.core.parts.expectation import Evidence
from sidecar.core.reports.facts import ReadingGap
from sidecar.core.reports.report import Problem
from tests.core.factories import (
    STALE_AFTER,
    at,
    daily,
    evidence,
    judged_at,
    part,
    run,
    verdict_of,
)

YESTERDAY = run("22 04:00")
NOON = "22 12:00"


@pytest.mark.parametrize(
    ("now", "read", "state"),
    [
        ("23 04:35", "23 04:28", State.LATE),
        ("23 04:47", "23 04:28", State.LATE),
        ("23 04:49", "23 04:28", State.UNKNOWN),
        ("22 12:00", "22 11:41", State.OK),
        ("22 12:02", "22 11:41", State.UNKNOWN),
    ],
)
def test_rule_6_old_readings_prove_nothing(now: str, read: str, state: State) -> None:
    assert verdict_of(part(YESTERDAY, read=read), now).state is state


def test_rule_6_unknown_says_since_when_why_and_what_was_newest() -> None:
    away = part(YESTERDAY, read=None, evidence=evidence("23 06:02", Problem("connection refused", "start it")))
    verdict = verdict_of(away, "23 07:30")

    assert verdict.state is State.UNKNOWN
    assert verdict.reason == "Can't read pbs since today 06:02: connection refused; newest backup Sun 22 Nov 04:00."
    assert (verdict.since, verdict.action) == (at("23 06:02"), "Start it.")


@pytest.mark.parametrize(
    ("read", "before"), [("23 03:50", State.OK), ("23 04:10", State.LATE), ("23 04:31", State.MISSED)]
)
def test_rule_6_unknown_keeps_what_the_state_was_when_it_was_read_last(read: str, before: State) -> None:
    verdict = verdict_of(part(YESTERDAY, read=read), "23 07:30")

    assert (verdict.state, verdict.before) == (State.UNKNOWN, before)


def test_rule_6_what_was_never_read_is_unknown_whatever_runs_there_are() -> None:
    verdict = verdict_of(part(YESTERDAY, read=None), "22 12:00")

    assert (verdict.state, verdict.before) == (State.UNKNOWN, None)


def test_rule_6_runs_from_the_future_are_no_evidence() -> None:
    """A client whose clock is a day ahead must not keep its guest green."""
    verdict = verdict_of(part(run("24 04:00"), read="23 07:26"), "23 07:30")

    assert verdict.state is State.NEVER
    assert "a backup of Tue 24 Nov 04:00 lies in the future: a clock is wrong" in str(verdict.reason)


def test_rule_6_a_reading_from_the_future_proves_nothing_and_says_why() -> None:
    verdict = verdict_of(part(YESTERDAY, read="24 07:26"), "23 07:30")

    assert verdict.state is State.UNKNOWN
    assert verdict.reason == (
        "The last reading of pbs, Tue 24 Nov 07:26, lies in the future: the clock of this machine was set back; "
        "newest backup Sun 22 Nov 04:00."
    )


def seen(as_of: str, **gaps: tuple[str, str]) -> Evidence:
    over = {name: ReadingGap(at(start), at(end)) for name, (start, end) in gaps.items()}
    return replace(evidence(as_of), gap=over.get("gap"), starts_gap=over.get("starts_gap"))


@pytest.mark.parametrize(
    ("as_of", "gaps", "state"),
    [
        ("23 08:00", {"gap": ("22 23:00", "23 08:00")}, State.LATE),
        ("23 08:14", {"gap": ("22 23:00", "23 08:00")}, State.LATE),
        ("23 08:15", {"gap": ("22 23:00", "23 08:00")}, State.MISSED),
        ("23 08:00", {"gap": ("23 04:31", "23 08:00")}, State.MISSED),
        ("23 06:00", {"starts_gap": ("22 23:00", "23 06:00")}, State.LATE),
        ("23 06:15", {"starts_gap": ("22 23:00", "23 06:00")}, State.MISSED),
        ("23 07:00", {"starts_gap": ("22 23:00", "23 07:00")}, State.MISSED),
        ("23 08:00", {"starts_gap": ("22 23:00", "23 08:00")}, State.MISSED),
    ],
    ids=[
        "just back",
        "still catching up",
        "back for a quarter of an hour",
        "it was missed before it went away",
        "only the starts could not be seen",
        "and can be seen again",
        "what lies there has just shown it",
        "what lies there has shown it long ago",
    ],
)
def test_rule_6_a_source_that_slept_has_a_quarter_of_an_hour_to_catch_up(
    as_of: str, gaps: dict[str, tuple[str, str]], state: State
) -> None:
    verdict = verdict_of(part(YESTERDAY, read=None, evidence=seen(as_of, **gaps)), as_of)

    assert verdict.state is state
    assert (f"back since {as_of[3:6]}00" in str(verdict.reason)) is (state is State.LATE)


@pytest.mark.parametrize(
    ("ahead", "counts"),
    [
        (timedelta(minutes=-1), True),
        (timedelta(minutes=5), True),
        (timedelta(minutes=5, seconds=1), False),
    ],
)
def test_rule_6_a_run_later_than_five_minutes_from_now_is_no_evidence_although_a_reading_tells_it(
    ahead: timedelta, *, counts: bool
) -> None:
    """This machine's clock was set back between two readings."""
    now = at(NOON)
    newest = Run(start=now + ahead, end=now + ahead, outcome=Outcome.OK)
    seen = Evidence(source="pbs", as_of=now, stale_after=STALE_AFTER, newest=now + timedelta(minutes=20))
    made = part(newest, YESTERDAY, read=None, evidence=seen)

    assert newest_evident(made, now) == (newest if counts else YESTERDAY)
    assert judged_at(made, now).judgements[0].good == (newest if counts else YESTERDAY)


def test_rule_6_a_run_from_the_future_does_not_hide_the_backup_before_it() -> None:
    now = at(NOON)
    ahead = run("22 12:10")
    seen = Evidence(source="pbs", as_of=now, stale_after=STALE_AFTER, newest=now + timedelta(minutes=20))
    made = part(ahead, YESTERDAY, read=None, evidence=seen, expectations=())

    assert verdict_of(made, NOON).reason == "No enabled job backs it up; newest backup today 04:00."


def test_rule_6_of_several_jobs_each_may_be_impossible_to_tell() -> None:
    made = part(YESTERDAY, read=NOON, plans=(daily(), daily("mon 22:00", job="weekly")))
    first, second = made.expectations
    verdict = verdict_of(replace(made, expectations=(first, replace(second, note="nobody knows storage nas"))), NOON)

    assert (verdict.state, verdict.cause) == (State.UNKNOWN, Cause.CANNOT_TELL)
    assert verdict.reason == "Weekly to pbs-main: nobody knows storage nas."
