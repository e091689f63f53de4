"""Failures of guests, their jobs and their nodes. The night is the one before Wednesday 25 November 2026."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from tests.failures.failure import AT_ONCE, NOT_STARTED, UNTOLD, Failure, at
from tests.failures.rows import CRITICAL
from tests.simulators.changes import GuestCreated, GuestLeavesJob, GuestMoved, JobDeleted
from tests.simulators.faults import (
    BackupCorrupt,
    BackupShrinks,
    GuestFails,
    GuestTakes,
    JobDisabled,
    NodeDown,
    SnapshotRemoved,
    SourceAway,
    VolumeLeftOut,
)
from tests.simulators.homelab import HOMELAB, Guest

WEDNESDAY = date(2026, 11, 25)
_HOURS_IN_THE_DARK = timedelta(hours=3, minutes=5)
"""Grace is three hours while starts can't be seen."""

_NEWCOMER = Guest(vmid=120, name="audiobooks", node="pve2", size=5 * 2**30, takes=timedelta(minutes=4))
_critical, _other = HOMELAB.jobs
_WITH_NEWCOMER = replace(
    HOMELAB,
    guests=(*HOMELAB.guests, _NEWCOMER),
    jobs=(replace(_critical, guests=(*_critical.guests, 120), takes_all=True), _other),
)
_WITH_FORGOTTEN = replace(HOMELAB, guests=(*HOMELAB.guests, _NEWCOMER))

