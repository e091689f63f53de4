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


@dataclass(frozen=True)
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
    Whole("in time", guest(YESTERDAY, read=NOON), NOON, State.OK, Cause.IN_TIME, "22 04:00", "Newest backup today 04:00."),
    Whole(
        "nothing due yet", guest(read=NOON, oldest_trace=at(NOON)), NOON, State.NEW, Cause.NOTHING_WAS_DUE, None,
        "Nothing was due yet; first run Mon 23 Nov 04:00.",
    ),
    Whole(
        "nothing ever due", guest(read=NOON, plans=(daily("2020-1-1"),)), NOON, State.NEW, Cause.NOTHING_WAS_DUE, None,
        "Nothing was ever due.",
    ),
    Whole(
        "late", guest(YESTERDAY, read="23 04:10"), "23 04:10", State.LATE, Cause.WAITING, "23 04:00",
        "Due today 04:00, nothing has started yet; newest backup Sun 22 Nov 04:00.",
    ),
    Whole(
        "missed", guest(YESTERDAY), MORNING, State.MISSED, Cause.NOTHING_STARTED, "23 04:30",
        "Due today 04:00, nothing had started by 04:30; newest backup Sun 22 Nov 04:00.", "Look at it.",
    ),
    Whole(
        "never", guest(oldest_trace=at("23 00:00")), MORNING, State.NEVER, Cause.NOTHING_STARTED, "23 04:30",
        "Due today 04:00, nothing had started by 04:30, and no backup of vaultwarden exists.", "Begin it.",
    ),
    Whole(
        "failed", guest(YESTERDAY, failed("23 04:01")), MORNING, State.FAILED, Cause.RUN_FAILED, "23 04:08",
        "The run that ended today 04:08 failed: job errors; newest backup Sun 22 Nov 04:00.", "Fix it.",
    ),
    Whole(
        "failed, its end is not known, and it says nothing",
        guest(YESTERDAY, run("23 04:01", Outcome.FAILED, minutes=None)),
        MORNING, State.FAILED, Cause.RUN_FAILED, "23 04:01",
        "The run of today 04:01 failed; newest backup Sun 22 Nov 04:00.", "Fix it.",
    ),
    Whole(
        "under way", guest(YESTERDAY, run("23 04:02", Outcome.RUNNING), **one_hour()), MORNING,
        State.RUNNING, Cause.UNDER_WAY, "23 04:02", "Running since today 04:02, usually 1h.",
    ),
    Whole(
        "under way for the first time", guest(YESTERDAY, run("23 04:02", Outcome.RUNNING)), MORNING,
        State.RUNNING, Cause.UNDER_WAY, "23 04:02", "Running since today 04:02.",
    ),
    Whole(
        "under way too long", guest(YESTERDAY, run("23 04:02", Outcome.RUNNING), read="23 17:00", **one_hour()), "23 17:00",
        State.MISSED, Cause.UNDER_WAY_TOO_LONG, "23 16:02",
        "Running since today 04:02, longer than 12h; newest backup Sun 22 Nov 04:00.", "Look at it.",
    ),
    Whole(
        "in a queue", guest(YESTERDAY, activities=(QUEUE,)), MORNING, State.RUNNING, Cause.UNDER_WAY, "23 02:00",
        "Waits for what runs since today 02:00.",
    ),
    Whole(
        "in a queue, by name", guest(YESTERDAY, activities=(replace(QUEUE, name="check b2"),)), MORNING,
        State.RUNNING, Cause.UNDER_WAY, "23 02:00", "Waits for check b2, which runs since today 02:00.",
    ),
    Whole(
        "cancelled", guest(YESTERDAY, CANCELLED), MORNING, State.WARNING, Cause.RUN_CANCELLED, "23 04:08",
        "The run of today 04:01 was cancelled: by Anna; newest backup Sun 22 Nov 04:00.", "Fix it.",
    ),
    Whole(
        "cancelled without a backup", guest(CANCELLED), MORNING, State.WARNING, Cause.RUN_CANCELLED, "23 04:08",
        "The run of today 04:01 was cancelled: by Anna; no backup of vaultwarden exists.", "Fix it.",
    ),
    Whole(
        "failed, then cancelled", guest(YESTERDAY, failed("23 04:00"), replace(CANCELLED, start=at("23 05:00"))), MORNING,
        State.FAILED, Cause.RUN_FAILED, "23 04:07",
        "The run that ended today 04:07 failed: job errors; newest backup Sun 22 Nov 04:00.", "Fix it.",
    ),
    Whole(
        "cancelled yesterday", guest(run("21 04:00"), replace(CANCELLED, start=at("22 04:00"))), MORNING,
        State.MISSED, Cause.NOTHING_STARTED, "23 04:30",
        "Due today 04:00, nothing had started by 04:30; newest backup Sat 21 Nov 04:00.", "Look at it.",
    ),
    Whole(
        "out of rhythm", guest(*RHYTHM, plans=(ANNOUNCED,), by_rhythm=True), MORNING,
        State.WARNING, Cause.OUT_OF_RHYTHM, "21 10:30",
        "Usually every day; the newest is 3 days old; newest backup Fri 20 Nov 04:00.", "Look at it.",
    ),
    Whole(
        "overdue", guest(YESTERDAY, plans=(ANNOUNCED,), overdue=True), MORNING,
        State.WARNING, Cause.OUT_OF_RHYTHM, None, "Overdue, as pve itself says; newest backup Sun 22 Nov 04:00.", "Look at it.",
    ),
    Whole(
        "older snapshot corrupt", guest(YESTERDAY, read=NOON, concerns=("an older snapshot failed verification",)), NOON,
        State.WARNING, Cause.CONCERNS, "22 04:00",
        "An older snapshot failed verification; newest backup today 04:00.", "Check it.",
    ),
    Whole(
        "warnings in the run", guest(run("22 04:00", Outcome.WARNING, text="2  files"), read=NOON), NOON,
        State.WARNING, Cause.CONCERNS, "22 04:00",
        "The newest backup finished with warnings: 2 files; newest backup today 04:00.", "Check it.",
    ),
    Whole(
        "a run by hand failed", guest(YESTERDAY, failed("22 10:00"), read=NOON), NOON,
        State.WARNING, Cause.OTHER_RUN_FAILED, "22 04:00",
        "A later run outside the schedule failed today 10:00: job errors; newest backup today 04:00.", "Check it.",
    ),
    Whole(
        "unusable", guest(YESTERDAY, read=NOON, unusable="the newest backup failed verification"), NOON,
        State.FAILED, Cause.NEWEST_UNUSABLE, "22 04:00",
        "The newest backup failed verification; newest backup today 04:00.", "Fix it.",
    ),
    Whole(
        "unusable since it was verified",
        guest(YESTERDAY, read=NOON, unusable="the newest backup failed verification", verified_at=at("22 10:00")), NOON,
        State.FAILED, Cause.NEWEST_UNUSABLE, "22 10:00",
        "The newest backup failed verification; newest backup today 04:00.", "Fix it.",
    ),
    Whole(
        "paused", guest(YESTERDAY, read=NOON, pauses=(HOLIDAY,)), NOON, State.DISABLED, Cause.PAUSED, "21 00:00",
        "Paused until Tue 24 Nov 00:00: holiday; newest backup today 04:00.",
    ),
    Whole(
        "paused without a reason", guest(YESTERDAY, read=NOON, pauses=(NO_REASON,)), NOON,
        State.DISABLED, Cause.PAUSED, "21 00:00", "Paused until Tue 24 Nov 00:00; newest backup today 04:00.",
    ),
    Whole(
        "switched off here", guest(YESTERDAY, read=NOON, plans=(daily(silenced=True),)), NOON,
        State.DISABLED, Cause.SWITCHED_OFF_HERE, None,
        "Pve/backup/critical is switched off in the configuration; newest backup today 04:00.",
    ),
    Whole(
        "switched off upstream", guest(YESTERDAY, read=NOON, plans=(daily(enabled=False),)), NOON,
        State.WARNING, Cause.SWITCHED_OFF_UPSTREAM, None,
        "Job pve/backup/critical is switched off; newest backup today 04:00.", "Cover it.",
    ),
    Whole(
        "switched off upstream for too long", guest(YESTERDAY, plans=(daily(enabled=False),)), MORNING,
        State.MISSED, Cause.SWITCHED_OFF_UPSTREAM, "23 04:30",
        "Job pve/backup/critical is switched off; newest backup Sun 22 Nov 04:00, the limit was today 04:30.", "Cover it.",
    ),
    Whole(
        "switched off after it failed", guest(YESTERDAY, failed("22 10:00"), read=NOON, plans=(daily(enabled=False),)), NOON,
        State.FAILED, Cause.RUN_FAILED, "22 10:07",
        "The run that ended today 10:07 failed: job errors; newest backup today 04:00.", "Fix it.",
    ),
    Whole(
        "schedule unreadable", guest(YESTERDAY, read=NOON, plans=(UNREADABLE,)), NOON,
        State.WARNING, Cause.SCHEDULE_UNREADABLE, None,
        "The schedule of pve/backup/critical can't be read: unable to read schedule 'whenever'; newest backup today 04:00.",
        "Say when it runs: jobs, pve/backup/critical, schedule.",
    ),
    Whole(
        "in no job", guest(YESTERDAY, read=NOON, expectations=()), NOON, State.WARNING, Cause.IN_NO_JOB, None,
        "No enabled job backs it up; newest backup today 04:00.", "Cover it.",
    ),
    Whole(
        "in no job, and can't be read", guest(YESTERDAY, evidence=evidence("22 06:00", AWAY), expectations=()), MORNING,
        State.UNKNOWN, Cause.UNREADABLE, "22 06:00",
        "Can't read pbs since Sun 22 Nov 06:00: connection refused; newest backup Sun 22 Nov 04:00.", "Start it.",
    ),
    Whole(
        "can't be read", guest(YESTERDAY, evidence=evidence("23 06:00", AWAY)), MORNING, State.UNKNOWN, Cause.UNREADABLE,
        "23 06:00", "Can't read pbs since today 06:00: connection refused; newest backup Sun 22 Nov 04:00.", "Start it.",
    ),
    Whole(
        "was never read", guest(evidence=evidence(None, replace(AWAY, action=None))), MORNING,
        State.UNKNOWN, Cause.UNREADABLE, None, "Can't read pbs: connection refused.", "Let us see it.",
    ),
    Whole(
        "was not read yet", guest(read=None), MORNING, State.UNKNOWN, Cause.UNREADABLE, None,
        "Nothing was read from pbs yet.",
    ),
    Whole(
        "a reference that means nothing", guest(YESTERDAY, note="101 is ambiguous", expectations=()), MORNING,
        State.UNKNOWN, Cause.CANNOT_TELL, None, "101 is ambiguous.", "Let us see it.",
    ),
    Whole(
        "gone", guest(YESTERDAY, gone=at("23 06:00")), MORNING, State.MISSED, Cause.GONE, "23 06:00",
        "Gone from pve since today 06:00, but still expected.", "Look at it.",
    ),
    Whole(
        "one of two jobs", guest(YESTERDAY, plans=IN_TWO_JOBS), MORNING, State.MISSED, Cause.NOTHING_STARTED, "23 04:30",
        "Critical to pbs-main: due today 04:00, nothing had started by 04:30; newest backup Sun 22 Nov 04:00.", "Look at it.",
    ),
    Whole(
        "a destination of two that can't be read", guest(YESTERDAY, evidence=evidence("23 06:00", AWAY), plans=IN_TWO_JOBS),
        MORNING, State.UNKNOWN, Cause.UNREADABLE, "23 06:00",
        "Critical to pbs-main: can't read pbs since today 06:00: connection refused; newest backup Sun 22 Nov 04:00.",
        "Start it.",
    ),
    Whole(
        "keeps everything", guest(read=NOON, noun="run", nothing_owed="keeps everything"), NOON,
        State.DISABLED, Cause.NOTHING_OWED, None, "Keeps everything.",
    ),
    Whole(
        "keeps everything, and its last run failed",
        guest(failed("22 05:00"), read=NOON, noun="run", nothing_owed="keeps everything"), NOON,
        State.WARNING, Cause.RUN_FAILED, "22 05:07", "Keeps everything; the run of today 05:00 failed: job errors.", "Fix it.",
    ),
    Whole(
        "has no schedule, and runs", guest(run("22 11:00", Outcome.RUNNING), read=NOON, nothing_owed="has no schedule"), NOON,
        State.RUNNING, Cause.UNDER_WAY, "22 11:00", "Running since today 11:00.",
    ),
    Whole(
        "a clock ahead", guest(YESTERDAY, run("23 09:00"), read=MORNING), MORNING,
        State.MISSED, Cause.NOTHING_STARTED, "23 04:30",
        "Due today 04:00, nothing had started by 04:30; newest backup Sun 22 Nov 04:00; a backup of today 09:00 lies in the "
        "future: a clock is wrong.", "Look at it.",
    ),
    Whole(
        "upkeep that never ran well", guest(failed("23 04:01"), noun="run", kind=PartKind.UPKEEP), MORNING,
        State.FAILED, Cause.RUN_FAILED, "23 04:08",
        "The run that ended today 04:08 failed: job errors; no good run is known.", "Fix it.",
    ),
]  # fmt: skip


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
