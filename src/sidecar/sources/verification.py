"""What a snapshot tells of its verification, as PBS says it and PVE passes it on (PBS-17, PVE-19)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sidecar.core.reports.facts import Verification

from .fields import name, row_of, text
from .upid import parse_upid

#: How a verification may have ended. Any other state says nothing of the snapshot (PBS-17).
_KNOWN = ("ok", "failed")


def parse_verification(value: Any, store: str) -> tuple[Verification | None, str | None]:
    """The verification of a snapshot in ``store``, and its state where that is neither "ok" nor "failed"."""
    if value is None:
        return None, None
    row = row_of(value)
    state = name(row, "state")
    return (_verified(text(row, "upid"), state, store), None) if state in _KNOWN else (None, state)


@lru_cache(maxsize=1024)
def _verified(task: str | None, state: str, store: str) -> Verification:
    """What one run found. It verifies thousands of snapshots: they share it.

    A synced copy brings its source's verification along: then the worker id begins with another datastore. Where the UPID
    can't be read the verification counts as our own, so that a failed one isn't lost.
    """
    upid = parse_upid(task)
    own = upid is None or upid.id.partition(":")[0] == store
    return Verification(ok=state == "ok", at=upid.start if upid else None, own=own)
