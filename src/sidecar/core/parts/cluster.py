"""The guests of a PVE source with their cohorts, the destinations of their jobs, and the tasks of their nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Self

from sidecar.core.ids import JobId, SourceName
from sidecar.core.model import Run
from sidecar.core.reports import coverage
from sidecar.core.reports.cached import LastMade, cached_of, last_made
from sidecar.core.reports.facts import BackupJob, Guest, LeftOutVolume, Storage, Task, Zone
from sidecar.core.reports.report import Report
from sidecar.core.settings import Settings, SourceSetting
from sidecar.core.value import value

from . import guest_actions, left_out, vzdump
from .destination import Destination, GuestBackups
from .expectation import FIRST, Evidence
from .guest_names import GuestNames, guest_names
from .inputs import Inputs, schedule_in_force, with_cure
from .links import tasks_page
from .part import weakest
from .plan_history import Owed, PlanHistory, Remembered
from .synced import SyncedCopies
from .unseen import destination_problem, unseen_jobs, why_no_job
from .vzdump import Begun


def members_of(inputs: Inputs, source: SourceSetting, report: Report) -> list[Member]:
    """The guests of one PVE source's report, but for templates, each with the cohort it is in."""
    cluster = Cluster(inputs, source, report)
    cohorts: dict[tuple[str, tuple[str, ...]], Cohort] = {}
    jobs_of = coverage.JobsOfGuests(cluster.jobs)
    names = guest_names(report)
    guests = (guest for guest in report.facts(Guest) if not guest.template)
    members = [_member(cluster, cohorts, guest, names[guest.vmid], jobs_of.of(guest)) for guest in guests]
    cluster.begun = _begun(members)
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


def _begun(members: Iterable[Member]) -> Mapping[str, Begun]:
    """By node and job when something began to be saved where only that job saves the guest."""
    begun: dict[str, dict[str, list[Sequence[datetime]]]] = defaultdict(lambda: defaultdict(list))
    for member in members:
        for job, destination in member.cohort.proving:
            begun[member.cohort.node][job].append(member.kept[destination.key].begun())
    return begun


