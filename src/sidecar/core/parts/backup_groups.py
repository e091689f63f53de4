"""Backup groups named by themselves: "pbs:main/ns/host/nas"."""

from __future__ import annotations

from dataclasses import replace

from sidecar.core.ids import GroupKey
from sidecar.core.model import PartKind, SourceKind
from sidecar.core.reports import snapshots
from sidecar.core.reports.report import Report
from sidecar.core.settings import PartSetting, SourceSetting

from .expectation import Observed
from .guests import GuestPart
from .inputs import Inputs
from .joins import Place
from .links import datastore_page
from .part import Actions, Part, newest_first

_ACTIONS = Actions(
    failed="Read the task's log on the backup server, then run the backup again on its client.",
    missed="Check the client that makes this backup.",
    never="Run the first backup on its client.",
    uncovered="Say when it runs: expect, schedule.",
)


def parts(inputs: Inputs, setting: PartSetting, guest_parts: list[GuestPart]) -> list[Part]:
    """The groups that a reference of the form [source:]datastore[/namespace]/type/id means."""
    wanted, path = inputs.settings.split(setting.ref)
    try:
        key = GroupKey.parse(path)
    except ValueError:
        return []
    asked = [source for source, _ in inputs.of(SourceKind.PBS) if wanted in (None, source.name)]
    there = [source for source in asked if inputs.group_index(source).group(key) is not None]
    hidden = [source for source in asked if _may_hide(inputs, source, key)] if not there else []
    return [_part(inputs, source, key, guest_parts) for source in there or hidden[:1]]


def _may_hide(inputs: Inputs, source: SourceSetting, key: GroupKey) -> bool:
    """What lies in that namespace could not be read, or may not be seen: the group may well be there."""
    place = Place(source, key.datastore, key.namespace)
    known, evidence = place.reading(inputs.reports.get(source.name)) is not None, place.evidence(inputs)
    denied = evidence.problem is not None and evidence.problem.denied
    return evidence.as_of is None and (known or denied)


def empty(inputs: Inputs, setting: PartSetting, guest_parts: list[GuestPart]) -> list[Part]:
    """The groups that the reference means although nothing is in them: their namespace could be read, so this is sure."""
    wanted, path = inputs.settings.split(setting.ref)
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
    return reading is not None and reading.problem is None and inputs.fresh(source, reading)


def _part(inputs: Inputs, source: SourceSetting, key: GroupKey, guest_parts: list[GuestPart]) -> Part:
    index = inputs.group_index(source)
    evidence = Place(source, key.datastore, key.namespace).evidence(inputs)
    summary = index.summary(key)
    failures = snapshots.failed_runs(index.failed_uploads(key))
    runs = newest_first([*summary.runs(evidence.as_of, snapshots.UPLOAD_LIMIT), *failures])
    observed = Observed(
        evidence=evidence,
        runs=runs,
        count=len(summary.finished),
        concerns=summary.concerns,
        verified_at=summary.verified_at,
        verified=summary.verified,
        shown=summary.shown,
    )
    writer = _writer(source, key, guest_parts)
    expected = [
        replace(expectation, observed=observed, starts_seen=False, note=None)
        for expectation in (writer.expectations if writer else ())
    ]
    return Part(
        kind=PartKind.GUEST,
        ref=key.path,
        name=key.path,
        source=source.name,
        observed=observed,
        expectations=tuple(expected),
        oldest_trace=runs[-1].start if runs else None,
        starts_seen=False,
        kept_on=(writer.source,) if writer else (),
        link=datastore_page(source, key.datastore),
        actions=_ACTIONS,
    )


def _writer(source: SourceSetting, key: GroupKey, guest_parts: list[GuestPart]) -> Part | None:
    """The guest that writes the group, with only what is expected of it there."""
    for guest in guest_parts:
        if (source.name, key) in guest.groups and guest.part.expected:
            there = tuple(
                expectation
                for expectation, groups in zip(guest.part.expectations, guest.groups_of, strict=True)
                if (source.name, key) in groups
            )
            return replace(guest.part, expectations=there)
    return None
