"""Rule 9: restore tests are judged where ``restore_within`` is set, and never make anything better."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY
from sidecar.core.history.record import record
from sidecar.core.model import Board, Cause, Outcome, PartKind, Run, SourceKind, State
from sidecar.core.reports.facts import Dump, DumpPlan, ScheduledRestore
from sidecar.core.reports.report import Problem, Reading, Report
from tests.core.factories import at
from tests.core.sample_reports import DATABASEMENT, service, settings

NOW = "23 12:00"
LIMIT = timedelta(days=7)
NO_RESTORES = Problem("the token may not see it", "Give it the role viewer.")


def restore(*runs: Run, enabled: bool = True, skipped: str | None = None, database: str = "shop") -> ScheduledRestore:
    return ScheduledRestore(
        id="1",
        name="Check",
        server="main",
        database=database,
        target="main/check",
        enabled=enabled,
        skipped=skipped,
        runs=runs,
    )


def ran(when: str, outcome: Outcome = Outcome.OK, text: str | None = None, *, cancelled: bool = False) -> Run:
    start = at(when)
    end = None if outcome is Outcome.RUNNING else start + timedelta(minutes=1)
    return Run(start=start, end=end, outcome=outcome, text=text, cancelled=cancelled)


def report(*readings: Reading) -> Report:
    dump = Run(start=at("23 02:00"), end=at("23 02:01"), outcome=Outcome.OK, size=1000)
    plan = DumpPlan(server="main", id="p", schedule_name="Daily", schedule="0 2 * * *", databases=("shop",))
    return Report(
        source="databasement",
        kind=SourceKind.DATABASEMENT,
        at=at(NOW),
        readings=(
            Reading(("plans",), at(NOW), (plan,)),
            Reading(("dumps",), at(NOW), (Dump(id="d", server="main", database="shop", run=dump),)),
            *readings,
        ),
    )


def judged(*readings: Reading, within: timedelta | None = LIMIT, now: str = NOW) -> Board:
    given = settings(
        DATABASEMENT,
        services=(service("shop", "main/shop", kind=PartKind.DATABASE, restore_within=within),),
    )
    made = report(*readings)
    return board({"databasement": made}, record(EMPTY, made), given, at(now))


def known(*restores: ScheduledRestore, as_of: datetime | None = None) -> Reading:
    return Reading(("restores",), as_of or at(NOW), restores)


LATE = ran("10 03:00")
GOOD = ran("22 03:00")
FAILED = ran("22 03:00", Outcome.FAILED, "no such table")


@pytest.mark.parametrize(
    ("readings", "state", "reason", "action"),
    [
        ([known(restore(GOOD))], State.OK, None, None),
        ([known(restore(ran("22 03:00", Outcome.RUNNING), ran("20 03:00")))], State.OK, None, None),
        (
            [known(restore(ran("22 03:00", Outcome.FAILED, cancelled=True), ran("20 03:00")))],
            State.OK,
            None,
            None,
        ),
        (
            [known(restore(LATE))],
            State.WARNING,
            "Last restored Tue 10 Nov 03:01, the limit is 7d.",
            "Run its restore in Databasement.",
        ),
        (
            [known(restore(FAILED, ran("20 03:00")))],
            State.WARNING,
            "The restore test of Sun 22 Nov 03:00 failed: no such table.",
            "Read its error in Databasement, and restore it again.",
        ),
        (
            [known()],
            State.WARNING,
            "Never restored by a test, the limit is 7d.",
            "Schedule a restore of it in Databasement.",
        ),
        (
            [known(restore(GOOD, database="other"))],
            State.WARNING,
            "Never restored by a test, the limit is 7d.",
            "Schedule a restore of it in Databasement.",
        ),
        (
            [known(restore(LATE, enabled=False))],
            State.WARNING,
            "Last restored Tue 10 Nov 03:01, the limit is 7d.",
            "Enable its scheduled restore in Databasement.",
        ),
        (
            [known(restore(LATE, skipped="no_snapshot"))],
            State.WARNING,
            "Last restored Tue 10 Nov 03:01, the limit is 7d.",
            "Look why Databasement skipped its restore: no_snapshot.",
        ),
        (
            [known(restore(ran("23 13:00"), LATE))],
            State.UNKNOWN,
            "Its newest restore test ended in the future, so it proves nothing.",
            "Compare the clocks of Databasement and backup-glance.",
        ),
        (
            [],
            State.UNKNOWN,
            "Its restore tests can't be judged: this Databasement reports no scheduled restores.",
            "Update Databasement to 1.3 or later, or leave out restore_within.",
        ),
        (
            [Reading(("restores",), None, problem=NO_RESTORES)],
            State.UNKNOWN,
            "Its restore tests can't be judged: restores: the token may not see it.",
            "Give it the role viewer.",
        ),
        ([known(restore(GOOD), as_of=at("23 11:00"))], State.UNKNOWN, "Its restore tests can't be judged.", None),
    ],
)
def test_the_newest_good_restore_is_no_older_than_the_limit(
    readings: list[Reading], state: State, reason: str | None, action: str | None
) -> None:
    (row,) = judged(*readings).services
    verdict = row.verdict

    assert verdict.state is state
    if state is not State.OK:
        assert (verdict.reason, verdict.action) == (reason, action)
        assert verdict.cause is (Cause.UNREADABLE if state is State.UNKNOWN else Cause.NOT_RESTORED)


def test_nothing_is_judged_without_a_limit_and_everything_is_shown() -> None:
    (row,) = judged(known(restore(FAILED, LATE)), within=None).services

    (test,) = row.parts[0].restore_tests
    assert row.verdict.state is State.OK
    assert (test.name, test.target, test.tested_at) == ("Check", "main/check", at("10 03:01"))
    assert test.last_run == FAILED


def test_the_limit_passes_by_time_alone() -> None:
    restored = known(restore(ran("16 12:00")))

    assert judged(restored).services[0].verdict.state is State.OK
    assert judged(restored, now="23 12:02").services[0].verdict.state is State.WARNING


def test_a_worse_verdict_stays() -> None:
    (row,) = judged(known(restore(GOOD)), now="24 12:00").services

    assert row.verdict.state is State.UNKNOWN
    assert "estore" not in str(row.verdict.reason)
