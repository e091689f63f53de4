"""Backup groups as parts of their own: those that a service names ("pbs:main/ns/host/nas"), and those of no known guest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from fnmatch import fnmatchcase

from sidecar.core.history.observed import group_job
from sidecar.core.ids import GroupKey
from sidecar.core.model import PartKind, Run, SourceKind
from sidecar.core.reports import snapshots
from sidecar.core.reports.facts import BackupGroup
from sidecar.core.reports.removed import is_removed
from sidecar.core.reports.report import Reading, Report
from sidecar.core.settings import PartSetting, SourceSetting

from .copies import copied_by
from .expectation import Evidence, Expectation, Observed
from .guests import GuestPart
from .inputs import Inputs, schedule_in_force
from .joins import Place
from .links import datastore_page
from .part import Actions, Part, newest_first
from .stored import each_place_once, in_datastore
from .synced import SyncedCopies

_ACTIONS = Actions(
    failed="Read the task's log on the backup server, then run the backup again on its client.",
    missed="Check the client that makes this backup.",
    never="Run the first backup on its client.",
    uncovered="Say when it runs: expect, schedule.",
)

#: Comments are free text: so much of one is a name.
_MOST_OF_A_NAME = 100

_TYPES = ("vm", "ct", "host")


def is_glob(ref: str) -> bool:
    """It means whatever matches."""
    return "*" in ref or "?" in ref


def parts(inputs: Inputs, setting: PartSetting, guest_parts: list[GuestPart]) -> list[Part]:
    """The groups that a reference of the form [source:]datastore[/namespace]/type/id means."""
    wanted, path = inputs.settings.split(setting.ref)
    asked = [source for source, _ in inputs.of(SourceKind.PBS) if wanted in (None, source.name)]
    if is_glob(path):
        return [part for source in asked for part in _matching(inputs, source, path, guest_parts)]
    try:
        key = GroupKey.parse(path)
    except ValueError:
        return []
    there = [source for source in asked if inputs.group_index(source).group(key) is not None]
    hidden = [source for source in asked if _may_hide(inputs, source, key)] if not there else []
    return [_part(inputs, source, key, guest_parts) for source in there or hidden[:1]]


def _matching(inputs: Inputs, source: SourceSetting, pattern: str, guest_parts: list[GuestPart]) -> Iterator[Part]:
    """Every group that a pattern means, and one part for each datastore in which such groups may be that can't be seen."""
    report = inputs.reports.get(source.name)
    if report is None:
        return
    for group in report.facts(BackupGroup):
        if fnmatchcase(group.path, pattern):
            yield _part(inputs, source, group.key, guest_parts)
    for datastore, evidence in _hidden(inputs, source, report, pattern):
        yield Part(
            kind=PartKind.GUEST,
            ref=pattern,
            name=pattern,
            source=source.name,
            observed=Observed(evidence=evidence),
            link=datastore_page(source, datastore),
        )


def _hidden(inputs: Inputs, source: SourceSetting, report: Report, pattern: str) -> Iterator[tuple[str, Evidence]]:
    """Datastores in which a group of the pattern may lie that can't be seen, each once, with why."""
    *place, kind, _ = pattern.split("/")
    if not place:
        return
    if not is_glob("/".join((*place, kind))):
        key = GroupKey(place[0], "/".join(place[1:]), kind, "_")
        if _may_hide(inputs, source, key):
            yield key.datastore, Place(source, key.datastore, key.namespace).evidence(inputs)
        return
    ids, seen = f"{'/'.join((*place, kind))}/*", set()
    unread = (reading for reading in report.within("snapshots") if reading.as_of is None)
    listings = (each for each in report.within("namespaces") if each.as_of is None or _is_denied(each))
    for reading in (*unread, *listings):
        _, datastore, *rest = reading.scope
        where = "/".join(filter(None, (datastore, *rest)))
        # Of a list of namespaces that is not whole nobody knows what is missing: of the datastore anything may be.
        paths = [f"{where}/{each}/_" for each in _TYPES]
        may_be = any(fnmatchcase(path, ids) for path in paths) if rest else fnmatchcase(datastore, place[0])
        if may_be and datastore not in seen:
            seen.add(datastore)
            yield datastore, inputs.evidence(source, replace(reading, as_of=None))


def _is_denied(reading: Reading) -> bool:
    return reading.problem is not None and reading.problem.denied


def unnamed(inputs: Inputs, taken: set[tuple[PartKind, str]]) -> list[Part]:
    """Groups that no service names, as parts: all where no Proxmox VE is configured, beside one those of hosts (rule 12).

    Copies that a sync job pulled are told of beside a Proxmox VE, and not judged for themselves.

    Args:
        taken: parts that services name, by kind and reference with the source.
    """
    alone = is_alone(inputs)
    return [
        _part(inputs, source, group.key, [], named=False)
        for source, report in inputs.of(SourceKind.PBS)
        for group in (report.facts(BackupGroup) if report is not None else ())
        if report is not None
        and (alone or (group.type == "host" and copied_by(report, group) is None))
        and (PartKind.GUEST, f"{source.name}:{group.path}") not in taken
    ]


def is_alone(inputs: Inputs) -> bool:
    """No Proxmox VE is configured: nobody tells who writes the groups of a backup server."""
    return not any(inputs.of(SourceKind.PVE))


def _may_hide(inputs: Inputs, source: SourceSetting, key: GroupKey) -> bool:
    """What lies in that namespace could not be read for too long, or may not be seen: the group may well be there."""
    place = Place(source, key.datastore, key.namespace)
    known, evidence = place.reading(inputs.reports.get(source.name)) is not None, place.evidence(inputs)
    denied = evidence.problem is not None and evidence.problem.denied
    return evidence.stale(inputs.now) and (known or denied)


