"""What was judged, in the ledger's tables: adding to it, reading it back, and keeping it within bounds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from sidecar.core.history.change_page import Position
from sidecar.core.history.verdict_log import (
    MOST_EXPECTATIONS,
    ExpectationKey,
    FinalOccurrence,
    FinalState,
    ObservationGap,
    RememberedVerdicts,
    ServiceDay,
    VerdictChange,
    VerdictLog,
)
from sidecar.core.model import State

from .names import MOST_SERVICES, Current, forget_brief
from .values import (
    UnreadableRecordError,
    from_microseconds,
    from_microseconds_or_none,
    microseconds,
    microseconds_or_none,
    row,
    stored,
    to_text,
    to_time,
    to_time_or_none,
)

Connection = sqlite3.Connection

#: Most rows of each kind; the oldest ones go first. 1,000 parts with a daily job fill the finals in 200 days; a homelab
#: never comes near. Whatever names an upstream makes up, the file stays below some hundred megabytes.
MOST_CHANGES = 50_000
MOST_FINALS = 200_000
MOST_GAPS = 10_000
MOST_DAYS = 200_000

#: How long the names of an expectation may be together. What is beyond that, or beyond MOST_EXPECTATIONS, is not
#: remembered: those that came first are the honest ones.
LONGEST_KEY = 1_000
LONGEST_SERVICE = 200
LONGEST_REASON = 500


# --- writing --------------------------------------------------------------------------------------------------------------


def write(connection: Connection, log: VerdictLog, now: Current | None = None) -> int:
    """Adds it all. Returns how many rows were left out, because there are too many names or too long ones.

    ``now``: who is there; with it names that were there only briefly make room for others.
    """
    _make_room(connection, log, now)
    numbers = _Numbers(connection)
    changes = [_change(number, item) for item in log.changes if (number := numbers.of(item.expectation))]
    finals = [_final(number, item) for item in log.finals if (number := numbers.of(item.expectation))]
    gaps = [row(item.source, item.start, item.until) for item in log.gaps]
    days = [_day(item) for item in _admitted(connection, log.days)]
    connection.executemany("INSERT OR REPLACE INTO verdict_changes VALUES (?, ?, ?, ?, ?, ?)", changes)
    connection.executemany("INSERT OR REPLACE INTO finals VALUES (?, ?, ?, ?, ?)", finals)
    connection.executemany("INSERT OR REPLACE INTO observation_gaps VALUES (?, ?, ?)", gaps)
    connection.executemany("INSERT OR REPLACE INTO service_days VALUES (?, ?, ?, ?, ?, ?)", days)
    _trim(connection, log)
    return len(log.changes) - len(changes) + len(log.finals) - len(finals) + len(log.days) - len(days)


def _make_room(connection: Connection, log: VerdictLog, now: Current | None) -> None:
    if now is None:
        return
    names = {item.expectation for item in log.changes} | {item.expectation for item in log.finals}
    services = {item.service for item in log.days}
    if (
        _count(connection, "SELECT count(*) FROM expectations") + len(names) > MOST_EXPECTATIONS
        or _count(connection, _COUNT_SERVICES) + len(services) > MOST_SERVICES
    ):
        forget_brief(connection, now)


_COUNT_SERVICES = "SELECT count(DISTINCT service) FROM service_days"


def _count(connection: Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])


def _admitted(connection: Connection, days: tuple[ServiceDay, ...]) -> Iterator[ServiceDay]:
    """The days of services that are known, and of others while there is room."""
    room = MOST_SERVICES - _count(connection, _COUNT_SERVICES) if days else 0
    new: set[str] = set()
    for item in days:
        if len(item.service) > LONGEST_SERVICE:
            continue
        known = connection.execute("SELECT 1 FROM service_days WHERE service = ? LIMIT 1", row(item.service)).fetchone()
        if known is None and item.service not in new:
            if len(new) >= room:
                continue
            new.add(item.service)
        yield item


class _Numbers:
    """The short numbers that stand for expectations."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[ExpectationKey, int | None] = {}

    def of(self, key: ExpectationKey) -> int | None:
        """The number of this expectation; None when it can't have one."""
        if key not in self._known:
            self._known[key] = self._read(key) or self._made(key)
        return self._known[key]

    def _read(self, key: ExpectationKey) -> int | None:
        query = "SELECT id FROM expectations WHERE member = ? AND job = ? AND destination = ?"
        answer = self._connection.execute(query, row(*key)).fetchone()
        return answer[0] if answer else None

    def _made(self, key: ExpectationKey) -> int | None:
        number = self._connection.execute("SELECT count(*) FROM expectations").fetchone()[0]
        if number >= MOST_EXPECTATIONS or sum(map(len, key)) > LONGEST_KEY:
            return None
        statement = "INSERT INTO expectations (member, job, destination) VALUES (?, ?, ?)"
        return self._connection.execute(statement, row(*key)).lastrowid


