"""Guests as parts: the jobs that cover them, their backup groups on PBS, their archives elsewhere, their vzdump tasks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from . import groups, snapshots, vzdump
from .groups import Place
from .lab import Lab, plan
from .model import Link, Outcome, PartKind, SourceKind
from .part import Actions, Evidence, Part, Plan, weakest
from .recall import recall
from .report import Archive, BackupGroup, BackupJob, Guest, Problem, Reading, Report, Storage, Task, Zone
from .settings import SourceSetting
from .snapshots import UPLOAD_LIMIT


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


def parts(lab: Lab) -> list[GuestPart]:
    """All guests that PVE shows, but for templates."""
    clusters = [_Cluster(lab, source, report) for source, report in lab.of(SourceKind.PVE) if report is not None]
    return _fed_twice([_part(lab, cluster, guest) for cluster in clusters for guest in cluster.guests])


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
    """One PVE source's report with what many guests ask for again and again."""

    def __init__(self, lab: Lab, source: SourceSetting, report: Report) -> None:
        self.source = source
        self.report = report
        self.guests = tuple(guest for guest in report.facts(Guest) if not guest.template)
        self.jobs = tuple(report.facts(BackupJob))
        self._cover = Cover(self.jobs)
        self.storages = {storage.name: storage for storage in report.facts(Storage)}
        self.zones = {zone.node: zone.timezone for zone in report.facts(Zone)}
        self.kept = {guest.vmid: _kept(lab, self, guest) for guest in self.guests}
        self._nights: dict[tuple[str, tuple[Plan, ...]], tuple[vzdump.Night, ...]] = {}
        self._tasks: dict[tuple[str, str], tuple[Task, ...]] = {}
        self._tasks_for: dict[tuple[str, tuple[str, ...]], vzdump.NodeTasks] = {}
        self._owners: dict[str, dict[str, str]] = {}

    def zone(self, node: str) -> str | None:
        """PVE evaluates a job's schedule in each node's own zone (pbs.md §4.3); an unread node takes its neighbour's."""
        return self.zones.get(node) or next(iter(self.zones.values()), None)

    def tasks(self, node: str, job: str = "") -> tuple[Task, ...]:
        """The vzdump tasks on a node; with ``job`` without those that are proved to be another job's."""
        key = (node, job)
        if key not in self._tasks:
            self._tasks[key] = self._tasks_but_for_others(node, job) if job else self._all_tasks(node)
        return self._tasks[key]

    def tasks_for(self, node: str, jobs: tuple[str, ...]) -> vzdump.NodeTasks:
        """The tasks on a node that may be one of these jobs'; all of them where there is none."""
        key = (node, jobs)
        if key not in self._tasks_for:
            tasks = {task.upid: task for job in jobs for task in self.tasks(node, job)}
            self._tasks_for[key] = vzdump.NodeTasks(tasks.values() or self.tasks(node))
        return self._tasks_for[key]

    def _all_tasks(self, node: str) -> tuple[Task, ...]:
        reading = self.report.reading("tasks", node)
        return tuple(task for task in reading.of(Task) if task.type == "vzdump") if reading else ()

    def _tasks_but_for_others(self, node: str, job: str) -> tuple[Task, ...]:
        every = self.tasks(node)
        if node not in self._owners:
            self._owners[node] = vzdump.owners(every, sorted(self._proofs(node)))
        owners = self._owners[node]
        return tuple(task for task in every if owners.get(task.upid, job) == job)

    def _proofs(self, node: str) -> Iterator[tuple[datetime, str]]:
        """What proves whose a task is: backups of guests that are in one job only."""
        for guest in self.guests:
            jobs = [job.id for job in self.jobs_of(guest) if job.enabled] if guest.node == node else []
            if len(jobs) == 1:
                yield from ((when, jobs[0]) for when in self.kept[guest.vmid].begun())

    def nights(self, node: str, job: str, promises: tuple[Plan, ...]) -> tuple[vzdump.Night, ...]:
        key = (node, promises)
        if key not in self._nights:
            self._nights[key] = vzdump.nights(self.tasks(node, job), promises)
        return self._nights[key]

    def jobs_of(self, guest: Guest) -> list[BackupJob]:
        return self._cover.of(guest)

    def unread_jobs(self) -> list[str]:
        return [job.id for job in self.jobs if job.enabled and job.guests is None]

    def untold_jobs(self) -> Problem | None:
        """Why no job is known at all, as long as none was ever read or the token may not see them any more."""
        reading = self.report.reading("jobs")
        return reading.problem if reading is not None and reading.as_of is None else None