def why_missing(inputs: Inputs, setting: PartSetting) -> str | None:
    """What there is not of a reference that finds nothing: its datastore or its namespace; None for another reason.

    A pattern is never the name of one that there could be.
    """
    wanted, path = inputs.settings.split(setting.ref)
    try:
        key = GroupKey.parse(path)
    except ValueError:
        return None
    asked = [source for source, _ in inputs.of(SourceKind.PBS) if wanted in (None, source.name)]
    report = inputs.reports.get(asked[0].name) if len(asked) == 1 else None
    if report is None:
        return None
    source = asked[0]
    if not is_glob(key.datastore) and is_removed(report, key.datastore):
        return f"there is no datastore {key.datastore} on {source.name}"
    listing = report.reading("namespaces", key.datastore)
    if (
        listing is not None
        and listing.problem is None
        and not is_glob(key.namespace)
        and report.reading("snapshots", key.datastore, key.namespace) is None
    ):
        return f"datastore {key.datastore} of {source.name} has no namespace {key.namespace}"
    return None


def empty(inputs: Inputs, setting: PartSetting, guest_parts: list[GuestPart]) -> list[Part]:
    """The groups that the reference means although nothing is in them: their namespace could be read not long ago."""
    wanted, path = inputs.settings.split(setting.ref)
    if is_glob(path):
        return []
    try:
        key = GroupKey.parse(path)
    except ValueError:
        return []
    return [
        replace(_part(inputs, source, key, guest_parts), absent=True)
        for source, report in inputs.of(SourceKind.PBS)
        if wanted in (None, source.name) and report is not None and _is_readable(inputs, source, report, key)
    ]


def _is_readable(inputs: Inputs, source: SourceSetting, report: Report, key: GroupKey) -> bool:
    reading = report.reading("snapshots", key.datastore, key.namespace)
    return reading is not None and inputs.fresh(source, reading)


def _part(
    inputs: Inputs, source: SourceSetting, key: GroupKey, guest_parts: list[GuestPart], *, named: bool = True
) -> Part:
    index = inputs.group_index(source)
    evidence = Place(source, key.datastore, key.namespace).evidence(inputs)
    summary = index.summary(key)
    failures = snapshots.failed_runs(index.failed_uploads(key))
    runs = newest_first([*summary.runs(evidence.as_of, snapshots.UPLOAD_LIMIT), *failures])
    observed = Observed(
        evidence=evidence,
        runs=runs,
        count=None if evidence.as_of is None else len(summary.finished),
        concerns=summary.concerns,
        verified_at=summary.verified_at,
        verified=summary.verified,
        shown=summary.shown,
        owner=summary.owner,
        encrypted=summary.encrypted,
        protected=len(summary.protected),
    )
    writer, only_here = _writer(source, key, guest_parts) or (None, ())
    expected = [
        # What the tasks of the job tell counts for its one group as for the guest.
        expectation if only else replace(expectation, observed=observed, starts_seen=False, note=None)
        for expectation, only in zip(writer.expectations if writer else (), only_here, strict=True)
    ]
    group = index.group(key)
    here = in_datastore(source.name, key.datastore, evidence, summary)
    copies = SyncedCopies(inputs).of((key.type, key.id), [(source.name, key)], summary.begun)
    if writer is None and group is not None:
        expected = [_by_rhythm(inputs, source, key, observed, named=named)]
    return Part(
        kind=PartKind.GUEST,
        ref=key.path,
        name=_name(group) if group is not None and not named else key.path,
        source=source.name,
        observed=observed,
        expectations=tuple(expected),
        oldest_trace=_oldest(runs, writer),
        starts_seen=False,
        kept_on=(writer.source,) if writer else (),
        link=datastore_page(source, key.datastore),
        actions=_ACTIONS,
        stored=tuple(each_place_once([here, *copies])),
    )


def _by_rhythm(inputs: Inputs, source: SourceSetting, key: GroupKey, observed: Observed, *, named: bool) -> Expectation:
    """Rule 12: nobody tells when its client runs, unless the owner does under ``jobs``."""
    job = group_job(source.name, key)
    schedule = schedule_in_force(job, None, None, inputs.settings)
    if schedule.text is None:
        schedule = replace(schedule, trouble=None)
    return Expectation(
        job=job,
        destination=None,
        schedule=schedule,
        observed=observed,
        starts_seen=False,
        every_run_was_due=schedule.schedule is None,
        by_rhythm=schedule.schedule is None,
        remembered=tuple(run.start for run in inputs.history.runs.get(str(job), ())),
        named=named,
    )


def _name(group: BackupGroup) -> str:
    """What its newest comment says, else what its server calls it: "host/nas"."""
    comments = (snapshot.comment for snapshot in group.snapshots if snapshot.comment)
    return next(comments, f"{group.type}/{group.id}")[:_MOST_OF_A_NAME]


def _oldest(runs: Sequence[Run], writer: Part | None) -> datetime | None:
    """The oldest sign of it in the group, or of the guest that writes it anywhere."""
    traces = (runs[-1].start if runs else None, writer.oldest_trace if writer else None)
    return min((trace for trace in traces if trace), default=None)


def _writer(source: SourceSetting, key: GroupKey, guest_parts: list[GuestPart]) -> tuple[Part, tuple[bool, ...]] | None:
    """The guest that writes the group, with only what is expected of it there, and which of that is nowhere else."""
    group = (source.name, key)
    for guest in guest_parts:
        if group in guest.groups and guest.part.expected:
            every = zip(guest.part.expectations, guest.groups_of, strict=True)
            there = [(expectation, groups == (group,)) for expectation, groups in every if group in groups]
            part = replace(guest.part, expectations=tuple(expectation for expectation, _ in there))
            return part, tuple(only for _, only in there)
    return None
