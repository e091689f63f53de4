"""PBS's own jobs: prune and garbage collection of the datastore, verify and sync where there are such jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tests.simulators import seeded
from tests.simulators.faults import Fault, UpkeepFails, UpkeepStuck, holds, of_kind
from tests.simulators.homelab import Homelab
from tests.simulators.timetable import Timetable, proxmox
from tests.simulators.vzdump import is_in_maintenance

_TAKES = {
    "prune": timedelta(seconds=40),
    "gc": timedelta(minutes=95),
    "verify": timedelta(minutes=70),
    "sync": timedelta(minutes=25),
}


@dataclass(frozen=True, slots=True)
class UpkeepRun:
    """One run of ``prune``, ``gc``, ``verify`` or ``sync``. ``state`` is what it ends with, ``log`` what it writes."""

    kind: str
    start: datetime
    end: datetime
    state: str
    log: tuple[str, ...] = ()


def upkeep_timetables(homelab: Homelab) -> dict[str, Timetable]:
    """When each kind of upkeep is due, as far as there is such a job."""
    store = homelab.datastore
    every = {"prune": store.prune, "gc": store.gc, "verify": store.verify, "sync": store.sync}
    return {kind: timetable for kind, timetable in every.items() if timetable is not None}


def upkeep_runs(homelab: Homelab, faults: tuple[Fault, ...], day: date) -> tuple[UpkeepRun, ...]:
    """All runs on a local day. The proxy looks once a minute, so a run begins within the due minute (PBS-25)."""
    return tuple(
        _run(faults, kind, day, due)
        for kind, timetable in upkeep_timetables(homelab).items()
        for due in proxmox(timetable, day, homelab.zone)
        if not _stands_still(faults, kind, due)
    )


def _run(faults: tuple[Fault, ...], kind: str, day: date, due: datetime) -> UpkeepRun:
    start = due + seeded.seconds(0, 8, kind, day)
    end = start + seeded.vary(_TAKES[kind], kind, day)
    failure = next((f for f in of_kind(faults, UpkeepFails) if (f.system, f.kind, f.due) == ("pbs", kind, day)), None)
    return UpkeepRun(kind, start, end, failure.state, failure.log) if failure else UpkeepRun(kind, start, end, "OK")


def _stands_still(faults: tuple[Fault, ...], kind: str, due: datetime) -> bool:
    stuck = any(fault.kind == kind and holds(fault, due) for fault in of_kind(faults, UpkeepStuck))
    return stuck or is_in_maintenance(faults, due, "offline", "read-only", "delete")
