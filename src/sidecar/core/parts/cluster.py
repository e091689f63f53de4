"""A PVE source as its guests have it in common: destinations, schedules and tasks by node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from sidecar.core.history.history import PlanRow
from sidecar.core.ids import JobId, SourceName
from sidecar.core.model import Link
from sidecar.core.reports import coverage
from sidecar.core.reports.cached import LastMade, cached_of, last_made
from sidecar.core.reports.facts import BackupJob, LeftOutVolume, Storage, Task, Zone
from sidecar.core.reports.report import Report
from sidecar.core.settings import Settings, SourceSetting
from sidecar.core.value import value

from . import guest_actions, left_out
from .destination import Destination
from .inputs import Inputs, schedule_in_force, with_cure
from .links import tasks_page
from .part import Actions
from .plan_history import Owed, PlanHistory
from .synced import SyncedCopies
from .unseen import unseen_jobs
from .vzdump import Begun, NodeTasks


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
        self._tasks: dict[str, NodeTasks] = {}
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

    def common(self, node: str, jobs: Sequence[BackupJob]) -> Common:
        """What is the same on each board for the guests on a node that some jobs save, while it follows from the same."""
        kept, settings, memory = _common(self.report), self.inputs.settings, self.inputs.history.plans
        unseen = with_cure(unseen_jobs(self.report), self.source)
        name, basis = (node, tuple(job.id for job in jobs)), (self.zone(node), unseen, *jobs, *self.storages.values())
        before = kept.get(name)
        if before is not None and before.settings is settings and before.basis == basis:
            return kept.keep(name, before.next(memory))
        made = Common(
            settings=settings,
            basis=basis,
            plans=PlanHistory(settings, tuple(_owed(self, node, job) for job in jobs), memory),
            actions=guest_actions.of_jobs(node, jobs, unseen),
            tasks_page=tasks_page(self.source, node) if node else None,
        )
        return kept.keep(name, made)

    def tasks(self, node: str) -> NodeTasks:
        """The vzdump tasks on a node."""
        if node not in self._tasks:
            self._tasks[node] = self._node_tasks(node)
        return self._tasks[node]

    def _node_tasks(self, node: str) -> NodeTasks:
        """Those of the board before, where nothing that they follow from is different now: tasks, jobs and proofs."""
        proofs, known = self.begun.get(node, {}), _tasks_by_node(self.report)
        before = known.get(node)
        if before is not None and before.begun == proofs:
            return before
        reading = self.report.reading("tasks", node)
        tasks = (task for task in reading.of(Task) if task.type == "vzdump") if reading else ()
        made = known[node] = NodeTasks(tasks, proofs, self.jobs)
        return made

    @cached_property
    def left_out(self) -> Mapping[int, tuple[tuple[JobId, LeftOutVolume], ...]]:
        """By guest the volumes that enabled jobs save it without."""
        return left_out.by_guest(self.source.name, self.jobs)


@value(kw_only=True, eq=False)
class Common:
    """What some guests have in common, as the same objects from board to board.

    Attributes:
        settings, basis: what it follows from.
        plans: what is remembered of the schedules of their jobs.
        actions: what to do about them.
        tasks_page: where the tasks of their node are listed; None where no node is told.
    """

    settings: Settings
    basis: tuple[object, ...]
    plans: PlanHistory
    actions: Actions
    tasks_page: Link | None

    def next(self, memory: Mapping[str, tuple[PlanRow, ...]]) -> Common:
        """The same for the next board. ``memory``: see History.plans."""
        plans = self.plans.next(memory)
        return self if plans is self.plans else replace(self, plans=plans)


@last_made
def _common(_report: Report) -> LastMade[tuple[str, tuple[str, ...]], Common]:
    """What was had in common on the board before, by node and jobs."""
    return LastMade()


@cached_of("tasks", "jobs")
def _tasks_by_node(_report: Report) -> dict[str, NodeTasks]:
    """Those that were made."""
    return {}


def _owed(cluster: Cluster, node: str, job: BackupJob) -> Owed:
    name = JobId(SourceName(cluster.source.name), "backup", job.id)
    schedule = schedule_in_force(name, job.schedule, cluster.zone(node), cluster.inputs.settings, enabled=job.enabled)
    return Owed(schedule, coverage.storage_key(job, cluster.storages.values()))
