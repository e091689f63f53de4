"""The ledger: what must survive a restart, in one SQLite file. It is a memory, never a reason to stop serving.

One thread writes; whoever hands something over never waits for the disk. What can't be written now is written with the
next report, because the thread compares with what it wrote last. Whatever goes wrong with the file is said once in the
log, and on the page for as long as it lasts.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue

from sidecar.core.history.history import EMPTY, History
from sidecar.core.model import Board, Run
from sidecar.core.reports.report import Report

from . import migrations, rows
from .facts_json import UnreadableRecordError
from .migrations import NewerLedgerError

log = logging.getLogger(__name__)

FILE = "ledger.sqlite"

#: How long what is over is remembered.
KEPT_FOR = timedelta(days=400)

_TIDY_EVERY = timedelta(days=1)
_CLOSES_WITHIN = timedelta(seconds=5)
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

#: TimedText of a file without our tables or columns.
_STRANGE = sqlite3.SQLITE_ERROR


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
    BROKEN = "broken"
    """It could not be read: it was set aside, and an empty one was made."""
    UNUSABLE = "unusable"
    """It can't be opened or written now; nothing is stored."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a ledger held when it was opened."""

    history: History = EMPTY
    reports: dict[str, Report] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Entry:
    report: Report
    history: History
    board: Board


@dataclass(slots=True)
class _Written:
    """What stands in the file, as far as this process knows."""

    history: History = EMPTY
    reports: dict[str, Report] = field(default_factory=dict)
    runs: dict[str, tuple[Run, ...]] = field(default_factory=dict)


