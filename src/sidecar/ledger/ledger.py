"""The ledger: what must survive a restart, in one SQLite file. Trouble with it never stops the serving.

One thread writes; whoever hands something over never waits for the disk. What can't be written now is written with the
next report: of reports and history the thread compares with what it wrote last, verdicts wait in memory. Whatever goes
wrong with the file is logged once, and on the page for as long as it lasts.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.verdict_log import (
    FinalOccurrence,
    ObservationGap,
    RememberedVerdicts,
    ServiceDay,
    VerdictChange,
    VerdictLog,
)
from sidecar.core.model import Board, Run
from sidecar.core.reports.report import Report

from . import migrations, rows, verdict_rows
from .migrations import NewerLedgerError
from .values import UnreadableRecordError

T = TypeVar("T")

log = logging.getLogger(__name__)

FILE = "ledger.sqlite"

#: How long what is over is remembered.
KEPT_FOR = timedelta(days=400)

_TIDY_EVERY = timedelta(days=1)
_CLOSES_WITHIN = timedelta(seconds=5)
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

#: Code of a file without our tables or columns.
_STRANGE = sqlite3.SQLITE_ERROR

#: How many verdicts of each kind wait while the file can't be written; the oldest ones go first.
_MOST_UNWRITTEN = 20_000


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
    verdicts: RememberedVerdicts = field(default_factory=RememberedVerdicts)


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
    """The file in ``directory``, opened. Making one never fails: a file that can't be used is listed in ``notes``.

    Attributes:
        remembered: what it held; empty when it is new or can't be used.
    """

    def __init__(self, directory: Path, now: datetime, kept_for: timedelta = KEPT_FOR) -> None:
        self.path = directory / FILE
        self.remembered = Remembered()
        self._kept_for = kept_for
        self._tidied: datetime | None = None
        self._written = _Written()
        self._unwritten = VerdictLog()
        self._left_out = False
        self._now = now
        self._replacement: str | None = None
        self._trouble: str | None = None
        self._condition = Condition.OK
        self._connection = self._opened(now)
        self._waiting = 0
        self._counting = threading.Lock()
        self._entries: SimpleQueue[_Entry | VerdictLog | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_on, name="ledger", daemon=True)
        self._thread.start()

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know about it now, in sentences."""
        return tuple(note for note in (self._replacement, self._trouble) if note)

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
        self._hand_over(_Entry(report, history, board))

    def record_verdicts(self, verdicts: VerdictLog) -> None:
        """Hands over what a judgement adds to the memory. Returns at once."""
        if verdicts:
            self._hand_over(verdicts)

    def _hand_over(self, entry: _Entry | VerdictLog) -> None:
        with self._counting:
            self._waiting += 1
        self._entries.put(entry)

    # --- reading a stretch of time: from the file, so without what still waits to be written --------------------------

    def runs(self, start: datetime, end: datetime) -> dict[str, tuple[Run, ...]]:
        """The runs that began from ``start`` up to, not including, ``end``: by member or "job:NAME", oldest first.

        Empty when the file can't be read, which the log says. So are the other lists.
        """
        return self._read(lambda connection: rows.read_runs(connection, start, end), {})

    def verdict_changes(self, start: datetime, end: datetime) -> tuple[VerdictChange, ...]:
        """The changes of state from ``start`` up to, not including, ``end``, oldest first."""
        return self._read(lambda connection: verdict_rows.read_changes(connection, start, end), ())

    def finals(self, start: datetime, end: datetime) -> tuple[FinalOccurrence, ...]:
        """What became of everything due from ``start`` up to, not including, ``end``, oldest first."""
        return self._read(lambda connection: verdict_rows.read_finals(connection, start, end), ())

    def observation_gaps(self, start: datetime, end: datetime) -> tuple[ObservationGap, ...]:
        """The gaps of which a part lies between ``start`` and ``end``, oldest first."""
        return self._read(lambda connection: verdict_rows.read_gaps(connection, start, end), ())

    def service_days(self, first: date, last: date) -> tuple[ServiceDay, ...]:
        """How services stood on the local days from ``first`` to ``last``, both included, oldest first."""
        return self._read(lambda connection: verdict_rows.read_days(connection, first, last), ())

    def _read(self, read: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        try:
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
                return read(connection)
        except (sqlite3.Error, ValueError) as error:
            log.warning("ledger: %s can't be read: %s", self.path, error)
            return nothing

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
                log.info("ledger: migrated to this version; the file from before is kept as %s", copy)
            self.remembered = Remembered(
                rows.read_history(connection), rows.read_reports(connection), verdict_rows.read_remembered(connection)
            )
        except BaseException:
            connection.close()
            raise
        self._written = _Written(self.remembered.history, dict(self.remembered.reports))
        return connection

    def _gone_back(self, now: datetime, error: NewerLedgerError) -> sqlite3.Connection | None:
        """A newer backup-glance migrated the file, and an older one runs again: it takes the copy from before."""
        copy = migrations.copy_from_before(self.path, error.known)
        if copy is None:
            self._say(f"is of a newer version ({error}), and there is no copy from before; install that version again")
            return None
        aside = self._aside("newer", now)
        log.warning(
            "ledger: %s is of a newer version (%s); it is kept as %s, and %s replaces it", self.path, error, aside, copy
        )
        note = (
            "backup-glance went back to an older version: what is remembered is from before the newer one, "
            f"whose ledger is kept as {aside.name}."
        )
        return self._replaced(aside, note, Condition.RESTORED, copy)

    def _started_anew(self, now: datetime, why: str) -> sqlite3.Connection | None:
        """Renames the broken file, so that people can look at it, and begins a new one."""
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
        self._replacement, self._condition = note, condition
        return connection

    def _say(self, trouble: str) -> None:
        note = f"The ledger {' '.join(trouble.split())}. Until then nothing survives a restart."
        if note != self._trouble:
            log.error("ledger: %s %s", self.path, trouble)
        self._trouble = note

    # --- the thread that writes ---------------------------------------------------------------------------------------

    def _write_on(self) -> None:
        while (entry := self._entries.get()) is not None:
            self._take(entry)
            with self._counting:
                self._waiting -= 1
        if self._connection is not None:
            self._connection.close()

    def _take(self, entry: _Entry | VerdictLog) -> None:
        """Writes the entry, and verdicts that could not be written before."""
        if isinstance(entry, VerdictLog):
            self._unwritten += entry
            written = True
        else:
            self._now = entry.report.at
            written = self._try(lambda connection: self._write_report(connection, entry))
        if self._unwritten:
            written = self._try(self._write_verdicts) and written
            self._unwritten = self._unwritten.newest(_MOST_UNWRITTEN)
        if written:
            self._recovered()

    def _try(self, write: Callable[[sqlite3.Connection], None]) -> bool:
        """Whether it was written. What a disk without room could not take is written later."""
        connection = self._connection
        if connection is None:
            self._unwritten = VerdictLog()
            return False
        try:
            write(connection)
        except sqlite3.Error as error:
            self._failed_to_write(connection, error)
            return False
        except Exception:
            log.exception("ledger: internal error while writing")
            self._say("can't be written: internal error; read the log of backup-glance and report it")
            return False
        return True

    def _write_report(self, connection: sqlite3.Connection, entry: _Entry) -> None:
        """One report in one transaction: all of it stands in the file, or nothing."""
        written = self._written
        shown = dict(rows.runs_of(entry.board))
        changed = [(member, runs) for member, runs in shown.items() if written.runs.get(member) != runs]
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            rows.write_history(connection, entry.history, written.history)
            rows.write_report(connection, entry.report, written.reports.get(entry.report.source))
            for member, runs in changed:
                known = set(written.runs.get(member, ()))
                rows.write_runs(connection, member, (run for run in runs if run not in known))
            if tidy := self._tidied is None or entry.report.at - self._tidied >= _TIDY_EVERY:
                rows.forget_before(connection, entry.report.at - self._kept_for)
                verdict_rows.forget_before(connection, entry.report.at - self._kept_for)
        written.history = entry.history
        written.reports[entry.report.source] = entry.report
        written.runs = shown
        self._tidied = entry.report.at if tidy else self._tidied

    def _write_verdicts(self, connection: sqlite3.Connection) -> None:
        """All verdicts that wait, in one transaction. Only trouble with the file is worth another try."""
        waiting, self._unwritten = self._unwritten, VerdictLog()
        try:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                left_out = verdict_rows.write(connection, waiting)
        except sqlite3.Error as error:
            if isinstance(error, sqlite3.OperationalError) or _code(error) in _BROKEN:
                self._unwritten = waiting
            raise
        if left_out and not self._left_out:
            log.warning(
                "ledger: some verdicts are not remembered: their names are too long, or there are too many names"
            )
        self._left_out = self._left_out or left_out > 0

    def _failed_to_write(self, connection: sqlite3.Connection, error: sqlite3.Error) -> None:
        if _code(error) in _BROKEN:
            connection.close()
            self._connection = self._started_anew(self._now, str(error))
            return
        self._say(
            f"can't be written: {error}; make room in {self.path.parent}, and see that backup-glance may write there"
        )

    def _recovered(self) -> None:
        if self._trouble is not None:
            log.info("ledger: %s can be written again", self.path)
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
    answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if answer != "ok":
        error = sqlite3.DatabaseError(answer)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's own code without its details; None when the error is Python's."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
