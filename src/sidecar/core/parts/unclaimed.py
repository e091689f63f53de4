"""Backup groups that no row shows, each called what it is (rule 11): a copy, a template's, another cluster's, a gone guest's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from sidecar.core import words
from sidecar.core.ids import GroupKey
from sidecar.core.model import PartKind, SourceKind
from sidecar.core.reports.facts import BackupGroup, BackupJob, Guest, Storage
from sidecar.core.reports.report import LimitKind, Report
from sidecar.core.settings import SourceSetting

from . import joins
from .copies import copied_by
from .guests import GuestPart
from .inputs import Inputs

#: Notes about single groups, of each kind; what is more is counted.
_MOST = 50


def notes(inputs: Inputs, guest_parts: list[GuestPart], taken: set[tuple[PartKind, str]]) -> Iterator[str]:
    """What is kept that no row shows. Nothing can be said while no cluster can be asked which guests there are."""
    clusters = [(source, report) for source, report in inputs.of(SourceKind.PVE) if report is not None]
    if not any(inputs.fresh(source, report.reading("guests")) for source, report in clusters):
        return
    unclaimed = [
        (source, report, group)
        for source, report, group in _not_owned(inputs, guest_parts)
        if (PartKind.GUEST, f"{source.name}:{group.path}") not in taken and not _ignored(inputs, group.path)
    ]
    if not unclaimed:
        return
    known = _Known(inputs, clusters)
    told: dict[str, list[str]] = defaultdict(list)
    for source, report, group in unclaimed:
        told[known.what_is(source, report, group)].append(f"{source.name}:{group.path}")
    for text in sorted(told):
        yield from _sentences(text, sorted(told[text]))


def _not_owned(inputs: Inputs, guest_parts: Iterable[GuestPart]) -> Iterator[tuple[SourceSetting, Report, BackupGroup]]:
    """The groups that no guest has."""
    owned: dict[str, set[GroupKey]] = defaultdict(set)
    for guest in guest_parts:
        for source_name, key in guest.groups:
            owned[source_name].add(key)
    for source, report in inputs.of(SourceKind.PBS):
        if report is not None:
            yield from ((source, report, group) for group in inputs.group_index(source).others(owned[source.name]))


def _sentences(text: str, names: list[str]) -> Iterator[str]:
    """One for each group, or where there is nothing to do about them one for all."""
    if text.startswith(_ALL_AT_ONCE):
        yield words.sentence(text.format(words.listed(names)))
        return
    yield from (words.sentence(text.format(name)) for name in names[:_MOST])
    if len(names) > _MOST:
        yield words.sentence(text.format(f"{len(names) - _MOST} more"))


_ALL_AT_ONCE = "copies made by"


class _Known:
    """What is known of guests and of who writes where."""

    def __init__(self, inputs: Inputs, clusters: list[tuple[SourceSetting, Report]]) -> None:
        self._guests: dict[tuple[str, str], Guest] = {}
        self._covered: set[str] = set()
        self._written: set[tuple[str, str, str]] = set()
        self._sees_all = True
        for source, report in clusters:
            for guest in report.facts(Guest):
                self._guests[guest.backup_type, str(guest.vmid)] = guest
            for job in report.facts(BackupJob):
                self._covered.update(str(vmid) for vmid in job.guests or ())
            places = (joins.place_of(inputs, source, storage) for storage in report.facts(Storage))
            self._written |= {(place.source.name, place.datastore, place.namespace) for place in places if place}
            self._sees_all = self._sees_all and _sees_all_guests(inputs, source, report)

    def what_is(self, source: SourceSetting, report: Report, group: BackupGroup) -> str:
        """The note about it, with a place for its name."""
        if (job := copied_by(report, group)) is not None:
            return f"copies made by sync job {source.name}/sync/{_quoted(job.id)} are judged by that job: {{}}"
        guest = self._guests.get((group.type, group.id))
        if guest is not None:
            who = _quoted(guest.name or group.id)
            if guest.template:
                return f"kept backups of template {who}: {{}}"
            return f"backups of {who} where no job of today saves it: {{}}"
        if group.id in self._covered:
            return "backups of a guest that a job covers and the token may not see: {}"
        if (source.name, group.datastore, group.namespace) not in self._written:
            return "backups that no configured Proxmox VE makes: {}"
        if not self._sees_all:
            return "backups of a guest that is gone or that the token may not see: {}"
        return "kept backups of a guest that is gone: {}"


def _sees_all_guests(inputs: Inputs, source: SourceSetting, report: Report) -> bool:
    hidden = any(limit.kind is LimitKind.NOT_VISIBLE and limit.culprit == "/vms" for limit in report.limits)
    return not hidden and inputs.fresh(source, report.reading("guests"))


def _quoted(name: str) -> str:
    """A name in a text that has a place for another."""
    return name.replace("{", "{{").replace("}", "}}")


def _ignored(inputs: Inputs, path: str) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in inputs.settings.ignore.groups)
