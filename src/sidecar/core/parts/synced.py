"""Copies that sync jobs make of backup groups (rule 15): pulled into another datastore, or pushed to another server."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sidecar.core.ids import GroupKey, JobId, SourceName
from sidecar.core.model import PlaceKind, Run, SourceKind
from sidecar.core.reports.cached import cached_of
from sidecar.core.reports.facts import BackupGroup, Push, UpkeepJob
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting

from .copies import copied_by
from .inputs import Inputs
from .joins import Place
from .stored import Stored, in_datastore


class SyncedCopies:
    """The copies of whatever is kept, looked up: a thousand guests ask for theirs on every board."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        reports = [(source, report) for source, report in inputs.of(SourceKind.PBS) if report is not None]
        self._by_name = [(source, report, _by_name(report)) for source, report in reports]
        self._pushing = {
            source.name: (source, report, jobs) for source, report in reports if (jobs := _pushing(report))
        }

    def of(
        self, name: tuple[str, str], groups: Sequence[tuple[str, GroupKey]], begun: Iterable[datetime]
    ) -> list[Stored]:
        """The copies of what is kept in ``groups``.

        Args:
            name: type and id of the groups.
            groups: by source, those that backups are written to.
            begun: when the backups began: a snapshot of the same moment under the same name is a copy of one (PBS-27).
        """
        own = {(source, key.datastore) for source, key in groups}
        elsewhere = [
            (source, report, key)
            for source, report, by_name in self._by_name
            for key in by_name.get(name, ())
            if (source.name, key.datastore) not in own
        ]
        copies = list(_pulled(self._inputs, elsewhere, begun)) if elsewhere else []
        for source_name, key in groups if self._pushing else ():
            if source_name in self._pushing:
                copies = self._with_pushes(copies, source_name, key)
        return copies

    def _with_pushes(self, copies: list[Stored], source_name: str, key: GroupKey) -> list[Stored]:
        source, report, jobs = self._pushing[source_name]
        for job in jobs.get(key.datastore, ()):
            if job.push is not None and _takes_namespace(job, job.push, key.namespace):
                copies = _with_pushed(copies, _pushed(self._inputs, source, report, job, job.push, key), job.push)
        return copies


# --- pulled ---------------------------------------------------------------------------------------------------------------


def _pulled(
    inputs: Inputs, elsewhere: Iterable[tuple[SourceSetting, Report, GroupKey]], begun: Iterable[datetime]
) -> Iterator[Stored]:
    """What lies in other datastores, whichever job brought it there."""
    moments = frozenset(begun)
    for source, report, key in elsewhere:
        index = inputs.group_index(source)
        summary, group = index.summary(key), index.group(key)
        if group is not None and any(run.start in moments for run in summary.finished):
            evidence = Place(source, key.datastore, key.namespace).evidence(inputs)
            job = copied_by(report, group)
            made_by = JobId(SourceName(source.name), "sync", job.id) if job is not None else None
            yield in_datastore(source.name, key.datastore, evidence, summary, made_by)


@cached_of("snapshots")
def _by_name(report: Report) -> Mapping[tuple[str, str], tuple[GroupKey, ...]]:
    """The groups by type and id."""
    by_name: dict[tuple[str, str], list[GroupKey]] = defaultdict(list)
    for group in report.facts(BackupGroup):
        by_name[group.type, group.id].append(group.key)
    return {name: tuple(keys) for name, keys in by_name.items()}


# --- pushed ---------------------------------------------------------------------------------------------------------------


@cached_of("upkeep")
def _pushing(report: Report) -> Mapping[str, tuple[UpkeepJob, ...]]:
    """The sync jobs that push, by the datastore that they take from."""
    by_datastore: dict[str, list[UpkeepJob]] = defaultdict(list)
    for job in report.facts(UpkeepJob):
        if job.push is not None:
            by_datastore[job.datastore].append(job)
    return {datastore: tuple(jobs) for datastore, jobs in by_datastore.items()}


def _takes_namespace(job: UpkeepJob, push: Push, namespace: str) -> bool:
    if job.namespace and not f"{namespace}/".startswith(f"{job.namespace}/"):
        return False
    below = namespace[len(job.namespace) :].strip("/")
    return push.depth is None or len(below.split("/") if below else ()) <= push.depth


def _pushed(
    inputs: Inputs, source: SourceSetting, report: Report, job: UpkeepJob, push: Push, key: GroupKey
) -> Stored | None:
    """What a push has brought to its remote, as far as its runs tell; None where it does not take the group.

    Nobody looks there: it is what was finished when its last good run began.
    """
    takes = _takes(push.filters, key)
    if takes is False:
        return None
    last = next((run for run in job.runs if run.good), None)
    finished = inputs.group_index(source).summary(key).finished
    name = f"{source.name}/{push.remote}"
    return Stored(
        place=name,
        kind=PlaceKind.REMOTE,
        named=(name,),
        evidence=inputs.evidence(source, report.reading("upkeep", "sync")),
        newest=_finished_before(finished, last.start) if last is not None else None,
        made_by=JobId(SourceName(source.name), "sync", job.id),
        # Of a job that ran before, and whose good runs are not known any more, nothing can be said.
        doubt=takes is None or push.picks or (last is None and bool(job.runs)),
    )


def _finished_before(runs: Iterable[Run], moment: datetime) -> datetime | None:
    return next((run.start for run in runs if (run.end or run.start) <= moment), None)


def _takes(filters: Iterable[str], key: GroupKey) -> bool | None:
    """Whether the filters of a sync job take the group; None where one is a pattern, which only the server can tell."""
    verdicts = [(rule.startswith("exclude:"), _matches(rule, key)) for rule in filters]
    including = [matches for excludes, matches in verdicts if not excludes]
    excluding = [matches for excludes, matches in verdicts if excludes]
    if True in excluding or (including and not (True in including or None in including)):
        return False
    if None in excluding or (including and True not in including):
        return None
    return True


def _matches(rule: str, key: GroupKey) -> bool | None:
    kind, _, wanted = rule.removeprefix("exclude:").removeprefix("include:").partition(":")
    if kind == "type":
        return wanted == key.type
    return wanted == f"{key.type}/{key.id}" if kind == "group" else None


def _with_pushed(elsewhere: list[Stored], pushed: Stored | None, push: Push) -> list[Stored]:
    """With what was pushed. Where a source shows what was pushed to it, the copy is told by that one.

    Nobody tells which source a remote is: it is the one that keeps the same backups, pulled by nobody, in a datastore of
    that name.
    """
    if pushed is None:
        return elsewhere
    seen = [each for each in elsewhere if each.place.partition("/")[2] == push.store and each.made_by is None]
    if not seen:
        return [*elsewhere, pushed]
    return [
        replace(each, named=(*each.named, *pushed.named), made_by=pushed.made_by) if each in seen else each
        for each in elsewhere
    ]
