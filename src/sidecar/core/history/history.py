"""What is remembered from earlier: ``record.py`` adds what a report tells, the judgement reads it, the ledger keeps it.

A *member* is a part by its full name, "{kind}:{source}:{ref}": ``guest:pve:101``, ``database:databasement:pg/crm``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar

from sidecar.core.model import Run

V = TypeVar("V")


def _nothing() -> Mapping[str, V]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """A job's promise to one member as its upstream told it, and when it was in force (rule 1).

    Attributes:
        job: "{source}/{kind}/{id}".
        schedule: as the upstream writes it. The owner's own word (``jobs:``, ``expect:``) is not remembered: it holds
            for the past too.
        timezone: the zone that the upstream told with it; None where it doesn't tell.
        enabled: False while it was switched off upstream.
        valid_from: when it was first seen; None when it was there at first contact, so that it counts from before.
        valid_to: when something else was seen in its place; None while it is in force.
        destination: what the memory calls the place that it was for (coverage.storage_key, volumes_key). None where the
            job has but one place, and in rows of an older ledger: those take the destination in force.
    """

    job: str
    schedule: str | None
    timezone: str | None
    enabled: bool
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    destination: str | None = None

    def __hash__(self) -> int:
        # Boards look up thousands of rows, by what differs nearly always.
        return hash(self.job)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A member as it was seen.

    Attributes:
        first: since when it is known.
        gone: since when it is not there any more; None while it is.
        since: rule 11: its id belonged to another one before, which was gone by then; None where it is the first one.
    """

    first: datetime
    name: str
    gone: datetime | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Memory that a single set of reports can't hold.

    Attributes:
        first_contact: when anything was read for the first time. Where nothing older leaves a trace, due times count from here.
        contacts: the same for each source, by name.
        plans: every promise by member, oldest first.
        announced: by job the runs that its upstream announced (Backrest), past ones and the next, oldest first.
        seen: every member that was ever seen.
        runs: by upkeep job every run that was seen of it, by Backrest plan every good one, and so by backup group where
            nobody tells its schedule; newest first.
        brief: by source the number of names that were there only briefly and are forgotten (bounds.py), where they are
            many. It is counted anew when something changes, and not stored.
    """

    first_contact: datetime | None = None
    contacts: Mapping[str, datetime] = field(default_factory=_nothing, hash=False)
    plans: Mapping[str, tuple[PlanRow, ...]] = field(default_factory=_nothing, hash=False)
    announced: Mapping[str, tuple[datetime, ...]] = field(default_factory=_nothing, hash=False)
    seen: Mapping[str, Sighting] = field(default_factory=_nothing, hash=False)
    runs: Mapping[str, tuple[Run, ...]] = field(default_factory=_nothing, hash=False)
    brief: Mapping[str, int] = field(default_factory=_nothing, hash=False, compare=False)

    def contact(self, source: str) -> datetime | None:
        """When that source was first read; else when any was."""
        return self.contacts.get(source, self.first_contact)

    def known_since(self, member: str, source: str) -> datetime | None:
        """Since when due times of a member count that left no older trace: when it was first seen, by ``source``."""
        sighting = self.seen.get(member)
        return self.contact(source) if sighting is None else sighting.since or sighting.first


#: Nothing is remembered.
EMPTY = History()