class Cluster:
    """One PVE source's report as its guests have it in common.

    It does not hold the guests, which hold it: so it goes with the last of them, and needs no garbage collector.

    Attributes:
        jobs: those that have a name: nothing can be owed to another one.
        contact: when the source was first read.
        planned: how old the knowledge is of which guests there are and what their jobs are.
        copies: what sync jobs bring elsewhere.
        begun: what proves whose a task is, by node and job: when something began to be saved where only that job saves the
            guest.
    """

    def __init__(self, inputs: Inputs, source: SourceSetting, report: Report) -> None:
        self.inputs = inputs
        self.source = source
        self.report = report
        self.jobs = tuple(job for job in report.facts(BackupJob) if job.id)
        self.storages = {storage.name: storage for storage in report.facts(Storage)}
        self.contact = inputs.history.contact(source.name) or report.at
        self.planned = inputs.evidence(source, report.reading("guests"), report.reading("jobs"))
        self._zones = {zone.node: zone.timezone for zone in report.facts(Zone)}
        self._destinations: dict[tuple[tuple[str, ...], str], Destination] = {}
        self._former: dict[tuple[str, str], Destination] = {}
        self._tasks: dict[str, vzdump.NodeTasks] = {}
        self.begun: Mapping[str, Begun] = {}
        self.copies = SyncedCopies(inputs)

    def zone(self, node: str) -> str | None:
        """PVE evaluates a job's schedule in each node's own zone (PVE-17); an unread node takes its neighbour's."""
        return self._zones.get(node) or next(iter(self._zones.values()), None)

    def destination(self, storages: Iterable[str | None], node: str) -> Destination:
        """These storages as a node reaches them; those that can't be seen are left out."""
        names = tuple(sorted({name for name in storages if name in self.storages and name is not None}))
        if (names, node) not in self._destinations:
            seen = [self.storages[name] for name in names]
            self._destinations[names, node] = Destination(self.inputs, self.source, self.report, seen, node)
        return self._destinations[names, node]

    def former_destination(self, key: str, node: str) -> Destination | None:
        """A destination as the memory calls it (coverage.storage_key); None where its storage can't be seen any more."""
        name, _, place = key.partition("=")
        storage = self.storages.get(name)
        if storage is None:
            return None
        datastore, _, namespace = place.partition("/")
        if not place or (storage.datastore, storage.namespace or "") == (datastore, namespace):
            return self.destination([name], node)
        if (key, node) not in self._former:
            before = replace(storage, datastore=datastore, namespace=namespace)
            self._former[key, node] = Destination(self.inputs, self.source, self.report, [before], node)
        return self._former[key, node]

    def plans(self, node: str, jobs: Sequence[BackupJob]) -> PlanHistory:
        """The schedules of some jobs on a node; the same objects from board to board while they follow from the same."""
        kept, settings = _plans(self.report), self.inputs.settings
        name, basis = (node, tuple(job.id for job in jobs)), (self.zone(node), *jobs, *self.storages.values())
        before = kept.get(name)
        if before is not None and before.settings is settings and before.basis == basis:
            plans = before.plans.next()
        else:
            plans = PlanHistory(settings, tuple(_owed(self, node, job) for job in jobs))
        return kept.keep(name, _Plans(settings, basis, plans)).plans

    def tasks(self, node: str) -> vzdump.NodeTasks:
        """The vzdump tasks on a node."""
        if node not in self._tasks:
            self._tasks[node] = self._node_tasks(node)
        return self._tasks[node]

    def _node_tasks(self, node: str) -> vzdump.NodeTasks:
        """Those of the board before, where nothing that they follow from is different now: tasks, jobs and proofs."""
        proofs, known = self.begun.get(node, {}), _tasks_by_node(self.report)
        before = known.get(node)
        if before is not None and before.begun == proofs:
            return before
        reading = self.report.reading("tasks", node)
        tasks = (task for task in reading.of(Task) if task.type == "vzdump") if reading else ()
        made = known[node] = vzdump.NodeTasks(tasks, proofs, self.jobs)
        return made

    @cached_property
    def left_out(self) -> Mapping[int, tuple[tuple[JobId, LeftOutVolume], ...]]:
        """By guest the volumes that enabled jobs save it without."""
        return left_out.by_guest(self.source.name, self.jobs)


@value(eq=False)
class _Plans:
    """What is remembered of some jobs on a node, and what that follows from beside the memory."""

    settings: Settings
    basis: tuple[object, ...]
    plans: PlanHistory


@last_made
def _plans(_report: Report) -> LastMade[tuple[str, tuple[str, ...]], _Plans]:
    """Those of the board before, by node and jobs."""
    return LastMade()


@cached_of("tasks", "jobs")
def _tasks_by_node(_report: Report) -> dict[str, vzdump.NodeTasks]:
    """Those that were made."""
    return {}


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


