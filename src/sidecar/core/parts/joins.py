"""Finds the backup groups that belong to a guest: PVE's storages lead to a PBS source, a datastore and a namespace.

The way there: the storage's leaf fingerprint, else its host, else ``storages:`` in the configuration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from sidecar.core.ids import GroupKey
from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import Guest, Storage
from sidecar.core.reports.report import Reading, Report
from sidecar.core.settings import SourceSetting

from . import stores
from .expectation import Evidence
from .inputs import Inputs


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace on a PBS source, as reached through a storage of PVE."""

    source: SourceSetting
    datastore: str
    namespace: str

    def group_of(self, guest: Guest) -> GroupKey:
        """The backup group of a guest there."""
        return GroupKey(self.datastore, self.namespace, guest.backup_type, str(guest.vmid))

    def reading(self, report: Report | None) -> Reading | None:
        """What the source said of this namespace; a namespace that is proved not to exist reads as empty."""
        if report is None:
            return None
        snapshots = report.reading("snapshots", self.datastore, self.namespace)
        if snapshots is not None:
            return snapshots
        listing = report.reading("namespaces", self.datastore)
        return Reading(listing.scope, listing.as_of, (), listing.problem) if listing is not None else None

    def evidence(self, inputs: Inputs) -> Evidence:
        """How well it is known what lies there. An empty list of a datastore whose disk is lost is no knowledge."""
        reading = self.reading(inputs.reports.get(self.source.name))
        if reading is not None and (lost := stores.why_lost(inputs, self.source, self.datastore)) is not None:
            reading = Reading(reading.scope, None, (), lost)
        return inputs.evidence(self.source, reading)


def place_of(lab: Inputs, pve: SourceSetting, storage: Storage) -> Place | None:
    """Where a storage of type pbs keeps its backups; None when it leads to no configured source."""
    if storage.type != "pbs" or storage.datastore is None:
        return None
    for source in _candidates(lab, pve, storage):
        return Place(source, storage.datastore, storage.namespace or "")
    return None


def _candidates(lab: Inputs, pve: SourceSetting, storage: Storage) -> Iterator[SourceSetting]:
    servers = list(lab.of(SourceKind.PBS))
    told = pve.storages.get(storage.name)
    yield from (source for source, _ in servers if source.name == told)
    if storage.fingerprint:
        wanted = storage.fingerprint.lower()
        yield from (source for source, report in servers if report and report.tls_fingerprint == wanted)
    if storage.server:
        yield from (source for source, _ in servers if urlsplit(source.url).hostname == storage.server.lower())