class Ledger:
    """The file in ``directory``, opened. Making one never fails: a file that can't be used is said in ``notes``.

    Attributes:
        remembered: what it held; empty when it is new or can't be used.
    """

    def __init__(self, directory: Path, now: datetime, kept_for: timedelta = KEPT_FOR) -> None:
        self.path = directory / FILE
        self.remembered = Remembered()
        self._kept_for = kept_for
        self._tidied: datetime | None = None
        self._written = _Written()
        self._set_aside: str | None = None
        self._trouble: str | None = None
        self._condition = Condition.OK
        self._connection = self._opened(now)
        self._waiting = 0
        self._counting = threading.Lock()
        self._entries: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_on, name="ledger", daemon=True)
        self._thread.start()

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of it now, in sentences."""
        return tuple(note for note in (self._set_aside, self._trouble) if note)

    @property
    def condition(self) -> Condition:
        """What became of the file, now."""
        return Condition.UNUSABLE if self._trouble is not None else self._condition

    @property
    def idle(self) -> bool:
        """Everything that was handed over has been written, or could not be."""
        return self._waiting == 0

    def record(self, report: Report, history: History, board: Board) -> None:
        """Hands over what is known after ``report``. Returns at once."""
        with self._counting:
            self._waiting += 1
        self._entries.put(_Entry(report, history, board))

    def runs(self, start: datetime, end: datetime) -> dict[str, tuple[Run, ...]]:
        """The runs that began from ``start`` up to, not including, ``end``: by member or "job:NAME", oldest first.

        Empty when the file can't be read, which the log says.
        """
        try:
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                return rows.read_runs(connection, start, end)
        except (sqlite3.Error, ValueError) as error:
            log.warning("ledger: its runs can't be read: %s", error)
            return {}

    def close(self) -> None:
        """Writes what is left, for a few seconds at most."""
        self._entries.put(None)
        self._thread.join(_CLOSES_WITHIN.total_seconds())

    # --- opening ------------------------------------------------------------------------------------------------------

    def _opened(self, now: datetime) -> sqlite3.Connection | None:
        try:
            return self._loaded()
        except NewerLedgerError as error:
            return self._gone_back(now, error)
        except UnreadableRecordError as error:
            return self._started_anew(now, str(error))
        except sqlite3.Error as error:
            if _code(error) in (*_BROKEN, _STRANGE):
                return self._started_anew(now, str(error))
            self._say(f"can't be opened: {error}; make {self.path.parent} a directory that backup-glance may write")
        except OSError as error:
            self._say(f"can't be opened: {error.strerror}")
        return None

    def _loaded(self) -> sqlite3.Connection:
        connection = _connected(self.path)
        try:
            self._condition = Condition.OK if migrations.version(connection) else Condition.NEW
            copy = migrations.bring_up_to_date(connection, self.path)
            if copy is not None:
                self._condition = Condition.MIGRATED
                log.info("ledger: brought up to date; the file as it was is kept as %s", copy)
            self.remembered = Remembered(rows.read_history(connection), rows.read_reports(connection))
        except BaseException:
            connection.close()
            raise
        self._written = _Written(self.remembered.history, dict(self.remembered.reports))
        return connection

    def _gone_back(self, now: datetime, error: NewerLedgerError) -> sqlite3.Connection | None:
        """A newer backup-glance has led the file on, and an older one runs again: so does the copy from before."""
        copy = migrations.copy_from_before(self.path, error.known)
        if copy is None:
            self._say(f"is of a newer version ({error}) and has no copy from before; go back to that version")
            return None
        aside = self._aside("newer", now)
        log.warning(
            "ledger: %s is of a newer version (%s); kept as %s, %s takes its place", self.path, error, aside, copy
        )
        note = (
            "backup-glance went back to an older version: what is remembered is from before the newer one, "
            f"whose ledger is kept as {aside.name}."
        )
        return self._replaced(aside, note, Condition.RESTORED, copy)

    def _started_anew(self, now: datetime, why: str) -> sqlite3.Connection | None:
        """The broken file gets another name, for whoever wants to know, and a new one takes its place."""
        aside = self._aside("broken", now)
        log.error("ledger: %s is broken (%s); it is kept as %s, and a new one begins", self.path, why, aside)
        note = f"The ledger was broken and is kept as {aside.name}: what was remembered begins anew."
        return self._replaced(aside, note, Condition.BROKEN)

    def _aside(self, why: str, now: datetime) -> Path:
        return self.path.with_name(f"{self.path.name}.{why}-{now:%Y%m%dT%H%M%SZ}")

    def _replaced(
        self, aside: Path, note: str, condition: Condition, successor: Path | None = None
    ) -> sqlite3.Connection | None:
        try:
            for ending in ("", "-wal", "-shm"):
                if (old := Path(f"{self.path}{ending}")).exists():
                    old.rename(f"{aside}{ending}")
            if successor is not None:
                successor.rename(self.path)
            connection = self._loaded()
        except (sqlite3.Error, OSError, NewerLedgerError, UnreadableRecordError) as error:
            self._say(f"can't be opened: {error}")
            return None
        self._set_aside, self._condition = note, condition
        return connection

    def _say(self, trouble: str) -> None:
        note = f"The ledger {' '.join(trouble.split())}. Until then nothing survives a restart."
        if note != self._trouble:
            log.error("ledger: %s %s", self.path, trouble)
        self._trouble = note

    # --- the thread that writes ---------------------------------------------------------------------------------------

    def _write_on(self) -> None:
        while (entry := self._entries.get()) is not None:
            if self._connection is not None:
                self._try(self._connection, entry)
            with self._counting:
                self._waiting -= 1
        if self._connection is not None:
            self._connection.close()

    def _try(self, connection: sqlite3.Connection, entry: _Entry) -> None:
        try:
            self._write(connection, entry)
        except sqlite3.Error as error:
            self._stumble(connection, error, entry)
        except Exception:
            log.exception("ledger: writing failed for a reason of our own")
            self._say("can't be written: backup-glance stumbled; read its log and report it")
        else:
            self._recovered()

    def _write(self, connection: sqlite3.Connection, entry: _Entry) -> None:
        """One report in one transaction: all of it stands in the file, or nothing."""
        written = self._written
        runs = [(one, found) for one, found in rows.runs_of(entry.board) if written.runs.get(one) != found]
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            rows.write_history(connection, entry.history, written.history)
            rows.write_report(connection, entry.report, written.reports.get(entry.report.source))
            for subject, found in runs:
                known = set(written.runs.get(subject, ()))
                rows.write_runs(connection, subject, (run for run in found if run not in known))
            if tidy := self._tidied is None or entry.report.at - self._tidied >= _TIDY_EVERY:
                rows.forget_before(connection, entry.report.at - self._kept_for)
        written.history = entry.history
        written.reports[entry.report.source] = entry.report
        written.runs.update(runs)
        self._tidied = entry.report.at if tidy else self._tidied

    def _stumble(self, connection: sqlite3.Connection, error: sqlite3.Error, entry: _Entry) -> None:
        if _code(error) in _BROKEN:
            connection.close()
            self._connection = self._started_anew(entry.report.at, str(error))
            return
        self._say(
            f"can't be written: {error}; make room in {self.path.parent}, and see that backup-glance may write there"
        )

    def _recovered(self) -> None:
        if self._trouble is not None:
            log.info("ledger: %s is written again", self.path)
        self._trouble = None


def _connected(path: Path) -> sqlite3.Connection:
    """Raises sqlite3.Error; SQLITE_CORRUPT or SQLITE_NOTADB when the file is broken."""
    connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        _check(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        error = sqlite3.DatabaseError(said)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's own code without its details; None when the error is Python's."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