class Cohort:
    """The guests on one node that the same jobs back up, with all that they have in common.

    Attributes:
        destinations: where their jobs save them, each once; of guests in no job every place, for old backups.
        starts_seen: the tasks of their node can be read, which show when a run starts (rule 4).
        plans: what is remembered of the schedules of their jobs.
        proving: the enabled jobs that alone lead to a destination.
        notes: by job why nothing can be known of what it saves, if so.
        tasks_page: where the tasks of their node are listed; None where no node is told.
        kept_on: the sources that keep their backups.
        actions: what to do about them.
        why_no_job: why none of a job can be seen that saves them; None where one is, and where nothing is hidden.
    """

    def __init__(self, cluster: Cluster, node: str, jobs: Sequence[BackupJob]) -> None:
        inputs, source = cluster.inputs, cluster.source
        self.cluster = cluster
        self.node = node
        self.jobs = jobs
        self._places = {job.id: cluster.destination([job.storage], node) for job in jobs}
        every = self._places.values() if jobs else [cluster.destination(cluster.storages, node)]
        self.destinations = tuple({place.key: place for place in every}.values())
        self.tasks_evidence = inputs.evidence(source, cluster.report.reading("tasks", node))
        self.starts_seen = inputs.fresh(source, cluster.report.reading("tasks", node))
        self.plans = cluster.plans(node, jobs)
        enabled = [(job.id, self._places[job.id]) for job in jobs if job.enabled]
        leading = [place.key for _, place in enabled]
        self.proving = [(job, place) for job, place in enabled if leading.count(place.key) == 1]
        closed = {
            job.id: destination_problem(cluster.inputs, cluster.report, job, self._places[job.id]) for job in jobs
        }
        self.notes = {job: with_cure(problem, source) for job, problem in closed.items()}
        self.tasks_page = tasks_page(source, node) if node else None
        self.kept_on = tuple(dict.fromkeys(place.source.name for each in self.destinations for place in each.places))
        self.actions = guest_actions.of_jobs(node, jobs, with_cure(unseen_jobs(cluster.report), source))
        self.why_no_job = None if jobs else why_no_job(cluster.report)
        self._evidences: dict[str, Evidence] = {}
        self._batches: dict[Remembered, JobBatches] = {}

    def destination(self, remembered: Remembered) -> Destination:
        """Where the runs of a job must lie, now or as it was before; where that can't be seen any more, all places.

        A storage that has another name now is none that can be seen, and what it keeps lies where it always did.
        """
        if remembered.schedule is not None:
            return self._places[remembered.job.id]
        before = self.cluster.former_destination(remembered.key, self.node) if remembered.key is not None else None
        if before is not None:
            return before
        return self.cluster.destination(
            (storage.name for place in self.destinations for storage in place.storages), self.node
        )

    def evidence(self, destination: Destination) -> Evidence:
        """How old the knowledge is of what lies at a destination and of what runs."""
        evidence = self._evidences.get(destination.key)
        if evidence is None:
            evidence = self._evidences[destination.key] = self._evidence(destination)
        return evidence

    def _evidence(self, destination: Destination) -> Evidence:
        evidences = destination.evidences
        if not evidences:
            return self.cluster.planned
        starts = replace(self.tasks_evidence, gap=None, starts_gap=self.tasks_evidence.gap)
        return weakest([*evidences, *([starts] if self.starts_seen else [])], self.cluster.inputs.now)

    def batches(self, remembered: Remembered) -> JobBatches:
        """What the tasks of one job tell."""
        batches = self._batches.get(remembered)
        if batches is None:
            storage = storage_of(remembered, self.destination(remembered))
            batches = self._batches[remembered] = JobBatches.of(self.cluster.tasks(self.node), remembered, storage)
        return batches

    @cached_property
    def storages_apart(self) -> tuple[Destination, ...]:
        """The destinations of their jobs, each storage by itself."""
        return tuple(self.apart(self.destinations))

    def apart(self, destinations: Iterable[Destination]) -> Iterator[Destination]:
        """Each storage of these by itself, as the node reaches it."""
        for destination in destinations:
            if len(destination.storages) == 1:
                yield destination
            else:
                yield from (self.cluster.destination([each.name], self.node) for each in destination.storages)


@value()
class JobBatches:
    """The batches of one job on a node, newest first, the newest as a run of the job, and the longest of the last ten.

    ``over``: when the last of them ended; far in the future while one runs.
    """

    every: tuple[vzdump.VzdumpBatch, ...]
    newest: Run | None
    longest: timedelta | None
    over: datetime

    @classmethod
    def of(cls, tasks: vzdump.NodeTasks, remembered: Remembered, storage: str | None) -> Self:
        """What these tasks tell of a job as it is remembered."""
        every = tasks.batches(remembered.job.id, remembered.schedules, storage)
        newest = next((batch for batch in every if batch.scheduled), None)
        over = max((batch.end or vzdump.NEVER for batch in every), default=FIRST)
        return cls(every, newest.as_run() if newest else None, vzdump.longest(every), over)


def _owed(cluster: Cluster, node: str, job: BackupJob) -> Owed:
    name = JobId(SourceName(cluster.source.name), "backup", job.id)
    schedule = schedule_in_force(name, job.schedule, cluster.zone(node), cluster.inputs.settings, enabled=job.enabled)
    return Owed(schedule, coverage.storage_key(job, cluster.storages.values()))


def storage_of(remembered: Remembered, destination: Destination) -> str | None:
    """What the first line of a task's log calls the destination; None where it is many."""
    if remembered.key is not None:
        return remembered.key.partition("=")[0]
    return destination.storages[0].name if len(destination.storages) == 1 else None
