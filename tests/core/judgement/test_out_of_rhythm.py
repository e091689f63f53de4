"""What comes later than it used to, where nobody tells its schedule (rule 12)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sidecar.core.model import Cause, Outcome, Run, State
from sidecar.core.parts.part import Part
from tests.core.factories import UNTOLD, announced, at, daily, judged_at, part, run, verdict_of
from tests.core.whole import Whole, guest

NOON = "22 12:00"
YESTERDAY = run("22 04:00")


def by_rhythm(*runs: Any, read: str = NOON, **changes: Any) -> Part:
    """A part of which nobody tells the schedule."""
    return guest(*runs, read=read, plans=(UNTOLD,), by_rhythm=True, **changes)


#: Five good runs, a day apart, and when they began.
FIVE = tuple(run(f"{day} 04:00") for day in range(18, 23))
BEGAN = tuple(each.start for each in reversed(FIVE))

RHYTHMS = [
    Whole(
        what="in its rhythm",
        part=by_rhythm(*FIVE),
        now=NOON,
        state=State.OK,
        cause=Cause.IN_TIME,
        since="22 04:00",
        reason="Comes about every day; newest backup today 04:00.",
    ),
    Whole(
        what="out of its rhythm",
        part=by_rhythm(*FIVE, read="23 11:00"),
        now="23 11:00",
        state=State.WARNING,
        cause=Cause.OUT_OF_RHYTHM,
        since="23 10:30",
        reason="Usually every day; the newest is 1 day old; newest backup Sun 22 Nov 04:00.",
        action="Look at it.",
    ),
    Whole(
        what="all that came was removed",
        part=by_rhythm(remembered=BEGAN),
        now=NOON,
        state=State.WARNING,
        cause=Cause.OUT_OF_RHYTHM,
        since=None,
        reason="Usually every day; no backup of vaultwarden exists.",
        action="Look at it.",
    ),
    Whole(
        what="all that came was removed, but its next run is announced",
        part=guest(read=NOON, plans=(announced("24 04:00"),), by_rhythm=True, remembered=BEGAN),
        now=NOON,
        state=State.NEW,
        cause=Cause.NOTHING_WAS_DUE,
        since=None,
        reason="Nothing was due yet; first run Tue 24 Nov 04:00.",
    ),
    Whole(
        what="no rhythm",
        part=by_rhythm(*FIVE[1:]),
        now=NOON,
        state=State.WARNING,
        cause=Cause.IN_NO_JOB,
        since=None,
        reason="No schedule is known, and too few backups show how often they come; newest backup today 04:00.",
        action="Cover it.",
    ),
    Whole(
        what="no rhythm, but its next run is announced",
        part=guest(YESTERDAY, read=NOON, plans=(announced("24 04:00"),), by_rhythm=True),
        now=NOON,
        state=State.OK,
        cause=Cause.IN_TIME,
        since="22 04:00",
        reason="Newest backup today 04:00.",
    ),
    Whole(
        what="a rhythm, and its next run is announced",
        part=guest(*FIVE, read=NOON, plans=(announced("24 04:00"),), by_rhythm=True),
        now=NOON,
        state=State.OK,
        cause=Cause.IN_TIME,
        since="22 04:00",
        reason="Newest backup today 04:00.",
    ),
    Whole(
        what="out of its rhythm, and runs",
        part=by_rhythm(*FIVE, run("23 10:45", Outcome.RUNNING), read="23 11:00"),
        now="23 11:00",
        state=State.RUNNING,
        cause=Cause.UNDER_WAY,
        since="23 10:45",
        reason="Running since today 10:45.",
    ),
    Whole(
        what="out of its rhythm, and has run for too long",
        part=by_rhythm(*FIVE, run("22 20:00", Outcome.RUNNING), read="23 11:00", longest=timedelta(hours=1)),
        now="23 11:00",
        state=State.WARNING,
        cause=Cause.OUT_OF_RHYTHM,
        since="23 10:30",
        reason="Usually every day; the newest is 1 day old; newest backup Sun 22 Nov 04:00.",
        action="Look at it.",
    ),
    Whole(
        what="overdue, by the upstream's own word",
        part=by_rhythm(*FIVE, overdue=True),
        now=NOON,
        state=State.WARNING,
        cause=Cause.OUT_OF_RHYTHM,
        since=None,
        reason="Overdue, as pve itself says; newest backup today 04:00.",
        action="Look at it.",
    ),
]


@pytest.mark.parametrize("case", RHYTHMS, ids=lambda case: case.what)
def test_rule_12_without_a_schedule_the_rhythm_counts(case: Whole) -> None:
    case.check()


def test_rule_12_a_remembered_run_counts_from_its_own_moment_on() -> None:
    """The fifth began in this very second; what began later was told by a clock that is wrong."""
    made = by_rhythm(YESTERDAY, remembered=(at(NOON), *(at(f"{day} 04:00") for day in range(19, 22))))

    assert verdict_of(made, NOON).state is State.OK
    assert judged_at(made, at(NOON) - timedelta(seconds=1)).verdict.cause is Cause.IN_NO_JOB


EACH_DAY = tuple(run(f"{day} 04:00") for day in range(10, 19))


@pytest.mark.parametrize(("now", "state"), [("19 10:30", State.OK), ("19 10:31", State.WARNING)])
def test_rule_12_a_quarter_more_than_usual_and_the_grace_are_waited_for(now: str, state: State) -> None:
    made = part(*EACH_DAY, read=now, plans=(announced("24 04:00"),), by_rhythm=True)

    assert verdict_of(made, now).state is state


@pytest.mark.parametrize(
    ("now", "state"),
    [("21 03:59", State.WARNING), ("21 04:00", State.LATE), ("21 04:29", State.LATE), ("21 04:31", State.MISSED)],
)
def test_rule_12_what_was_announced_further_apart_is_waited_for_from_its_due_time_on(now: str, state: State) -> None:
    """Daily up to the 18th; then the plan was edited, and the next run announced for the 21st and the 24th."""
    made = part(*EACH_DAY, read=now, plans=(announced("21 04:00", "24 04:00"),), by_rhythm=True)

    assert verdict_of(made, now).state is state


def test_rule_12_what_was_announced_before_the_last_fourteen_runs_says_nothing_of_today() -> None:
    """One run was announced after two weeks without any; since then it ran twice a day, and now it doesn't."""
    often = [run(f"{day} {hour}:00") for day in range(10, 17) for hour in ("04", "16")]
    edited = announced("9 04:00", "24 04:00")

    def state(*runs: Run, remembered: tuple[datetime, ...] = ()) -> State:
        made = part(*runs, read="19 04:00", plans=(edited,), by_rhythm=True, remembered=remembered)
        return verdict_of(made, "19 04:00").state

    assert state(run("26 Oct 04:00"), *often) is State.WARNING
    assert state(*often, remembered=(at("26 Oct 04:00"),)) is State.WARNING
    assert state(run("26 Oct 04:00"), *often[1:]) is State.OK
    assert state(*often[1:], remembered=(at("26 Oct 04:00"),)) is State.OK


def test_rule_12_what_is_missed_is_not_softened_to_a_warning() -> None:
    made = part(YESTERDAY, read="23 07:30", plans=(announced("23 04:00"),), by_rhythm=True, overdue=True)

    assert verdict_of(made, "23 07:30").state is State.MISSED


def test_rule_12_what_has_a_schedule_is_not_compared_with_how_often_it_ran() -> None:
    made = part(*EACH_DAY, read="21 12:00", plans=(daily("mon 04:00"),))

    assert verdict_of(made, "21 12:00").state is State.OK
