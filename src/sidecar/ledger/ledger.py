"""The ledger: what must survive a restart, in one SQLite file. Trouble with it never stops the serving.

One thread writes; whoever hands something over never waits for the disk. What can't be written now is tried again with the
next report, and between reports after a pause that grows: the last report of each source and the verdicts wait in memory.
Whatever goes wrong with the file is logged once, and on the page for as long as it lasts.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from types import MappingProxyType
from typing import TypeVar
from zoneinfo import ZoneInfo

from sidecar.core.alerts.incident import AlertMemory
from sidecar.core.history.bounds import FORGOTTEN_AFTER
from sidecar.core.history.change_page import Position
from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.verdict_log import (
    FinalOccurrence,
    ObservationGap,
    ServiceDay,
    VerdictChange,
    VerdictLog,
)
from sidecar.core.model import Board, Run
from sidecar.core.past.past_day import CountedDays
from sidecar.core.past.records import Records
from sidecar.core.reports.report import Report

from . import alert_rows, names, opened, past_rows, place, rows, verdict_rows
from .opened import Condition, DamagedError, NotNowError, Opened, Remembered
from .patience import Patience
from .reading import ReadingLog

T = TypeVar("T")
E = TypeVar("E")

log = logging.getLogger(__name__)

FILE = "ledger.sqlite"

#: How long what is over is remembered.
KEPT_FOR = timedelta(days=400)

_TIDY_EVERY = timedelta(days=1)
_CLOSES_WITHIN = timedelta(seconds=5)

_LOST = "The ledger was removed or replaced while backup-glance was running: some of what was remembered may be lost."

#: How many verdicts of each kind wait while the file can't be written; the oldest ones go first.
_MOST_UNWRITTEN = 20_000


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is known after ``report``. ``memory``: which memory it was made with; each file that is taken up begins another."""

    report: Report
    history: History
    board: Board
    memory: int


@dataclass(frozen=True, slots=True)
class _Verdicts:
    log: VerdictLog
    memory: int


@dataclass(frozen=True, slots=True)
class _Alerts:
    """All that is remembered of alerts now. ``done``: it has been written, or could not be."""

    alerts: AlertMemory
    memory: int
    done: threading.Event


@dataclass(frozen=True, slots=True)
class _Refusal:
    """What the file remembers can't be used; ``why`` is a clause."""

    why: str
    done: threading.Event


@dataclass(slots=True)
class _Written:
    """What stands in the file, as far as this process knows."""

    history: History = EMPTY
    reports: dict[str, Report] = field(default_factory=dict)
    runs: dict[str, tuple[Run, ...]] = field(default_factory=dict)


