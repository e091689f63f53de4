"""Guests as parts: for each job that covers one an expectation at the job's storage, with what was seen of it there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Self

from sidecar.core.history.history import PlanRow
from sidecar.core.ids import GroupKey, JobId, MemberId, MemberKind, SourceName
from sidecar.core.model import Link, Outcome, PartKind, Run, SourceKind
from sidecar.core.reports import coverage, snapshots
from sidecar.core.reports.facts import BackupJob, Guest, LeftOutVolume, Storage, Task, Zone
from sidecar.core.reports.report import Problem, Report
from sidecar.core.reports.snapshots import UPLOAD_LIMIT
from sidecar.core.settings import SourceSetting
from sidecar.core.value import value

from . import left_out, vzdump, vzdump_runs
from .destination import Destination, GuestBackups
from .expectation import FIRST, Evidence, Expectation, Observed, sort_out
from .inputs import Inputs, schedule_in_force, with_cure
from .part import Actions, Part, newest_first, weakest
from .plan_history import Owed, PlanHistory, Remembered
from .unseen import destination_problem, unseen_jobs, why_no_job

#: A backup group on a PBS source.
Group = tuple[str, GroupKey]


@value()
class GuestPart:
    """A guest as a part, and what configuration may say of it.

    Attributes:
        groups: its backup groups, by source.
        groups_of: for each of its expectations the groups that it is kept in.
    """

    part: Part
    guest: Guest
    groups: tuple[Group, ...]
    groups_of: tuple[tuple[Group, ...], ...]

    def ignored_by(self, ignored: Iterable[str]) -> bool:
        """One of "101", "tag:x", "pool:x" names it; a pool takes the pools within it ("x/y") along."""
        steps = (self.guest.pool or "").split("/")
        pools = {f"pool:{'/'.join(steps[:depth])}" for depth in range(1, len(steps) + 1) if self.guest.pool}
        names = {str(self.guest.vmid), *pools, *(f"tag:{tag}" for tag in self.guest.tags)}
        return not names.isdisjoint(ignored)


def parts(inputs: Inputs) -> list[GuestPart]:
    """All guests that PVE shows, but for templates."""
    clusters = [_Cluster(inputs, source, report) for source, report in inputs.of(SourceKind.PVE) if report is not None]
    return _fed_twice([_part(member) for cluster in clusters for member in cluster.members])


class _Cluster:
    """One PVE source's report: its guests, each with the cohort it is in."""

    def __init__(self, inputs: Inputs, source: SourceSetting, report: Report) -> None:
        self.inputs = inputs
        self.source = source
        self.report = report
        self.jobs = tuple(job for job in report.facts(BackupJob) if job.id)
        self.storages = {storage.name: storage for storage in report.facts(Storage)}
        self.planned = inputs.evidence(source, report.reading("guests"), report.reading("jobs"))
        self._zones = {zone.node: zone.timezone for zone in report.facts(Zone)}
        self._destinations: dict[tuple[tuple[str, ...], str], Destination] = {}
        self._former: dict[tuple[str, str], Destination] = {}
        self._cohorts: dict[tuple[str, tuple[str, ...]], _Cohort] = {}
        self._tasks: dict[str, vzdump.NodeTasks] = {}
        jobs_of = coverage.JobsOfGuests(self.jobs)
        guests = (guest for guest in report.facts(Guest) if not guest.template)
        self.members = [self._member(guest, jobs_of.of(guest)) for guest in guests]

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

    def tasks(self, node: str) -> vzdump.NodeTasks:
        """The vzdump tasks on a node."""
        if node not in self._tasks:
            self._tasks[node] = self._node_tasks(node)
        return self._tasks[node]

    def _node_tasks(self, node: str) -> vzdump.NodeTasks:
        """Those of the board before, where nothing that they follow from is different now: the report and the proofs."""
        proofs, key = self._proofs(node), (_Cluster, node)
        before = self.report.derived.get(key)
        if isinstance(before, vzdump.NodeTasks) and before.begun == proofs:
            return before
        reading = self.report.reading("tasks", node)
        tasks = (task for task in reading.of(Task) if task.type == "vzdump") if reading else ()
        made = self.report.derived[key] = vzdump.NodeTasks(tasks, proofs, self.jobs)
        return made

    @cached_property
    def left_out(self) -> Mapping[int, tuple[tuple[JobId, LeftOutVolume], ...]]:
        """By guest the volumes that enabled jobs save it without."""
        return left_out.by_guest(self.source.name, self.jobs)

    def _member(self, guest: Guest, jobs: list[BackupJob]) -> _Member:
        key = (guest.node, tuple(job.id for job in jobs))
        if key not in self._cohorts:
            self._cohorts[key] = _Cohort(self, guest.node, jobs)
        cohort = self._cohorts[key]
        name = MemberId(MemberKind.GUEST, SourceName(self.source.name), str(guest.vmid))
        sighting = self.inputs.history.seen.get(str(name))
        member = _Member(guest, cohort, str(name), sighting.since if sighting else None)
        member.kept.update({place.key: member.backups(place) for place in cohort.destinations})
        return member

    def _proofs(self, node: str) -> dict[str, list[datetime]]:
        """What proves whose a task is, by job: when something began to be saved where only that job saves the guest."""
        begun: dict[str, list[datetime]] = defaultdict(list)
        for member in self.members:
            if member.cohort.node == node:
                for job, destination in member.cohort.proving:
                    begun[job] += member.kept[destination.key].begun()
        return begun


