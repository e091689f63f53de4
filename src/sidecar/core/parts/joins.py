"""Finds the backup groups that belong to a guest: PVE's storages lead to a PBS source, a datastore and a namespace.

The way there: the storage's leaf fingerprint, else its host, else ``storages:`` in the configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from sidecar.core.ids import GroupKey
from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import Datastore, Guest, Namespace, Storage
from sidecar.core.reports.grants import on_backup_server
from sidecar.core.reports.report import Problem, ProblemKind, Reading, Report, hidden_below
from sidecar.core.settings import SourceSetting
from sidecar.core.value import value

from . import stores
from .expectation import Evidence
from .inputs import Inputs


@value()
class Place:
    """A namespace on a PBS source, as reached through a storage of PVE."""

    source: SourceSetting
    datastore: str
    namespace: str

    def group_of(self, guest: Guest) -> GroupKey:
        """The backup group of a guest there."""
        return GroupKey(self.datastore, self.namespace, guest.backup_type, str(guest.vmid))

    def reading(self, report: Report | None) -> Reading | None:
        """What the source reported of this namespace; one that is proved not to exist reads as empty.

        One that is listed, or was when the list could be read last, and whose content was not read proves nothing.
        """
        if report is None:
            return None
        snapshots = report.reading("snapshots", self.datastore, self.namespace)
        if snapshots is not None:
            return snapshots
        listing = report.reading("namespaces", self.datastore)
        if listing is None:
            return None
        is_listed = any(namespace.name == self.namespace for namespace in listing.of(Namespace))
        return Reading(listing.scope, None if is_listed else listing.as_of, (), listing.problem)

    def evidence(self, inputs: Inputs) -> Evidence:
        """How well it is known what lies there. An empty list of a datastore whose disk is lost is no knowledge."""
        reading = self.reading(inputs.reports.get(self.source.name))
        if reading is not None and (lost := stores.why_lost(inputs, self.source, self.datastore)) is not None:
            reading = Reading(reading.scope, None, (), lost)
        report = inputs.reports.get(self.source.name)
        listing = report.reading("datastores") if report is not None else None
        if reading is None and listing is not None and listing.problem is not None:
            reading = Reading(listing.scope, None, (), listing.problem)
        if reading is None and (unseen := self._why_unseen(report)) is not None:
            reading = Reading(("snapshots", self.datastore, self.namespace), None, (), unseen)
        return inputs.evidence(self.source, reading)

    def _why_unseen(self, report: Report | None) -> Problem | None:
        """Why the server told nothing of the datastore although it listed some; None where it listed none at all."""
        stores = report.reading("datastores") if report is not None and report.problem is None else None
        if report is None or stores is None:
            return None
        if any(store.name == self.datastore for store in stores.of(Datastore)):
            return None
        path = f"/datastore/{self.datastore}/{self.namespace}".rstrip("/")
        if (hidden := hidden_below(report, "/datastore")) is not None:
            grant = on_backup_server(path, "DatastoreAudit", hidden.grantees)
            return Problem(
                f"the token may not see {path}, or there is no such datastore",
                f"Grant it to the token and to its user: {grant}",
                kind=ProblemKind.NO_PERMISSION,
                culprit=path,
            )
        return Problem(
            f"it has no datastore {self.datastore}",
            "Correct the storage in Proxmox VE, or take the job off it.",
            kind=ProblemKind.NOT_REPORTED,
            culprit=self.datastore,
        )


def place_of(inputs: Inputs, pve: SourceSetting, storage: Storage) -> Place | None:
    """Where a storage of type pbs keeps its backups; None when it leads to no configured source."""
    if storage.type != "pbs" or storage.datastore is None:
        return None
    for source in _candidates(inputs, pve, storage):
        return Place(source, storage.datastore, storage.namespace or "")
    return None


def may_lead_to(inputs: Inputs, storages: Iterable[Storage]) -> Problem | None:
    """Why it can't be told yet where storages lead that are known by a certificate: a server has not shown its own so far."""
    if not any(storage.fingerprint for storage in storages):
        return None
    for source, report in inputs.of(SourceKind.PBS):
        problem = report.problem if report is not None else None
        if report is None or (problem is not None and report.tls_fingerprint is None):
            why = problem.cause if problem is not None else "it was not read yet"
            cause = f"can't tell where storage {next(iter(storages)).name} leads until {source.name} can be read: {why}"
            action = problem.action if problem is not None else None
            return Problem(cause, action, kind=ProblemKind.NOT_READ_YET, culprit=source.name)
    return None


def _candidates(inputs: Inputs, pve: SourceSetting, storage: Storage) -> Iterator[SourceSetting]:
    servers = list(inputs.of(SourceKind.PBS))
    configured = pve.storages.get(storage.name)
    yield from (source for source, _ in servers if source.name == configured)
    if storage.fingerprint:
        wanted = storage.fingerprint.lower()
        yield from (source for source, report in servers if report and report.tls_fingerprint == wanted)
    if storage.server:
        yield from (source for source, _ in servers if urlsplit(source.url).hostname == storage.server.lower())
