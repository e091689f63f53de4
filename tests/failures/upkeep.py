"""Failures of the jobs that keep backup servers and repositories in order, and of the room on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from tests.failures.failure import AT_ONCE, AWAY, NOT_STARTED, Failure, at
from tests.failures.rows import WITH_GUESTS
from tests.simulators.faults import (
    DatastoreFills,
    DatastoreFull,
    DiskLost,
    Maintenance,
    QueueStands,
    UpkeepFails,
    UpkeepStuck,
)
from tests.simulators.homelab import HOMELAB
from tests.simulators.timetable import Timetable

WEDNESDAY, SATURDAY, SUNDAY = date(2026, 11, 25), date(2026, 11, 28), date(2026, 11, 29)
_store = replace(HOMELAB.datastore, verify=Timetable(9), sync=Timetable(10))
_WITH_MORE_JOBS = replace(HOMELAB, datastore=_store)

#: What is unknown while the datastore is in maintenance (rule 8).
_UPKEEP = ("job pbs/gc/main", "job pbs/prune/prune-main")

UPKEEP = (
    Failure(
        name="prune fails",
        seen=at("25 05:00"),
        limit=AT_ONCE,
        rows=("job pbs/prune/prune-main",),
        state="failed",
        says="unable to lock",
        healed=at("26 05:00"),
        faults=(UpkeepFails("pbs", "prune", WEDNESDAY, "unable to lock"),),
    ),
    Failure(
        name="prune does not start",
        seen=at("25 05:00"),
        limit=NOT_STARTED,
        rows=("job pbs/prune/prune-main",),
        state="missed",
        says="Due today 05:00, nothing had started by 05:30",
        healed=at("26 05:00"),
        faults=(UpkeepStuck("prune", at("25 01:00"), at("25 12:00")),),
    ),
    Failure(
        name="garbage collection fails",
        seen=at("28 04:40"),
        limit=AT_ONCE,
        rows=("job pbs/gc/main",),
        state="failed",
        says="input/output error",
        healed=at("5 Dec 04:41"),
        faults=(UpkeepFails("pbs", "gc", SATURDAY, "input/output error"),),
    ),
    Failure(
        name="garbage collection does not start",
        seen=at("28 03:00"),
        limit=NOT_STARTED,
        rows=("job pbs/gc/main",),
        state="missed",
        says="Due today 03:00",
        healed=at("5 Dec 04:41"),
        faults=(UpkeepStuck("gc", at("28 01:00"), at("28 12:00")),),
    ),
    Failure(
        name="a verify job finds damage",
        seen=at("25 10:10"),
        limit=AT_ONCE,
        rows=("job pbs/verify/v-main",),
        state="failed",
        says="verification failed",
        healed=at("26 10:14"),
        faults=(UpkeepFails("pbs", "verify", WEDNESDAY, "verification failed - please check the log for details"),),
        homelab=_WITH_MORE_JOBS,
    ),
    Failure(
        name="a sync job fails",
        seen=at("25 10:25"),
        limit=AT_ONCE,
        rows=("job pbs/sync/s-main",),
        state="failed",
        says="connection refused",
        healed=at("26 10:26"),
        faults=(UpkeepFails("pbs", "sync", WEDNESDAY, "sync failed: connection refused"),),
        homelab=_WITH_MORE_JOBS,
    ),
    Failure(
        name="a sync job does not start",
        seen=at("25 10:00"),
        limit=NOT_STARTED,
        rows=("job pbs/sync/s-main",),
        state="missed",
        says="Due today 10:00",
        healed=at("26 10:26"),
        faults=(UpkeepStuck("sync", at("25 01:00"), at("25 12:00")),),
        homelab=_WITH_MORE_JOBS,
    ),
    Failure(
        name="the datastore fills",
        seen=at("25 12:00"),
        limit=AT_ONCE,
        rows=("datastore pbs/main",),
        state="warning",
        says="Full by Fri 4 Dec",
        healed=at("25 18:00"),
        faults=(DatastoreFills(at("25 12:00"), timedelta(days=9), at("25 18:00")),),
    ),
    Failure(
        name="the datastore is full",
        seen=at("25 12:00"),
        limit=AT_ONCE,
        rows=("datastore pbs/main",),
        state="failed",
        says="It is full: 0.0% free",
        healed=at("25 18:00"),
        faults=(DatastoreFull(at("25 12:00"), 262_144, at("25 18:00")),),
    ),
    Failure(
        name="the disk of the datastore is not mounted any more",
        seen=at("25 12:00"),
        limit=AWAY,
        rows=WITH_GUESTS,
        state="unknown",
        says="looks empty",
        healed=at("25 13:00"),
        faults=(DiskLost(at("25 12:00"), at("25 13:00")),),
        beside=("source pbs", "datastore pbs/main"),
    ),
    Failure(
        name="the datastore is read-only",
        seen=at("25 12:00"),
        limit=AT_ONCE,
        rows=("datastore pbs/main",),
        state="warning",
        says="maintenance: read-only",
        healed=at("25 18:00"),
        faults=(Maintenance("read-only", "moving", at("25 12:00"), at("25 18:00")),),
        beside=_UPKEEP,
    ),
    Failure(
        name="the datastore is offline",
        seen=at("25 10:00"),
        limit=AWAY,
        rows=WITH_GUESTS,
        state="unknown",
        says="maintenance: offline",
        healed=at("25 12:00"),
        faults=(Maintenance("offline", "disk swap", at("25 10:00"), at("25 12:00")),),
        beside=("source pbs", "datastore pbs/main", *_UPKEEP),
    ),
    Failure(
        name="the repository's prune fails",
        seen=at("29 06:29"),
        limit=AT_ONCE,
        rows=("job backrest/prune/b2",),
        state="failed",
        says="repository is locked",
        healed=at("6 Dec 06:31"),
        faults=(UpkeepFails("backrest", "prune", SUNDAY, "repository is locked"),),
    ),
    Failure(
        name="the repository's prune does not start",
        seen=at("29 06:00"),
        limit=NOT_STARTED,
        rows=("job backrest/prune/b2",),
        state="missed",
        says="Due today 06:00",
        healed=at("6 Dec 06:31"),
        faults=(QueueStands("prune", at("29 01:00"), at("29 12:00")),),
    ),
    Failure(
        name="the integrity check finds damage",
        seen=at("1 Dec 07:52"),
        limit=AT_ONCE,
        rows=("job backrest/check/b2",),
        state="failed",
        says="pack 3fa1 is damaged",
        faults=(UpkeepFails("backrest", "check", date(2026, 12, 1), "pack 3fa1 is damaged"),),
    ),
    Failure(
        name="the integrity check does not start",
        seen=at("1 Dec 07:00"),
        limit=NOT_STARTED,
        rows=("job backrest/check/b2",),
        state="missed",
        says="Due today 07:00",
        faults=(QueueStands("check", at("30 12:00")),),
    ),
)