@value()
class _Member:
    """A guest with its cohort, and by destination what is kept of it.

    Attributes:
        name: its name in the memory.
        since: rule 11: from then on the id is its own; None where it always was.
    """

    guest: Guest
    cohort: _Cohort
    name: str
    since: datetime | None
    kept: dict[str, GuestBackups] = field(default_factory=dict)

    @property
    def known_since(self) -> datetime:
        """Rule 1: from then on a task for several guests covered it. Before its own oldest trace it may not have been there."""
        begun = [moment for kept in self.kept.values() for moment in kept.traces()]
        contact = self.cohort.cluster.inputs.history.contact(self.cohort.cluster.source.name)
        return min([*begun, contact or self.cohort.cluster.report.at])

    def at(self, destination: Destination) -> GuestBackups:
        """What is kept of it at a destination, whether a job of today leads there or not."""
        kept = self.kept.get(destination.key)
        return self.backups(destination) if kept is None else kept

    def backups(self, destination: Destination) -> GuestBackups:
        """The same, not looked up: what was kept of another guest that had its id before is left out."""
        kept = destination.kept(self.guest)
        return kept if self.since is None else kept.since(self.since)


class _Cohort:
    """The guests on one node that the same jobs back up, with all that they have in common.

    Attributes:
        destinations: where their jobs save them, each once; of guests in no job every place, for old backups.
        proving: the enabled jobs that alone lead to a destination.
    """

    def __init__(self, cluster: _Cluster, node: str, jobs: Sequence[BackupJob]) -> None:
        inputs, source = cluster.inputs, cluster.source
        self.cluster = cluster
        self.node = node
        self.jobs = jobs
        self._places = {job.id: cluster.destination([job.storage], node) for job in jobs}
        every = self._places.values() if jobs else [cluster.destination(cluster.storages, node)]
        self.destinations = tuple({place.key: place for place in every}.values())
        self.tasks_evidence = inputs.evidence(source, cluster.report.reading("tasks", node))
        self.starts_seen = inputs.fresh(source, cluster.report.reading("tasks", node))
        self.plans = PlanHistory(inputs, tuple(_owed(cluster, node, job) for job in jobs))
        enabled = [(job.id, self._places[job.id]) for job in jobs if job.enabled]
        leading = [place.key for _, place in enabled]
        self.proving = [(job, place) for job, place in enabled if leading.count(place.key) == 1]
        closed = {job.id: destination_problem(cluster.report, job, self._places[job.id]) for job in jobs}
        self.notes = {job: with_cure(problem, source) for job, problem in closed.items()}
        self._evidences: dict[str, Evidence] = {}
        self._batches: dict[Remembered, _Batches] = {}

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
        if destination.key not in self._evidences:
            starts = replace(self.tasks_evidence, gap=None, starts_gap=self.tasks_evidence.gap)
            seen = [starts] if self.starts_seen else []
            evidences = destination.evidences
            self._evidences[destination.key] = (
                weakest([*evidences, *seen], self.cluster.inputs.now) if evidences else self.cluster.planned
            )
        return self._evidences[destination.key]

    def batches(self, remembered: Remembered) -> _Batches:
        """What the tasks of one job tell."""
        if remembered not in self._batches:
            storage = _storage_of(remembered, self.destination(remembered))
            self._batches[remembered] = _Batches.of(self.cluster.tasks(self.node), remembered, storage)
        return self._batches[remembered]


