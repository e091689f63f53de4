"""Datastores of which it can't be told what lies there: copies that a sync job made may do so unseen (rule 15)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sidecar.core.model import PlaceKind, SourceKind
from sidecar.core.reports.facts import Datastore
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting

from .expectation import Evidence
from .inputs import Inputs
from .stored import Stored


def hidden_places(inputs: Inputs) -> tuple[Stored, ...]:
    """Each datastore of a backup server once, and a server as a whole where not even its datastores are known."""
    return tuple(place for source, report in inputs.of(SourceKind.PBS) for place in _of_server(inputs, source, report))


def _of_server(inputs: Inputs, source: SourceSetting, report: Report | None) -> Iterator[Stored]:
    listing = report.reading("datastores") if report is not None else None
    whole = inputs.evidence(source, listing)
    known = {store.name for store in listing.of(Datastore)} if listing is not None else set()
    if report is None or (whole.stale(inputs.now) and not known):
        yield replace(_hidden(source.name, source, whole), whole=True)
        return
    told: dict[str, Evidence] = {}
    for reading in (*report.within("snapshots"), *report.within("namespaces")):
        evidence = inputs.evidence(source, reading)
        denied = reading.problem is not None and reading.problem.denied
        if denied or evidence.stale(inputs.now):
            told.setdefault(reading.scope[1], evidence)
    for datastore, evidence in told.items():
        yield _hidden(f"{source.name}/{datastore}", source, evidence)


def _hidden(place: str, source: SourceSetting, evidence: Evidence) -> Stored:
    return Stored(
        place=place, kind=PlaceKind.DATASTORE, named=(source.name,), evidence=evidence, newest=None, doubt=True
    )