def _change(number: int, change: VerdictChange) -> tuple[object, ...]:
    reason = change.reason
    if reason is not None and len(reason) > LONGEST_REASON:
        reason = f"{reason[: LONGEST_REASON - 1]}…"
    return row(number, microseconds(change.at), change.state_from, change.state_to, change.cause, reason)


def _final(number: int, final: FinalOccurrence) -> tuple[object, ...]:
    start = microseconds_or_none(final.run_start)
    return row(number, microseconds(final.due), final.state, start, microseconds(final.decided_at))


def _day(item: ServiceDay) -> tuple[object, ...]:
    return row(item.service, item.day.isoformat(), item.count, item.size, item.verified, item.copies)


# --- bounds ---------------------------------------------------------------------------------------------------------------

_FORGET_NAMES = """
DELETE FROM expectations
WHERE id NOT IN (SELECT expectation FROM verdict_changes) AND id NOT IN (SELECT expectation FROM finals)
"""

#: The last state of an expectation holds until the next change, so it stays while its member or its due times do.
_FORGET_CHANGES = """
DELETE FROM verdict_changes WHERE at < ? AND NOT (
    at = (SELECT max(at) FROM verdict_changes AS others WHERE others.expectation = verdict_changes.expectation)
    AND EXISTS (
        SELECT 1 FROM expectations WHERE id = expectation AND (
            id IN (SELECT expectation FROM finals)
            OR member IN (SELECT member FROM members)
            OR member IN (SELECT member FROM plans)
        )
    )
)
"""


def forget_before(connection: Connection, moment: datetime) -> None:
    """Drops what is over since before ``moment``. What still lasts stays, however old: a gap, the last state."""
    connection.execute("DELETE FROM finals WHERE due < ?", (microseconds(moment),))
    connection.execute(_FORGET_CHANGES, (microseconds(moment),))
    connection.execute("DELETE FROM observation_gaps WHERE until < ?", (stored(moment),))
    connection.execute("DELETE FROM service_days WHERE day < ?", (moment.date().isoformat(),))
    connection.execute(_FORGET_NAMES)


def _trim(connection: Connection, log: VerdictLog) -> None:
    """Drops the oldest rows that are too many, of the kinds of which ``log`` brought some."""
    trimmed = [
        log.changes and _keep_newest(connection, "verdict_changes", "expectation, at", "at", MOST_CHANGES),
        log.finals and _keep_newest(connection, "finals", "expectation, due", "due", MOST_FINALS),
        log.gaps and _keep_newest(connection, "observation_gaps", "source, start", "until IS NULL, start", MOST_GAPS),
        log.days and _keep_newest(connection, "service_days", "service, day", "day", MOST_DAYS),
    ]
    if any(trimmed):
        connection.execute(_FORGET_NAMES)