@value()
class _Batches:
    """The batches of one job on a node, newest first, the newest as a run of the job, and the longest of the last ten."""

    every: tuple[vzdump.VzdumpBatch, ...]
    newest: Run | None
    longest: timedelta | None

    @classmethod
    def of(cls, tasks: vzdump.NodeTasks, remembered: Remembered, storage: str | None) -> Self:
        """What these tasks tell of a job as it is remembered."""
        every = tasks.batches(remembered.job.id, remembered.schedules, storage)
        newest = next((batch for batch in every if batch.scheduled), None)
        return cls(every, newest.as_run() if newest else None, vzdump.longest(every))


def _owed(cluster: _Cluster, node: str, job: BackupJob) -> Owed:
    name = JobId(SourceName(cluster.source.name), "backup", job.id)
    schedule = schedule_in_force(name, job.schedule, cluster.zone(node), cluster.inputs.settings, enabled=job.enabled)
    return Owed(schedule, coverage.storage_key(job, cluster.storages.values()))


def _part(member: _Member) -> GuestPart:
    guest, cohort = member.guest, member.cohort
    cluster = cohort.cluster
    every = _remembered(member)
    expectations = _expectations(member, every)
    observed = _together(member, expectations)
    named = None if member.since else cluster.tasks(cohort.node).oldest_of(guest)
    traces = (observed.runs[-1].start if observed.runs else None, named, member.since)
    groups = _groups(guest, cohort.destinations)
    part = Part(
        kind=PartKind.GUEST,
        ref=str(guest.vmid),
        name=guest.name or f"guest {guest.vmid}",
        source=cluster.source.name,
        observed=observed,
        expectations=expectations,
        oldest_trace=min((trace for trace in traces if trace), default=None),
        starts_seen=cohort.starts_seen,
        link=Link(f"{cluster.source.url}/#v1:0:={guest.type}%2F{guest.vmid}", "Guest in Proxmox VE"),
        actions=_actions(guest, cohort.jobs, with_cure(unseen_jobs(cluster.report), cluster.source)),
        note=None if cohort.jobs else why_no_job(cluster.report),
        kept_on=tuple(dict.fromkeys(source for source, _ in groups)),
        left_out=cluster.left_out.get(guest.vmid, ()),
    )
    return GuestPart(
        part=part,
        guest=guest,
        groups=groups,
        groups_of=(groups,)
        if len(every) == 1 and len(cohort.destinations) == 1
        else tuple(_groups(guest, [cohort.destination(remembered)]) for remembered in every),
    )


def _groups(guest: Guest, destinations: Iterable[Destination]) -> tuple[Group, ...]:
    places = (place for destination in destinations for place in destination.places)
    return tuple((place.source.name, place.group_of(guest)) for place in places)


