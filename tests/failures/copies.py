"""Failures of the copies of a service (rule 15): in the homelab that pushes to a PBS in the attic every morning at eight."""

from __future__ import annotations

from datetime import date, timedelta

from tests.failures.failure import AT_ONCE, NOT_STARTED, Failure, at
from tests.simulators.faults import PushFiltered, SyncJobGone, UpkeepFails, UpkeepStuck
from tests.simulators.homelab import PUSHING

WEDNESDAY = date(2026, 11, 25)

#: Lists of jobs leave no task: they are read with all the rest, every quarter of an hour.
_LISTED = timedelta(minutes=16)

_PUSH = ("job pbs/sync/s-main",)

COPIES = (
    Failure(
        name="the sync job is deleted, and with it the off-site copies",
        seen=at("25 12:00"),
        limit=_LISTED,
        rows=("service vaultwarden", "service nextcloud", "service jellyfin"),
        state="warning",
        says="There are 1 of 2 required copies",
        healed=at("25 18:10"),
        faults=(SyncJobGone(at("25 12:00"), at("25 18:00")),),
        homelab=PUSHING,
    ),
    Failure(
        name="the sync job leaves a guest out, which has too few copies",
        seen=at("25 12:00"),
        limit=_LISTED,
        rows=("service vaultwarden",),
        state="warning",
        says="There are 1 of 2 required copies of 101, on pbs/main; there is no copy off-site of 101",
        healed=at("25 18:10"),
        faults=(PushFiltered(("exclude:group:ct/101",), at("25 12:00"), at("25 18:00")),),
        homelab=PUSHING,
    ),
    Failure(
        name="the sync job stops, and the off-site copies fall behind",
        seen=at("25 08:00"),
        limit=NOT_STARTED,
        rows=_PUSH,
        state="missed",
        says="Due today 08:00",
        healed=at("26 08:30"),
        faults=(UpkeepStuck("sync", at("25 01:00"), at("25 12:00")),),
        homelab=PUSHING,
    ),
    Failure(
        name="the push fails",
        seen=at("25 08:25"),
        limit=AT_ONCE,
        rows=_PUSH,
        state="failed",
        says="connection refused",
        healed=at("26 08:30"),
        faults=(UpkeepFails("pbs", "sync", WEDNESDAY, "sync failed: connection refused"),),
        homelab=PUSHING,
    ),
)
