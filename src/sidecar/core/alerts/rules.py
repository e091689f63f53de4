"""Whom to tell of what, as configured under ``alerts:``."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from sidecar.core.ids import shared_name
from sidecar.core.model import State


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From a time of day up to, not including, another one, in ``zone``; the second may be on the next day.

    The clock on the wall decides. A time that exists twice is quiet twice, one that does not exist is never quiet.
    """

    start: time
    end: time
    zone: ZoneInfo

    def at(self, now: datetime) -> bool:
        """Whether it is quiet at this moment."""
        clock = now.astimezone(self.zone).time()
        if self.start < self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Somebody who is told.

    Attributes:
        states: the states that are told. ``late``, ``running``, ``new``, ``ok`` and ``disabled`` never are.
        services: patterns of names; ``*`` matches anything, and "vaultwarden" also "vaultwarden (pve:101)".
        jobs: upkeep jobs; a job that backs something up shows in its services.
        remind_after: what has lasted this long is told again; None: never.
        hold: what is over after this time is not told.
    """

    name: str
    states: frozenset[State]
    services: tuple[str, ...] = ("*",)
    jobs: bool = True
    datastores: bool = True
    sources: bool = True
    quiet: QuietHours | None = None
    remind_after: timedelta | None = None
    hold: timedelta = timedelta(minutes=2)

    def wants_service(self, name: str) -> bool:
        """One of the patterns matches, also without what keeps services of one name apart."""
        return any(_matches(pattern, name) for pattern in self.services)

    def unmatched(self, names: Collection[str]) -> tuple[str, ...]:
        """Patterns that match none of these services, so most likely misspelt. Without any service nothing is known yet."""
        return tuple(
            pattern for pattern in self.services if names and not any(_matches(pattern, name) for name in names)
        )

    def is_quiet(self, now: datetime) -> bool:
        """Nothing is to be sent now."""
        return self.quiet is not None and self.quiet.at(now)


def _matches(pattern: str, name: str) -> bool:
    return any(fnmatchcase(each, pattern) for each in (name, shared_name(name)))
