"""What Databasement did on one day: one row per backup and database, dispatched together, worked off one after another."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tests.simulators import seeded
from tests.simulators.faults import (
    CopyFails,
    DatabaseNeverDumped,
    DumpEmpty,
    DumpFails,
    DumpFileGone,
    DumpsHeldUp,
    DumpShrinks,
    DumpsSwitchedOff,
    Fault,
    ServerUnreachable,
    holds,
    of_kind,
)
from tests.simulators.homelab import DatabaseServer, DumpBackup, Homelab, Volume
from tests.simulators.timetable import laravel

_BACKOFF = timedelta(seconds=60)
_TRIES = 3
WHOLE_SERVER = "(all databases)"
"""The database name of a failure before the databases were known (DB-7)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a dump."""

    start: datetime
    end: datetime
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpRow:
    """A job of Databasement with its snapshot. A job that failed before its first attempt has the reason in ``preflight``.

    ``volumes``: where its copies go.
    """

    server: DatabaseServer
    backup: DumpBackup
    volumes: tuple[Volume, ...]
    database: str
    due: date
    created: datetime
    attempts: tuple[Attempt, ...]
    size: int
    lost_copies: tuple[str, ...] = ()
    file_gone: bool = False
    preflight: str | None = None

    def __hash__(self) -> int:
        """By little of it: its answers are kept by row, and are asked for thousands of times."""
        return hash((self.database, self.created))

    @property
    def end(self) -> datetime:
        """When nothing more happens to it."""
        return self.attempts[-1].end if self.attempts else self.created


def dumps(homelab: Homelab, faults: tuple[Fault, ...], day: date) -> tuple[DumpRow, ...]:
    """All rows that the schedules dispatched on a local day, in the order of time."""
    dues = sorted(
        {due for timetable in homelab.dumps.schedules().values() for due in laravel(timetable, day, homelab.zone)}
    )
    return tuple(row for due in dues for row in _at(homelab, faults, day, due))


def _at(homelab: Homelab, faults: tuple[Fault, ...], day: date, due: datetime) -> Iterator[DumpRow]:
    """The rows of all backups that are due at a moment."""
    begins = _begins(faults, day, due)
    if begins is None:
        return
    free = begins
    for server in homelab.dumps.servers:
        for backup in homelab.dumps.backups_of(server):
            if due not in laravel(backup.timetable, day, homelab.zone):
                continue
            for row in _dispatched(homelab, faults, server, backup, day, begins, free):
                free = max(free, row.attempts[0].end + timedelta(seconds=1)) if row.attempts else free
                yield row


def _begins(faults: tuple[Fault, ...], day: date, due: datetime) -> datetime | None:
    held_up = [fault.by for fault in of_kind(faults, DumpsHeldUp) if fault.due == day]
    if not held_up:
        return due
    return due + held_up[0] if held_up[0] is not None else None


def switched_off(faults: tuple[Fault, ...], server: DatabaseServer, now: datetime) -> bool:
    """Whether somebody has switched the backups of a server off by ``now``."""
    return any(fault.server == server.name and holds(fault, now) for fault in of_kind(faults, DumpsSwitchedOff))


def _dispatched(
    homelab: Homelab,
    faults: tuple[Fault, ...],
    server: DatabaseServer,
    backup: DumpBackup,
    day: date,
    due: datetime,
    free: datetime,
) -> Iterator[DumpRow]:
    """The rows of one backup; its first try begins when the queue is ``free``."""
    if switched_off(faults, server, due):
        return
    created = due + seeded.seconds(1, 3, "dispatch", server.name, day)
    unreachable = [f for f in of_kind(faults, ServerUnreachable) if (f.server, f.due) == (server.name, day)]
    if unreachable and server.mode == "all":
        yield DumpRow(
            server=server,
            backup=backup,
            volumes=_volumes(homelab, backup),
            database=WHOLE_SERVER,
            due=day,
            created=created,
            attempts=(),
            size=0,
            preflight=unreachable[0].error,
        )
        return
    for database in server.databases if backup.databases is None else backup.databases:
        if DatabaseNeverDumped(server.name, database) not in faults:
            row = _row(homelab, faults, server, backup, database, day, created, max(free, created))
            free = row.attempts[0].end + timedelta(seconds=1)
            yield row


def _row(
    homelab: Homelab,
    faults: tuple[Fault, ...],
    server: DatabaseServer,
    backup: DumpBackup,
    database: str,
    day: date,
    created: datetime,
    free: datetime,
) -> DumpRow:
    lost = tuple(
        fault.volume
        for fault in of_kind(faults, CopyFails)
        if fault.due == day and (fault.databases is None or database in fault.databases)
    )
    return DumpRow(
        server=server,
        backup=backup,
        volumes=_volumes(homelab, backup),
        database=database,
        due=day,
        created=created,
        attempts=tuple(_attempts(homelab, faults, server, backup, database, day, free + timedelta(seconds=1))),
        size=_size(faults, server, database, day),
        lost_copies=lost,
        file_gone=DumpFileGone(server.name, database, day) in faults,
    )


def _volumes(homelab: Homelab, backup: DumpBackup) -> tuple[Volume, ...]:
    return tuple(homelab.dumps.volume(name) for name in backup.volumes)


def _size(faults: tuple[Fault, ...], server: DatabaseServer, database: str, day: date) -> int:
    if DumpEmpty(server.name, database, day) in faults:
        return 0
    usual = seeded.number(4_000_000, 60_000_000, server.name, database) + seeded.number(0, 90_000, database, day)
    shares = (
        fault.share
        for fault in of_kind(faults, DumpShrinks)
        if (fault.server, fault.database, fault.due) == (server.name, database, day)
    )
    return int(usual * next(shares, 1))


def _attempts(
    homelab: Homelab,
    faults: tuple[Fault, ...],
    server: DatabaseServer,
    backup: DumpBackup,
    database: str,
    day: date,
    start: datetime,
) -> Iterator[Attempt]:
    errors = [
        error
        for fault in of_kind(faults, DumpFails)
        if (fault.server, fault.database, fault.due) == (server.name, database, day)
        and fault.schedule in (None, backup.schedule)
        for error in [fault.error] * fault.tries
    ] + [f.error for f in of_kind(faults, ServerUnreachable) if (f.server, f.due) == (server.name, day)] * _TRIES
    for error in errors[:_TRIES]:
        end = start + timedelta(seconds=31)
        yield Attempt(start, end, error)
        start = end + _BACKOFF
    if len(errors) < _TRIES:
        yield Attempt(start, start + seeded.vary(homelab.dumps.takes, database, day))