def _remembered(member: _Member) -> tuple[Remembered, ...]:
    """What each job owes the guest; then what ended jobs may still owe. What was owed to another one is nobody's."""
    cohort, name = member.cohort, member.name
    every = cohort.plans.of(name)
    if member.since is not None:
        every = tuple(_since(remembered, member.since) for remembered in every)
    if len(every) == 1:
        return every
    rows = cohort.cluster.inputs.history.plans.get(name, ())
    every = tuple(_unless_replaced(remembered, every, cohort, rows) for remembered in every)
    return tuple(remembered for remembered in every if remembered.schedules)


def _expectations(member: _Member, every: Sequence[Remembered]) -> tuple[Expectation, ...]:
    others = _not_their_own(member, every) if len(every) > 1 else [frozenset()] * len(every)
    return tuple(
        _expectation(member, remembered, not_its_own, every)
        for remembered, not_its_own in zip(every, others, strict=True)
    )


def _since(remembered: Remembered, since: datetime) -> Remembered:
    own = tuple(past for past in remembered.past if past.valid_to is None or past.valid_to > since)
    return remembered if len(own) == len(remembered.past) else replace(remembered, past=own)


def _unless_replaced(
    remembered: Remembered, every: Sequence[Remembered], cohort: _Cohort, rows: Iterable[PlanRow]
) -> Remembered:
    """Rule 2: a job that is switched off owes nothing more where another one saves the guest to the same place, or
    where nobody has ever seen it switched on and another one saves the guest at all."""
    in_force = remembered.schedule
    if in_force is None or in_force.enabled:
        return remembered
    on = [other for other in every if other.schedule is not None and other.schedule.enabled]
    was_on = any(row.job == str(remembered.job) and row.enabled for row in rows)
    place = cohort.destination(remembered).key
    replaced = any(cohort.destination(other).key == place for other in on)
    return replace(remembered, schedule=None) if on and (replaced or not was_on) else remembered


def _not_their_own(member: _Member, every: Sequence[Remembered]) -> list[frozenset[datetime]]:
    """Rule 3: expectations with the same destination share the runs there, and each run answers one due time."""
    places = [member.cohort.destination(remembered) for remembered in every]
    others: list[frozenset[datetime]] = [frozenset()] * len(every)
    for key in {place.key for place in places}:
        there = [number for number, place in enumerate(places) if place.key == key]
        if len(there) > 1:
            runs = _saved(member, places[there[0]], UPLOAD_LIMIT)
            sorted_out = sort_out(runs, [every[number].schedules for number in there])
            for number, not_its_own in zip(there, sorted_out, strict=True):
                others[number] = not_its_own
    return others


def _expectation(
    member: _Member, remembered: Remembered, not_its_own: frozenset[datetime], every: Sequence[Remembered]
) -> Expectation:
    guest, cohort = member.guest, member.cohort
    destination = cohort.destination(remembered)
    evidence, kept = cohort.evidence(destination), member.at(destination)
    tasks = cohort.cluster.tasks(cohort.node)
    closed = cohort.notes.get(remembered.job.id) if remembered.schedule is not None else None
    shared = cohort.batches(remembered)
    job, storage = remembered.job.id, _storage_of(remembered, destination)
    rivals = tuple(
        schedule for other in every if other.job != remembered.job for schedule in other.schedules if schedule.enabled
    )
    single = tasks.single(guest, remembered.schedules, job, storage, rivals)
    batches = [*shared.every, *single] if single else shared.every
    longest = vzdump.longest(batches) if single else shared.longest
    open_ended = tasks.open_ended(guest, job, evidence.as_of, storage)
    runs = tuple(vzdump_runs.explained(guest, batches, _saved(member, destination, _upload_limit(longest))))
    corrupt = [run.start for run in kept.summary.corrupt]
    backups = [*(run.start for run in runs if run.outcome is not Outcome.FAILED), *corrupt]
    if evidence.as_of is not None and destination.evidences:
        without = vzdump_runs.fruitless(guest, _covering(member, batches), backups, evidence.as_of)
        runs = newest_first([*runs, *without]) if without else runs
    return Expectation(
        job=remembered.job,
        destination=_in_words(remembered, destination),
        schedule=remembered.schedule,
        past=remembered.past,
        observed=_observed(kept, runs, evidence),
        not_its_own=not_its_own,
        activities=vzdump.may_still_reach(open_ended, [*_reached(runs, not_its_own), *corrupt], longest, guest)
        if open_ended
        else (),
        starts_seen=cohort.starts_seen,
        longest=longest,
        note=closed.cause if closed else None,
        cure=closed.action if closed else None,
        task=shared.newest,
    )


