"""Prune and check of Backrest's repositories on the board (rule 8): their schedule comes from the configuration."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY
from sidecar.core.model import JobRow, Outcome, Run, SourceKind, State
from sidecar.core.reports.facts import BackrestPlan, Repo, UpkeepJob
from sidecar.core.reports.report import Report
from sidecar.core.settings import JobSetting, Settings
from tests.core.factories import at, run
from tests.core.sample_reports import BACKREST, Scopes, judged, readings, settings


def report(read: str, *upkeep: UpkeepJob, plan_runs: tuple[Run, ...] = ()) -> Report:
    scopes: Scopes = {
        ("plans",): (BackrestPlan("photos", at("24 02:15"), plan_runs or (run("1 Nov 02:15"),)),),
        ("repos",): (Repo("b2"),),
        ("upkeep",): upkeep,
    }
    return Report(source="backrest", kind=SourceKind.BACKREST, at=at(read), readings=readings(read, scopes))


def prune(last: Run | None, next_run: str | None = None) -> UpkeepJob:
    due = at(next_run) if next_run else None
    return UpkeepJob(kind="prune", id="b2", datastore="b2", next_run=due, runs=(last,) if last else ())


def configured(**job: Any) -> Settings:
    return settings(BACKREST, jobs=MappingProxyType({"backrest/prune/b2": JobSetting(**job)}))


def row(now: str, made: Report, given: Settings | None = None) -> JobRow:
    board = judged(now, made, given=given or configured(schedule="sun 06:00", title="Repository prune"))
    return next(job for job in board.jobs if job.name == "backrest/prune/b2")


@pytest.mark.parametrize(
    ("now", "last", "state"),
    [
        ("22 05:59", run("15 Nov 06:00"), State.OK),
        ("22 06:29", run("15 Nov 06:00"), State.LATE),
        ("22 06:31", run("15 Nov 06:00"), State.MISSED),
        ("22 06:31", run("22 06:00"), State.OK),
        ("22 06:31", run("22 06:00", Outcome.RUNNING), State.RUNNING),
        ("22 06:31", run("22 06:00", Outcome.FAILED, text="repository is locked"), State.FAILED),
        ("22 06:31", None, State.NEVER),
    ],
)
def test_a_configured_schedule_says_what_was_due(now: str, last: Run | None, state: State) -> None:
    assert row(now, report(now, prune(last))).verdict.state is state


@pytest.mark.parametrize(("minutes", "state"), [(45, State.LATE), (89, State.LATE), (91, State.MISSED)])
def test_rule_7_a_time_that_exists_twice_may_be_kept_at_the_second(minutes: int, state: State) -> None:
    """In Berlin 02:30 comes twice on Sunday 25 October 2026."""
    now = at("2026-10-25 02:30") + timedelta(minutes=minutes)
    made = replace(report("24 Oct 12:00", prune(run("18 Oct 02:30"))), at=now)
    made = replace(made, readings=tuple(replace(reading, as_of=now) for reading in made.readings))
    judged = board({"backrest": made}, EMPTY, configured(schedule="sun 02:30"), now)

    assert [job.verdict.state for job in judged.jobs if job.kind == "prune"] == [state]


def test_a_zone_that_nobody_knows_is_no_mistake_of_ours() -> None:
    given = configured(schedule="sun 06:00", timezone="Middle/Earth")

    assert (
        row("22 06:31", report("22 06:31", prune(run("15 Nov 06:00"), "22 06:00")), given).verdict.state is State.MISSED
    )


def test_the_row_has_the_title_the_schedule_and_the_next_due_time() -> None:
    job = row("23 07:30", report("23 07:29", prune(run("22 06:00"))))

    assert (job.title, job.schedule, job.kind, job.source) == (
        "Repository prune",
        "sun 06:00",
        "prune",
        "backrest",
    )
    assert job.next_run == at("29 06:00")
    assert job.last_run == run("22 06:00")


def test_what_never_ran_is_new_until_it_is_due() -> None:
    given = settings(BACKREST, jobs=MappingProxyType({"backrest/check/b2": JobSetting(schedule="0 7 1 * *")}))
    fresh = report("23 07:29", plan_runs=(run("20 02:15"),))
    (check,) = [job for job in judged("23 07:30", fresh, given=given).jobs if job.kind == "check"]

    assert (check.verdict.state, check.title) == (State.NEW, "Backrest integrity check b2")
    assert check.verdict.reason == "Nothing was due yet; first run Tue 1 Dec 07:00."


def test_a_failure_says_why_and_where_to_look() -> None:
    failed = run("22 06:00", Outcome.FAILED, text="repository is locked")
    verdict = row("22 06:31", report("22 06:31", prune(failed))).verdict

    assert verdict.reason == "The run that ended today 06:07 failed: repository is locked; no good run is known."
    assert verdict.action == "Read the operation's log in Backrest."
    assert verdict.link is not None
    assert verdict.link.url == "https://backrest.lan"


def test_what_waits_in_the_one_queue_is_running_and_not_missed() -> None:
    busy = (run("22 05:00", Outcome.RUNNING), run("1 Nov 02:15"))
    verdict = row("22 07:31", report("22 07:31", prune(run("15 Nov 06:00")), plan_runs=busy)).verdict

    assert verdict.state is State.RUNNING
    assert verdict.reason == "Waits for backup photos, which runs since today 05:00."


def test_without_a_configured_schedule_the_announced_run_is_due() -> None:
    plain = settings(BACKREST)
    before = row("22 06:15", report("22 06:15", prune(run("15 Nov 06:00"), "22 06:00")), plain)
    after = row("22 06:31", report("22 06:31", prune(run("15 Nov 06:00"), "22 06:00")), plain)

    assert (before.verdict.state, after.verdict.state) == (State.LATE, State.MISSED)
    assert (before.schedule, before.next_run) == (None, None)


def test_upkeep_that_is_neither_configured_nor_announced_is_disabled() -> None:
    assert row("22 06:31", report("22 06:31", prune(run("15 Nov 06:00"))), settings(BACKREST)).verdict.state is (
        State.DISABLED
    )


def test_configuration_switches_it_off() -> None:
    off = configured(schedule="sun 06:00", disabled=True)

    assert row("22 06:31", report("22 06:31", prune(run("8 Nov 06:00"))), off).verdict.state is State.DISABLED


def test_a_log_that_was_never_read_leaves_it_unknown() -> None:
    made = report("22 06:31")
    unread = Report(source=made.source, kind=made.kind, at=made.at, readings=made.readings[:2])

    assert row("22 06:31", unread).verdict.state is State.UNKNOWN