class Ledger:
    """The file in ``directory``, opened. Making one never fails: a file that can't be used is listed in ``notes``.

    Attributes:
        remembered: what it held, until ``release``; empty when it is new or can't be read.
    """

    def __init__(
        self, directory: Path, now: datetime, kept_for: timedelta = KEPT_FOR, patience: Patience | None = None
    ) -> None:
        self.path = directory / FILE
        self.remembered = Remembered()
        self._kept_for = kept_for
        self._patience = patience or Patience()
        self._reading = ReadingLog(self.path)
        self._now = now
        self._replacement: str | None = None
        self._trouble: str | None = None
        self._condition = Condition.OK
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._log: tuple[int, int] | None = None
        self._written = _Written()
        self._unwritten: dict[str, _Entry] = {}
        self._unwritten_verdicts = VerdictLog()
        self._alerts: _Alerts | None = None
        self._alerts_are_written = True
        self._current: names.Current | None = None
        self._is_lost = False
        self._failures = 0
        self._tidied: datetime | None = None
        self._left_out = False
        self._lock = threading.Lock()
        self._memory = self._taken_memory = 0
        self._taken_alerts = 0
        self._found: Remembered | None = None
        self._found_alerts: AlertMemory | None = None
        self._waiting = 0
        self._entries: SimpleQueue[_Entry | _Verdicts | _Alerts | _Refusal | None] = SimpleQueue()
        self._open_first()
        self._thread = threading.Thread(target=self._write_on, name="ledger", daemon=True)
        self._thread.start()

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know about it now, in sentences."""
        return tuple(note for note in (self._replacement, self._trouble) if note)

    @property
    def leaves_out(self) -> bool:
        """Some names are not remembered, because they are too long or there are too many."""
        return self._left_out

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
        self._hand_over(_Entry(report, history, board, self._taken_memory))

    def record_verdicts(self, verdicts: VerdictLog) -> None:
        """Hands over what a judgement adds to the memory. Returns at once."""
        if verdicts:
            self._hand_over(_Verdicts(verdicts, self._taken_memory))

    def record_alerts(self, alerts: AlertMemory) -> threading.Event:
        """Hands over all that is remembered of alerts. Returns at once; the event says when it has been written, or could
        not be, which ``condition`` and ``notes`` tell."""
        entry = _Alerts(alerts, self._taken_alerts, threading.Event())
        self._hand_over(entry)
        return entry.done

    def found_alerts(self) -> AlertMemory | None:
        """The same as ``found``, of what is remembered of alerts."""
        with self._lock:
            found, self._found_alerts = self._found_alerts, None
            self._taken_alerts = self._memory
        return found

    def refuse(self, why: str) -> threading.Event:
        """What was remembered can't be judged: the file is set aside like a broken one. Returns at once; the event says when
        it is done, and ``notes`` tell of it."""
        self.remembered = Remembered()
        refusal = _Refusal(why, threading.Event())
        self._hand_over(refusal)
        return refusal.done

    def release(self) -> None:
        """Whoever judges has taken what was remembered. It goes when newer takes its place; of alerts it may still be asked."""
        self.remembered = Remembered(alerts=self.remembered.alerts)

    def found(self) -> Remembered | None:
        """What a file held that could be opened only now, once; None otherwise.

        Until this was asked nothing is written into that file. What is handed over later must contain it.
        """
        with self._lock:
            found, self._found = self._found, None
            self._taken_memory = self._memory
        return found

    def _hand_over(self, entry: _Entry | _Verdicts | _Alerts | _Refusal) -> None:
        with self._lock:
            self._waiting += 1
        self._entries.put(entry)

    # --- reading a stretch of time: from the file, so without what still waits to be written --------------------------

    def runs(self, start: datetime, end: datetime) -> dict[str, tuple[Run, ...]]:
        """The runs that began from ``start`` up to, not including, ``end``: by member or "job:NAME", oldest first.

        Empty when the file can't be read, which the log says. So are the other lists.
        """
        return self._read("runs", lambda connection: rows.read_runs(connection, start, end), {})

    def verdict_changes(self, start: datetime, end: datetime) -> tuple[VerdictChange, ...]:
        """The changes of state from ``start`` up to, not including, ``end``, oldest first."""
        return self._read("changes of state", lambda connection: verdict_rows.read_changes(connection, start, end), ())

    def changes_behind(self, position: Position, end: datetime, most: int) -> tuple[VerdictChange, ...] | None:
        """The first ``most`` changes from ``position`` up to, not including, ``end``; None when the file can't be read."""
        return self._read(
            "changes of state",
            lambda connection: verdict_rows.read_changes_behind(connection, position, end, most),
            None,
        )

    def finals(self, start: datetime, end: datetime) -> tuple[FinalOccurrence, ...]:
        """What became of everything due from ``start`` up to, not including, ``end``, oldest first."""
        return self._read("what was decided", lambda connection: verdict_rows.read_finals(connection, start, end), ())

    def observation_gaps(self, start: datetime, end: datetime) -> tuple[ObservationGap, ...]:
        """The gaps of which a part lies between ``start`` and ``end``, oldest first."""
        return self._read("gaps", lambda connection: verdict_rows.read_gaps(connection, start, end), ())

    def service_days(self, first: date, last: date) -> tuple[ServiceDay, ...]:
        """How services stood on the local days from ``first`` to ``last``, both included, oldest first."""
        return self._read("days of services", lambda connection: verdict_rows.read_days(connection, first, last), ())

    def records(self, start: datetime, end: datetime, zone: ZoneInfo) -> Records | None:
        """All that was judged of the time from ``start`` up to, not including, ``end``, read at one moment.

        ``zone``: whose days are meant. None when the file can't be read.
        """
        first, last = start.astimezone(zone).date(), (end - datetime.resolution).astimezone(zone).date()

        def read(connection: sqlite3.Connection) -> Records:
            connection.execute("BEGIN")
            return Records(
                start=start,
                end=end,
                finals=verdict_rows.read_finals(connection, start, end),
                changes=verdict_rows.read_changes(connection, start, end),
                gaps=verdict_rows.read_gaps(connection, start, end),
                days=verdict_rows.read_days(connection, first, last),
                before=verdict_rows.read_last_changes(connection, start),
                decided=MappingProxyType(verdict_rows.read_decided(connection)),
                good_ends=MappingProxyType(rows.read_good_ends(connection, start, end)),
                complete_since=self._complete_since(connection),
            )

        return self._read("a month", read, None)

    def counted_days(self, stretches: Sequence[tuple[date, date]], recent: date, zone: ZoneInfo) -> CountedDays | None:
        """The days of these stretches, read at one moment; see past_rows.read. None when the file can't be read."""

        def read(connection: sqlite3.Connection) -> CountedDays:
            connection.execute("BEGIN")
            counted = past_rows.read(connection, stretches, recent, zone)
            return replace(counted, complete_since=self._complete_since(connection))

        return self._read("the history", read, None)

    def _complete_since(self, connection: sqlite3.Connection) -> datetime:
        """What was before may have been dropped: because it was too long ago, or there was too much of it."""
        trimmed, forgotten = verdict_rows.read_complete_since(connection), self._now - self._kept_for
        return max(trimmed, forgotten) if trimmed else forgotten

    def alerts(self) -> AlertMemory:
        """What is remembered of alerts, also by another process with the same file."""
        return self._read("alerts", alert_rows.read, AlertMemory())

    def _read(self, what: str, read: Callable[[sqlite3.Connection], T], nothing: T) -> T:
        try:
            with (
                opened.told_apart(),
                closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)) as connection,
            ):
                found = read(connection)
        except (DamagedError, NotNowError) as error:
            self._reading.failed(what, error)
            return nothing
        self._reading.succeeded(what)
        return found

    def close(self) -> None:
        """Writes what is left, for a few seconds at most, and closes the file."""
        self._entries.put(None)
        self._thread.join(_CLOSES_WITHIN.total_seconds())

    # --- opening ------------------------------------------------------------------------------------------------------

    def _open_first(self) -> None:
        try:
            there = opened.opened(self.path, self._now, self._patience)
        except NotNowError as error:
            self._not_now("opened", error)
            as_it_is = opened.read_as_it_is(self.path)
            if as_it_is is not None:
                self.remembered = as_it_is
                self._written = _Written(as_it_is.history, dict(as_it_is.reports))
                self._file = place.identity(self.path)
            return
        self.remembered = there.remembered
        self._take_up(there)

    def _take_up(self, there: Opened) -> None:
        self._connection = there.connection
        self._condition = there.condition
        self._replacement = there.note or self._replacement
        self._written = _Written(there.remembered.history, dict(there.remembered.reports))
        self._file = place.identity(self.path)
        self._log = place.identity(self._beside("-wal"))

    def _open_again(self) -> None:
        """Raises NotNowError."""
        there = opened.opened(self.path, self._now, self._patience)
        lost, self._is_lost = self._is_lost, False
        # The number of a file that is gone may be given to a new one.
        same = place.identity(self.path) == self._file and there.condition is not Condition.NEW
        if same and there.note is None:
            # The file that this process has read, and knows what it wrote into it: memory has gone on since.
            self._connection = there.connection
            self._log = place.identity(self._beside("-wal"))
            return
        if lost:
            self._replacement = _LOST
        self._take_up(there)
        if there.remembered:
            with self._lock:
                self._memory += 1
                self._found, self._found_alerts = there.remembered, there.remembered.alerts
            self._unwritten, self._unwritten_verdicts, self._alerts = {}, VerdictLog(), None
        # A file that begins anew has none.
        self._alerts_are_written = False

    def _beside(self, ending: str) -> Path:
        return self.path.with_name(f"{FILE}{ending}")

    # --- the thread that writes ---------------------------------------------------------------------------------------

    def _write_on(self) -> None:
        while True:
            try:
                entry = self._entries.get(timeout=self._patience.pause(self._failures) if self._failures else None)
            except Empty:
                self._write()
                continue
            if entry is None:
                break
            self._take(entry)
            with self._lock:
                self._waiting -= 1
        self._close_connection()

    def _take(self, entry: _Entry | _Verdicts | _Alerts | _Refusal) -> None:
        if isinstance(entry, _Refusal):
            self._set_aside(entry.why)
            entry.done.set()
            return
        if isinstance(entry, _Entry):
            self._now = entry.report.at
        if entry.memory == self._memory:
            self._keep(entry)
        self._write()
        if isinstance(entry, _Alerts):
            entry.done.set()

    def _keep(self, entry: _Entry | _Verdicts | _Alerts) -> None:
        """Until it is written."""
        if isinstance(entry, _Entry):
            self._unwritten[entry.report.source] = entry
        elif isinstance(entry, _Verdicts):
            self._unwritten_verdicts += entry.log
        else:
            self._alerts, self._alerts_are_written = entry, False

    def _write(self) -> None:
        """Everything that waits, into the file that is there now."""
        try:
            self._leave_lost_file()
            if self._connection is None:
                self._open_again()
        except NotNowError as error:
            self._not_now("opened", error)
            return
        try:
            self._write_all()
        except NotNowError as error:
            self._not_now("written", error)
        except DamagedError as error:
            self._set_aside(str(error))

    def _set_aside(self, why: str) -> None:
        """A new file begins, and takes everything that this process knows."""
        self._close_connection()
        try:
            self._take_up(opened.begun_anew(self.path, self._now, self._patience, why))
            self._alerts_are_written = False
        except NotNowError as error:
            self._not_now("opened", error)
            return
        try:
            self._write_all()
        except (NotNowError, DamagedError) as error:
            self._not_now("written", error)

    def _leave_lost_file(self) -> None:
        """Somebody removed or replaced the file: what is written into it now would be lost with it."""
        if self._connection is None or place.identity(self.path) == self._file:
            return
        own_log = self._log is not None and place.identity(self._beside("-wal")) == self._log
        self._close_connection()
        if own_log:
            # Of the file that is gone; SQLite would take it for one of the next file.
            for ending in place.BESIDE:
                with suppress(OSError):
                    self._beside(ending).unlink(missing_ok=True)
        log.warning("ledger: %s was removed or replaced while it was in use", self.path)
        self._is_lost = True

    def _write_all(self) -> None:
        """Raises NotNowError, DamagedError; then what was not written still waits."""
        written = [self._try(self._write_report, entry) for entry in list(self._unwritten.values())]
        if self._unwritten_verdicts:
            written.append(self._try(self._write_verdicts, self._unwritten_verdicts))
        if self._alerts is not None and not self._alerts_are_written:
            written.append(self._try(self._write_alerts, self._alerts))
        if all(written):
            self._recovered()

    def _try(self, write: Callable[[sqlite3.Connection, E], None], entry: E) -> bool:
        """Whether it was written. An entry that can't be written, although the file can, does not wait: it would never be."""
        connection = self._connection
        if connection is None:
            return False
        try:
            with opened.writing():
                write(connection, entry)
        except (NotNowError, DamagedError):
            raise
        except Exception:
            log.exception("ledger: internal error while writing")
            self._say("can't be written: internal error; read the log of backup-glance and report it")
            self._done(entry)
            return False
        self._done(entry)
        return True

    def _done(self, entry: object) -> None:
        """It waits no longer."""
        if isinstance(entry, _Entry):
            del self._unwritten[entry.report.source]
        elif isinstance(entry, _Alerts):
            self._alerts_are_written = True
        else:
            self._unwritten_verdicts = VerdictLog()

    def _write_report(self, connection: sqlite3.Connection, entry: _Entry) -> None:
        """One report in one transaction: all of it stands in the file, or nothing."""
        written = self._written
        shown = dict(rows.runs_of(entry.board))
        changed = [(member, runs) for member, runs in shown.items() if written.runs.get(member) != runs]
        self._current = now = names.current(entry.board)
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            rows.write_history(connection, entry.history, written.history)
            rows.write_report(connection, entry.report, written.reports.get(entry.report.source))
            left_out = 0
            if rows.lacks_room_for(connection, len(changed)):
                names.forget_brief(connection, now)
            for member, runs in changed:
                known = set(written.runs.get(member, ()))
                left_out += not rows.write_runs(connection, member, [run for run in runs if run not in known])
            if changed:
                rows.trim_runs(connection)
            if tidy := self._tidied is None or entry.report.at - self._tidied >= _TIDY_EVERY:
                # First what was there only briefly, while all is there that tells it.
                names.forget_brief(connection, now, entry.report.at - FORGOTTEN_AFTER)
                rows.forget_before(connection, entry.report.at - self._kept_for)
                verdict_rows.forget_before(connection, entry.report.at - self._kept_for)
        written.history = entry.history
        written.reports[entry.report.source] = entry.report
        written.runs = shown
        self._tidied = entry.report.at if tidy else self._tidied
        self._tell_left_out(left_out)

    def _write_verdicts(self, connection: sqlite3.Connection, verdicts: VerdictLog) -> None:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            left_out = verdict_rows.write(connection, verdicts, self._current)
        self._tell_left_out(left_out)

    def _write_alerts(self, connection: sqlite3.Connection, entry: _Alerts) -> None:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            alert_rows.write(connection, entry.alerts)

    def _tell_left_out(self, number: int) -> None:
        if number and not self._left_out:
            log.warning(
                "ledger: some verdicts are not remembered: their names are too long, or there are too many names"
            )
        self._left_out = self._left_out or number > 0

    def _close_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    # --- what people are told -----------------------------------------------------------------------------------------

    def _not_now(self, doing: str, error: Exception) -> None:
        """The next attempt opens the file anew: whatever state the connection is in, it takes no trouble along."""
        self._close_connection()
        self._failures += 1
        self._unwritten_verdicts = self._unwritten_verdicts.newest(_MOST_UNWRITTEN)
        self._say(
            f"can't be {doing}: {error}; make room in {self.path.parent}, and see that backup-glance may write there"
        )

    def _say(self, trouble: str) -> None:
        note = f"The ledger {' '.join(trouble.split())}. Until then nothing survives a restart."
        if note != self._trouble:
            log.error("ledger: %s %s", self.path, trouble)
        self._trouble = note

    def _recovered(self) -> None:
        self._failures = 0
        if self._trouble is not None:
            log.info("ledger: %s can be written again", self.path)
        self._trouble = None
