"""Days of the past, counted as they are read: a year of a large house is 200,000 rows, of which none is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from sys import intern
from zoneinfo import ZoneInfo

from sidecar.core.history.verdict_log import ExpectationKey, ObservationGap
from sidecar.core.model import Outcome
from sidecar.core.past.past_day import CountedDays, DayCounter, PastDay
from sidecar.core.schedules.local_day import midnight

from . import verdict_rows
from .values import from_microseconds, microseconds, to_text, to_whole

#: No run takes longer; so those that began before need not be looked through for those that ended in a day.
_LONGEST_RUN = timedelta(days=31)

_NAMES = "SELECT id, member, job, destination FROM expectations"
_FINALS = "SELECT expectation, due, state FROM finals WHERE due >= ? AND due < ?"
_LOOKED = "SELECT DISTINCT day FROM service_days WHERE day >= ? AND day <= ?"
_SIZES = "SELECT service, day, size FROM service_days WHERE day >= ? AND day <= ? AND size IS NOT NULL"
#: Member by member, because the table is in the order of these: so the newest runs are found at once.
_GOOD_ENDS = """
SELECT name, coalesce("end", start) AS ended FROM subjects CROSS JOIN runs ON subject = id
WHERE start >= :begun AND start < :end AND ended >= :start AND ended < :end AND outcome IN (:ok, :warning)
"""


def read(
    connection: sqlite3.Connection, stretches: Sequence[tuple[date, date]], recent: date, zone: ZoneInfo
) -> CountedDays:
    """The days of these stretches, each from its first to its last. Raises UnreadableRecordError.

    Args:
        recent: good runs and sizes are read of days from this on.
    """
    # One text of each member for all days.
    names = {
        number: ExpectationKey(intern(to_text(member)), to_text(job), to_text(destination))
        for number, member, job, destination in connection.execute(_NAMES)
    }
    newest: dict[int, datetime] = {}
    days: dict[date, PastDay] = {}
    gaps: dict[ObservationGap, None] = {}
    for first, last in stretches:
        counter = DayCounter(first, last, zone)
        _count_finals(connection, counter, names, newest)
        for (day,) in connection.execute(_LOOKED, (first.isoformat(), last.isoformat())):
            counter.judged(verdict_rows.to_date(day))
        if last >= recent:
            _count_recent(connection, max(first, recent), last, counter, zone)
        days |= counter.days()
        gaps |= dict.fromkeys(verdict_rows.read_gaps(connection, counter.start, counter.end))
    decided = {names[number]: due for number, due in newest.items()}
    return CountedDays(
        days=days,
        gaps=tuple(gaps),
        decided=decided,
        newest=verdict_rows.read_decided(connection),
    )


def _count_finals(
    connection: sqlite3.Connection,
    counter: DayCounter,
    names: dict[int, ExpectationKey],
    newest: dict[int, datetime],
) -> None:
    window = microseconds(counter.start), microseconds(counter.end)
    for number, moment, state in connection.execute(_FINALS, window):
        if (name := names.get(number)) is not None:
            due = from_microseconds(moment)
            counter.due(name.member, due, verdict_rows.to_final_state(state))
            newest[number] = max(due, newest.get(number, due))


def _count_recent(connection: sqlite3.Connection, first: date, last: date, counter: DayCounter, zone: ZoneInfo) -> None:
    start = midnight(first, zone).astimezone(UTC)
    moments = {"begun": start - _LONGEST_RUN, "start": start, "end": counter.end}
    values: dict[str, object] = {name: microseconds(moment) for name, moment in moments.items()}
    values |= {"ok": Outcome.OK.value, "warning": Outcome.WARNING.value}
    for member, ended in connection.execute(_GOOD_ENDS, values):
        counter.saved(intern(to_text(member)), from_microseconds(ended))
    for service, day, size in connection.execute(_SIZES, (first.isoformat(), last.isoformat())):
        counter.weighed(intern(to_text(service)), verdict_rows.to_date(day), to_whole(size))
