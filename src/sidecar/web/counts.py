"""What ``/metrics`` shows beside the board: counts that only grow while the process runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sidecar.core.history.run_counts import RunCounts


class SourceCounts(Protocol):
    """How much a source was asked since the start. See upstream/traffic.py, class Traffic."""

    full_rounds: int
    light_rounds: int
    calls: int
    failed_calls: int
    received_bytes: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts now, by the name of the job and of the source. Without a ledger runs are not counted: None."""

    runs: Callable[[], Mapping[str, RunCounts] | None] = lambda: None
    sources: Callable[[], Mapping[str, SourceCounts]] = dict
