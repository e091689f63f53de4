"""What the ledger's tables hold, as History, Reports and Runs: reading them, and writing what changed."""

from __future__ import annotations

import logging
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sidecar.core.history.history import History, PlanRow, Sighting
from sidecar.core.model import Board, Outcome, Run, SourceKind
from sidecar.core.reports.facts import ReadingGap
from sidecar.core.reports.report import Reading, Report

from .facts_json import (
    OtherVersionError,
    facts_from_text,
    facts_to_text,
    limits_from_text,
    limits_to_text,
    problem_from_text,
    problem_to_text,
    texts_from_text,
    texts_to_text,
)
from .names import JOB, MOST_RUNS, MOST_RUNS_OF_ONE, MOST_SUBJECTS
from .values import (
    UnreadableRecordError,
    from_microseconds,
    from_microseconds_or_none,
    microseconds,
    microseconds_or_none,
    row,
    stored,
    to_flag,
    to_member,
    to_text,
    to_text_or_none,
    to_time,
    to_time_or_none,
    to_whole_or_none,
)

log = logging.getLogger(__name__)

Connection = sqlite3.Connection


# --- history --------------------------------------------------------------------------------------------------------------


def read_history(connection: Connection) -> History:
    """Everything that was remembered."""
    query = "SELECT source, first FROM contacts"
    contacts = {to_text(source): to_time(first) for source, first in connection.execute(query)}
    announced: dict[str, list[datetime]] = defaultdict(list)
    for job, due in connection.execute("SELECT job, due FROM announced ORDER BY due"):
        announced[to_text(job)].append(to_time(due))
    seen = connection.execute("SELECT member, name, first, gone, since FROM members")
    return History(
        first_contact=min(contacts.values(), default=None),
        contacts=MappingProxyType(contacts),
        plans=MappingProxyType(_plans(connection)),
        announced=MappingProxyType({job: tuple(dues) for job, dues in announced.items()}),
        seen=MappingProxyType(
            {
                to_member(member): Sighting(
                    to_time(first), to_text(name), to_time_or_none(gone), to_time_or_none(since)
                )
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
            job=to_text(job),
            schedule=to_text_or_none(schedule),
            timezone=to_text_or_none(zone),
            enabled=to_flag(enabled),
            valid_from=to_time_or_none(start),
            valid_to=to_time_or_none(end),
            destination=to_text_or_none(destination),
        )
        plans[to_member(member)].append(plan)
    return {member: tuple(rows) for member, rows in plans.items()}


def write_history(connection: Connection, new: History, old: History) -> None:
    """What differs between the two."""
    _forget_names(connection, new, old)
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
        write_runs(connection, f"{JOB}{job}", [run for run in runs if run not in known])


def _forget_names(connection: Connection, new: History, old: History) -> None:
    """What is not remembered any more (core/history/bounds.py)."""
    for member in old.seen.keys() - new.seen.keys():
        connection.execute("DELETE FROM members WHERE member = ?", row(member))
    for member in old.plans.keys() - new.plans.keys():
        connection.execute("DELETE FROM plans WHERE member = ?", row(member))
    for job in old.announced.keys() - new.announced.keys():
        connection.execute("DELETE FROM announced WHERE job = ?", row(job))
    for job in old.runs.keys() - new.runs.keys():
        subject = f"{JOB}{job}"
        connection.execute("DELETE FROM runs WHERE subject = (SELECT id FROM subjects WHERE name = ?)", row(subject))
        connection.execute("DELETE FROM subjects WHERE name = ?", row(subject))


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
            reports[to_text(source)] = _report(connection, source, *columns)
        except OtherVersionError as error:
            log.info("ledger: the last readings of source %s can't be used: %s", source, error)
    return reports


def _report(connection: Connection, source: str, *columns: Any) -> Report:
    kind, at, version, fingerprint, limits, problem = columns
    return Report(
        source=source,
        kind=_kind(kind),
        at=to_time(at),
        version=to_text_or_none(version),
        tls_fingerprint=to_text_or_none(fingerprint),
        readings=tuple(_readings(connection, source)),
        limits=limits_from_text(limits),
        problem=problem_from_text(problem),
    )


def _kind(text: str) -> SourceKind:
    try:
        return SourceKind(text)
    except ValueError:
        raise OtherVersionError("The ledger has an unknown kind of source") from None


def _readings(connection: Connection, source: str) -> Iterator[Reading]:
    query = "SELECT scope, as_of, problem, facts FROM readings WHERE source = ? ORDER BY place"
    for scope, as_of, problem, facts in connection.execute(query, (source,)):
        known = facts_from_text(facts)
        told = tuple(fact for fact in known if not isinstance(fact, ReadingGap))
        gap = next((fact for fact in known if isinstance(fact, ReadingGap)), None)
        names = texts_from_text(scope)
        if not names:
            raise UnreadableRecordError("A reading in the ledger is of nothing")
        yield Reading(names, to_time_or_none(as_of), told, problem_from_text(problem), gap)


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


def runs_of(board: Board) -> Iterator[tuple[str, tuple[Run, ...]]]:
    """The runs of parts that a board shows, by member. Those of upkeep jobs are history, and are written with it."""
    for part in (part for service in board.services for part in service.parts):
        yield f"{part.kind}:{part.source}:{part.ref}", part.runs


_INSERT_RUN = """
INSERT OR REPLACE INTO runs (subject, start, "end", outcome, size, text, cancelled) VALUES (?, ?, ?, ?, ?, ?, ?)
"""


def write_runs(connection: Connection, subject: str, runs: Sequence[Run]) -> bool:
    """Adds the runs, or what became of them since. Returns False when there are too many subjects for this one."""
    number = _number(connection, subject)
    if number is None:
        return False
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
    connection.execute(_FORGET_OLDEST, {"subject": number, "most": MOST_RUNS_OF_ONE})
    return True


_FORGET_OLDEST = """
DELETE FROM runs WHERE subject = :subject AND start <= (
    SELECT start FROM runs WHERE subject = :subject ORDER BY start DESC LIMIT 1 OFFSET :most
)
"""


def _number(connection: Connection, subject: str) -> int | None:
    """The number of a subject; it gets one while there is room."""
    known = connection.execute("SELECT id FROM subjects WHERE name = ?", row(subject)).fetchone()
    if known:
        return int(known[0])
    if lacks_room_for(connection, 1):
        return None
    return connection.execute("INSERT INTO subjects (name) VALUES (?)", row(subject)).lastrowid


def lacks_room_for(connection: Connection, subjects: int) -> bool:
    """Whether so many more subjects would be too many."""
    count = connection.execute("SELECT count(*) FROM subjects").fetchone()[0]
    return bool(count + subjects > MOST_SUBJECTS)


def trim_runs(connection: Connection) -> None:
    """Drops the oldest runs where all together are too many."""
    excess = connection.execute("SELECT count(*) FROM runs").fetchone()[0] - MOST_RUNS
    if excess > 0:
        oldest = "SELECT subject, start FROM runs ORDER BY start LIMIT ?"
        connection.execute(f"DELETE FROM runs WHERE (subject, start) IN ({oldest})", (excess,))  # noqa: S608 (words of ours)


# CROSS JOIN: subject by subject, each by its own key.
_RUNS = 'SELECT name, start, "end", outcome, size, text, cancelled FROM subjects CROSS JOIN runs ON subject = id'


def read_runs(connection: Connection, start: datetime, end: datetime) -> dict[str, tuple[Run, ...]]:
    """The runs that began from ``start`` up to, not including, ``end``, by subject, oldest first."""
    query = _RUNS + " WHERE start >= ? AND start < ? ORDER BY name, start"
    return _by_subject(connection.execute(query, (microseconds(start), microseconds(end))))


#: Of parts only: whether upkeep ran is no backup.
_GOOD = """
FROM subjects CROSS JOIN runs ON subject = id
WHERE name NOT GLOB :jobs AND outcome IN (:ok, :warning)
"""
_GOOD_ENDS = f"""SELECT name, coalesce("end", start) AS ended {_GOOD}
AND start < :end AND ended >= :start AND ended < :end ORDER BY name, ended"""
_LAST_GOOD_ENDS = f'SELECT name, max(coalesce("end", start)) {_GOOD} AND coalesce("end", start) < :start GROUP BY name'


def read_good_ends(connection: Connection, start: datetime, end: datetime) -> dict[str, tuple[datetime, ...]]:
    """When good runs of members ended from ``start`` up to, not including, ``end``, and before these the last end before
    ``start``, oldest first. A run of which nobody tells the end counts with its start."""
    values: dict[str, object] = {"jobs": f"{JOB}*", "ok": Outcome.OK.value, "warning": Outcome.WARNING.value}
    values |= {"start": microseconds(start), "end": microseconds(end)}
    ends: dict[str, list[datetime]] = defaultdict(list)
    for query in (_LAST_GOOD_ENDS, _GOOD_ENDS):
        for name, ended in connection.execute(query, values):
            ends[to_text(name)].append(from_microseconds(ended))
    return {name: tuple(moments) for name, moments in ends.items()}


def _runs_of_jobs(connection: Connection) -> dict[str, tuple[Run, ...]]:
    """All runs of upkeep jobs, by job, newest first."""
    query = _RUNS + " WHERE name GLOB ? ORDER BY name, start DESC"
    runs_by_subject = _by_subject(connection.execute(query, (f"{JOB}*",)))
    return {subject.removeprefix(JOB): runs for subject, runs in runs_by_subject.items()}


def _by_subject(rows: Iterable[tuple[Any, ...]]) -> dict[str, tuple[Run, ...]]:
    runs: dict[str, list[Run]] = defaultdict(list)
    for subject, *columns in rows:
        runs[to_text(subject)].append(_run(*columns))
    return {subject: tuple(items) for subject, items in runs.items()}


def _run(start: Any, end: Any, outcome: Any, size: Any, text: Any, cancelled: Any) -> Run:
    try:
        return Run(
            start=from_microseconds(start),
            end=from_microseconds_or_none(end),
            outcome=Outcome(outcome),
            size=to_whole_or_none(size),
            text=to_text_or_none(text),
            cancelled=to_flag(cancelled),
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
