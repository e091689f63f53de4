"""PBS's own jobs: the prune job and the garbage collection of the datastore."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from . import seeded
from .faults import Fault, UpkeepFails, UpkeepStuck, of_kind
from .homelab import Homelab
from .timetable import Timetable, proxmox
from .vzdump import is_in_maintenance

_TAKES = {"prune": timedelta(seconds=40), "gc": timedelta(minutes=95)}


@dataclass(frozen=True, slots=True)
class UpkeepRun:
    """One run of ``prune`` or ``gc``. ``state`` is what it ends with."""

    kind: str
    start: datetime
    end: datetime
    state: str


def upkeep_timetable(lab: Homelab, kind: str) -> Timetable:
    """When ``prune`` or ``gc`` is due."""
    return lab.datastore.prune if kind == "prune" else lab.datastore.gc


def upkeep_runs(lab: Homelab, faults: tuple[Fault, ...], day: date) -> tuple[UpkeepRun, ...]:
    """All runs on a local day. The proxy looks once a minute, so a run begins within the due minute (pbs.md §2.9)."""
    return tuple(
        _run(faults, kind, day, due)
        for kind in ("prune", "gc")
        for due in proxmox(upkeep_timetable(lab, kind), day, lab.zone)
        if not _stands_still(faults, kind, due)
    )


def _run(faults: tuple[Fault, ...], kind: str, day: date, due: datetime) -> UpkeepRun:
    start = due + seeded.seconds(0, 8, kind, day)
    states = [f.state for f in of_kind(faults, UpkeepFails) if (f.system, f.kind, f.due) == ("pbs", kind, day)]
    return UpkeepRun(kind, start, start + seeded.vary(_TAKES[kind], kind, day), states[0] if states else "OK")


def _stands_still(faults: tuple[Fault, ...], kind: str, due: datetime) -> bool:
    stuck = any(fault.kind == kind and fault.since <= due for fault in of_kind(faults, UpkeepStuck))
    return stuck or is_in_maintenance(faults, due, "offline", "read-only", "delete")