def _reached(runs: Iterable[Run], not_its_own: frozenset[datetime]) -> Iterator[datetime]:
    """When backups began that show that a task has come to the guest.

    An upload after the due time of another job to the same place counts as that one's (rule 3), and may be this one's.
    """
    for run in runs:
        if run.good or (run.outcome is Outcome.RUNNING and run.start not in not_its_own):
            yield run.start


def _covering(member: _Member, batches: Iterable[vzdump.VzdumpBatch]) -> list[vzdump.VzdumpBatch]:
    """The batches that were for this guest: by a log, or because it was there already (rule 1)."""
    since = member.known_since
    return [batch for batch in batches if batch.start >= since or batch.names(member.guest)]


def _in_words(remembered: Remembered, destination: Destination) -> str | None:
    """What people call the destination. An ended one keeps its name, whatever became of the storage."""
    if remembered.schedule is None and remembered.key is not None:
        return remembered.key.partition("=")[0]
    return " and ".join(storage.name for storage in destination.storages) or None


def _storage_of(remembered: Remembered, destination: Destination) -> str | None:
    """What the first line of a task's log calls the destination; None where it is many."""
    if remembered.key is not None:
        return remembered.key.partition("=")[0]
    return destination.storages[0].name if len(destination.storages) == 1 else None


def _saved(member: _Member, destination: Destination, upload_limit: timedelta) -> tuple[Run, ...]:
    """The guest's snapshots, archives and failed uploads at a destination as runs, newest first.

    Args:
        upload_limit: what is unfinished for longer has failed.
    """
    kept, seen_until = member.at(destination), member.cohort.evidence(destination).as_of
    newest = _newest_upload(member, destination, kept, seen_until) if kept.summary.unfinished else None
    saved = kept.summary.runs(seen_until, upload_limit, newest)
    if not kept.archives and not kept.failures:
        return saved
    return newest_first([*saved, *snapshots.archive_runs(kept.archives), *snapshots.failed_runs(kept.failures)])


def _newest_upload(
    member: _Member, destination: Destination, kept: GuestBackups, listed: datetime | None
) -> Run | None:
    """Rule 5: what becomes of the newest upload, where the backup server's own tasks do not tell: Proxmox VE's may.

    Where nobody can list what runs, it runs until it has taken too long: that it failed would be a guess. None: its age tells.
    """
    newest, cohort = kept.summary.unfinished[0], member.cohort
    if newest.damaged or newest.time != kept.summary.begun[0] or listed is None:
        return None
    under_way = Run(start=newest.time, end=None, outcome=Outcome.RUNNING)
    told = (
        cohort.cluster.tasks(cohort.node).upload(member.guest, newest.time, listed) if cohort.starts_seen else under_way
    )
    return None if told == under_way and destination.lists_tasks else told


def _upload_limit(longest: timedelta | None) -> timedelta:
    return min(UPLOAD_LIMIT, max(vzdump.STARTS_WITHIN, 2 * longest)) if longest else UPLOAD_LIMIT


