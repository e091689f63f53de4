"""Whether a file that SQLite can read is one that backup-glance wrote: its tables, and the kinds of values in them.

A flipped byte in a value leaves a file that is sound for SQLite. The small tables are read as a whole when the ledger is
opened, and each value is checked then (values.py); the large ones are read later, a stretch of time at once, so SQLite
looks through them here.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable
from contextlib import closing
from functools import cache
from pathlib import Path

from sidecar.core.history.verdict_log import FinalState
from sidecar.core.model import Outcome, State

from . import migrations
from .values import EARLIEST, LATEST, UnreadableRecordError, microseconds


def check_tables(connection: sqlite3.Connection) -> None:
    """Raises UnreadableRecordError, sqlite3.Error: something is not as this version writes it."""
    there = dict(connection.execute(_SCHEMA).fetchall())
    for name, sql in _schema().items():
        if there.get(name) != sql:
            raise UnreadableRecordError(f"Table or index {name} is not as backup-glance made it")
    for table, wrong in _WRONG.items():
        if connection.execute(f"SELECT 1 FROM {table} WHERE {wrong} LIMIT 1").fetchone():  # noqa: S608 (words of ours)
            raise UnreadableRecordError(f"Table {table} holds something that backup-glance never writes")
    for query in _TEXTS:
        # Python refuses what is no UTF-8.
        deque(connection.execute(query), maxlen=0)
    for table, column, names in _REFERENCES:
        orphans = f"SELECT {column} FROM {table} GROUP BY {column} EXCEPT SELECT id FROM {names}"  # noqa: S608 (the same)
        if connection.execute(orphans).fetchone():
            raise UnreadableRecordError(f"Table {table} has rows of nobody")


_SCHEMA = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"


@cache
def _schema() -> dict[str, str]:
    """The tables and indexes as this version makes them."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrations.bring_up_to_date(connection, Path(":memory:"))
        return dict(connection.execute(_SCHEMA).fetchall())


# --- what no row may be: written in SQL, so that a million rows take a tenth of a second --------------------------------


def _no_text(column: str) -> str:
    return f"typeof({column}) <> 'text'"


def _no_number(column: str) -> str:
    return f"typeof({column}) NOT IN ('integer', 'null')"


def _no_moment(column: str) -> str:
    first, last = microseconds(EARLIEST), microseconds(LATEST)
    return f"typeof({column}) <> 'integer' OR {column} NOT BETWEEN {first} AND {last}"


def _no_moment_or_null(column: str) -> str:
    return f"{column} IS NOT NULL AND ({_no_moment(column)})"


def _not_in(column: str, words: Iterable[str]) -> str:
    return f"{column} NOT IN ({', '.join(repr(str(word)) for word in words)})"


_TEXTS = (
    "SELECT name FROM subjects",
    "SELECT text FROM runs WHERE text IS NOT NULL",
    "SELECT member, job, destination FROM expectations",
    "SELECT cause, reason FROM verdict_changes",
    "SELECT source, start, until FROM observation_gaps",
    "SELECT DISTINCT service FROM service_days",
)

_REFERENCES = (
    ("runs", "subject", "subjects"),
    ("verdict_changes", "expectation", "expectations"),
    ("finals", "expectation", "expectations"),
)

_WRONG = {
    table: " OR ".join(f"({each})" for each in conditions)
    for table, conditions in {
        "subjects": (_no_text("name"),),
        "runs": (
            _no_moment("start"),
            _no_moment_or_null('"end"'),
            _not_in("outcome", Outcome),
            _no_number("size"),
            "text IS NOT NULL AND typeof(text) <> 'text'",
            _not_in("cancelled", "01").replace("'", ""),
        ),
        "expectations": (_no_text("member"), _no_text("job"), _no_text("destination")),
        "verdict_changes": (
            _no_moment("at"),
            f"state_from IS NOT NULL AND {_not_in('state_from', State)}",
            _not_in("state_to", State),
            _no_text("cause"),
            "reason IS NOT NULL AND typeof(reason) <> 'text'",
        ),
        "finals": (
            _no_moment("due"),
            _not_in("state", FinalState),
            _no_moment_or_null("run_start"),
            _no_moment("decided_at"),
        ),
        "observation_gaps": (_no_text("source"), _no_text("start"), "until IS NOT NULL AND typeof(until) <> 'text'"),
        "service_days": (
            _no_text("service"),
            "typeof(day) <> 'text' OR date(day, '+0 days') IS NOT day",
            *(_no_number(column) for column in ("count", "size", "verified", "copies")),
        ),
    }.items()
}
