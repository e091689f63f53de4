"""Datastores whose backups nothing ever verifies: told once, for it is no fault of any service (rule 9)."""

from __future__ import annotations

from collections.abc import Iterator

from sidecar.core import words
from sidecar.core.model import SourceKind
from sidecar.core.reports.cached import cached_of
from sidecar.core.reports.facts import BackupGroup, UpkeepJob
from sidecar.core.reports.report import Report, hidden_below

from .inputs import Inputs


def notes(inputs: Inputs) -> Iterator[str]:
    """One sentence for all of them."""
    names = [name for source, _ in inputs.of(SourceKind.PBS) for name in _of_server(inputs, source.name)]
    if names:
        yield f"There is no verification job for {words.listed(names)}: nothing shows that its backups can be restored."


def _of_server(inputs: Inputs, name: str) -> Iterator[str]:
    """Only where every job can be seen."""
    source, report = inputs.settings.source(name), inputs.reports.get(name)
    listing = report.reading("upkeep", "verify") if report is not None else None
    if source is None or report is None or listing is None or listing.problem is not None:
        return
    if inputs.fresh(source, listing) and hidden_below(report, "/datastore") is None:
        checked = {job.datastore for job in listing.of(UpkeepJob)}
        yield from (f"{name}/{datastore}" for datastore in _never_verified(report) if datastore not in checked)


@cached_of("snapshots")
def _never_verified(report: Report) -> tuple[str, ...]:
    """The datastores in which something lies, of which this server never verified anything."""
    stores: dict[str, bool] = {}
    for group in report.facts(BackupGroup):
        if not stores.get(group.datastore):
            stores[group.datastore] = any(each.verification and each.verification.own for each in group.snapshots)
    return tuple(datastore for datastore, verified in stores.items() if not verified)
