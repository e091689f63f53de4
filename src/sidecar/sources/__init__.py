"""The upstreams, one per file and all of one shape: calls → plain parse functions → a Report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from sidecar.core.model import SourceKind
from sidecar.core.reports.report import Report

#: Reads a secret; True asks for a fresh one. Raises SecretError.
Secret = Callable[[bool], Awaitable[str]]

#: The time now, aware.
Clock = Callable[[], datetime]


class Source(Protocol):
    """One configured upstream."""

    @property
    def name(self) -> str:
        """The name that the configuration gives it."""

    @property
    def kind(self) -> SourceKind:
        """What it is."""

    async def read(self, clock: Clock) -> Report:
        """Everything it reports now. Trouble with the upstream is in the report, never raised."""

    async def close(self) -> None:
        """Closes its connections."""
