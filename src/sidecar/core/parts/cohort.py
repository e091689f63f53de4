"""The guests on one node that the same jobs back up: the destinations of these, what their tasks tell, and how old that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from sidecar.core.reports.facts import BackupJob

from .cluster import Cluster
from .destination import Destination
from .expectation import Evidence
from .inputs import with_cure
from .part import weakest
from .plan_history import Remembered
from .unseen import destination_problem, why_no_job
from .vzdump_batch import JobBatches


class Cohort:
    """The guests on one node that the same jobs back up, with all that they have in common.

    Attributes:
        destinations: where their jobs save them, each once; of guests in no job every place, for old backups.
        starts_seen: the tasks of their node can be read, which show when a run starts (rule 4).
        common: what is the same on each board.
        proving: the enabled jobs that alone lead to a destination.
        notes: by job why nothing can be known of what it saves, if so.
        kept_on: the sources that keep their backups.
        why_no_job: why none of a job can be seen that saves them; None where one is, and where nothing is hidden.
    """

    def __init__(self, cluster: Cluster, node: str, jobs: Sequence[BackupJob]) -> None:
        inputs, source = cluster.inputs, cluster.source
        self.cluster = cluster
        self.node = node
        self.jobs = jobs
        self.common = cluster.common(node, jobs)
        self._places = {job.id: cluster.destination([job.storage], node) for job in jobs}
        every = self._places.values() if jobs else [cluster.destination(cluster.storages, node)]
        self.destinations = tuple({place.key: place for place in every}.values())
        self.tasks_evidence = inputs.evidence(source, cluster.report.reading("tasks", node))
        self.starts_seen = inputs.fresh(source, cluster.report.reading("tasks", node))
        enabled = [(job.id, self._places[job.id]) for job in jobs if job.enabled]
        leading = [place.key for _, place in enabled]
        self.proving = [(job, place) for job, place in enabled if leading.count(place.key) == 1]
        closed = {
            job.id: destination_problem(cluster.inputs, cluster.report, job, self._places[job.id]) for job in jobs
        }
        self.notes = {job: with_cure(problem, source) for job, problem in closed.items()}
        self.kept_on = tuple(dict.fromkeys(place.source.name for each in self.destinations for place in each.places))
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
            tasks = self.cluster.tasks(self.node)
            batches = self._batches[remembered] = tasks.batches(remembered.job.id, remembered.schedules, storage)
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


def storage_of(remembered: Remembered, destination: Destination) -> str | None:
    """What the first line of a task's log calls the destination; None where it is many."""
    if remembered.key is not None:
        return remembered.key.partition("=")[0]
    return destination.storages[0].name if len(destination.storages) == 1 else None
