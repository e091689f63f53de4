"""What the ledger's tables hold, as History, Reports and Runs: reading them, and writing what changed."""

from __future__ import annotations

import logging
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from sidecar.core.history.history import History, PlanRow, Sighting
from sidecar.core.model import Board, Outcome, Run, SourceKind
from sidecar.core.reports.report import Reading, Report

from .facts_json import (
    UnreadableRecordError,
    facts_from_text,
    facts_to_text,
    problem_from_text,
    problem_to_text,
    texts_from_text,
    texts_to_text,
)

log = logging.getLogger(__name__)

Connection = sqlite3.Connection


# --- history --------------------------------------------------------------------------------------------------------------


def read_history(connection: Connection) -> History:
    """Everything that was remembered."""
    contacts = {source: _moment(first) for source, first in connection.execute("SELECT source, first FROM contacts")}
    plans: dict[str, list[PlanRow]] = defaultdict(list)
    rows = "SELECT member, job, schedule, timezone, enabled, valid_from, valid_to FROM plans ORDER BY rowid"
    for member, job, schedule, zone, enabled, start, end in connection.execute(rows):
        plans[member].append(PlanRow(job, schedule, zone, bool(enabled), _maybe(start), _maybe(end)))
    announced: dict[str, list[datetime]] = defaultdict(list)
    for job, due in connection.execute("SELECT job, due FROM announced ORDER BY due"):
        announced[job].append(_moment(due))
    seen = connection.execute("SELECT member, name, first, gone FROM members")
    return History(
        first_contact=min(contacts.values(), default=None),
        contacts=MappingProxyType(contacts),
        plans=MappingProxyType({member: tuple(found) for member, found in plans.items()}),
        announced=MappingProxyType({job: tuple(found) for job, found in announced.items()}),
        seen=MappingProxyType({one: Sighting(_moment(first), name, _maybe(gone)) for one, name, first, gone in seen}),
        runs=MappingProxyType(_runs_of_jobs(connection)),
    )


def write_history(connection: Connection, new: History, old: History) -> None:
    """What differs between the two."""
    for source, first in _changed(new.contacts, old.contacts):
        connection.execute("INSERT OR REPLACE INTO contacts VALUES (?, ?)", _row(source, first))
    for member, rows in _changed(new.plans, old.plans):
        connection.execute("DELETE FROM plans WHERE member = ?", _row(member))
        connection.executemany("INSERT INTO plans VALUES (?, ?, ?, ?, ?, ?, ?)", (_plan(member, row) for row in rows))
    for job, dues in _changed(new.announced, old.announced):
        connection.execute("DELETE FROM announced WHERE job = ?", _row(job))
        connection.executemany("INSERT INTO announced VALUES (?, ?)", (_row(job, due) for due in dues))
    for member, one in _changed(new.seen, old.seen):
        row = _row(member, one.name, one.first, one.gone)
        connection.execute("INSERT OR REPLACE INTO members VALUES (?, ?, ?, ?)", row)
    for job, runs in _changed(new.runs, old.runs):
        known = set(old.runs.get(job, ()))
        write_runs(connection, f"{_JOB}{job}", (run for run in runs if run not in known))


