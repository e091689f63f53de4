"""Where a month's report comes from: read from the disk in a thread of its own, counted where everything else is judged."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException

from sidecar.core.model import Board
from sidecar.core.past.month import Month, MonthReport, month_report
from sidecar.core.past.records import Records

from .answers import Answers
from .change_list import DiskReader
from .known import Known
from .rendered import Rendered

_NOTHING_REMEMBERED = (
    "There is no report: backup-glance has no state directory, or can't read its ledger now. Its log says which."
)


#: Reads what was judged of a stretch of time; None where that is not remembered, or can't be read. Waits for the disk.
ReadRecords = Callable[[datetime, datetime], Records | None]


def nothing_remembered(_start: datetime, _end: datetime) -> None:
    """For an application without a ledger."""


class MonthReports:
    """Reports of months, made when they are asked for: nobody asks often."""

    def __init__(self, records: ReadRecords, disk: DiskReader, answers: Answers) -> None:
        self._records = records
        self._disk = disk
        self._answers = answers

    async def answer(self, known: Known, month: Month, render: Callable[[MonthReport], Rendered]) -> Rendered:
        """The report of a month, drawn by ``render``.

        Raises HTTPException: 404 for a month that has not begun, 503 where nothing is remembered.
        """
        zone = ZoneInfo(known.board.timezone)
        start, end = month.start(zone), month.end(zone)
        if start > known.board.at:
            raise HTTPException(404, f"There is no report of {month}: that month has not begun.")
        records = await self._disk.read(lambda: self._records(start, end))
        if records is None:
            raise HTTPException(503, _NOTHING_REMEMBERED, {"Retry-After": "60"})
        return await self._answers.made(lambda: render(month_report(month, records, known.present(records))), known)


def last_month(board: Board) -> Month:
    """The last one that is over."""
    return Month.of(board.at.astimezone(ZoneInfo(board.timezone)).date()).previous
