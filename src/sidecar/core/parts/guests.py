"""Guests as parts: the jobs that cover them, their backup groups on PBS, their archives elsewhere, their vzdump tasks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter

from sidecar.core.model import Link, Outcome, PartKind, Run, SourceKind
from sidecar.core.reports import snapshots
from sidecar.core.reports.facts import BackupJob, Guest, Storage, Task, Zone
from sidecar.core.reports.report import Problem, Report
from sidecar.core.reports.snapshots import UPLOAD_LIMIT
from sidecar.core.settings import SourceSetting

from . import vzdump
from .destination import Destination, GuestBackups
from .inputs import Inputs, plan
from .part import Actions, Activity, Part, Plan, weakest
from .plan_history import Recalled, Shared


@dataclass(frozen=True, slots=True)
class GuestPart:
    """A guest as a part, and what configuration may say of it."""

    part: Part
    guest: Guest
    groups: tuple[tuple[str, str, str, str], ...]

    def ignored_by(self, ignored: Iterable[str]) -> bool:
        """One of "101", "tag:x", "pool:x" names it."""
        names = {str(self.guest.vmid), f"pool:{self.guest.pool}", *(f"tag:{tag}" for tag in self.guest.tags)}
        return not names.isdisjoint(ignored)


def parts(lab: Inputs) -> list[GuestPart]:
    """All guests that PVE shows, but for templates."""
    clusters = [_Cluster(lab, source, report) for source, report in lab.of(SourceKind.PVE) if report is not None]
    return _fed_twice([_part(cluster, member) for cluster in clusters for member in cluster.members])


class Cover:
    """Which jobs back up which guest, looked up instead of searched."""

    def __init__(self, jobs: Iterable[BackupJob]) -> None:
        self._by_vmid: dict[int, list[BackupJob]] = defaultdict(list)
        for job in jobs:
            for vmid in dict.fromkeys(job.guests or ()):
                self._by_vmid[vmid].append(job)

    def of(self, guest: Guest) -> list[BackupJob]:
        """The jobs that back the guest up where it is now: node limits count."""
        return [job for job in self._by_vmid.get(guest.vmid, ()) if job.node in (None, guest.node)]


class _Cluster:
    """One PVE source's report: its guests, each with the cohort it is in."""

    def __init__(self, lab: Inputs, source: SourceSetting, report: Report) -> None:
        self.lab = lab
        self.source = source
        self.report = report
        self.jobs = tuple(report.facts(BackupJob))
        self.storages = {storage.name: storage for storage in report.facts(Storage)}
        self.planned = lab.evidence(source, report.reading("guests"), report.reading("jobs"))
        self._zones = {zone.node: zone.timezone for zone in report.facts(Zone)}
        self._cohorts: dict[tuple[str, tuple[str, ...]], _Cohort] = {}
        self._tasks: dict[str, vzdump.NodeTasks] = {}
        cover = Cover(self.jobs)
        guests = (guest for guest in report.facts(Guest) if not guest.template)
        self.members = [self._member(guest, cover.of(guest)) for guest in guests]

    def zone(self, node: str) -> str | None:
        """PVE evaluates a job's schedule in each node's own zone (pbs.md §4.3); an unread node takes its neighbour's."""
        return self._zones.get(node) or next(iter(self._zones.values()), None)

    def tasks(self, node: str) -> vzdump.NodeTasks:
        """The vzdump tasks on a node."""
        if node not in self._tasks:
            reading = self.report.reading("tasks", node)
            tasks = (task for task in reading.of(Task) if task.type == "vzdump") if reading else ()
            self._tasks[node] = vzdump.NodeTasks(tasks, self._proofs(node))
        return self._tasks[node]

    def unread_jobs(self) -> list[str]:
        return [job.id for job in self.jobs if job.enabled and job.guests is None]

    def untold_jobs(self) -> Problem | None:
        """Why no job is known at all, as long as none was ever read or the token may not see them any more."""
        reading = self.report.reading("jobs")
        return reading.problem if reading is not None and reading.as_of is None else None

    def _member(self, guest: Guest, jobs: list[BackupJob]) -> _Member:
        key = (guest.node, tuple(job.id for job in jobs))
        if key not in self._cohorts:
            self._cohorts[key] = _Cohort(self, guest.node, jobs)
        cohort = self._cohorts[key]
        return _Member(guest, cohort, cohort.destination.kept(guest))

    def _proofs(self, node: str) -> dict[str, list[datetime]]:
        """What proves whose a task is, by job: when backups of guests began that are in no other job."""
        begun: dict[str, list[datetime]] = defaultdict(list)
        for member in self.members:
            if member.cohort.node == node and (job := member.cohort.only_job):
                begun[job] += member.kept.begun()
        return begun


