"""What somebody changes in the cluster while it runs, as data: none of this is a fault by itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from tests.simulators.faults import Fault, of_kind
from tests.simulators.homelab import BackupJob, Guest, Homelab


@dataclass(frozen=True, slots=True)
class GuestCreated(Fault):
    """A guest of the homelab that isn't there before."""

    vmid: int
    at: datetime


@dataclass(frozen=True, slots=True)
class GuestDeleted(Fault):
    """A guest is removed, and with it from every job; its backups stay."""

    vmid: int
    at: datetime


@dataclass(frozen=True, slots=True)
class GuestMoved(Fault):
    """A guest is migrated to another node."""

    vmid: int
    node: str
    at: datetime


@dataclass(frozen=True, slots=True)
class GuestLeavesJob(Fault):
    """Somebody takes a guest out of a job."""

    vmid: int
    job: str
    at: datetime


@dataclass(frozen=True, slots=True)
class JobDeleted(Fault):
    """Somebody deletes a backup job."""

    job: str
    at: datetime


def guests(homelab: Homelab, changes: Iterable[Fault], now: datetime) -> tuple[Guest, ...]:
    """The guests that are there at ``now``, each on the node where it is then."""
    changes = tuple(change for change in changes if isinstance(change, GuestDeleted | GuestCreated | GuestMoved))
    if not changes:
        return homelab.guests
    gone = {change.vmid for change in of_kind(changes, GuestDeleted) if change.at <= now}
    gone |= {change.vmid for change in of_kind(changes, GuestCreated) if change.at > now}
    nodes = {change.vmid: change.node for change in of_kind(changes, GuestMoved) if change.at <= now}
    if not gone and not nodes:
        return homelab.guests
    there = (guest for guest in homelab.guests if guest.vmid not in gone)
    return tuple(replace(guest, node=nodes.get(guest.vmid, guest.node)) for guest in there)


def is_there(homelab: Homelab, changes: Iterable[Fault], guest: Guest, now: datetime) -> bool:
    """Whether the guest is there at ``now``, on the node that it was on."""
    there = guests(homelab, changes, now)
    return there is homelab.guests or guest in there


def jobs(homelab: Homelab, changes: Iterable[Fault], now: datetime) -> tuple[BackupJob, ...]:
    """The jobs that are there at ``now``, each with the guests that it covers then."""
    changes = tuple(changes)
    deleted = {change.job for change in of_kind(changes, JobDeleted) if change.at <= now}
    left = {(change.job, change.vmid) for change in of_kind(changes, GuestLeavesJob) if change.at <= now}
    there = {guest.vmid for guest in guests(homelab, changes, now)}
    return tuple(
        replace(job, guests=tuple(vmid for vmid in job.guests if vmid in there and (job.id, vmid) not in left))
        for job in homelab.jobs
        if job.id not in deleted
    )
