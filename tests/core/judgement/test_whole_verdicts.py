"""Every answer of the judge as a whole: state, cause, since when, the sentence, and what to do (times are Berlin's)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from sidecar.core.model import Cause, Link, Outcome, PartKind, State, Verdict
from sidecar.core.parts.expectation import Activity, PauseWindow
from sidecar.core.parts.part import Part
from sidecar.core.reports.report import Problem
from tests.core.factories import at, daily, evidence, failed, judged_at, part, run

PAGE = Link("https://pve.lan:8006/#v1:0:=lxc%2F101", "Guest in Proxmox VE")
YESTERDAY = run("22 04:00")
NOON = "22 12:00"
MORNING = "23 07:30"


def guest(*runs: Any, read: str | None = MORNING, **changes: Any) -> Part:
    return part(*runs, read=read, link=PAGE, **changes)


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A situation and the whole verdict on it; ``since`` as in ``at``, None for none."""

    what: str
    part: Part
    now: str
    state: State
    cause: Cause
    since: str | None
    reason: str
    action: str | None = None


def one_hour(**changes: Any) -> dict[str, Any]:
    return {"longest": timedelta(hours=1), **changes}


AWAY = Problem("connection refused", "start it")
HOLIDAY = PauseWindow(at("21 00:00"), at("24 00:00"), "holiday")
UNREADABLE = replace(daily(), schedule=None, text="whenever", trouble="unable to read schedule 'whenever'")
QUEUE = Activity(at("23 02:00"), blocks_queue=True)
CANCELLED = replace(failed("23 04:01", "by Anna"), cancelled=True)
ANNOUNCED = replace(daily(), schedule=None, text=None, announced=at("24 04:00"))
RHYTHM = tuple(run(f"{day} 04:00") for day in range(14, 21))
NO_REASON = replace(HOLIDAY, reason=None)
IN_TWO_JOBS = (daily(), daily("mon 04:00", job="weekly"))

