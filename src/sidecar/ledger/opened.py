"""Opens the ledger: as it is, brought up to date, or, where it is damaged, set aside and begun anew.

A file is damaged when SQLite says so, or when it holds anything that no version of backup-glance would have written. A
file that can't be used just now (no room, no right, locked by another program) is not damaged, and stays where it is.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sidecar.core.alerts.incident import AlertMemory
from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.verdict_log import RememberedVerdicts
from sidecar.core.reports.report import Report

from . import alert_rows, migrations, place, rows, sound, verdict_rows
from .migrations import NewerLedgerError
from .patience import Patience
from .values import UnreadableRecordError

log = logging.getLogger(__name__)

#: SQLite's codes for what the file can't help: the disk, the rights, another program, this process.
_NOT_NOW = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_AUTH,
    }
)

#: Codes of a file that is no ledger any more: SQLITE_ERROR is for a table or column that is not there.
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_SCHEMA})

#: The longest text in a row. The facts of 50,000 snapshots have 10 MB.
_LONGEST_VALUE = 256 * 2**20

#: A write-ahead log that has grown for one large report is cut back to this.
_LARGEST_LOG = 16 * 2**20

#: KiB of pages that SQLite keeps: the ledger is read once and then written to.
_CACHE = 256

#: How much of an error goes into log and notes: it may quote what stands in the file.
_MOST_OF_AN_ERROR = 200


class Condition(StrEnum):
    """What became of the file. ``notes`` says the same to people; programs read this."""

    NEW = "new"
    """There was no file; an empty one was made."""
    OK = "ok"
    """It was opened as it is."""
    MIGRATED = "migrated"
    """It was of an older version and was brought up to date; a copy of the older file is kept."""
    RESTORED = "restored"
    """It is of a newer version: the copy from before that version is used instead."""
    NEWER = "newer"
    """It is of a newer version, and there is no copy from before: it was set aside, and an empty one was made."""
    BROKEN = "broken"
    """It could not be read: it was set aside, and an empty one was made."""
    UNUSABLE = "unusable"
    """It can't be opened or written now; nothing is stored."""


class DamagedError(Exception):
    """The file is no ledger that any version of backup-glance would have written."""


class NotNowError(Exception):
    """The file can't be used at the moment; nothing was changed. The message is a clause that says why."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a ledger held when it was opened."""

    history: History = EMPTY
    reports: dict[str, Report] = field(default_factory=dict)
    verdicts: RememberedVerdicts = field(default_factory=RememberedVerdicts)
    alerts: AlertMemory = field(default_factory=AlertMemory)

    def __bool__(self) -> bool:
        judged = self.history != EMPTY or bool(self.reports) or self.verdicts != RememberedVerdicts()
        return judged or bool(self.alerts)


@dataclass(frozen=True, slots=True)
class Opened:
    """A ledger that can be written. ``note``: what people should know of it until the next start."""

    connection: sqlite3.Connection
    remembered: Remembered
    condition: Condition
    note: str | None = None


def opened(path: Path, now: datetime, patience: Patience) -> Opened:
    """The ledger at ``path``, whatever stands there. Raises NotNowError."""
    try:
        return _loaded(path, patience)
    except NewerLedgerError as error:
        return _gone_back(path, now, patience, error)
    except DamagedError as error:
        return begun_anew(path, now, patience, str(error))


def begun_anew(path: Path, now: datetime, patience: Patience, why: str) -> Opened:
    """Renames a damaged file, so that people can look at it, and begins a new one. Raises NotNowError."""
    aside = _aside(path, "broken", now)
    log.error("ledger: %s is broken (%s); it is kept as %s, and a new one begins", path, why, aside)
    note = f"The ledger was broken and is kept as {aside.name}: what was remembered begins anew."
    return _empty(path, patience, Condition.BROKEN, note)


def read_as_it_is(path: Path) -> Remembered | None:
    """What a file holds that can be read but not opened for writing, by a copy; None where there is no sound one.

    On a disk that is full or read-only SQLite can't even make the index that it needs to read.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="backup-glance-ledger-") as folder:
            copy = Path(folder) / path.name
            for ending in ("", "-wal"):
                if Path(f"{path}{ending}").is_file():
                    shutil.copyfile(f"{path}{ending}", f"{copy}{ending}")
            if place.is_absent(copy):
                return None
            there = _loaded(copy, Patience())
            there.connection.close()
            return there.remembered
    except (OSError, NewerLedgerError, DamagedError, NotNowError) as error:
        log.warning("ledger: %s can't be read: %s", path, error)
        return None


@contextmanager
def told_apart() -> Iterator[None]:
    """Turns whatever reading raises into DamagedError or NotNowError. A file may hold anything, so anything may be raised."""
    try:
        yield
    except (NewerLedgerError, DamagedError, NotNowError):
        raise
    except sqlite3.Error as error:
        clause = _clause(error)
        raise (NotNowError if is_not_now(error) else DamagedError)(clause) from None
    except OSError as error:
        raise NotNowError(error.strerror or _clause(error)) from None
    except (MemoryError, ImportError) as error:
        raise NotNowError(f"it can't be read: {_clause(error)}") from None
    except Exception as error:  # noqa: BLE001 (named in the new one, which the log names)
        raise DamagedError(_clause(error)) from None


@contextmanager
def writing() -> Iterator[None]:
    """The same for writing, where other errors are not the file's: they are raised as they are."""
    try:
        yield
    except sqlite3.Error as error:
        if is_not_now(error):
            raise NotNowError(_clause(error)) from None
        if _code(error) in _BROKEN or _is_cut_off(error) or _is_no_text(error):
            raise DamagedError(_clause(error)) from None
        raise
    except UnreadableRecordError as error:
        raise DamagedError(_clause(error)) from None
    except OSError as error:
        raise NotNowError(error.strerror or _clause(error)) from None