def _observed(kept: GuestBackups, runs: tuple[Run, ...], evidence: Evidence) -> Observed:
    return Observed(
        evidence=evidence,
        runs=runs,
        count=None if evidence.as_of is None else kept.count,
        concerns=kept.summary.concerns,
        verified_at=kept.summary.verified_at,
        verified=kept.summary.verified,
        shown=kept.summary.shown,
        owner=kept.summary.owner,
        encrypted=kept.summary.encrypted,
        protected=kept.protected,
    )


def _together(member: _Member, expectations: Sequence[Expectation]) -> Observed:
    """What was seen of the guest at all its destinations."""
    cohort = member.cohort
    if len(expectations) == 1 and len(cohort.destinations) == 1:
        return expectations[0].observed
    places = cohort.destinations
    own = [_observed(member.at(place), _saved(member, place, UPLOAD_LIMIT), cohort.evidence(place)) for place in places]
    own += [expectation.observed for expectation in expectations]
    runs: dict[datetime, Run] = {}
    for run in (run for observed in own for run in observed.runs):
        # A backup at one destination may begin in the very second of a failure at another one.
        if run.good or run.start not in runs:
            runs[run.start] = run
    return Observed(
        evidence=weakest([observed.evidence for observed in own], cohort.cluster.inputs.now),
        runs=newest_first(runs.values()),
        count=sum(member.at(place).count for place in places)
        if any(observed.evidence.as_of for observed in own)
        else None,
        concerns=tuple(dict.fromkeys(concern for observed in own for concern in observed.concerns)),
        unusable=_newest(own).unusable,
        verified_at=max((observed.verified_at for observed in own if observed.verified_at), default=None),
        verified=sum(member.at(place).summary.verified for place in places),
        by_destination=tuple(observed.runs for observed in own),
        shown=frozenset().union(*(observed.shown for observed in own)),
        owner=snapshots.only_one(kept.owner for kept in own),
        encrypted=_newest(own).encrypted,
        protected=sum(member.at(place).protected for place in places),
    )


def _newest(every: Iterable[Observed]) -> Observed:
    """The one with the newest good run; of two with the same run the one that says that it can't be restored."""
    return max(
        every,
        key=lambda observed: (
            observed.newest_good.start if observed.newest_good else FIRST,
            observed.unusable is not None,
        ),
    )


def _actions(guest: Guest, jobs: Sequence[BackupJob], unseen: Problem | None) -> Actions:
    job = jobs[0].id if jobs else None
    start = f"start {job} there" if job else "start a backup"
    return Actions(
        failed=f"Read the task's log, fix the cause, then run {job or 'a backup'} again.",
        missed=f"Check that node {guest.node} is up, then {start}.",
        never=f"Check that node {guest.node} is up, then {start}.",
        concerned="Look at the newest runs and at the verification of its snapshots.",
        uncovered=f"Enable {job}." if job else f"Add {guest.vmid} to a backup job, or list it under ignore.",
        unreadable=unseen.action if unseen else None,
    )


def _fed_twice(guests: list[GuestPart]) -> list[GuestPart]:
    """Two PVE sources that write the same group can't be told apart: unknown, with the reason."""
    writers: dict[tuple[str, GroupKey], set[str]] = defaultdict(set)
    for guest in guests:
        for group in guest.groups if guest.part.expected else ():
            writers[group].add(guest.part.source)
    return [_doubted(guest, writers) for guest in guests]


def _doubted(guest: GuestPart, writers: dict[tuple[str, GroupKey], set[str]]) -> GuestPart:
    doubtful = next((group for group in guest.groups if len(writers.get(group, ())) > 1), None)
    if doubtful is None:
        return guest
    source, key = doubtful
    who = " and ".join(sorted(writers[doubtful]))
    note = f"group {key.type}/{key.id} in {key.datastore} on {source} is written by {who}"
    actions = replace(guest.part.actions, unreadable="Give each cluster its own namespace.")
    return replace(guest, part=replace(guest.part, note=note, actions=actions))
