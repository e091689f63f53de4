"""How long one board takes, by the number of services. ``make bench`` prints medians.

The lab is made of facts, not of answers: half of the services are guests in 40 backup jobs on four nodes, with 28
snapshots each and a month of tasks; the others are databases in 20 backup configurations, with a month of dumps.
"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.board import board
from sidecar.core.history import EMPTY
from sidecar.core.model import Outcome, Run, SourceKind
from sidecar.core.report import (
    BackupGroup,
    BackupJob,
    Datastore,
    Dump,
    DumpPlan,
    Guest,
    Namespace,
    Node,
    Reading,
    Report,
    Snapshot,
    Storage,
    Task,
    Zone,
)
from sidecar.core.settings import Settings, SourceSetting

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
DAYS = 28
JOBS, NODES, PLANS = 40, 4, 20
FINGERPRINT = ":".join(["ab"] * 32)
SIZES = (100, 1_000, 10_000)
ROUNDS = 7


def main() -> None:
    """Prints a table; exits with 1 when 1,000 services take longer than the promised 100 ms."""
    medians = {size: _median(size) for size in SIZES}
    for size, seconds in medians.items():
        sys.stdout.write(f"board of {size:>6} services: {seconds * 1000:8.1f} ms\n")
    sys.exit(medians[1_000] > 0.1)


def _median(size: int) -> float:
    reports, settings = _lab(size)
    times = []
    for number in range(ROUNDS if size < 10_000 else 3):
        began = time.perf_counter()
        found = board(reports, EMPTY, settings, NOW + timedelta(seconds=number))
        times.append(time.perf_counter() - began)
        assert len(found.services) == size, len(found.services)
    return statistics.median(times)


def _lab(size: int) -> tuple[dict[str, Report], Settings]:
    guests = [Guest(1000 + number, "lxc", f"guest{number}", f"pve{number % NODES}") for number in range(size // 2)]
    sources = (
        SourceSetting("pve", SourceKind.PVE, "https://pve.lan", timedelta(minutes=20)),
        SourceSetting("pbs", SourceKind.PBS, "https://pbs.lan", timedelta(minutes=20)),
        SourceSetting(
            "databasement", SourceKind.DATABASEMENT, "https://db.lan", timedelta(minutes=20), "Europe/Berlin"
        ),
    )
    reports = {"pve": _pve(guests), "pbs": _pbs(guests), "databasement": _databasement(size - size // 2)}
    return reports, Settings(ZoneInfo("Europe/Berlin"), sources)


def _nights() -> list[datetime]:
    return [NOW.replace(hour=3, minute=0) - timedelta(days=day) for day in range(DAYS)]


def _report(name: str, kind: SourceKind, readings: dict[tuple[str, ...], tuple[object, ...]]) -> Report:
    made = tuple(Reading(scope, NOW, facts) for scope, facts in readings.items())  # type: ignore[arg-type]
    return Report(name, kind, NOW, "1.0", FINGERPRINT, made)


def _pve(guests: list[Guest]) -> Report:
    nodes = [f"pve{number}" for number in range(NODES)]
    jobs = [
        BackupJob(f"job{number}", "04:00", True, "main", None, tuple(one.vmid for one in guests[number::JOBS]))
        for number in range(JOBS)
    ]
    tasks: dict[tuple[str, ...], tuple[object, ...]] = {
        ("tasks", node): tuple(
            Task(node, "vzdump", "", night, night + timedelta(hours=2), "OK", f"{node}{night}{number}")
            for night in _nights()
            for number in range(JOBS // NODES)
        )
        for node in nodes
    }
    storage = Storage("main", "pbs", True, "pbs.lan", 8007, "main", "", FINGERPRINT)
    scopes: dict[tuple[str, ...], tuple[object, ...]] = {
        ("guests",): tuple(guests),
        ("jobs",): tuple(jobs),
        ("storages",): (storage,),
        ("nodes",): tuple(Node(node, online=True) for node in nodes),
        **{("zone", node): (Zone(node, "Europe/Berlin"),) for node in nodes},
        **tasks,
    }
    return _report("pve", SourceKind.PVE, scopes)


def _pbs(guests: list[Guest]) -> Report:
    def snapshots(number: int) -> tuple[Snapshot, ...]:
        return tuple(Snapshot(night + timedelta(minutes=number % 110), 10**9) for night in _nights())

    groups = [BackupGroup("main", "", "ct", str(one.vmid), snapshots(number)) for number, one in enumerate(guests)]
    scopes: dict[tuple[str, ...], tuple[object, ...]] = {
        ("zone",): (Zone(None, "Europe/Berlin"),),
        ("datastores",): (Datastore("main", None, 100, 50, 50),),
        ("namespaces", "main"): (Namespace("main", ""),),
        ("snapshots", "main", ""): tuple(groups),
        ("tasks",): (),
    }
    return _report("pbs", SourceKind.PBS, scopes)


def _databasement(databases: int) -> Report:
    names = [f"db{number}" for number in range(databases)]
    plans = [
        DumpPlan(
            f"server{number}",
            str(number),
            f"Daily {number}",
            "0 2 * * *",
            "selected",
            tuple(names[number::PLANS]),
            None,
            True,
        )
        for number in range(PLANS)
    ]
    dumps = [
        Dump(
            f"{name}{night}",
            f"server{number % PLANS}",
            name,
            Run(night - timedelta(hours=2), night - timedelta(minutes=119), Outcome.OK, 10**6),
            changed_at=night,
            file_size=10**6,
        )
        for number, name in enumerate(names)
        for night in _nights()
    ]
    return _report("databasement", SourceKind.DATABASEMENT, {("plans",): tuple(plans), ("dumps",): tuple(dumps)})


if __name__ == "__main__":
    main()
