"""Failures in houses of which only the PBS is known, or only the cluster. The night is the one before 25 November 2026."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tests.failures.failure import AT_ONCE, AWAY, Failure, at
from tests.simulators import Rack
from tests.simulators.acl import PVE_FULL
from tests.simulators.faults import (
    BackupCorrupt,
    ClientFails,
    ClientSilent,
    GuestFails,
    JobDisabled,
    Maintenance,
    SourceAway,
)
from tests.simulators.homelab import PBS_ONLY, PVE_ONLY

WEDNESDAY = date(2026, 11, 25)
_IN_THE_JOB = ("service vaultwarden", "service home-assistant", "service nextcloud")
_NAS = "service nas"


def _may_only_audit(rack: Rack) -> None:
    rack.set_permissions("pve", PVE_FULL)


_PBS_ONLY = (
    Failure(
        name="a host does not come any more",
        seen=at("25 10:30"),
        limit=AT_ONCE,
        rows=(_NAS,),
        state="warning",
        says="Usually every day; the newest is 1 day old; newest backup Tue 24 Nov 01:30",
        healed=at("26 01:46"),
        faults=(ClientSilent("nas", at("25 00:00"), at("25 20:00")),),
    ),
    Failure(
        name="a weekly host does not come any more",
        seen=at("24 10:15"),  # One of its weeks had an hour more.
        limit=AT_ONCE,
        rows=("service router",),
        state="warning",
        says="Usually every week; the newest is 8 days old",
        healed=at("29 12:01"),
        faults=(ClientSilent("router", at("22 00:00"), at("24 20:00")),),
    ),
    Failure(
        name="the upload of a host breaks off",
        seen=at("25 01:31"),
        limit=AT_ONCE,
        rows=(_NAS,),
        state="failed",
        says="connection reset by peer; newest backup Tue 24 Nov 01:30",
        healed=at("26 01:46"),
        faults=(ClientFails("nas", WEDNESDAY, "connection error: connection reset by peer"),),
    ),
    Failure(
        name="the newest backup of a host is corrupt",
        seen=at("25 12:00"),
        limit=AT_ONCE,
        rows=(_NAS,),
        state="failed",
        says="failed verification",
        faults=(BackupCorrupt("nas", WEDNESDAY, at("25 12:00")),),
    ),
    Failure(
        name="a cluster that nobody knows stops its job",
        seen=at("25 13:00"),
        limit=AT_ONCE,
        rows=("service vaultwarden",),
        state="warning",
        says="Usually every day; the newest is 1 day old",
        faults=(JobDisabled("backup-critical", at("24 12:00")),),
        beside=("service home-assistant",),
    ),
    Failure(
        name="the only datastore is closed",
        seen=at("25 12:00"),
        limit=AWAY,
        rows=(_NAS, "service host/web01", "service router", "service grafana"),
        state="unknown",
        says="maintenance",
        healed=at("25 14:00"),
        faults=(Maintenance("offline", "disk swap", at("25 12:00"), at("25 14:00")),),
        beside=(
            "service vaultwarden",
            "service home-assistant",
            "service old-wiki",
            "source pbs",
            "job pbs/prune/prune-main",
            "job pbs/gc/main",
            "datastore pbs/main",
        ),
    ),
)

_PVE_ONLY = (
    Failure(
        name="a guest fails, and only the cluster is known",
        seen=at("25 04:09"),
        limit=AT_ONCE,
        rows=("service nextcloud",),
        state="failed",
        says="CT 107: no space left",
        faults=(GuestFails(107, WEDNESDAY, "no space left"),),
    ),
    Failure(
        name="the cluster tells that the newest backup is corrupt",
        seen=at("25 12:00"),
        limit=AT_ONCE,
        rows=("service nextcloud",),
        state="failed",
        says="failed verification",
        faults=(BackupCorrupt(107, WEDNESDAY, at("25 12:00")),),
    ),
    Failure(
        name="the backup server behind the cluster is away",
        seen=at("25 12:00"),
        limit=AWAY,
        rows=(*_IN_THE_JOB, "service grafana"),
        state="unknown",
        says="Can't connect to pbs.lan",
        healed=at("25 14:00"),
        faults=(SourceAway("pbs", at("25 12:00"), at("25 14:00")),),
        beside=("source pve",),
    ),
    Failure(
        name="the token may not list the storage any more",
        seen=at("25 12:00"),
        limit=AT_ONCE,
        rows=(*_IN_THE_JOB, "service grafana"),
        state="unknown",
        says="Datastore.Allocate is missing on /storage/pbs-main",
        breaks=_may_only_audit,
        beside=("source pve",),
    ),
)

ONE_SOURCE = (
    *(replace(failure, homelab=PBS_ONLY) for failure in _PBS_ONLY),
    *(replace(failure, homelab=PVE_ONLY) for failure in _PVE_ONLY),
)
