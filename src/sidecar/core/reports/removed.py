"""Datastores that a backup server does not have: its whole list could be seen, and they are not in it (PBS-6)."""

from __future__ import annotations

from .facts import Datastore
from .report import Report, hidden_below


def is_removed(report: Report, datastore: str) -> bool:
    """The server has no such datastore. False where that can't be told: the list failed, or shows only a part."""
    reading = report.reading("datastores")
    if report.problem is not None or reading is None or reading.problem is not None or reading.as_of is None:
        return False
    listed = any(store.name == datastore for store in reading.of(Datastore))
    return not listed and hidden_below(report, "/datastore") is None
