"""Keeps the current board: takes each report, judges everything again, and replaces the board.

One thread judges, and another one may show: what is judged is shown only by ``show``, which replaces one reference.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from .change_history import ChangeHistory
from .core.board.board import board_of
from .core.history.bounds import within_bounds
from .core.history.history import History
from .core.history.record import record
from .core.history.run_counts import NOTHING_COUNTED, RunCounts, counted
from .core.history.verdict_log import ExpectationKey, VerdictChange
from .core.judgement.awaited import awaited, troubled
from .core.judgement.judged import Judged, judged
from .core.model import HARMLESS, Board, SourceKind
from .core.past.members import ServiceMembers, former_members, service_members
from .core.past.present import Present, present_of
from .core.past.records import Records
from .core.past.undecided import Undecided, undecided
from .core.reports.confirmed import confirmed
from .core.reports.report import Report, keep_what_failed
from .core.reports.shared import shared
from .core.settings import Settings
from .core.timeline.timeline import Timeline, timeline_of
from .core.timeline.verdict_memory import VerdictMemory, remember_verdicts
from .ledger.ledger import Ledger
from .ledger.opened import Condition, Remembered
from .remembered_days import RememberedDays

#: Gives the present moment, with its zone.
Clock = Callable[[], datetime]

log = logging.getLogger(__name__)

_NAMES_LEFT_OUT = "Verdicts about some names are not remembered: their names are too long, or there are too many."

_NOT_JUDGED = "what it holds can't be judged"

#: Seconds in which a ledger that can't be judged is set aside, before there is a first board without it.
_PATIENCE = 2

_NOT_REMEMBERED = "Verdicts are not remembered now: internal error. Read the log of backup-glance and report it."


class JudgedBoard:
    """A board, and what it was judged from. Never changes.

    ``source``: whose report it was judged for; None where only time has passed. ``changes``: of verdicts, by the memory.
    """

    def __init__(
        self, board: Board, judged: Judged, source: str | None, changes: tuple[VerdictChange, ...] = ()
    ) -> None:
        self.board = board
        self.changes = changes
        self.source = source
        self.judged = judged
        self._timeline: Timeline | None = None

    def timeline(self) -> Timeline:
        """What is due at any time, as it was known when the board was made: made once, when first asked for."""
        if self._timeline is None:
            self._timeline = timeline_of(self.judged)
        return self._timeline

    def members(self) -> tuple[ServiceMembers, ...]:
        """Whose past is whose service's, as it was known when the board was made."""
        return service_members(self.judged)

    def former(self, remembered: frozenset[str]) -> tuple[ServiceMembers, ...]:
        """What no service had any more when the board was made, among the members that are ``remembered``."""
        return former_members(self.judged, remembered)

    def undecided(self, decided: Mapping[ExpectationKey, datetime], start: datetime) -> tuple[Undecided, ...]:
        """What was due from ``start`` until the board was made, after the newest due time that was ``decided``."""
        return undecided(self.judged, decided, start, self.board.at + datetime.resolution)

    def present(self, records: Records) -> Present:
        """What was known of those whose ``records`` these are when the board was made."""
        return present_of(self.judged, self.timeline().titles, records)