VERDICTS = [
    Whole(
        what="in time",
        part=guest(YESTERDAY, read=NOON),
        now=NOON,
        state=State.OK,
        cause=Cause.IN_TIME,
        since="22 04:00",
        reason="Newest backup today 04:00.",
    ),
    Whole(
        what="nothing due yet",
        part=guest(read=NOON, oldest_trace=at(NOON)),
        now=NOON,
        state=State.NEW,
        cause=Cause.NOTHING_WAS_DUE,
        since=None,
        reason="Nothing was due yet; first run Mon 23 Nov 04:00.",
    ),
    Whole(
        what="nothing ever due",
        part=guest(read=NOON, plans=(daily("2020-1-1"),)),
        now=NOON,
        state=State.NEW,
        cause=Cause.NOTHING_WAS_DUE,
        since=None,
        reason="Nothing was ever due.",
    ),
    Whole(
        what="late",
        part=guest(YESTERDAY, read="23 04:10"),
        now="23 04:10",
        state=State.LATE,
        cause=Cause.WAITING,
        since="23 04:00",
        reason="Due today 04:00, nothing has started yet; newest backup Sun 22 Nov 04:00.",
    ),
    Whole(
        what="missed",
        part=guest(YESTERDAY),
        now=MORNING,
        state=State.MISSED,
        cause=Cause.NOTHING_STARTED,
        since="23 04:30",
        reason="Due today 04:00, nothing had started by 04:30; newest backup Sun 22 Nov 04:00.",
        action="Look at it.",
    ),
    Whole(
        what="never",
        part=guest(oldest_trace=at("23 00:00")),
        now=MORNING,
        state=State.NEVER,
        cause=Cause.NOTHING_STARTED,
        since="23 04:30",
        reason="Due today 04:00, nothing had started by 04:30, and no backup of vaultwarden exists.",
        action="Begin it.",
    ),
    Whole(
        what="failed",
        part=guest(YESTERDAY, failed("23 04:01")),
        now=MORNING,
        state=State.FAILED,
        cause=Cause.RUN_FAILED,
        since="23 04:08",
        reason="The run that ended today 04:08 failed: job errors; newest backup Sun 22 Nov 04:00.",
        action="Fix it.",
    ),
    Whole(
        what="failed, its end is not known, and it says nothing",
        part=guest(YESTERDAY, run("23 04:01", Outcome.FAILED, minutes=None)),
        now=MORNING,
        state=State.FAILED,
        cause=Cause.RUN_FAILED,
        since="23 04:01",
        reason="The run of today 04:01 failed; newest backup Sun 22 Nov 04:00.",
        action="Fix it.",
    ),
    Whole(
        what="under way",
        part=guest(YESTERDAY, run("23 04:02", Outcome.RUNNING), **one_hour()),
        now=MORNING,
        state=State.RUNNING,
        cause=Cause.UNDER_WAY,
        since="23 04:02",
        reason="Running since today 04:02, usually 1h.",
    ),
    Whole(
        what="under way for the first time",
        part=guest(YESTERDAY, run("23 04:02", Outcome.RUNNING)),
        now=MORNING,
        state=State.RUNNING,
        cause=Cause.UNDER_WAY,
        since="23 04:02",
        reason="Running since today 04:02.",
    ),
    Whole(
        what="under way too long",
        part=guest(YESTERDAY, run("23 04:02", Outcome.RUNNING), read="23 17:00", **one_hour()),
        now="23 17:00",
        state=State.MISSED,
        cause=Cause.UNDER_WAY_TOO_LONG,
        since="23 16:02",
        reason="Running since today 04:02, longer than 12h; newest backup Sun 22 Nov 04:00.",
        action="Look at it.",
    ),
    Whole(
        what="in a queue",
        part=guest(YESTERDAY, activities=(QUEUE,)),
        now=MORNING,
        state=State.RUNNING,
        cause=Cause.UNDER_WAY,
        since="23 02:00",
        reason="Waits for what runs since today 02:00.",
    ),
    Whole(
        what="in a queue, by name",
        part=guest(YESTERDAY, activities=(replace(QUEUE, name="check b2"),)),
        now=MORNING,
        state=State.RUNNING,
        cause=Cause.UNDER_WAY,
        since="23 02:00",
        reason="Waits for check b2, which runs since today 02:00.",
    ),
    Whole(
        what="cancelled",
        part=guest(YESTERDAY, CANCELLED),
        now=MORNING,
        state=State.WARNING,
        cause=Cause.RUN_CANCELLED,
        since="23 04:08",
        reason="The run of today 04:01 was cancelled: by Anna; newest backup Sun 22 Nov 04:00.",
        action="Fix it.",
    ),
    Whole(
        what="cancelled without a backup",
        part=guest(CANCELLED),
        now=MORNING,
        state=State.WARNING,
        cause=Cause.RUN_CANCELLED,
        since="23 04:08",
        reason="The run of today 04:01 was cancelled: by Anna; no backup of vaultwarden exists.",
        action="Fix it.",
    ),
    Whole(
        what="failed, then cancelled",
        part=guest(YESTERDAY, failed("23 04:00"), replace(CANCELLED, start=at("23 05:00"))),
        now=MORNING,
        state=State.FAILED,
        cause=Cause.RUN_FAILED,
        since="23 04:07",
        reason="The run that ended today 04:07 failed: job errors; newest backup Sun 22 Nov 04:00.",
        action="Fix it.",
    ),
    Whole(
        what="cancelled yesterday",
        part=guest(run("21 04:00"), replace(CANCELLED, start=at("22 04:00"))),
        now=MORNING,
        state=State.MISSED,
        cause=Cause.NOTHING_STARTED,
        since="23 04:30",
        reason="Due today 04:00, nothing had started by 04:30; newest backup Sat 21 Nov 04:00.",
        action="Look at it.",
    ),
    Whole(
        what="out of rhythm",
        part=guest(*RHYTHM, plans=(ANNOUNCED,), by_rhythm=True),
        now=MORNING,
        state=State.WARNING,
        cause=Cause.OUT_OF_RHYTHM,
        since="21 10:30",
        reason="Usually every day; the newest is 3 days old; newest backup Fri 20 Nov 04:00.",
        action="Look at it.",
    ),
    Whole(
        what="overdue",
        part=guest(YESTERDAY, plans=(ANNOUNCED,), overdue=True),
        now=MORNING,
        state=State.WARNING,
        cause=Cause.OUT_OF_RHYTHM,
        since=None,
        reason="Overdue, as pve itself says; newest backup Sun 22 Nov 04:00.",
        action="Look at it.",
    ),
    Whole(
        what="older snapshot corrupt",
        part=guest(YESTERDAY, read=NOON, concerns=("an older snapshot failed verification",)),
        now=NOON,
        state=State.WARNING,
        cause=Cause.CONCERNS,
        since="22 04:00",
        reason="An older snapshot failed verification; newest backup today 04:00.",
        action="Check it.",
    ),
    Whole(
        what="warnings in the run",
        part=guest(run("22 04:00", Outcome.WARNING, text="2  files"), read=NOON),
        now=NOON,
        state=State.WARNING,
        cause=Cause.CONCERNS,
        since="22 04:00",
        reason="The newest backup finished with warnings: 2 files; newest backup today 04:00.",
        action="Check it.",
    ),
    Whole(
        what="a run by hand failed",
        part=guest(YESTERDAY, failed("22 10:00"), read=NOON),
        now=NOON,
        state=State.WARNING,
        cause=Cause.OTHER_RUN_FAILED,
        since="22 04:00",
        reason="A later run outside the schedule failed today 10:00: job errors; newest backup today 04:00.",
        action="Check it.",
    ),
    Whole(
        what="unusable",
        part=guest(YESTERDAY, read=NOON, unusable="the newest backup failed verification"),
        now=NOON,
        state=State.FAILED,
        cause=Cause.NEWEST_UNUSABLE,
        since="22 04:00",
        reason="The newest backup failed verification; newest backup today 04:00.",
        action="Fix it.",
    ),
    Whole(
        what="unusable since it was verified",
        part=guest(YESTERDAY, read=NOON, unusable="the newest backup failed verification", verified_at=at("22 10:00")),
        now=NOON,
        state=State.FAILED,
        cause=Cause.NEWEST_UNUSABLE,
        since="22 10:00",
        reason="The newest backup failed verification; newest backup today 04:00.",
        action="Fix it.",
    ),
    Whole(
        what="paused",
        part=guest(YESTERDAY, read=NOON, pauses=(HOLIDAY,)),
        now=NOON,
        state=State.DISABLED,
        cause=Cause.PAUSED,
        since="21 00:00",
        reason="Paused until Tue 24 Nov 00:00: holiday; newest backup today 04:00.",
    ),
    Whole(
        what="paused without a reason",
        part=guest(YESTERDAY, read=NOON, pauses=(NO_REASON,)),
        now=NOON,
        state=State.DISABLED,
        cause=Cause.PAUSED,
        since="21 00:00",
        reason="Paused until Tue 24 Nov 00:00; newest backup today 04:00.",
    ),
    Whole(
        what="switched off here",
        part=guest(YESTERDAY, read=NOON, plans=(daily(silenced=True),)),
        now=NOON,
        state=State.DISABLED,
        cause=Cause.SWITCHED_OFF_HERE,
        since=None,
        reason="Pve/backup/critical is switched off in the configuration; newest backup today 04:00.",
    ),
    Whole(
        what="switched off upstream",
        part=guest(YESTERDAY, read=NOON, plans=(daily(enabled=False),)),
        now=NOON,
        state=State.WARNING,
        cause=Cause.SWITCHED_OFF_UPSTREAM,
        since=None,
        reason="Job pve/backup/critical is switched off; newest backup today 04:00.",
        action="Cover it.",
    ),
    Whole(
        what="switched off upstream for too long",
        part=guest(YESTERDAY, plans=(daily(enabled=False),)),
        now=MORNING,
        state=State.MISSED,
        cause=Cause.SWITCHED_OFF_UPSTREAM,
        since="23 04:30",
        reason="Job pve/backup/critical is switched off; newest backup Sun 22 Nov 04:00, the limit was today 04:30.",
        action="Cover it.",
    ),
    Whole(
        what="switched off after it failed",
        part=guest(YESTERDAY, failed("22 10:00"), read=NOON, plans=(daily(enabled=False),)),
        now=NOON,
        state=State.FAILED,
        cause=Cause.RUN_FAILED,
        since="22 10:07",
        reason="The run that ended today 10:07 failed: job errors; newest backup today 04:00.",
        action="Fix it.",
    ),
    Whole(
        what="schedule unreadable",
        part=guest(YESTERDAY, read=NOON, plans=(UNREADABLE,)),
        now=NOON,
        state=State.WARNING,
        cause=Cause.SCHEDULE_UNREADABLE,
        since=None,
        reason="The schedule of pve/backup/critical can't be read: unable to read schedule 'whenever'; "
        "newest backup today 04:00.",
        action="Say when it runs: jobs, pve/backup/critical, schedule.",
    ),
    Whole(
        what="in no job",
        part=guest(YESTERDAY, read=NOON, expectations=()),
        now=NOON,
        state=State.WARNING,
        cause=Cause.IN_NO_JOB,
        since=None,
        reason="No enabled job backs it up; newest backup today 04:00.",
        action="Cover it.",
    ),
    Whole(
        what="in no job, and can't be read",
        part=guest(YESTERDAY, evidence=evidence("22 06:00", AWAY), expectations=()),
        now=MORNING,
        state=State.UNKNOWN,
        cause=Cause.UNREADABLE,
        since="22 06:00",
        reason="Can't read pbs since Sun 22 Nov 06:00: connection refused; newest backup Sun 22 Nov 04:00.",
        action="Start it.",
    ),
    Whole(
        what="can't be read",
        part=guest(YESTERDAY, evidence=evidence("23 06:00", AWAY)),
        now=MORNING,
        state=State.UNKNOWN,
        cause=Cause.UNREADABLE,
        since="23 06:00",
        reason="Can't read pbs since today 06:00: connection refused; newest backup Sun 22 Nov 04:00.",
        action="Start it.",
    ),
    Whole(
        what="was never read",
        part=guest(evidence=evidence(None, replace(AWAY, action=None))),
        now=MORNING,
        state=State.UNKNOWN,
        cause=Cause.UNREADABLE,
        since=None,
        reason="Can't read pbs: connection refused.",
        action="Let us see it.",
    ),
    Whole(
        what="was not read yet",
        part=guest(read=None),
        now=MORNING,
        state=State.UNKNOWN,
        cause=Cause.UNREADABLE,
        since=None,
        reason="Nothing was read from pbs yet.",
    ),
    Whole(
        what="a reference that means nothing",
        part=guest(YESTERDAY, note="101 is ambiguous", expectations=()),
        now=MORNING,
        state=State.UNKNOWN,
        cause=Cause.CANNOT_TELL,
        since=None,
        reason="101 is ambiguous.",
        action="Let us see it.",
    ),
    Whole(
        what="gone",
        part=guest(YESTERDAY, gone=at("23 06:00")),
        now=MORNING,
        state=State.MISSED,
        cause=Cause.GONE,
        since="23 06:00",
        reason="Gone from pve since today 06:00, but still expected.",
        action="Look at it.",
    ),
    Whole(
        what="one of two jobs",
        part=guest(YESTERDAY, plans=IN_TWO_JOBS),
        now=MORNING,
        state=State.MISSED,
        cause=Cause.NOTHING_STARTED,
        since="23 04:30",
        reason="Critical to pbs-main: due today 04:00, nothing had started by 04:30; newest backup Sun 22 Nov 04:00.",
        action="Look at it.",
    ),
    Whole(
        what="a destination of two that can't be read",
        part=guest(YESTERDAY, evidence=evidence("23 06:00", AWAY), plans=IN_TWO_JOBS),
        now=MORNING,
        state=State.UNKNOWN,
        cause=Cause.UNREADABLE,
        since="23 06:00",
        reason="Critical to pbs-main: can't read pbs since today 06:00: connection refused; newest backup Sun 22 Nov 04:00.",
        action="Start it.",
    ),
    Whole(
        what="keeps everything",
        part=guest(read=NOON, noun="run", nothing_owed="keeps everything"),
        now=NOON,
        state=State.DISABLED,
        cause=Cause.NOTHING_OWED,
        since=None,
        reason="Keeps everything.",
    ),
    Whole(
        what="keeps everything, and its last run failed",
        part=guest(failed("22 05:00"), read=NOON, noun="run", nothing_owed="keeps everything"),
        now=NOON,
        state=State.WARNING,
        cause=Cause.RUN_FAILED,
        since="22 05:07",
        reason="Keeps everything; the run of today 05:00 failed: job errors.",
        action="Fix it.",
    ),
    Whole(
        what="has no schedule, and runs",
        part=guest(run("22 11:00", Outcome.RUNNING), read=NOON, nothing_owed="has no schedule"),
        now=NOON,
        state=State.RUNNING,
        cause=Cause.UNDER_WAY,
        since="22 11:00",
        reason="Running since today 11:00.",
    ),
    Whole(
        what="a clock ahead",
        part=guest(YESTERDAY, run("23 09:00"), read=MORNING),
        now=MORNING,
        state=State.MISSED,
        cause=Cause.NOTHING_STARTED,
        since="23 04:30",
        reason="Due today 04:00, nothing had started by 04:30; newest backup Sun 22 Nov 04:00; "
        "a backup of today 09:00 lies in the future: a clock is wrong.",
        action="Look at it.",
    ),
    Whole(
        what="upkeep that never ran well",
        part=guest(failed("23 04:01"), noun="run", kind=PartKind.UPKEEP),
        now=MORNING,
        state=State.FAILED,
        cause=Cause.RUN_FAILED,
        since="23 04:08",
        reason="The run that ended today 04:08 failed: job errors; no good run is known.",
        action="Fix it.",
    ),
]


@pytest.mark.parametrize("case", VERDICTS, ids=lambda case: case.what)
def test_a_verdict_is_a_state_a_cause_a_moment_a_sentence_and_an_action(case: Whole) -> None:
    bad = case.state.rank <= State.WARNING.rank

    assert judged_at(case.part, at(case.now)).verdict == Verdict(
        state=case.state,
        cause=case.cause,
        since=at(case.since) if case.since else None,
        reason=case.reason,
        action=case.action,
        link=PAGE if bad else None,
    )


def test_every_cause_of_the_judge_has_its_case() -> None:
    assert {case.cause for case in VERDICTS} == set(Cause) - {Cause.NOT_VERIFIED}