def _part(lab: Lab, cluster: _Cluster, guest: Guest) -> GuestPart:
    source, jobs, kept = cluster.source, cluster.jobs_of(guest), cluster.kept[guest.vmid]
    plans = tuple(_plan(lab, cluster, guest, job) for job in jobs)
    tasks_reading = cluster.report.reading("tasks", guest.node)
    starts_seen = lab.fresh(source, tasks_reading)
    evidences = [*kept.evidences, *([lab.evidence(source, tasks_reading)] if starts_seen else [])]
    planned = lab.evidence(source, cluster.report.reading("guests"), cluster.report.reading("jobs"))
    part = Part(
        kind=PartKind.GUEST,
        ref=str(guest.vmid),
        name=guest.name or f"guest {guest.vmid}",
        source=source.name,
        evidence=weakest(evidences, lab.now) if kept.evidences else planned,
        plans=plans,
        starts_seen=starts_seen,
        first_due_after=kept.oldest,
        link=Link(f"{source.url}/#v1:0:={guest.type}%2F{guest.vmid}", "Guest in Proxmox VE"),
        actions=_actions(guest, jobs, cluster.untold_jobs()),
        note=_note(cluster, jobs, kept),
        kept_on=tuple(place.source.name for place in kept.places),
    )
    return GuestPart(
        _with_runs(recall(part, lab), cluster, guest, jobs),
        guest,
        tuple(
            (one.source.name, one.datastore, one.namespace, f"{guest.backup_type}/{guest.vmid}") for one in kept.places
        ),
    )


def _plan(lab: Lab, cluster: _Cluster, guest: Guest, job: BackupJob) -> Plan:
    name = f"{cluster.source.name}/backup/{job.id}"
    return plan(name, job.schedule, cluster.zone(guest.node), lab.settings, enabled=job.enabled)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of a guest, wherever: its groups and archives, and how well that is known."""

    storages: tuple[Storage, ...]
    places: tuple[Place, ...]
    groups: tuple[BackupGroup, ...]
    archives: tuple[Archive, ...]
    evidences: tuple[Evidence, ...]
    oldest: datetime | None
    failures: tuple[Task, ...]

    def begun(self) -> list[datetime]:
        """When anything began to be saved, finished or not."""
        return [*(one.time for group in self.groups for one in group.snapshots), *(one.time for one in self.archives)]


def _kept(lab: Lab, cluster: _Cluster, guest: Guest) -> _Kept:
    storages = _storages(cluster, guest)
    places = _places(lab, cluster.source, storages)
    readings = [(place, place.reading(lab.reports.get(place.source.name))) for place in places]
    archive_readings = _archives(cluster.report, guest, storages)
    on = [(place, lab.shelf(place.source)) for place in places]
    kind, ident = guest.backup_type, str(guest.vmid)
    kept = [shelf.group(place.datastore, place.namespace, kind, ident) for place, shelf in on]
    archives = [archive for reading in archive_readings for archive in reading.of(Archive)]
    traces = [when for place, shelf in on if (when := shelf.oldest_trace(place.datastore))]
    return _Kept(
        storages=storages,
        places=places,
        groups=tuple(group for group in kept if group),
        archives=tuple(archive for archive in archives if archive.vmid == guest.vmid),
        evidences=(
            *(lab.evidence(place.source, reading) for place, reading in readings),
            *(lab.evidence(cluster.source, reading) for reading in archive_readings),
        ),
        oldest=min([*traces, *(archive.time for archive in archives)], default=None),
        failures=tuple(task for place, shelf in on for task in shelf.failed_uploads(place.datastore, kind, ident)),
    )


def _storages(cluster: _Cluster, guest: Guest) -> tuple[Storage, ...]:
    """Where the guest's enabled jobs write, else its switched off ones; in no job: anywhere, for old backups of it."""
    jobs = cluster.jobs_of(guest)
    used = {job.storage for job in jobs if job.enabled} or {job.storage for job in jobs} or set(cluster.storages)
    return tuple(cluster.storages[name] for name in sorted(filter(None, used)) if name in cluster.storages)


