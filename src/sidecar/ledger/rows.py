"""What the ledger's tables hold, as History, Reports and Runs: reading them, and writing what changed."""

from __future__ import annotations

import logging
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sidecar.core.history.history import History, PlanRow, Sighting
from sidecar.core.model import Board, Outcome, Run, SourceKind
from sidecar.core.reports.facts import ReadingGap
from sidecar.core.reports.report import Reading, Report

from .facts_json import (
    facts_from_text,
    facts_to_text,
    limits_from_text,
    limits_to_text,
    problem_from_text,
    problem_to_text,
    texts_from_text,
    texts_to_text,
)
from .values import (
    UnreadableRecordError,
    from_microseconds,
    from_microseconds_or_none,
    microseconds,
    microseconds_or_none,
    row,
    stored,
    to_time,
    to_time_or_none,
)

log = logging.getLogger(__name__)

Connection = sqlite3.Connection


# --- history --------------------------------------------------------------------------------------------------------------


def read_history(connection: Connection) -> History:
    """Everything that was remembered."""
    contacts = {source: to_time(first) for source, first in connection.execute("SELECT source, first FROM contacts")}
    announced: dict[str, list[datetime]] = defaultdict(list)
    for job, due in connection.execute("SELECT job, due FROM announced ORDER BY due"):
        announced[job].append(to_time(due))
    seen = connection.execute("SELECT member, name, first, gone, since FROM members")
    return History(
        first_contact=min(contacts.values(), default=None),
        contacts=MappingProxyType(contacts),
        plans=MappingProxyType(_plans(connection)),
        announced=MappingProxyType({job: tuple(dues) for job, dues in announced.items()}),
        seen=MappingProxyType(
            {
                member: Sighting(to_time(first), name, to_time_or_none(gone), to_time_or_none(since))
                for member, name, first, gone, since in seen
            }
        ),
        runs=MappingProxyType(_runs_of_jobs(connection)),
    )


def _plans(connection: Connection) -> dict[str, tuple[PlanRow, ...]]:
    """By member. A job may have several rows in force for one member: one for each destination."""
    query = (
        "SELECT member, job, schedule, timezone, enabled, valid_from, valid_to, destination FROM plans ORDER BY rowid"
    )
    plans: dict[str, list[PlanRow]] = defaultdict(list)
    for member, job, schedule, zone, enabled, start, end, destination in connection.execute(query):
        plan = PlanRow(
            job=job,
            schedule=schedule,
            timezone=zone,
            enabled=bool(enabled),
            valid_from=to_time_or_none(start),
            valid_to=to_time_or_none(end),
            destination=destination,
        )
        plans[member].append(plan)
    return {member: tuple(rows) for member, rows in plans.items()}


def write_history(connection: Connection, new: History, old: History) -> None:
    """What differs between the two."""
    for source, first in _changed(new.contacts, old.contacts):
        connection.execute("INSERT OR REPLACE INTO contacts VALUES (?, ?)", row(source, first))
    for member, plans in _changed(new.plans, old.plans):
        connection.execute("DELETE FROM plans WHERE member = ?", row(member))
        connection.executemany(_INSERT_PLAN, (_plan(member, plan) for plan in plans))
    for job, dues in _changed(new.announced, old.announced):
        connection.execute("DELETE FROM announced WHERE job = ?", row(job))
        connection.executemany("INSERT INTO announced VALUES (?, ?)", (row(job, due) for due in dues))
    for member, sighting in _changed(new.seen, old.seen):
        columns = row(member, sighting.name, sighting.first, sighting.gone, sighting.since)
        connection.execute("INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?, ?)", columns)
    for job, runs in _changed(new.runs, old.runs):
        known = set(old.runs.get(job, ()))
        write_runs(connection, f"{_JOB}{job}", (run for run in runs if run not in known))