def _keep_newest(connection: Connection, table: str, key: str, age: str, most: int) -> bool:
    """Returns whether rows were dropped. All words are ours."""
    excess = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] - most  # noqa: S608
    if excess > 0:
        oldest = f"SELECT {key} FROM {table} ORDER BY {age} LIMIT ?"  # noqa: S608
        connection.execute(f"DELETE FROM {table} WHERE ({key}) IN ({oldest})", (excess,))  # noqa: S608
    return bool(excess > 0)


# --- reading --------------------------------------------------------------------------------------------------------------

_STATES = """
SELECT member, job, destination, state_to, max(at) FROM verdict_changes JOIN expectations ON id = expectation
GROUP BY expectation
"""
_DECIDED = """
SELECT member, job, destination, (SELECT max(due) FROM finals WHERE expectation = id) AS newest FROM expectations
WHERE newest IS NOT NULL
"""
_CHANGES = """
SELECT member, job, destination, at, state_from, state_to, cause, reason
FROM verdict_changes JOIN expectations ON id = expectation
WHERE at >= ? AND at < ? ORDER BY at, expectation
"""
_LAST_CHANGES = """
SELECT member, job, destination, max(at), state_from, state_to, cause, reason
FROM verdict_changes JOIN expectations ON id = expectation
WHERE at < ? GROUP BY expectation ORDER BY expectation
"""
_CHANGES_OF_A_MOMENT = """
SELECT member, job, destination, at, state_from, state_to, cause, reason
FROM verdict_changes JOIN expectations ON id = expectation
WHERE at = ? ORDER BY member, job, destination LIMIT ? OFFSET ?
"""
_CHANGES_AFTER = """
SELECT member, job, destination, at, state_from, state_to, cause, reason
FROM verdict_changes JOIN expectations ON id = expectation
WHERE at > ? AND at < ? ORDER BY at, member, job, destination LIMIT ?
"""
_FINALS = """
SELECT member, job, destination, due, state, run_start, decided_at
FROM finals JOIN expectations ON id = expectation
WHERE due >= ? AND due < ? ORDER BY due, expectation
"""
_GAPS = """
SELECT source, start, until FROM observation_gaps
WHERE start < :end AND (until IS NULL OR until > :start) ORDER BY start, source
"""
_DAYS = """
SELECT service, day, count, size, verified, copies FROM service_days
WHERE day >= ? AND day <= ? ORDER BY day, service
"""


def read_remembered(connection: Connection) -> RememberedVerdicts:
    """Where the judgement left off. Raises UnreadableRecordError."""
    states = {_key(*key): _state(state) for *key, state, _ in connection.execute(_STATES)}
    decided = read_decided(connection)
    query = "SELECT source, start, until FROM observation_gaps WHERE until IS NULL ORDER BY start"
    gaps = {source: _gap(source, start, until) for source, start, until in connection.execute(query)}
    return RememberedVerdicts(
        states=MappingProxyType(states), decided=MappingProxyType(decided), gaps=MappingProxyType(gaps)
    )


def read_decided(connection: Connection) -> dict[ExpectationKey, datetime]:
    """The newest decided due time of each expectation. Raises UnreadableRecordError."""
    return {_key(*key): from_microseconds(due) for *key, due in connection.execute(_DECIDED)}


def read_complete_since(connection: Connection) -> datetime | None:
    """What was before had to make room for newer rows; None where none had to. Raises UnreadableRecordError."""
    oldest = [
        from_microseconds(connection.execute(f"SELECT min({age}) FROM {table}").fetchone()[0])  # noqa: S608 (words of ours)
        for table, age, most in (("finals", "due", MOST_FINALS), ("verdict_changes", "at", MOST_CHANGES))
        if _count(connection, f"SELECT count(*) FROM {table}") >= most  # noqa: S608 (words of ours)
    ]
    return max(oldest, default=None)