def is_not_now(error: sqlite3.Error) -> bool:
    """Whether the file can't help it: another attempt later may succeed."""
    return _code(error) in _NOT_NOW and not _is_cut_off(error)


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's own code without its details; None when the error is Python's."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _is_no_text(error: sqlite3.Error) -> bool:
    """Python could not decode a text that SQLite holds."""
    return isinstance(error, sqlite3.OperationalError) and _code(error) is None


def _is_cut_off(error: sqlite3.Error) -> bool:
    """The file has fewer bytes than its own pages say."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHORT_READ


def _clause(error: BaseException) -> str:
    return " ".join(str(error).split())[:_MOST_OF_AN_ERROR] or type(error).__name__


# --- opening ----------------------------------------------------------------------------------------------------------


def _loaded(path: Path, patience: Patience) -> Opened:
    """Raises NotNowError, DamagedError, NewerLedgerError; then nothing was changed, apart from tables of an older version."""
    with told_apart():
        concern = place.concern(path)
        if concern is not None:
            raise DamagedError(concern)
        is_new = place.is_absent(path)
        if is_new:
            _make(path)
        connection = _connected(path, patience)
        try:
            is_new = is_new or not migrations.version(connection)
            copy = migrations.bring_up_to_date(connection, path)
            sound.check_tables(connection)
            remembered = Remembered(
                rows.read_history(connection),
                rows.read_reports(connection),
                verdict_rows.read_remembered(connection),
                alert_rows.read(connection),
            )
        except BaseException as error:
            # A query that was not read to its end would keep the file open, under whatever name it gets.
            traceback.clear_frames(error.__traceback__)
            connection.close()
            raise
    if is_new:
        return Opened(connection, remembered, Condition.NEW)
    if copy is not None:
        log.info("ledger: migrated to this version; the file from before is kept as %s", copy)
    return Opened(connection, remembered, Condition.OK if copy is None else Condition.MIGRATED)


def _make(path: Path) -> None:
    """An empty ledger. It gets its name when it is complete: what ends in the middle leaves no half of a file there."""
    growing = path.with_name(f"{path.name}.part")
    growing.unlink(missing_ok=True)
    with closing(sqlite3.connect(growing, isolation_level=None)) as connection:
        migrations.bring_up_to_date(connection, growing)
    growing.replace(path)


def _connected(path: Path, patience: Patience) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path,
        timeout=patience.lock.total_seconds(),
        isolation_level=None,
        check_same_thread=False,
        # A statement that is kept also keeps a copy of what it wrote last: 4.6 MB of snapshots.
        cached_statements=0,
    )
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_LOG}")
        page_size = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {place.MOST_BYTES // page_size}")
        _check(connection)
        connection.execute(f"PRAGMA cache_size = -{_CACHE}")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Every page and every index: 40 MB take half a second. A write-ahead log of another file brings sound pages that do not
    fit together, and a wrong index leaves out what it should find."""
    answer = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if answer != "ok":
        raise DamagedError(" ".join(answer.split())[:_MOST_OF_AN_ERROR])


# --- setting aside ----------------------------------------------------------------------------------------------------


def _gone_back(path: Path, now: datetime, patience: Patience, error: NewerLedgerError) -> Opened:
    """A newer backup-glance migrated the file, and an older one runs again: it takes the newest copy from before."""
    aside = _aside(path, "newer", now)
    while (copy := migrations.copy_from_before(path, error.known)) is not None:
        log.warning(
            "ledger: %s is of a newer version (%s); it is kept as %s, and %s replaces it", path, error, aside, copy
        )
        note = (
            "backup-glance went back to an older version: what is remembered is from before the newer one, "
            f"whose ledger is kept as {aside.name}."
        )
        with told_apart():
            copy.rename(path)
        try:
            return _replaced(path, patience, Condition.RESTORED, note)
        except (DamagedError, NewerLedgerError) as damage:
            broken = _aside(path, "broken", now)
            log.error("ledger: the copy %s is broken (%s); it is kept as %s", copy, damage, broken)  # noqa: TRY400
    log.error("ledger: %s is of a newer version (%s), without a copy from before; it is kept as %s", path, error, aside)
    note = (
        f"The ledger is of a newer version ({error}), and there is no copy from before: it is kept as {aside.name}, "
        "and what was remembered begins anew."
    )
    return _empty(path, patience, Condition.NEWER, note)


def _aside(path: Path, why: str, now: datetime) -> Path:
    try:
        return place.set_aside(path, why, now)
    except OSError as error:
        raise NotNowError(f"it is {why} and can't be renamed: {error.strerror}") from None


def _empty(path: Path, patience: Patience, condition: Condition, note: str) -> Opened:
    try:
        return _replaced(path, patience, condition, note)
    except (DamagedError, NewerLedgerError) as error:
        raise NotNowError(f"a new file can't be used: {error}") from None


def _replaced(path: Path, patience: Patience, condition: Condition, note: str) -> Opened:
    there = _loaded(path, patience)
    return Opened(there.connection, there.remembered, condition, note)
