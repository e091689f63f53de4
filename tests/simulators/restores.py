"""What Databasement restored on one day: one row per scheduled restore that was due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tests.simulators import seeded
from tests.simulators.faults import Fault, RestoreFails, of_kind
from tests.simulators.homelab import Homelab, RepeatedRestore
from tests.simulators.timetable import laravel


@dataclass(frozen=True, slots=True)
class RestoreRow:
    """A job of Databasement that restores the newest dump of a database."""

    restore: RepeatedRestore
    created: datetime
    end: datetime
    error: str | None = None


def restores(homelab: Homelab, faults: tuple[Fault, ...], day: date) -> tuple[RestoreRow, ...]:
    """All restores that were handed to the queue on a local day."""
    return tuple(
        _row(homelab, faults, restore, day, due)
        for restore in homelab.dumps.restores
        for due in laravel(restore.timetable, day, homelab.zone)
    )


def _row(homelab: Homelab, faults: tuple[Fault, ...], restore: RepeatedRestore, day: date, due: datetime) -> RestoreRow:
    created = due + seeded.seconds(1, 3, "restore", restore.name, day)
    failed = [fault.error for fault in of_kind(faults, RestoreFails) if (fault.name, fault.due) == (restore.name, day)]
    return RestoreRow(restore, created, created + homelab.dumps.takes, failed[0] if failed else None)
