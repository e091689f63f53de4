"""Failures that a task's own log explains: whose they are, which guest, which snapshot, which remote (PVE-20, PBS-34)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from tests.failures.failure import AT_ONCE, Failure, at
from tests.simulators.faults import (
    BackupNow,
    GuestFails,
    GuestTakes,
    GuestWarns,
    LogsClosed,
    NodeDown,
    UpkeepFails,
)
from tests.simulators.homelab import HOMELAB
from tests.simulators.timetable import Timetable

MONDAY, WEDNESDAY, SATURDAY = date(2026, 11, 23), date(2026, 11, 25), date(2026, 11, 28)
_WITH_MORE_JOBS = replace(HOMELAB, datastore=replace(HOMELAB.datastore, verify=Timetable(9), sync=Timetable(10)))

_VERIFY_FAILED = "verification failed - please check the log for details"
_BLOB = "unable to load blob '\"/mnt/main/host/nas/2026-11-25T07:00:00Z/index.json.blob\"'"
_INDEX = "/mnt/main/ns/lab/vm/106/2026-11-21T03:20:00Z/drive-scsi0.img.fidx"

TASK_LOGS = (
    Failure(
        name="a guest fails early in a task that takes all morning",
        seen=at("25 04:10"),
        limit=timedelta(minutes=6),
        rows=("service paperless",),
        state="failed",
        says="CT 104: No space left on device",
        healed=at("26 04:10"),
        faults=(
            GuestFails(104, WEDNESDAY, "No space left on device"),
            GuestTakes(108, WEDNESDAY, timedelta(hours=3)),
        ),
    ),
    Failure(
        name="a node goes off in the middle of a task",
        seen=at("25 04:50"),
        limit=timedelta(minutes=6),
        rows=("service immich", "service forgejo"),
        state="failed",
        says="the task ended before",
        healed=at("26 04:48"),
        faults=(NodeDown("pve1", at("25 04:22"), at("25 04:50")),),
        beside=("source pve", "service nextcloud"),
    ),
    Failure(
        name="a guest fails, and nobody may read logs",
        seen=at("25 04:42"),
        limit=AT_ONCE,
        rows=("service nextcloud",),
        state="failed",
        says="CT 107 got no snapshot, job errors",
        healed=at("26 04:29"),
        faults=(GuestFails(107, WEDNESDAY, "no space left"), LogsClosed("pve")),
    ),
    Failure(
        name="a task gives up waiting for another one",
        seen=at("23 07:00"),
        limit=AT_ONCE,
        rows=("service jellyfin", "service grafana"),
        state="failed",
        says="can't acquire lock",
        faults=(GuestTakes(108, MONDAY, timedelta(hours=4)),),
    ),
    Failure(
        name="a backup by hand fails",
        seen=at("25 12:01"),
        limit=AT_ONCE,
        rows=("service nextcloud",),
        state="warning",
        says="CT 107: Input/output error",
        healed=at("26 04:29"),
        faults=(BackupNow((107,), at("25 12:00"), "Input/output error"),),
    ),
    Failure(
        name="a backup of several guests by hand fails",
        seen=at("25 12:02"),
        limit=AT_ONCE,
        rows=("service nextcloud", "service forgejo"),
        state="warning",
        says=": Disk quota exceeded",
        healed=at("26 04:48"),
        faults=(BackupNow((107, 109), at("25 12:00"), "Disk quota exceeded"),),
    ),
    Failure(
        name="a backup is good, with a warning of its guest",
        seen=at("25 04:09"),
        limit=timedelta(minutes=6),
        rows=("service paperless",),
        state="warning",
        says="finished with warnings: mount point mp0 is not in the backup",
        healed=at("26 04:10"),
        faults=(GuestWarns(104, WEDNESDAY, "mount point mp0 is not in the backup"),),
    ),
    Failure(
        name="a verify job names what is damaged",
        seen=at("25 10:11"),
        limit=AT_ONCE,
        rows=("job pbs/verify/v-main",),
        state="failed",
        says="verification failed: ct/104/2026-11-24T03:10:00Z in lab and vm/106/2026-11-23T03:20:00Z",
        healed=at("26 10:14"),
        faults=(
            UpkeepFails(
                "pbs",
                "verify",
                WEDNESDAY,
                _VERIFY_FAILED,
                (
                    "verify main:ct/104/2026-11-24T03:10:00Z/root.pxar.didx failed: chunks could not be verified",
                    "Failed to verify the following snapshots/groups:",
                    "\tns/lab/ct/104/2026-11-24T03:10:00Z",
                    "\tvm/106/2026-11-23T03:20:00Z",
                ),
            ),
        ),
        homelab=_WITH_MORE_JOBS,
    ),
    Failure(
        name="a verify job fails for a lost upload alone",
        seen=at("25 10:11"),
        limit=AT_ONCE,
        rows=("job pbs/verify/v-main",),
        state="failed",
        says="only uploads that never finished: host/nas/2026-11-25T07:00:00Z",
        healed=at("26 10:14"),
        faults=(
            UpkeepFails(
                "pbs",
                "verify",
                WEDNESDAY,
                _VERIFY_FAILED,
                (
                    f"verify main:host/nas/2026-11-25T07:00:00Z - manifest load error: {_BLOB} - No such file or directory",
                    "Failed to verify the following snapshots/groups:",
                    "\thost/nas/2026-11-25T07:00:00Z",
                ),
            ),
        ),
        homelab=_WITH_MORE_JOBS,
    ),
    Failure(
        name="a sync job names the remote and the group",
        seen=at("25 10:25"),
        limit=AT_ONCE,
        rows=("job pbs/sync/s-main",),
        state="failed",
        says="sync failed with some errors: remote attic, datastore main: ct/107: connection timed out",
        healed=at("26 10:26"),
        faults=(
            UpkeepFails(
                "pbs",
                "sync",
                WEDNESDAY,
                "sync failed with some errors.",
                ("sync group ct/107 failed - connection timed out",),
            ),
        ),
        homelab=_WITH_MORE_JOBS,
    ),
    Failure(
        name="garbage collection misses chunks",
        seen=at("28 04:40"),
        limit=AT_ONCE,
        rows=("job pbs/gc/main",),
        state="warning",
        says="chunks are missing of vm/106/2026-11-21T03:20:00Z in lab",
        healed=at("5 Dec 04:41"),
        faults=(
            UpkeepFails(
                "pbs",
                "gc",
                SATURDAY,
                "WARNINGS: 1",
                (f'WARN: warning: unable to access non-existent chunk 7f00ab, required by "{_INDEX}"',),
            ),
        ),
    ),
    Failure(
        name="prune can't remove a snapshot",
        seen=at("25 05:00"),
        limit=AT_ONCE,
        rows=("job pbs/prune/prune-main",),
        state="warning",
        says="failed to remove dir",
        healed=at("26 05:00"),
        faults=(
            UpkeepFails(
                "pbs",
                "prune",
                WEDNESDAY,
                "WARNINGS: 1",
                ('WARN: failed to remove dir "ct/104/2026-10-24T03:10:00Z": Permission denied',),
            ),
        ),
    ),
)