def _changed(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if new is not old:
        yield from ((key, value) for key, value in new.items() if old.get(key) != value)


_INSERT_PLAN = """
INSERT INTO plans (member, job, schedule, timezone, enabled, valid_from, valid_to, destination)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""


def _plan(member: str, plan: PlanRow) -> tuple[object, ...]:
    schedule = plan.job, plan.schedule, plan.timezone, plan.enabled
    return row(member, *schedule, plan.valid_from, plan.valid_to, plan.destination)


# --- last readings --------------------------------------------------------------------------------------------------------


def read_reports(connection: Connection) -> dict[str, Report]:
    """The last report of each source. One that this version can't read is left out: its source will be read again."""
    reports = {}
    query = "SELECT source, kind, at, version, tls_fingerprint, limits, problem FROM reports"
    for source, *columns in connection.execute(query).fetchall():
        try:
            reports[source] = _report(connection, source, *columns)
        except ValueError as error:
            log.info("ledger: the last readings of source %s can't be used: %s", source, error)
    return reports


def _report(connection: Connection, source: str, *columns: Any) -> Report:
    kind, at, version, fingerprint, limits, problem = columns
    return Report(
        source=source,
        kind=SourceKind(kind),
        at=to_time(at),
        version=version,
        tls_fingerprint=fingerprint,
        readings=tuple(_readings(connection, source)),
        limits=limits_from_text(limits),
        problem=problem_from_text(problem),
    )


def _readings(connection: Connection, source: str) -> Iterator[Reading]:
    query = "SELECT scope, as_of, problem, facts FROM readings WHERE source = ? ORDER BY place"
    for scope, as_of, problem, facts in connection.execute(query, (source,)):
        known = facts_from_text(facts)
        told = tuple(fact for fact in known if not isinstance(fact, ReadingGap))
        gap = next((fact for fact in known if isinstance(fact, ReadingGap)), None)
        yield Reading(texts_from_text(scope), to_time_or_none(as_of), told, problem_from_text(problem), gap)


def write_report(connection: Connection, new: Report, old: Report | None) -> None:
    """The report; facts only of scopes where they changed, for the lists of a large server are long."""
    texts = limits_to_text(new.limits), problem_to_text(new.problem)
    columns = row(new.source, new.kind, new.at, new.version, new.tls_fingerprint, *texts)
    connection.execute("INSERT OR REPLACE INTO reports VALUES (?, ?, ?, ?, ?, ?, ?)", columns)
    before = {reading.scope: reading for reading in old.readings} if old else {}
    for place, reading in enumerate(new.readings):
        _write_reading(connection, new.source, place, reading, before.pop(reading.scope, None))
    if old is None:
        _forget_readings_but(connection, new)
    for scope in before:
        connection.execute("DELETE FROM readings WHERE source = ? AND scope = ?", (new.source, texts_to_text(scope)))


def _write_reading(connection: Connection, source: str, place: int, new: Reading, old: Reading | None) -> None:
    key = (source, texts_to_text(new.scope))
    status = row(place, new.as_of, problem_to_text(new.problem))
    if old is not None and (old.facts, old.gap) == (new.facts, new.gap):
        connection.execute(
            "UPDATE readings SET place = ?, as_of = ?, problem = ? WHERE source = ? AND scope = ?", (*status, *key)
        )
    else:
        columns = (*key, *status, facts_to_text((*new.facts, *((new.gap,) if new.gap else ()))))
        connection.execute("INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?, ?, ?)", columns)


def _forget_readings_but(connection: Connection, report: Report) -> None:
    current = {texts_to_text(reading.scope) for reading in report.readings}
    for (scope,) in connection.execute("SELECT scope FROM readings WHERE source = ?", (report.source,)).fetchall():
        if scope not in current:
            connection.execute("DELETE FROM readings WHERE source = ? AND scope = ?", (report.source, scope))


# --- runs -----------------------------------------------------------------------------------------------------------------


#: What stands before the name of an upkeep job where it is a subject, so that it is no member.
_JOB = "job:"


def runs_of(board: Board) -> Iterator[tuple[str, tuple[Run, ...]]]:
    """The runs of parts that a board shows, by member. Those of upkeep jobs are history, and are written with it."""
    for part in (part for service in board.services for part in service.parts):
        yield f"{part.kind}:{part.source}:{part.ref}", part.runs


_INSERT_RUN = """
INSERT OR REPLACE INTO runs (subject, start, "end", outcome, size, text, cancelled) VALUES (?, ?, ?, ?, ?, ?, ?)
"""


def write_runs(connection: Connection, subject: str, runs: Iterable[Run]) -> None:
    """Adds the runs, or what became of them since."""
    connection.execute("INSERT OR IGNORE INTO subjects (name) VALUES (?)", row(subject))
    number = connection.execute("SELECT id FROM subjects WHERE name = ?", row(subject)).fetchone()[0]
    columns = (
        row(
            number,
            microseconds(run.start),
            microseconds_or_none(run.end),
            run.outcome,
            run.size,
            run.text,
            run.cancelled,
        )
        for run in runs
    )
    connection.executemany(_INSERT_RUN, columns)


# CROSS JOIN: subject by subject, each by its own key.
_RUNS = 'SELECT name, start, "end", outcome, size, text, cancelled FROM subjects CROSS JOIN runs ON subject = id'


def read_runs(connection: Connection, start: datetime, end: datetime) -> dict[str, tuple[Run, ...]]:
    """The runs that began from ``start`` up to, not including, ``end``, by subject, oldest first."""
    query = _RUNS + " WHERE start >= ? AND start < ? ORDER BY name, start"
    return _by_subject(connection.execute(query, (microseconds(start), microseconds(end))))


def _runs_of_jobs(connection: Connection) -> dict[str, tuple[Run, ...]]:
    """All runs of upkeep jobs, by job, newest first."""
    query = _RUNS + " WHERE name GLOB ? ORDER BY name, start DESC"
    runs_by_subject = _by_subject(connection.execute(query, (f"{_JOB}*",)))
    return {subject.removeprefix(_JOB): runs for subject, runs in runs_by_subject.items()}


def _by_subject(rows: Iterable[tuple[Any, ...]]) -> dict[str, tuple[Run, ...]]:
    runs: dict[str, list[Run]] = defaultdict(list)
    for subject, *columns in rows:
        runs[subject].append(_run(*columns))
    return {subject: tuple(items) for subject, items in runs.items()}


def _run(start: Any, end: Any, outcome: Any, size: Any, text: Any, cancelled: Any) -> Run:
    try:
        return Run(
            start=from_microseconds(start),
            end=from_microseconds_or_none(end),
            outcome=Outcome(outcome),
            size=size,
            text=text,
            cancelled=bool(cancelled),
        )
    except ValueError:
        raise UnreadableRecordError("The ledger has something else where a run should be") from None


def forget_before(connection: Connection, moment: datetime) -> None:
    """Drops what is over since before ``moment``; what is still in force or there stays, however old."""
    connection.execute("DELETE FROM runs WHERE start < ?", (microseconds(moment),))
    for statement in (
        "DELETE FROM subjects WHERE id NOT IN (SELECT subject FROM runs)",
        "DELETE FROM plans WHERE valid_to < :moment",
        "DELETE FROM announced WHERE due < :moment",
        "DELETE FROM members WHERE gone < :moment",
    ):
        connection.execute(statement, {"moment": stored(moment)})