def _changed(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    if new is not old:
        yield from ((key, value) for key, value in new.items() if old.get(key) != value)


def _plan(member: str, row: PlanRow) -> tuple[object, ...]:
    return _row(member, row.job, row.schedule, row.timezone, row.enabled, row.valid_from, row.valid_to)


# --- last readings --------------------------------------------------------------------------------------------------------


def read_reports(connection: Connection) -> dict[str, Report]:
    """The last report of each source. One that this version can't read is left out: its source will be read again."""
    found = {}
    query = "SELECT source, kind, at, version, tls_fingerprint, limits, problem FROM reports"
    for source, kind, at, version, fingerprint, limits, problem in connection.execute(query).fetchall():
        try:
            found[source] = Report(
                source,
                SourceKind(kind),
                _moment(at),
                version,
                fingerprint,
                tuple(_readings(connection, source)),
                texts_from_text(limits),
                problem_from_text(problem),
            )
        except ValueError as error:
            log.info("ledger: the last readings of source %s can't be used: %s", source, error)
    return found


def _readings(connection: Connection, source: str) -> Iterator[Reading]:
    query = "SELECT scope, as_of, problem, facts FROM readings WHERE source = ? ORDER BY place"
    for scope, as_of, problem, facts in connection.execute(query, (source,)):
        yield Reading(texts_from_text(scope), _maybe(as_of), facts_from_text(facts), problem_from_text(problem))


def write_report(connection: Connection, new: Report, old: Report | None) -> None:
    """The report; facts only of scopes where they changed, for the lists of a large server are long."""
    words = texts_to_text(new.limits), problem_to_text(new.problem)
    row = _row(new.source, new.kind, new.at, new.version, new.tls_fingerprint, *words)
    connection.execute("INSERT OR REPLACE INTO reports VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    before = {reading.scope: reading for reading in old.readings} if old else {}
    for place, reading in enumerate(new.readings):
        _write_reading(connection, new.source, place, reading, before.pop(reading.scope, None))
    if old is None:
        _forget_readings_but(connection, new)
    for scope in before:
        connection.execute("DELETE FROM readings WHERE source = ? AND scope = ?", (new.source, texts_to_text(scope)))


def _write_reading(connection: Connection, source: str, place: int, new: Reading, old: Reading | None) -> None:
    key = (source, texts_to_text(new.scope))
    told = _row(place, new.as_of, problem_to_text(new.problem))
    if old is not None and old.facts == new.facts:
        connection.execute(
            "UPDATE readings SET place = ?, as_of = ?, problem = ? WHERE source = ? AND scope = ?", (*told, *key)
        )
    else:
        row = (*key, *told, facts_to_text(new.facts))
        connection.execute("INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?, ?, ?)", row)


def _forget_readings_but(connection: Connection, report: Report) -> None:
    told = {texts_to_text(reading.scope) for reading in report.readings}
    for (scope,) in connection.execute("SELECT scope FROM readings WHERE source = ?", (report.source,)).fetchall():
        if scope not in told:
            connection.execute("DELETE FROM readings WHERE source = ? AND scope = ?", (report.source, scope))


# --- runs -----------------------------------------------------------------------------------------------------------------


#: What stands before the name of an upkeep job where it is a subject, so that it is no member.
_JOB = "job:"


def runs_of(board: Board) -> Iterator[tuple[str, tuple[Run, ...]]]:
    """The runs of parts that a board shows, by member. Those of upkeep jobs are history, and are written with it."""
    for part in (part for service in board.services for part in service.parts):
        yield f"{part.kind}:{part.source}:{part.ref}", part.runs


def write_runs(connection: Connection, subject: str, runs: Iterable[Run]) -> None:
    """Adds the runs, or what became of them since."""
    connection.execute("INSERT OR IGNORE INTO subjects (name) VALUES (?)", _row(subject))
    number = connection.execute("SELECT id FROM subjects WHERE name = ?", _row(subject)).fetchone()[0]
    rows = (_row(number, _count(run.start), _count(run.end), run.outcome, run.size, run.text) for run in runs)
    connection.executemany("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?)", rows)


# CROSS JOIN: subject by subject, each by its own key.
_RUNS = 'SELECT name, start, "end", outcome, size, text FROM subjects CROSS JOIN runs ON subject = id'


def read_runs(connection: Connection, start: datetime, end: datetime) -> dict[str, tuple[Run, ...]]:
    """The runs that began from ``start`` up to, not including, ``end``, by subject, oldest first."""
    query = _RUNS + " WHERE start >= ? AND start < ? ORDER BY name, start"
    return _by_subject(connection.execute(query, (_count(start), _count(end))))


def _runs_of_jobs(connection: Connection) -> dict[str, tuple[Run, ...]]:
    """All runs of upkeep jobs, by job, newest first."""
    query = _RUNS + " WHERE name GLOB ? ORDER BY name, start DESC"
    found = _by_subject(connection.execute(query, (f"{_JOB}*",)))
    return {subject.removeprefix(_JOB): runs for subject, runs in found.items()}


def _by_subject(rows: Iterable[tuple[Any, ...]]) -> dict[str, tuple[Run, ...]]:
    found: dict[str, list[Run]] = defaultdict(list)
    for subject, *run in rows:
        found[subject].append(_run(*run))
    return {subject: tuple(runs) for subject, runs in found.items()}


def _run(begun: Any, ended: Any, outcome: Any, size: Any, text: Any) -> Run:
    try:
        end = None if ended is None else _EPOCH + timedelta(microseconds=ended)
        return Run(_EPOCH + timedelta(microseconds=begun), end, Outcome(outcome), size, text)
    except (TypeError, ValueError, OverflowError):
        raise UnreadableRecordError("no run") from None


def forget_before(connection: Connection, moment: datetime) -> None:
    """Drops what is over since before ``moment``; what is still in force or there stays, however old."""
    connection.execute("DELETE FROM runs WHERE start < ?", (_count(moment),))
    for statement in (
        "DELETE FROM subjects WHERE id NOT IN (SELECT subject FROM runs)",
        "DELETE FROM plans WHERE valid_to < :moment",
        "DELETE FROM announced WHERE due < :moment",
        "DELETE FROM members WHERE gone < :moment",
    ):
        connection.execute(statement, {"moment": _kept(moment)})


# --- values ---------------------------------------------------------------------------------------------------------------

_LARGEST = 2**63 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _count(moment: datetime | None) -> int | None:
    """Microseconds since 1970."""
    return None if moment is None else (moment - _EPOCH) // datetime.resolution


def _row(*values: object) -> tuple[object, ...]:
    """Values as SQLite takes them. Upstreams' text and numbers are hostile: what can't be kept must not stop the rest."""
    return tuple(_kept(value) for value in values)


def _kept(value: object) -> object:
    if isinstance(value, datetime):
        # Always with microseconds, in UTC: text that sorts as the times do.
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    return None if isinstance(value, int) and abs(value) > _LARGEST else value


def _moment(text: str) -> datetime:
    when = _maybe(text)
    if when is None:
        raise UnreadableRecordError("no time")
    return when


def _maybe(text: str | None) -> datetime | None:
    try:
        when = datetime.fromisoformat(text) if text is not None else None
    except (TypeError, ValueError):
        raise UnreadableRecordError("no time") from None
    if when is not None and when.tzinfo is None:
        raise UnreadableRecordError("a time without its zone")
    return when
