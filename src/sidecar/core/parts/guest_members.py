"""The guests of a PVE source as members of their jobs, each with the cohort it is in and with what is kept of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import field
from datetime import datetime

from sidecar.core.reports import coverage
from sidecar.core.reports.facts import BackupJob, Guest
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting
from sidecar.core.value import value

from .cluster import Cluster
from .cohort import Cohort
from .destination import Destination, GuestBackups
from .guest_names import GuestNames, guest_names
from .inputs import Inputs


@value()
class Member:
    """A guest with its cohort, and by destination what is kept of it.

    Attributes:
        since: rule 11: from then on the id is its own; None where it always was.
    """

    guest: Guest
    cohort: Cohort
    names: GuestNames
    since: datetime | None
    kept: dict[str, GuestBackups] = field(default_factory=dict)

    @property
    def known_since(self) -> datetime:
        """Rule 1: from then on a task for several guests covered it. Before its own oldest trace it may not have been there."""
        since = self.cohort.cluster.contact
        for kept in self.kept.values():
            first = kept.first_trace
            if first is not None and first < since:
                since = first
        return since

    def at(self, destination: Destination) -> GuestBackups:
        """What is kept of it at a destination, whether a job of today leads there or not."""
        kept = self.kept.get(destination.key)
        return self.backups(destination) if kept is None else kept

    def backups(self, destination: Destination) -> GuestBackups:
        """The same, not looked up: what was kept of another guest that had its id before is left out."""
        kept = destination.kept(self.guest)
        return kept if self.since is None else kept.since(self.since)


def members_of(inputs: Inputs, source: SourceSetting, report: Report) -> list[Member]:
    """The guests of one PVE source's report, but for templates, each with the cohort it is in."""
    cluster = Cluster(inputs, source, report)
    cohorts: dict[tuple[str, tuple[str, ...]], Cohort] = {}
    jobs_of = coverage.JobsOfGuests(cluster.jobs)
    begun: dict[str, dict[str, list[Sequence[datetime]]]] = defaultdict(lambda: defaultdict(list))
    members: list[Member] = []
    for guest, names in zip(report.facts(Guest), guest_names(source, report), strict=True):
        if not guest.template:
            member = _member(cluster, cohorts, guest, names, jobs_of.of(guest))
            members.append(member)
            for job, destination in member.cohort.proving:
                begun[guest.node][job].append(member.at(destination).begun())
    cluster.begun = begun
    return members


def _member(
    cluster: Cluster,
    cohorts: dict[tuple[str, tuple[str, ...]], Cohort],
    guest: Guest,
    names: GuestNames,
    jobs: list[BackupJob],
) -> Member:
    key = (guest.node, tuple([job.id for job in jobs]))
    cohort = cohorts.get(key)
    if cohort is None:
        cohort = cohorts[key] = Cohort(cluster, guest.node, jobs)
    sighting = cluster.inputs.history.seen.get(names.member)
    member = Member(guest, cohort, names, sighting.since if sighting else None)
    for place in cohort.destinations:
        member.kept[place.key] = member.backups(place)
    return member
