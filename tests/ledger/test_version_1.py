"""A ledger of version 1 as it was really written: nothing of it is lost, and the way back is kept.

``version_1.sql`` is the dump of a file that a sidecar of that version wrote in the simulated homelab: three rounds of
polls from 23 November 2026, 07:30, to the next morning. Between the first and the second the weekly job was edited
and the guest "wiki" was deleted.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sidecar.board_keeper import BoardKeeper
from sidecar.core.history.verdict_log import RememberedVerdicts
from sidecar.core.model import Outcome, Run, SourceKind, State
from sidecar.core.settings import Settings
from sidecar.ledger import migrations
from sidecar.ledger.ledger import FILE, Ledger
from tests.core.factories import BERLIN, at
from tests.core.sample_reports import BACKREST, DATABASEMENT, PBS, PVE, settings
from tests.ledgers import rows

DUMP = Path(__file__).with_name("version_1.sql")

#: When the last report in it was read.
LAST_READ = at("24 07:30")

#: What was due according to the version that wrote it, from 21 to 26 November, to the minute.
DUE = {
    "backrest/plan/app-configs": ("21 02:20", "22 02:20", "23 02:20", "24 02:20", "25 02:20"),
    "backrest/plan/databasement-dumps": ("21 02:30", "22 02:30", "23 02:30", "24 02:30", "25 02:30"),
    "backrest/plan/vault": ("21 02:15", "22 02:15", "23 02:15", "24 02:15", "25 02:15"),
    "backrest/prune/b2": ("22 06:00",),
    "databasement/dump/Daily": ("22 02:00", "23 02:00", "24 02:00", "25 02:00", "26 02:00"),
    "pbs/gc/main": ("21 03:00",),
    "pbs/prune/prune-main": ("21 05:00", "22 05:00", "23 05:00", "24 05:00", "25 05:00", "26 05:00"),
    "pve/backup/backup-critical": ("21 04:00", "22 04:00", "23 04:00", "24 04:00", "25 04:00", "26 04:00"),
    "pve/backup/backup-noncritical": ("21 22:00",),
}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A state directory with a ledger of version 1."""
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.executescript(DUMP.read_text("utf-8"))
    return tmp_path


def homelab() -> Settings:
    return settings(PVE, PBS, DATABASEMENT, BACKREST)


def opened(directory: Path) -> Ledger:
    ledger = Ledger(directory, LAST_READ)
    ledger.close()
    return ledger


def moment(text: object) -> datetime | None:
    return None if text is None else datetime.fromisoformat(str(text))


def test_plans_and_announced_runs_are_remembered_as_they_were(directory: Path) -> None:
    plans, announced = defaultdict(list), defaultdict(list)
    query = "SELECT member, job, schedule, timezone, enabled, valid_from, valid_to FROM plans"
    for member, job, schedule, zone, enabled, start, end in rows(directory, query):
        plans[member].append((job, schedule, zone, bool(enabled), moment(start), moment(end), None))
    for job, due in rows(directory, "SELECT job, due FROM announced"):
        announced[job].append(moment(due))
    ledger = opened(directory)

    assert ledger.notes == ()
    history = ledger.remembered.history
    assert {
        member: [
            (plan.job, plan.schedule, plan.timezone, plan.enabled, plan.valid_from, plan.valid_to, plan.destination)
            for plan in member_plans
        ]
        for member, member_plans in history.plans.items()
    } == plans
    assert {job: sorted(dues) for job, dues in history.announced.items()} == announced
    assert (len(plans), len(announced)) == (21, 5)


def test_who_was_seen_and_which_runs_are_remembered_as_they_were(directory: Path) -> None:
    contacts = {source: moment(first) for source, first in rows(directory, "SELECT source, first FROM contacts")}
    seen = {
        member: (name, moment(first), moment(gone))
        for member, name, first, gone in rows(directory, "SELECT member, name, first, gone FROM members")
    }
    runs = defaultdict(set)
    query = 'SELECT name, start, "end", outcome, size, text FROM subjects JOIN runs ON subject = id'
    for name, *columns in rows(directory, query):
        runs[str(name)].add(run(*columns))
    ledger = opened(directory)

    history = ledger.remembered.history
    assert history.contacts == contacts
    assert {member: (sighting.name, sighting.first, sighting.gone) for member, sighting in history.seen.items()} == seen
    assert seen["guest:pve:203"] == ("wiki", at("23 07:30"), at("24 03:30"))
    all_runs = ledger.runs(LAST_READ - timedelta(days=400), LAST_READ)
    assert {name: set(subject_runs) for name, subject_runs in all_runs.items()} == runs
    of_jobs = {f"job:{job}": set(job_runs) for job, job_runs in history.runs.items()}
    assert of_jobs == {name: subject_runs for name, subject_runs in runs.items() if name.startswith("job:")}
    assert len(runs) == 25


def run(start: object, end: object, outcome: object, size: object, text: object) -> Run:
    def when(count: object) -> datetime:
        return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(str(count)))

    return Run(
        start=when(start),
        end=None if end is None else when(end),
        outcome=Outcome(str(outcome)),
        size=size,  # type: ignore[arg-type]
        text=text,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("name_of_a_backrest_plan", ["BackrestPlan", "Plan"])
def test_every_fact_of_the_last_readings_is_readable(directory: Path, name_of_a_backrest_plan: str) -> None:
    with closing(sqlite3.connect(directory / FILE)) as connection, connection:
        change = 'UPDATE readings SET facts = replace(facts, \'"fact":"BackrestPlan"\', ?)'
        connection.execute(change, (f'"fact":"{name_of_a_backrest_plan}"',))
    facts = {
        (source, tuple(json.loads(str(scope)))): len(json.loads(str(text)))
        for source, scope, text in rows(directory, "SELECT source, scope, facts FROM readings")
    }
    reports = opened(directory).remembered.reports

    assert {
        (source, reading.scope): len(reading.facts) for source, report in reports.items() for reading in report.readings
    } == facts
    assert {source: report.at for source, report in reports.items()} == dict.fromkeys(SourceKind, LAST_READ)


def test_every_due_time_is_remembered_and_nothing_is_new(directory: Path) -> None:
    ledger = Ledger(directory, LAST_READ)
    made = BoardKeeper(homelab(), lambda: LAST_READ, ledger)
    ledger.close()

    dues = defaultdict(set)
    for occurrence in made.timeline().occurrences(at("21 00:00"), at("27 00:00")):
        dues[occurrence.job].add(f"{occurrence.due.astimezone(BERLIN):%d %H:%M}")
    assert {job: sorted(dues[job].intersection(times)) for job, times in DUE.items()} == {
        job: list(times) for job, times in DUE.items()
    }
    states = {service.name: service.verdict.state for service in made.board.services}
    assert states["jellyfin"] is State.OK
    assert State.NEW not in states.values()
    assert State.NEW not in {job.verdict.state for job in made.board.jobs}


def test_no_verdicts_are_remembered_yet(directory: Path) -> None:
    assert opened(directory).remembered.verdicts == RememberedVerdicts()


def test_the_ledger_from_before_is_kept_and_is_what_an_older_version_takes(directory: Path) -> None:
    with closing(sqlite3.connect(directory / FILE)) as connection:
        before = list(connection.iterdump())
    opened(directory)

    assert rows(directory, "SELECT version FROM schema_version") == [(len(migrations.MIGRATIONS),)]
    copy = migrations.copy_from_before(directory / FILE, 1)
    assert copy == directory / f"{FILE}.v1"
    with closing(sqlite3.connect(copy)) as connection:
        assert list(connection.iterdump()) == before
