"""The room that is left on the datastores of a backup server (PBS-22)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from sidecar.core import words
from sidecar.core.model import DatastoreRow, SourceKind, State, Verdict
from sidecar.core.parts.inputs import Inputs
from sidecar.core.parts.links import datastore_page
from sidecar.core.reports.facts import Datastore
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting

#: A datastore that is full sooner than this is worth a warning.
SOON_FULL = timedelta(days=14)


def datastore_rows(inputs: Inputs) -> Iterator[DatastoreRow]:
    """Room on all datastores."""
    for source, report in inputs.of(SourceKind.PBS):
        for store in report.facts(Datastore) if report else ():
            yield DatastoreRow(
                source=source.name,
                name=store.name,
                total=store.total,
                used=store.used,
                avail=store.avail,
                full_at=store.full_at,
                verdict=_room(inputs, source, report, store),
            )


def _room(inputs: Inputs, source: SourceSetting, report: Report | None, store: Datastore) -> Verdict:
    reading = report.reading("datastores") if report else None
    if not inputs.fresh(source, reading):
        return Verdict(State.UNKNOWN, f"Can't read {source.name}.")
    if store.error or store.maintenance in ("offline", "delete", "unmount"):
        return Verdict(State.UNKNOWN, words.sentence(store.error or f"in maintenance: {store.maintenance}"))
    if store.maintenance:
        return Verdict(
            State.WARNING,
            words.sentence(f"in maintenance: {store.maintenance}"),
            link=datastore_page(source, store.name),
        )
    if store.total is None or store.used is None:
        return Verdict(State.UNKNOWN, "Its size can't be read.")
    if store.full_at and store.full_at - inputs.now < SOON_FULL:
        when = words.moment(store.full_at, inputs.now, inputs.settings.timezone)
        return Verdict(
            State.WARNING,
            f"Full by {when} as it grows now.",
            None,
            "Make room, or prune more.",
            datastore_page(source, store.name),
        )
    return Verdict(State.OK)
