"""A stream of new names: what is remembered of it, for how long, and that what was there before loses nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sidecar.core.history import bounds
from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.record import MOST_ROWS, record
from sidecar.core.model import Outcome, Run, SourceKind
from sidecar.core.reports.facts import BackrestPlan, BackupGroup, Guest, Snapshot, UpkeepJob
from sidecar.core.reports.report import Report
from tests.core.factories import at
from tests.core.sample_reports import CRITICAL, group, pbs, pve, readings

VAULTWARDEN = Guest(vmid=101, type="lxc", name="vaultwarden", node="pve1")
START = at("1 12:00")


def moved(report: Report, minutes: int) -> Report:
    moment = START + timedelta(minutes=minutes)
    read_then = tuple(replace(reading, as_of=moment) for reading in report.readings)
    return replace(report, at=moment, readings=read_then)


def stream(poll: int, number: int) -> tuple[Report, ...]:
    """What an upstream lists that makes up new names each time, beside one guest, one job and one group that stay."""
    then = START + timedelta(minutes=poll * 5)
    runs = (Run(start=then, end=then, outcome=Outcome.OK),)
    names = [f"{poll}-{each}" for each in range(number)]
    made_up = [
        BackupGroup(datastore="main", namespace="", type="host", id=name, snapshots=(Snapshot(time=then, size=1),))
        for name in names
    ]
    prunes = tuple(
        UpkeepJob(kind="prune", id=name, datastore="main", schedule="05:00", runs=runs) for name in ["daily", *names]
    )
    jobs = tuple(replace(CRITICAL, id=name, schedule="05:00") for name in names)
    guests = tuple(Guest(vmid=1000 + poll * number + each, type="lxc", name="x", node="pve1") for each in range(number))
    plans = tuple(BackrestPlan(name, then + timedelta(hours=1), runs) for name in names)
    minutes = poll * 5
    return (
        moved(pbs("1 12:00", group("1 04:05"), *made_up, extra={("upkeep", "prune"): prunes}), minutes),
        moved(pve("1 12:00", guests=(VAULTWARDEN, *guests), jobs=(CRITICAL, *jobs)), minutes),
        Report(source="backrest", kind=SourceKind.BACKREST, at=then, readings=readings(then, {("plans",): plans})),
    )


def after(polls: int, number: int, first: int = 0, history: History = EMPTY) -> History:
    for poll in range(first, first + polls):
        for report in stream(poll, number):
            history = record(history, report, every_group=True)
    return history


def test_of_names_that_come_and_go_a_few_are_remembered_and_what_stays_keeps_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounds, "MOST_BRIEF", 30)
    monkeypatch.setattr(bounds, "MANY_BRIEF", 8)
    history = after(polls=60, number=3)

    assert len(history.seen) < 60
    assert len(history.plans) < 60
    assert len(history.runs) < 60
    assert len(history.announced) < 60
    assert history.seen["guest:pve:101"].first == START
    honest = [row for row in history.plans["guest:pve:101"] if row.job == "pve/backup/critical"]
    assert [(row.valid_from, row.valid_to) for row in honest] == [(None, None)]
    assert len(history.plans["guest:pve:101"]) <= MOST_ROWS
    assert dict(history.brief).keys() <= {"pbs", "pve", "backrest"}
    assert history.brief


def test_what_was_there_only_briefly_is_forgotten_after_a_month() -> None:
    history = after(polls=1, number=2, first=1, history=after(polls=1, number=0))
    gone = after(polls=1, number=0, first=2, history=history)
    month = 31 * 24 * 12 + 2
    later = after(polls=1, number=0, first=month + 1, history=gone)

    assert "guest:pbs:main/host/1-1" in gone.seen
    assert "upkeep:pbs:prune/1-1" in gone.plans
    assert "guest:pbs:main/host/1-1" not in later.seen
    assert "upkeep:pbs:prune/1-1" not in later.plans
    assert not [job for job in (*later.runs, *later.announced) if job.endswith("/1-1")]
    assert "guest:pve:101" in later.seen


def test_what_was_there_for_long_is_remembered_when_it_is_gone() -> None:
    history = EMPTY
    for minutes in (0, 2 * 24 * 60):
        history = record(history, moved(pve("1 12:00"), minutes))
    for minutes in (3 * 24 * 60, 300 * 24 * 60):
        history = record(history, moved(pve("1 12:00", guests=(), jobs=()), minutes))

    assert history.seen["guest:pve:101"].gone == START + timedelta(days=3)


def test_of_too_many_names_that_are_there_those_that_came_first_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_NAMES", 10)
    history = record(EMPTY, moved(pve("1 12:00"), 0))
    guests = tuple(Guest(vmid=1000 + each, type="lxc", name="x", node="pve1") for each in range(50))
    for minutes in (5, 10):
        history = record(history, moved(pve("1 12:00", guests=(VAULTWARDEN, *guests)), minutes))

    assert len(history.seen) == 10
    assert history.seen["guest:pve:101"].first == START


def test_jobs_without_a_member_are_as_many_as_names_and_their_runs_share_the_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounds, "MOST_NAMES", 10)
    monkeypatch.setattr(bounds, "MOST_RUNS_IN_ALL", 200)
    day = timedelta(days=1)
    runs = {
        f"backrest/prune/{number}": tuple(
            Run(start=START - day * each, end=None, outcome=Outcome.OK) for each in range(number * 5)
        )
        for number in range(20)
    }
    announced = {job: (START - day * number, START) for number, job in enumerate(runs)}
    kept = bounds.within_bounds(History(runs=runs, announced=announced), START)

    assert set(kept.runs) == {f"backrest/prune/{number}" for number in range(10, 20)}
    assert {len(each) for each in kept.runs.values()} == {20}
    assert kept.announced.keys() == kept.runs.keys()
    assert all(each == runs[job][:20] for job, each in kept.runs.items())


def test_where_all_is_within_bounds_nothing_changes() -> None:
    history = after(polls=3, number=1)

    assert bounds.within_bounds(history, START + timedelta(hours=1)) is history


def test_a_member_with_too_many_plans_keeps_those_in_force_and_then_the_longest() -> None:
    history = EMPTY
    for number in range(MOST_ROWS + 40):
        changed = replace(CRITICAL, id="x", schedule=f"{number % 24}:{number // 24}")
        minutes = number * 5 if number < 10 else 10_000 + number
        history = record(history, moved(pve("1 12:00", jobs=(CRITICAL, changed)), minutes))
    rows = history.plans["guest:pve:101"]

    assert len(rows) == MOST_ROWS
    assert [row.job for row in rows if row.valid_to is None] == ["pve/backup/critical", "pve/backup/x"]
    assert max(row.valid_to - row.valid_from for row in rows if row.valid_to and row.valid_from) > timedelta(days=6)