@dataclass(frozen=True, slots=True)
class _Member:
    guest: Guest
    cohort: _Cohort
    kept: GuestBackups


class _Cohort:
    """The guests on one node that the same jobs back up, with all that they have in common."""

    def __init__(self, cluster: _Cluster, node: str, jobs: Sequence[BackupJob]) -> None:
        lab, source = cluster.lab, cluster.source
        self.cluster = cluster
        self.node = node
        self.jobs = jobs
        self.destination = Destination(lab, source, cluster.report, _storages(cluster, jobs), node)
        tasks_reading = cluster.report.reading("tasks", node)
        self.starts_seen = lab.fresh(source, tasks_reading)
        seen = [lab.evidence(source, tasks_reading)] if self.starts_seen else []
        evidences = self.destination.evidences
        self.evidence = weakest([*evidences, *seen], lab.now) if evidences else cluster.planned
        self.note = _note(cluster, jobs, self.destination)
        self.plans = Shared(lab, tuple(_plan(cluster, node, job) for job in jobs))
        self._nights: dict[Recalled, tuple[vzdump.VzdumpBatch, ...]] = {}

    @property
    def only_job(self) -> str | None:
        """The one that is enabled, if there is just one."""
        enabled = [job.id for job in self.jobs if job.enabled]
        return enabled[0] if len(enabled) == 1 else None

    def nights(self, recalled: Recalled) -> tuple[vzdump.VzdumpBatch, ...]:
        """The nights of its jobs, by job and newest first."""
        if recalled not in self._nights:
            tasks = self.cluster.tasks(self.node)
            promised = zip(self.jobs, recalled.plans, strict=True)
            nights = (tasks.nights(job.id, recalled.of_job(promise.job)) for job, promise in promised)
            self._nights[recalled] = tuple(night for found in nights for night in found)
        return self._nights[recalled]


def _storages(cluster: _Cluster, jobs: Sequence[BackupJob]) -> tuple[Storage, ...]:
    """Where the enabled jobs write, else the switched off ones; without a job: anywhere, for old backups."""
    used = {job.storage for job in jobs if job.enabled} or {job.storage for job in jobs} or set(cluster.storages)
    return tuple(cluster.storages[name] for name in sorted(filter(None, used)) if name in cluster.storages)


def _plan(cluster: _Cluster, node: str, job: BackupJob) -> Plan:
    name = f"{cluster.source.name}/backup/{job.id}"
    return plan(name, job.schedule, cluster.zone(node), cluster.lab.settings, enabled=job.enabled)