def read_last_changes(connection: Connection, moment: datetime) -> tuple[VerdictChange, ...]:
    """The last change before ``moment`` of each expectation. Raises UnreadableRecordError."""
    return tuple(_changes(connection.execute(_LAST_CHANGES, (microseconds(moment),))))


def read_changes(connection: Connection, start: datetime, end: datetime) -> tuple[VerdictChange, ...]:
    """The changes from ``start`` up to, not including, ``end``, oldest first. Raises UnreadableRecordError."""
    return tuple(_changes(_within(connection, _CHANGES, start, end)))


def read_changes_behind(
    connection: Connection, position: Position, end: datetime, most: int
) -> tuple[VerdictChange, ...]:
    """The first ``most`` changes from ``position`` up to, not including, ``end``. Raises UnreadableRecordError."""
    start = microseconds(position.since)
    if position.since >= end:
        return ()
    first = tuple(_changes(connection.execute(_CHANGES_OF_A_MOMENT, (start, most, position.skip))))
    return first + tuple(_changes(connection.execute(_CHANGES_AFTER, (start, microseconds(end), most - len(first)))))


def _changes(found: Iterable[tuple[Any, ...]]) -> Iterator[VerdictChange]:
    for member, job, destination, at, before, after, cause, reason in found:
        yield VerdictChange(
            member=member,
            job=job,
            destination=destination,
            at=from_microseconds(at),
            state_from=None if before is None else _state(before),
            state_to=_state(after),
            cause=cause,
            reason=reason,
        )


def read_finals(connection: Connection, start: datetime, end: datetime) -> tuple[FinalOccurrence, ...]:
    """What was due from ``start`` up to, not including, ``end``, oldest first. Raises UnreadableRecordError."""
    return tuple(
        FinalOccurrence(
            member=member,
            job=job,
            destination=destination,
            due=from_microseconds(due),
            state=to_final_state(state),
            run_start=from_microseconds_or_none(run_start),
            decided_at=from_microseconds(decided_at),
        )
        for member, job, destination, due, state, run_start, decided_at in _within(connection, _FINALS, start, end)
    )


def read_gaps(connection: Connection, start: datetime, end: datetime) -> tuple[ObservationGap, ...]:
    """The gaps of which a part lies between ``start`` and ``end``, oldest first. Raises UnreadableRecordError."""
    rows = connection.execute(_GAPS, {"start": stored(start), "end": stored(end)})
    return tuple(_gap(*columns) for columns in rows)


def read_days(connection: Connection, first: date, last: date) -> tuple[ServiceDay, ...]:
    """The days from ``first`` to ``last``, both included, oldest first. Raises UnreadableRecordError."""
    return tuple(
        ServiceDay(service=service, day=to_date(day), count=count, size=size, verified=verified, copies=copies)
        for service, day, count, size, verified, copies in connection.execute(
            _DAYS, (first.isoformat(), last.isoformat())
        )
    )


def _key(*columns: object) -> ExpectationKey:
    return ExpectationKey(*(to_text(column) for column in columns))


def _within(connection: Connection, query: str, start: datetime, end: datetime) -> Iterable[tuple[Any, ...]]:
    return connection.execute(query, (microseconds(start), microseconds(end)))


def _state(text: str) -> State:
    try:
        return State(text)
    except ValueError:
        raise UnreadableRecordError("The ledger has an unknown state") from None


def to_final_state(text: str) -> FinalState:
    """What became of an occurrence. Raises UnreadableRecordError."""
    try:
        return FinalState(text)
    except ValueError:
        raise UnreadableRecordError("The ledger has an unknown final state") from None


def _gap(source: str, start: str, until: str | None) -> ObservationGap:
    return ObservationGap(source=to_text(source), start=to_time(start), until=to_time_or_none(until))


def to_date(text: str) -> date:
    """A day. Raises UnreadableRecordError."""
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise UnreadableRecordError("The ledger has something else where a day should be") from None
