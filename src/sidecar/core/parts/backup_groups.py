"""Backup groups named by themselves ("pbs:main/ns/host/nas"), and what is kept of guests that are gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase

from sidecar.core.model import Link, PartKind, SourceKind
from sidecar.core.reports import snapshots
from sidecar.core.reports.facts import BackupGroup
from sidecar.core.settings import PartSetting, SourceSetting

from .guests import GuestPart
from .inputs import Inputs
from .joins import Place
from .part import Actions, Part

_ACTIONS = Actions(
    failed="Read the task's log on the backup server, then run the backup again on its client.",
    missed="Check the client that makes this backup.",
    never="Run the first backup on its client.",
    uncovered="Say when it runs: expect, schedule.",
)


def parts(lab: Inputs, setting: PartSetting, guest_parts: list[GuestPart]) -> list[Part]:
    """The groups that a reference of the form [source:]datastore[/namespace]/type/id means."""
    named, colon, path = setting.ref.partition(":")
    wanted = named if colon and lab.settings.source(named) else None
    path = path if wanted else setting.ref
    datastore, *between, backup_type, backup_id = path.split("/")
    found: list[Part] = []
    for source, _ in lab.of(SourceKind.PBS):
        if wanted in (None, source.name):
            place = Place(source, datastore, "/".join(between))
            found += _part(lab, place, backup_type, backup_id, path, guest_parts)
    return found


def _part(
    lab: Inputs, place: Place, backup_type: str, backup_id: str, path: str, guest_parts: list[GuestPart]
) -> Iterator[Part]:
    report = lab.reports.get(place.source.name)
    reading = place.reading(report)
    shelf = lab.shelf(place.source)
    group = shelf.group(place.datastore, place.namespace, backup_type, backup_id)
    if group is None:
        return
    key = (place.source.name, place.datastore, place.namespace, f"{backup_type}/{backup_id}")
    writer = next((one.part for one in guest_parts if key in one.groups and one.part.plans), None)
    evidence = lab.evidence(place.source, reading)
    stock = shelf.stock(group)
    failures = shelf.failed_uploads(place.datastore, backup_type, backup_id)
    runs = [*stock.runs(evidence.as_of, snapshots.UPLOAD_LIMIT), *snapshots.failed_runs(failures)]
    part = Part(
        kind=PartKind.GUEST,
        ref=path,
        name=path,
        source=place.source.name,
        evidence=evidence,
        plans=writer.plans if writer else (),
        past=writer.past if writer else (),
        kept_on=(writer.source,) if writer else (),
        runs=tuple(sorted(runs, key=lambda run: run.start, reverse=True)),
        starts_seen=False,
        first_due_after=shelf.oldest_trace(place.datastore),
        count=len(stock.finished),
        concerns=stock.concerns,
        broken=stock.broken,
        verified_at=stock.verified_at,
        link=link(place.source, place.datastore),
        actions=_ACTIONS,
    )
    yield replace(part, activities=writer.activities, longest=writer.longest) if writer else part


def link(source: SourceSetting, datastore: str) -> Link:
    """The datastore's page on its server."""
    return Link(f"{source.url}/#DataStore-{datastore}", "Datastore in Proxmox Backup Server")


def notes(lab: Inputs, guest_parts: list[GuestPart], taken: set[tuple[PartKind, str]]) -> Iterator[str]:
    """Groups that no row shows: of guests that are gone (kept, not expected, rule 2), and of clients nobody mapped."""
    if not any(report and lab.fresh(source, report.reading("guests")) for source, report in lab.of(SourceKind.PVE)):
        return
    owned = {group for one in guest_parts for group in one.groups}
    gone: list[str] = []
    clients: list[str] = []
    for source, report in lab.of(SourceKind.PBS):
        for group in report.facts(BackupGroup) if report else ():
            path = group.path
            shown = (source.name, group.datastore, group.namespace, f"{group.type}/{group.id}") in owned
            if shown or (PartKind.GUEST, f"{source.name}:{path}") in taken or _ignored(lab, path):
                continue
            (clients if group.type == "host" else gone).append(f"{source.name}:{path}")
    yield from (f"Kept backups of a guest that is gone: {path}." for path in sorted(gone))
    yield from (f"No service names the backups of {path}, so nothing is expected of them." for path in sorted(clients))


def _ignored(lab: Inputs, path: str) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in lab.settings.ignore.groups)