def _places(lab: Lab, source: SourceSetting, storages: Iterable[Storage]) -> tuple[Place, ...]:
    found = (groups.place_of(lab, source, storage) for storage in storages)
    return tuple(dict.fromkeys(place for place in found if place is not None))


def _archives(report: Report, guest: Guest, storages: Iterable[Storage]) -> list[Reading]:
    return [
        reading
        for storage in storages
        if storage.type != "pbs"
        for reading in report.within("archives")
        if reading.scope[-1] == storage.name and reading.scope[1] in ("shared", guest.node)
    ]


def _with_runs(part: Part, cluster: _Cluster, guest: Guest, jobs: list[BackupJob]) -> Part:
    kept, seen_until = cluster.kept[guest.vmid], part.evidence.as_of
    tasks = cluster.tasks_for(guest.node, tuple(job.id for job in jobs))
    nights = [
        *(
            night
            for job, promise in zip(jobs, part.plans, strict=True)
            for night in cluster.nights(guest.node, job.id, (promise, *_earlier(part, promise)))
        ),
        *tasks.single(guest),
    ]
    longest = vzdump.longest(nights)
    found = snapshots.judged(kept.groups, seen_until, _upload_limit(longest))
    backups = [run.start for run in found.runs if run.outcome is not Outcome.FAILED]
    backups += [archive.time for archive in kept.archives]
    runs = [*found.runs, *snapshots.archive_runs(kept.archives), *snapshots.failed_runs(kept.failures)]
    if seen_until is not None and kept.evidences:
        runs += vzdump.fruitless(guest, nights, backups, seen_until)
    return replace(
        part,
        runs=tuple(sorted(runs, key=lambda run: run.start, reverse=True)),
        activities=vzdump.may_still_reach(tasks.open_ended(guest, seen_until), backups, longest) if jobs else (),
        count=found.count + len(kept.archives),
        longest=longest,
        concerns=found.concerns,
        broken=found.broken,
        verified_at=found.verified_at,
    )


def _earlier(part: Part, promise: Plan) -> Iterable[Plan]:
    return (one for one in part.past if one.job == promise.job)


def _upload_limit(longest: timedelta | None) -> timedelta:
    return min(UPLOAD_LIMIT, max(vzdump.STARTS_WITHIN, 2 * longest)) if longest else UPLOAD_LIMIT


def _note(cluster: _Cluster, jobs: list[BackupJob], kept: _Kept) -> str | None:
    """Why nothing can be known about a guest although its cluster answers."""
    if not jobs and (unread := cluster.unread_jobs()):
        return f"can't tell whether job {unread[0]} covers it: its guests could not be read"
    if not jobs and (untold := cluster.untold_jobs()):
        return f"can't tell which job covers it: {untold.cause}"
    if jobs and not kept.storages:
        return f"the storage of job {jobs[0].id} is not visible: the token needs Datastore.Audit on /storage"
    if jobs and not kept.places and all(storage.type == "pbs" for storage in kept.storages):
        return f"storage {kept.storages[0].name} leads to no configured Proxmox Backup Server"
    return None


def _actions(guest: Guest, jobs: list[BackupJob], untold: Problem | None) -> Actions:
    job = jobs[0].id if jobs else None
    start = f"start {job} there" if job else "start a backup"
    return Actions(
        failed=f"Read the task's log, mend the cause, then run {job or 'a backup'} again.",
        missed=f"Check that node {guest.node} is up, then {start}.",
        never=f"Check that node {guest.node} is up, then {start}.",
        concerned="Look at the newest runs and at the verification of its snapshots.",
        uncovered=f"Enable {job}." if job else f"Add {guest.vmid} to a backup job, or list it under ignore.",
        unreadable=untold.action
        if untold
        else "Add that server to sources, or name it under storages of the PVE source.",
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
