"""The tables of the ledger, and how an older file becomes a newer one.

Times are ISO 8601 text in UTC, so that ``sqlite3 ledger.sqlite`` shows something people can read. Only runs, changes of
verdicts and final states, which are most of the rows, have microseconds since 1970.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from .values import UnreadableRecordError, to_whole

_VERSION_1 = """
CREATE TABLE contacts (source TEXT PRIMARY KEY, first TEXT NOT NULL);

-- One row per schedule and time: what a job owed one member (rule 1). valid_from NULL: from before.
CREATE TABLE plans (
    member TEXT NOT NULL, job TEXT NOT NULL, schedule TEXT, timezone TEXT, enabled INTEGER NOT NULL,
    valid_from TEXT, valid_to TEXT
);
CREATE INDEX plans_by_member ON plans (member);

CREATE TABLE announced (job TEXT NOT NULL, due TEXT NOT NULL, PRIMARY KEY (job, due)) WITHOUT ROWID;

-- gone NULL: it is there.
CREATE TABLE members (member TEXT PRIMARY KEY, name TEXT NOT NULL, first TEXT NOT NULL, gone TEXT);

-- By far the most rows, so they are short: times in microseconds since 1970, and a number for the subject, which is a
-- member, or "job:" and the name of an upkeep job.
CREATE TABLE subjects (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE runs (
    subject INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER, outcome TEXT NOT NULL, size INTEGER, text TEXT,
    PRIMARY KEY (subject, start)
) WITHOUT ROWID;

-- The last report of each source, and its readings in their order.
CREATE TABLE reports (
    source TEXT PRIMARY KEY, kind TEXT NOT NULL, at TEXT NOT NULL, version TEXT, tls_fingerprint TEXT,
    limits TEXT NOT NULL, problem TEXT
);
CREATE TABLE readings (
    source TEXT NOT NULL, scope TEXT NOT NULL, place INTEGER NOT NULL, as_of TEXT, problem TEXT, facts TEXT NOT NULL,
    PRIMARY KEY (source, scope)
);
"""

#: Plans gain their destination, and verdicts are remembered.
_VERSION_2 = """
-- NULL: the row is of version 1, and takes the destination in force.
ALTER TABLE plans ADD COLUMN destination TEXT;

-- NOT NULL: the id belonged to another one before, so nothing older is its own.
ALTER TABLE members ADD COLUMN since TEXT;

-- What a job owes a member at a destination, as a number, so that the rows that refer to it are short.
CREATE TABLE expectations (
    id INTEGER PRIMARY KEY, member TEXT NOT NULL, job TEXT NOT NULL, destination TEXT NOT NULL,
    UNIQUE (member, job, destination)
);

-- Every change of an expectation's state. state_from NULL: the first one.
CREATE TABLE verdict_changes (
    expectation INTEGER NOT NULL, at INTEGER NOT NULL, state_from TEXT, state_to TEXT NOT NULL, cause TEXT NOT NULL,
    reason TEXT, PRIMARY KEY (expectation, at)
) WITHOUT ROWID;
CREATE INDEX verdict_changes_by_time ON verdict_changes (at);

-- What became of each due time. run_start NULL: no run answered it.
CREATE TABLE finals (
    expectation INTEGER NOT NULL, due INTEGER NOT NULL, state TEXT NOT NULL, run_start INTEGER,
    decided_at INTEGER NOT NULL, PRIMARY KEY (expectation, due)
) WITHOUT ROWID;
CREATE INDEX finals_by_time ON finals (due);

-- When a source could not be read. until NULL: it lasts.
CREATE TABLE observation_gaps (
    source TEXT NOT NULL, start TEXT NOT NULL, until TEXT, PRIMARY KEY (source, start)
) WITHOUT ROWID;

-- How each service stood on each local day. NULL: not known.
CREATE TABLE service_days (
    service TEXT NOT NULL, day TEXT NOT NULL, count INTEGER, size INTEGER, verified INTEGER, copies INTEGER,
    PRIMARY KEY (service, day)
) WITHOUT ROWID;
CREATE INDEX service_days_by_day ON service_days (day);
"""

#: Runs say whether a person ended them. Those of older versions are taken for failures until they are read again.
_VERSION_3 = """
ALTER TABLE runs ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0;
"""

#: Who was told of what.
_VERSION_4 = """
CREATE TABLE alert_receivers (receiver TEXT PRIMARY KEY, sent TEXT NOT NULL, flood TEXT, not_held INTEGER NOT NULL);

-- What is not well, and what was not well lately. state NULL: nothing was told yet. told_at NULL: nobody was told.
CREATE TABLE alert_incidents (
    receiver TEXT NOT NULL, subject TEXT NOT NULL, began TEXT NOT NULL, state TEXT, waiting TEXT, waiting_since TEXT,
    better TEXT, told_at TEXT, opened TEXT NOT NULL, followers INTEGER NOT NULL, PRIMARY KEY (receiver, subject)
);

-- What is summed up at the end of quiet hours and floods.
CREATE TABLE alert_held (
    receiver TEXT NOT NULL, place INTEGER NOT NULL, subject TEXT NOT NULL, name TEXT NOT NULL, problem INTEGER NOT NULL,
    text TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (receiver, place)
) WITHOUT ROWID;

-- Messages that are noted and not delivered yet.
CREATE TABLE alert_outbox (
    number INTEGER PRIMARY KEY, receiver TEXT NOT NULL, kind TEXT NOT NULL, incident TEXT NOT NULL, title TEXT NOT NULL,
    body TEXT NOT NULL, at TEXT NOT NULL, link TEXT, noted_at TEXT NOT NULL, attempts INTEGER NOT NULL, not_before TEXT,
    stands_for INTEGER NOT NULL
);
"""

#: What belongs to one incident is remembered with it.
_VERSION_5 = """
-- well NULL: it is not well. named 0: it joined the incident in silence. left_at: since when it is bad by itself.
CREATE TABLE alert_members (
    receiver TEXT NOT NULL, subject TEXT NOT NULL, incident TEXT NOT NULL, began TEXT NOT NULL, state TEXT NOT NULL,
    origin TEXT, named INTEGER NOT NULL, left_at TEXT, well TEXT, PRIMARY KEY (receiver, subject)
);
"""

#: Statements that migrate from one version to the next; the first makes version 1 of an empty file. Only ever append,
#: and write no semicolon inside a statement or comment.
MIGRATIONS: tuple[str, ...] = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5)


class NewerLedgerError(Exception):
    """The file was written by a newer version of backup-glance. ``known``: the newest version that this one can read."""

    def __init__(self, version: int, known: int) -> None:
        super().__init__(f"it has version {version}, this backup-glance knows {known}")
        self.known = known


def bring_up_to_date(connection: sqlite3.Connection, path: Path, migrations: Sequence[str] = MIGRATIONS) -> Path | None:
    """Makes the tables, or migrates those of an older version. Returns the copy of the older file, when there was one.

    Raises:
        NewerLedgerError, UnreadableRecordError: nothing was changed.
        sqlite3.Error: the file is as it was before.
    """
    current = version(connection)
    if current > len(migrations):
        raise NewerLedgerError(current, len(migrations))
    if current == len(migrations):
        return None
    copy = copied(connection, _copy(path, current)) if current else None
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        for statement in "".join(migrations[current:]).split(";"):
            connection.execute(statement)
        connection.execute("DELETE FROM schema_version")
        connection.execute("INSERT INTO schema_version VALUES (?)", (len(migrations),))
    return copy


def version(connection: sqlite3.Connection) -> int:
    """The version of the tables; 0 for a file without any.

    Raises UnreadableRecordError: the tables are somebody else's, or have a version that there never was.
    """
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not names:
        return 0
    rows = connection.execute("SELECT version FROM schema_version").fetchall() if "schema_version" in names else []
    number = to_whole(rows[0][0]) if len(rows) == 1 else 0
    if number < 1:
        raise UnreadableRecordError("The file has tables, but no version that a ledger can have")
    return number


def copy_from_before(path: Path, known: int) -> Path | None:
    """The newest copy of the ledger at ``path`` that was made before a migration and has at most version ``known``."""
    return next((copy for number in range(known, 0, -1) if (copy := _copy(path, number)).exists()), None)


def copied(connection: sqlite3.Connection, copy: Path) -> Path:
    """A whole copy, also while somebody writes, or none: it gets its name when it is complete. Raises sqlite3.Error."""
    growing = copy.with_name(f"{copy.name}.part")
    growing.unlink(missing_ok=True)
    with closing(sqlite3.connect(growing)) as target:
        connection.backup(target)
    return growing.replace(copy)


def _copy(path: Path, version: int) -> Path:
    return path.with_name(f"{path.name}.v{version}")
