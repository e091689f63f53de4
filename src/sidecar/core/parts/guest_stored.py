"""Where the backups of a guest lie: at the destinations of its jobs, and where sync jobs bring copies of them (rule 15)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sidecar.core.model import PlaceKind
from sidecar.core.reports.facts import Storage

from .cluster import Cluster
from .destination import Destination, Group, GuestBackups
from .expectation import Evidence
from .guest_members import Member
from .plan_history import Remembered
from .stored import Stored, each_place_once, in_datastore


def stored_of(member: Member, every: Sequence[Remembered], groups: Sequence[Group]) -> tuple[Stored, ...]:
    """Each place once.

    Args:
        every: what its jobs owe it, and what ended ones may still owe.
        groups: its backup groups, by source.
    """
    cohort = member.cohort
    own = [stored for destination in _destinations(member, every) for stored in _at(member, destination)]
    if not cohort.jobs:
        # Of a guest in no job every place is looked at: it is not expected at any of them.
        own = [stored for stored in own if stored.newest is not None or not stored.known(cohort.cluster.inputs.now)]
    begun = (moment for kept in member.kept.values() for moment in kept.begun())
    name = member.guest.backup_type, member.names.ref
    found = [*own, *cohort.cluster.copies.of(name, groups, begun)]
    return tuple(each_place_once(found) if len(found) > 1 else found)


def _destinations(member: Member, every: Sequence[Remembered]) -> Iterable[Destination]:
    """Each storage by itself, as the node of the guest reaches it."""
    cohort = member.cohort
    ended = [cohort.destination(each) for each in every if each.schedule is None]
    if not ended:
        return cohort.storages_apart
    return cohort.apart({each.key: each for each in (*cohort.destinations, *ended)}.values())


def _at(member: Member, destination: Destination) -> Iterator[Stored]:
    cluster, kept = member.cohort.cluster, member.at(destination)
    evidence = _evidence(cluster, destination)
    if destination.places:
        place = destination.places[0]
        yield in_datastore(place.source.name, place.datastore, evidence, kept.summary)
        return
    for storage in destination.storages:
        yield _told_by_pve(cluster, storage, evidence, kept)


def _told_by_pve(cluster: Cluster, storage: Storage, evidence: Evidence, kept: GuestBackups) -> Stored:
    finished = [run.start for run in kept.summary.finished[:1]]
    archives = [archive.time for archive in kept.archives if archive.size != 0]
    return Stored(
        place=f"{cluster.source.name}/{_name(cluster, storage)}",
        kind=PlaceKind.STORAGE,
        named=(),
        evidence=evidence,
        newest=max((*finished, *archives), default=None),
        verified_at=kept.summary.verified_at,
        encrypted=kept.summary.encrypted,
        protected=kept.protected,
    )


def _name(cluster: Cluster, storage: Storage) -> str:
    """Storages that lead to the same datastore of a server are one place, under the name that comes first."""
    if storage.type != "pbs" or storage.server is None:
        return storage.name
    there = (storage.server, storage.port, storage.datastore)
    alike = (each.name for each in cluster.storages.values() if (each.server, each.port, each.datastore) == there)
    # None of today's storages may lead there: it is where one led before it was edited.
    return min(alike, default=storage.name)


def _evidence(cluster: Cluster, destination: Destination) -> Evidence:
    source = cluster.source
    return destination.evidence or Evidence(source=source.name, as_of=None, stale_after=source.stale_after)