class BoardKeeper:
    """The newest report of each source, the history, and the board that was judged from them.

    With a ledger it starts with what was known before the restart: readings keep their age, so nothing old is green.
    ``judge_with`` and ``judge`` belong to one thread at a time. ``changes`` gets every change of a verdict.

    Attributes:
        shown: the newest board with its timeline; immutable, replaced as a whole.
        run_counts: what became of each job's due times since the start; immutable, replaced as a whole. None without a ledger:
            then nothing is decided.
        past: the days that the ledger remembers. None without one.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        ledger: Ledger | None = None,
        changes: ChangeHistory | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ledger = ledger
        self._changes = changes
        self._remembers = True
        self.past = None if ledger is None else _remembered_days(ledger, settings.timezone)
        self.run_counts: Mapping[str, RunCounts] | None = None if ledger is None else NOTHING_COUNTED
        self._more_notes: list[Callable[[], Iterable[str]]] = []
        self._tried: set[str] = set()
        self._confirmed: dict[str, Report] = {}
        self._awaited: Mapping[str, datetime] = {}
        self._troubled: frozenset[str] = frozenset()
        # Nobody tells who writes the groups of a backup server.
        self._alone = all(source.kind is not SourceKind.PVE for source in settings.sources)
        self._start_from(ledger.remembered if ledger else Remembered())
        self._replaced: list[JudgedBoard] = []
        self.shown = self._first_board(ledger)
        if ledger is not None:
            ledger.release()

    def _start_from(self, remembered: Remembered) -> None:
        self._reports = dict(_still_configured(remembered.reports, self._settings))
        self._history = within_bounds(remembered.history, self._clock())
        self._verdicts = VerdictMemory(remembered.verdicts)

    def _first_board(self, ledger: Ledger | None) -> JudgedBoard:
        """A board from what was remembered; without it, where it can't be judged."""
        if ledger is None or not ledger.remembered:
            return self.judge()
        try:
            return self._tried_board()
        except Exception:
            log.exception("internal error: what the ledger holds can't be judged")
            ledger.refuse(_NOT_JUDGED).wait(_PATIENCE)
            self._start_from(Remembered())
            return self.judge()

    def _tried_board(self) -> JudgedBoard:
        """Judges, and makes everything that is made of the memory later too."""
        for report in list(self._reports.values()):
            record(self._history, report, every_group=self._alone)
        made = self.judge()
        remember_verdicts(self._verdicts, made.judged, made.board)
        made.timeline()
        return made

    @property
    def board(self) -> Board:
        """The newest board."""
        return self.shown.board

    def timeline(self) -> Timeline:
        """What is due at any time, as it was known when that board was made."""
        return self.shown.timeline()

    def records(self, start: datetime, end: datetime) -> Records | None:
        """What was judged of the time from ``start`` up to, not including, ``end``. Reads the disk.

        None without a ledger, and while it can't be read.
        """
        return None if self._ledger is None else self._ledger.records(start, end, self._settings.timezone)

    def note_also(self, notes: Callable[[], Iterable[str]]) -> None:
        """From the next board on these notes stand on it too; ``notes`` may be asked in another thread."""
        self._more_notes.append(notes)

    def confirm(self, report: Report) -> None:
        """Takes what a light round showed that found nothing new: the same readings, of which some are younger now (rule 6).

        Nothing is judged and nothing written. It counts when the board is judged next.
        """
        self._confirmed[report.source] = report

    def known(self, source: str) -> Report | None:
        """The newest report of this source; before its first one that of the ledger."""
        return self._reports.get(source)

    def awaited(self, source: str) -> datetime | None:
        """The latest due time that waits for a reading of this source (rule 6)."""
        return self._awaited.get(source)

    def needs_care(self, source: str) -> bool:
        """Something of this source is not well: whoever repairs it wants to see that soon."""
        rows = (
            *(row.verdict for row in self.board.datastores if row.source == source),
            *(row.verdict for row in self.board.sources if row.name == source),
        )
        return source in self._troubled or any(verdict.state not in HARMLESS for verdict in rows)

    def record(self, report: Report) -> None:
        """Judges with a source's new report, and shows that at once."""
        self.show(self.judge_with(report))
        self.forget_replaced()

    def rejudge(self) -> None:
        """Judges for the present moment, and shows that at once. If it fails, all stays as it was."""
        self.show(self.judge())
        self.forget_replaced()

    def show(self, judged: JudgedBoard) -> None:
        """From now on this board is the newest one. The one before stays in memory until ``forget_replaced``."""
        self._replaced.append(self.shown)
        self.shown = judged
        if judged.source is not None:
            self._tried.add(judged.source)

    def forget_replaced(self) -> None:
        """Frees boards that were replaced, and what was made for reports that the newest one does not rest on.

        That takes a hundredth of a second in a large house: it belongs where nobody waits, and is done row by row, so that
        other threads have their turns.
        """
        replaced, self._replaced = self._replaced, []
        rows: list[object] = []
        while replaced:
            rows += self._retired(replaced.pop())
        while rows:
            rows.pop()

    def _retired(self, before: JudgedBoard) -> Iterator[object]:
        """The rows of a board that was replaced; first its reports that are not the newest forget what was made for them."""
        now = self.shown.judged.inputs.reports
        for name, report in before.judged.inputs.reports.items():
            if now.get(name) is not report:
                report.retire()
        yield from (*before.board.services, *before.judged.services, *before.judged.upkeep)

    def judge_with(self, report: Report) -> JudgedBoard:
        """Takes a source's new report and judges again; scopes that failed keep their last reading."""
        self._take_what_was_found()
        self._confirmed.pop(report.source, None)
        before = self._reports.get(report.source)
        merged = shared(keep_what_failed(report, before), before)
        self._reports[report.source] = merged
        _log_change(before, report)
        try:
            self._history = record(self._history, merged, every_group=self._alone)
            made = self.judge(report.source)
        except Exception:
            self._tried.add(report.source)
            raise
        if self._ledger is not None:
            self._ledger.record(merged, self._history, made.board)
        return made

    def judge(self, source: str | None = None) -> JudgedBoard:
        """Judges everything for the present moment, because of a report of ``source`` or because time has passed."""
        self._take_what_was_found()
        for name in tuple(self._confirmed):
            self._reports[name] = confirmed(self._reports.get(name), self._confirmed.pop(name))
        made = judged(dict(self._reports), self._history, self._settings, self._clock())
        self._awaited, self._troubled = awaited(made), troubled(made)
        board = self._board(made)
        new: tuple[VerdictChange, ...] = ()
        if self._ledger is not None or self._changes is not None:
            board, new = self._remembered(made, board)
        return JudgedBoard(board, made, source, new)

    def _take_what_was_found(self) -> None:
        """A ledger that could not be read at the start can be read now: what was seen since then is added to what it holds."""
        found = self._ledger.found() if self._ledger else None
        if found is None or self._ledger is None:
            return
        reports, history, verdicts = self._reports, self._history, self._verdicts
        self._start_from(found)
        self._reports |= reports
        try:
            for report in reports.values():
                self._history = record(self._history, report, every_group=self._alone)
            judged(dict(self._reports), self._history, self._settings, self._clock())
        except Exception:
            log.exception("internal error: what the ledger holds can't be judged")
            self._ledger.refuse(_NOT_JUDGED)
            self._reports, self._history, self._verdicts = reports, history, verdicts

    def _remembered(self, made: Judged, board: Board) -> tuple[Board, tuple[VerdictChange, ...]]:
        """Trouble here takes nothing from the board; it is logged once, and told on the board for as long as it lasts."""
        try:
            after, new = remember_verdicts(self._verdicts, made, board)
            if self._ledger is not None:
                self._ledger.record_verdicts(new)
            if self._changes is not None:
                self._changes.add(new.changes)
        except Exception:
            if self._remembers:
                log.exception("internal error: verdicts are not remembered")
            self._remembers = False
            return replace(board, notes=(*board.notes, _NOT_REMEMBERED)), ()
        if not self._remembers:
            log.info("verdicts are remembered again")
        self._verdicts, self._remembers = after, True
        if self._ledger is not None:
            self.run_counts = counted(self.run_counts or {}, new.finals, (row.name for row in board.jobs))
        if self.past is not None:
            self.past.decided(new.finals, made.inputs.now)
        return board, new.changes

    def ready(self) -> bool:
        """Whether every source was tried since the start."""
        return all(source.name in self._tried for source in self._settings.sources)

    def _board(self, made: Judged) -> Board:
        board = board_of(made)
        more = (note for notes in self._more_notes for note in notes())
        notes = (*board.notes, *_many_names(self._history), *self._notes_of_ledger(), *more)
        lasts = self._ledger is not None and self._ledger.condition is not Condition.UNUSABLE
        return replace(board, notes=notes, watched_since=self._history.first_contact if lasts else None)

    def _notes_of_ledger(self) -> Iterator[str]:
        if self._ledger is not None:
            if self._ledger.leaves_out:
                yield _NAMES_LEFT_OUT
            yield from self._ledger.notes


def _remembered_days(ledger: Ledger, zone: ZoneInfo) -> RememberedDays:
    return RememberedDays(
        lambda stretches, recent: ledger.counted_days(stretches, recent, zone), lambda: ledger.idle, zone
    )


def _still_configured(reports: dict[str, Report], settings: Settings) -> Iterator[tuple[str, Report]]:
    for name, report in reports.items():
        source = settings.source(name)
        if source is not None and source.kind is report.kind:
            yield name, report


def _many_names(history: History) -> Iterator[str]:
    for source in sorted(history.brief):
        yield f"Source {source} reports new names all the time: those that are there for less than a day are soon forgotten."


def _log_change(before: Report | None, report: Report) -> None:
    """Logs once when a source starts to fail and once when it is back, not on every poll."""
    was, now = before.problem if before else None, report.problem
    if now is None:
        if was is not None:
            log.info("source %s can be read again", report.source)
    elif was is None or (was.kind, was.culprit) != (now.kind, now.culprit):
        log.warning("source %s can't be read: %s", report.source, now.cause)