def _part(cluster: _Cluster, member: _Member) -> GuestPart:
    guest, cohort, kept = member.guest, member.cohort, member.kept
    source, destination = cluster.source, cohort.destination
    recalled = cohort.plans.recall(f"{PartKind.GUEST}:{source.name}:{guest.vmid}")
    seen = _seen(member, recalled)
    part = Part(
        kind=PartKind.GUEST,
        ref=str(guest.vmid),
        name=guest.name or f"guest {guest.vmid}",
        source=source.name,
        evidence=cohort.evidence,
        plans=recalled.plans,
        past=recalled.past,
        runs=seen.runs,
        activities=seen.activities,
        starts_seen=cohort.starts_seen,
        first_due_after=destination.oldest,
        count=len(kept.stock.finished) + len(kept.archives),
        longest=seen.longest,
        concerns=kept.stock.concerns,
        broken=kept.stock.broken,
        verified_at=kept.stock.verified_at,
        link=Link(f"{source.url}/#v1:0:={guest.type}%2F{guest.vmid}", "Guest in Proxmox VE"),
        actions=_actions(guest, cohort.jobs, cluster.untold_jobs()),
        note=cohort.note,
        kept_on=tuple(place.source.name for place in destination.places),
    )
    group = f"{guest.backup_type}/{guest.vmid}"
    return GuestPart(
        part, guest, tuple((one.source.name, one.datastore, one.namespace, group) for one in destination.places)
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """What tasks, snapshots and archives tell of one guest together. Fields as in Part."""

    runs: tuple[Run, ...]
    activities: tuple[Activity, ...]
    longest: timedelta | None


def _seen(member: _Member, recalled: Recalled) -> _Seen:
    guest, cohort, kept = member.guest, member.cohort, member.kept
    seen_until = cohort.evidence.as_of
    tasks = cohort.cluster.tasks(cohort.node)
    nights = [*cohort.nights(recalled), *tasks.single(guest)]
    longest = vzdump.longest(nights)
    saved = kept.stock.runs(seen_until, _upload_limit(longest))
    backups = [run.start for run in saved if run.outcome is not Outcome.FAILED]
    backups += [archive.time for archive in kept.archives]
    runs = [*saved, *snapshots.archive_runs(kept.archives), *snapshots.failed_runs(kept.failures)]
    if seen_until is not None and cohort.destination.evidences:
        runs += vzdump.fruitless(guest, nights, backups, seen_until)
    jobs = [job.id for job in cohort.jobs]
    open_ended = tasks.open_ended(guest, jobs, seen_until) if jobs else []
    return _Seen(
        runs=tuple(sorted(runs, key=attrgetter("start"), reverse=True)),
        activities=vzdump.may_still_reach(open_ended, backups, longest),
        longest=longest,
    )


def _upload_limit(longest: timedelta | None) -> timedelta:
    return min(UPLOAD_LIMIT, max(vzdump.STARTS_WITHIN, 2 * longest)) if longest else UPLOAD_LIMIT


def _note(cluster: _Cluster, jobs: Sequence[BackupJob], destination: Destination) -> str | None:
    """Why nothing can be known about a guest although its cluster answers."""
    if not jobs and (unread := cluster.unread_jobs()):
        return f"can't tell whether job {unread[0]} covers it: its guests could not be read"
    if not jobs and (untold := cluster.untold_jobs()):
        return f"can't tell which job covers it: {untold.cause}"
    if jobs and not destination.storages:
        return f"the storage of job {jobs[0].id} is not visible: the token needs Datastore.Audit on /storage"
    if jobs and not destination.places and all(storage.type == "pbs" for storage in destination.storages):
        return f"storage {destination.storages[0].name} leads to no configured Proxmox Backup Server"
    return None


def _actions(guest: Guest, jobs: Sequence[BackupJob], untold: Problem | None) -> Actions:
    job = jobs[0].id if jobs else None
    start = f"start {job} there" if job else "start a backup"
    nowhere = "Add that server to sources, or name it under storages of the PVE source."
    return Actions(
        failed=f"Read the task's log, mend the cause, then run {job or 'a backup'} again.",
        missed=f"Check that node {guest.node} is up, then {start}.",
        never=f"Check that node {guest.node} is up, then {start}.",
        concerned="Look at the newest runs and at the verification of its snapshots.",
        uncovered=f"Enable {job}." if job else f"Add {guest.vmid} to a backup job, or list it under ignore.",
        unreadable=untold.action if untold else nowhere,
    )


def _fed_twice(found: list[GuestPart]) -> list[GuestPart]:
    """Two PVE sources that write the same group can't be told apart: unknown, with the reason (design §5)."""
    writers: dict[tuple[str, str, str, str], set[str]] = {}
    for one in found:
        for group in one.groups if one.part.plans else ():
            writers.setdefault(group, set()).add(one.part.source)
    return [_doubted(one, writers) for one in found]


def _doubted(one: GuestPart, writers: dict[tuple[str, str, str, str], set[str]]) -> GuestPart:
    doubtful = next((group for group in one.groups if len(writers.get(group, ())) > 1), None)
    if doubtful is None:
        return one
    source, datastore, _, group = doubtful
    note = f"group {group} in {datastore} on {source} is written by {' and '.join(sorted(writers[doubtful]))}"
    actions = replace(one.part.actions, unreadable="Give each cluster its own namespace.")
    return replace(one, part=replace(one.part, note=note, actions=actions))
