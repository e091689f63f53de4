"""The upstreams, one per file and all of one shape: calls → plain parse functions → a Report."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sidecar.core.model import SourceKind
from sidecar.core.reports.report import Report

#: Reads a secret; True asks for a fresh one. Raises SecretError.
Secret = Callable[[bool], Awaitable[str]]

#: The time now, aware.
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Look:
    """What a light round showed.

    Attributes:
        report: all that is known now; None where only a full round can tell.
        is_news: something is not as it was, so that everything must be judged anew.
        in_doubt: without a report: not that something ran, but that what was known proves nothing any more.
    """

    report: Report | None = None
    is_news: bool = False
    in_doubt: bool = False


#: Nothing that was known proves anything any more.
DOUBT = Look(in_doubt=True)


#: A light round shows that the upstream lives: it is not waited for long.
LIGHT_SECONDS = 10.0


class Source(Protocol):
    """One configured upstream."""

    @property
    def name(self) -> str:
        """The name that the configuration gives it."""

    @property
    def kind(self) -> SourceKind:
        """What it is."""

    @property
    def confirms(self) -> bool:
        """Its light rounds prove that what was read last still holds."""

    def adopt(self, report: Report) -> None:
        """Before the first round: what was known of it when the process started. It proves nothing.

        What it says again is the same objects: else long lists would be in memory twice, and scattered over more of it for
        as long as the process runs.
        """

    async def read(self, clock: Clock, *, whole: bool = True) -> Report:
        """A full round: everything it reports now. Trouble with the upstream is in the report, never raised.

        ``whole``: also long lists of which it is proved that nothing changed.
        """

    async def look(self, clock: Clock, *, wide: bool = False) -> Look:
        """A light round: whether the upstream lives, and whether anything ran since the last round.

        ``wide``: also the short lists of what leaves no task when it changes, as who is in which job.
        """

    async def close(self) -> None:
        """Closes its connections."""