GUESTS = (
    Failure(
        name="a guest fails, and the task goes on",
        seen=at("25 04:23"),
        limit=AT_ONCE,
        rows=("service nextcloud",),
        state="failed",
        says="CT 107: no space left",
        healed=at("26 04:29"),
        faults=(GuestFails(107, WEDNESDAY, "no space left"),),
    ),
    Failure(
        name="an upload breaks off",
        seen=at("25 04:23"),
        limit=AT_ONCE,
        rows=("service nextcloud",),
        state="failed",
        says="connection reset",
        healed=at("26 04:29"),
        faults=(GuestFails(107, WEDNESDAY, "connection reset", uploading=True),),
    ),
    Failure(
        name="a backup hangs, and the guests behind it wait",
        seen=at("25 16:20"),
        limit=AT_ONCE,
        rows=("service nextcloud", "service immich", "service forgejo"),
        state="missed",
        says="Running since today 04",
        healed=at("26 00:45"),
        faults=(GuestTakes(107, WEDNESDAY, timedelta(hours=20)),),
    ),
    Failure(
        name="a node reboots over the due time",
        seen=at("25 04:00"),
        limit=NOT_STARTED,
        rows=("service vaultwarden",),
        state="missed",
        says="Due today 04:00, nothing had started by 04:30",
        healed=at("26 04:07"),
        faults=(NodeDown("pve2", at("25 03:57"), at("25 04:06")),),
        beside=("source pve",),
    ),
    Failure(
        name="a node is off all morning",
        seen=at("25 04:00"),
        limit=_HOURS_IN_THE_DARK,
        rows=("service vaultwarden",),
        state="missed",
        says="Due today 04:00, nothing had started by 07:00",
        healed=at("26 04:07"),
        faults=(NodeDown("pve2", at("25 01:00"), at("25 10:00")),),
        beside=("source pve",),
    ),
    Failure(
        name="the whole cluster is asleep",
        seen=at("25 04:00"),
        limit=_HOURS_IN_THE_DARK,
        rows=CRITICAL,
        state="missed",
        says="Due today 04:00, nothing had started by 07:00",
        healed=at("26 04:48"),
        faults=(
            SourceAway("pve", at("25 01:00"), at("25 10:00")),
            *(NodeDown(node, at("25 01:00"), at("25 10:00")) for node in HOMELAB.nodes),
        ),
        beside=("source pve",),
        early=timedelta(hours=5),
    ),
    Failure(
        name="a new guest misses its first backup",
        seen=at("25 04:00"),
        limit=NOT_STARTED,
        rows=("service audiobooks",),
        state="never",
        says="nothing had started by 04:30; no backup of audiobooks since it was first seen",
        healed=at("26 04:11"),
        faults=(GuestCreated(120, at("24 15:20")), NodeDown("pve2", at("25 03:57"), at("25 04:06"))),
        beside=("source pve", "service vaultwarden"),
        homelab=_WITH_NEWCOMER,
        early=timedelta(hours=14),
    ),
    Failure(
        name="a new guest is in no job",
        seen=at("25 12:00"),
        limit=AT_ONCE,
        rows=("service audiobooks",),
        state="warning",
        says="No enabled job backs it up",
        faults=(GuestCreated(120, at("25 12:00")),),
        homelab=_WITH_FORGOTTEN,
    ),
    Failure(
        name="a guest is taken out of its job",
        seen=at("25 12:00"),
        limit=AT_ONCE,
        rows=("service forgejo",),
        state="warning",
        says="No enabled job backs it up since today 12:04: backup-critical covered it before; newest backup today 04:42",
        faults=(GuestLeavesJob(109, "backup-critical", at("25 12:00")),),
    ),
    Failure(
        name="a guest is moved before its turn",
        seen=at("25 04:00"),
        limit=NOT_STARTED,
        rows=("service forgejo",),
        state="missed",
        says="Due today 04:00, nothing had started by 04:30",
        healed=at("26 04:13"),
        faults=(GuestMoved(109, "pve2", at("25 04:20")),),
    ),
    Failure(
        name="the newest snapshot is removed by hand",
        seen=at("25 12:00"),
        limit=UNTOLD,
        rows=("service nextcloud",),
        state="failed",
        says="CT 107 got no snapshot",
        healed=at("26 04:29"),
        faults=(SnapshotRemoved(107, WEDNESDAY, at("25 12:00")),),
    ),
    Failure(
        name="the newest backup is corrupt",
        seen=at("25 12:00"),
        limit=AT_ONCE,
        rows=("service forgejo",),
        state="failed",
        says="failed verification",
        faults=(BackupCorrupt(109, WEDNESDAY, at("25 12:00")),),
    ),
    Failure(
        name="an older backup is corrupt",
        seen=at("25 12:00"),
        limit=AT_ONCE,
        rows=("service forgejo",),
        state="warning",
        says="verification",
        faults=(BackupCorrupt(109, date(2026, 11, 20), at("25 12:00")),),
    ),
    Failure(
        name="a guest's backup holds much less than usual",
        seen=at("25 04:29"),
        limit=AT_ONCE,
        rows=("service nextcloud",),
        state="warning",
        says="has only 18 GiB, usually 60 GiB",
        healed=at("26 04:29"),
        faults=(BackupShrinks(107, WEDNESDAY, 0.3),),
    ),
    Failure(
        name="a volume is left out, and the backup holds much less",
        seen=at("25 04:29"),
        limit=AT_ONCE,
        rows=("service nextcloud",),
        state="warning",
        says="is made without mp0 local-zfs:subvol-107-disk-1 (disabled)",
        healed=at("26 04:29"),
        faults=(
            VolumeLeftOut(107, "mp0", "local-zfs:subvol-107-disk-1", "disabled", at("24 12:00")),
            BackupShrinks(107, WEDNESDAY, 0.3),
        ),
    ),
    Failure(
        name="a job is switched off",
        seen=at("25 12:00"),
        limit=AT_ONCE,
        rows=CRITICAL,
        state="warning",
        says="is switched off",
        healed=at("25 15:00"),
        faults=(JobDisabled("backup-critical", at("25 12:00"), at("25 15:00")),),
    ),
    Failure(
        name="a job stays off over night",
        seen=at("26 05:12"),
        limit=AT_ONCE,
        rows=CRITICAL,
        state="missed",
        says="is switched off",
        healed=at("27 04:48"),
        faults=(JobDisabled("backup-critical", at("25 12:00"), at("26 08:00")),),
        early=timedelta(hours=23),
    ),
    Failure(
        name="a job is deleted",
        seen=at("25 12:00"),
        limit=AT_ONCE,
        rows=CRITICAL,
        state="warning",
        says="No enabled job backs it up",
        faults=(JobDeleted("backup-critical", at("25 12:00")),),
    ),
)
