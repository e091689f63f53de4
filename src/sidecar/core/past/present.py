"""What is known now of those whose past is looked at: who they are, how people call them, and what is still open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar
from zoneinfo import ZoneInfo

from sidecar.core.history.history import Sighting
from sidecar.core.history.verdict_log import ExpectationKey
from sidecar.core.ids import JobId
from sidecar.core.judgement.judged import Judged
from sidecar.core.timeline.owed_by_no_job import has_a_standing
from sidecar.core.timeline.verdict_memory import every_part, expectation_key
from sidecar.core.value import value

from .members import ServiceMembers, own_name, service_members, unread_sources
from .records import Records
from .undecided import Undecided, undecided

K = TypeVar("K")
V = TypeVar("V")


def _nothing() -> Mapping[K, V]:
    return MappingProxyType({})


@value(kw_only=True)
class Present:
    """What was judged at ``at``, as far as the past needs it.

    Attributes:
        zone: in which people read times, and whose months and days are meant.
        expectations: what is expected now.
        upkeep: the upkeep jobs there are, as members.
        undecided: what was due in the stretch that is looked at and is still open.
        contacts: each configured source with when it was first read; None: never.
        unread: the sources of which something was not read yet: what belongs to them may be there.
        titles: what people call a job.
        seen: every member that was ever seen, with its name.
    """

    at: datetime
    zone: ZoneInfo
    services: tuple[ServiceMembers, ...] = ()
    expectations: frozenset[ExpectationKey] = frozenset()
    upkeep: tuple[str, ...] = ()
    undecided: tuple[Undecided, ...] = ()
    contacts: Mapping[str, datetime | None] = field(default_factory=_nothing, hash=False)
    unread: frozenset[str] = frozenset()
    titles: Mapping[str, str] = field(default_factory=_nothing, hash=False)
    seen: Mapping[str, Sighting] = field(default_factory=_nothing, hash=False)

    def called(self, member: str) -> str:
        """How people call a member that stands for itself: an upkeep job by its title, others by name and id."""
        kind, _, rest = member.partition(":")
        if kind == "upkeep":
            return self.titles.get(rest.replace(":", "/", 1), member)
        return own_name(member, self.seen)


def nobody_present(records: Records) -> Present:
    """Where nothing is judged, nobody is known at the end of the stretch."""
    return Present(at=records.end, zone=ZoneInfo("UTC"))


def present_of(judged: Judged, titles: Mapping[JobId, str], records: Records) -> Present:
    """What ``judged`` knows of those whose ``records`` these are."""
    inputs = judged.inputs
    contacts = {source.name: inputs.history.contacts.get(source.name) for source in inputs.settings.sources}
    return Present(
        at=inputs.now,
        zone=inputs.settings.timezone,
        services=service_members(judged),
        expectations=frozenset(_expected(judged)),
        upkeep=tuple(str(part.part.member) for part in judged.upkeep),
        undecided=undecided(judged, records.decided, records.start, records.end),
        contacts=MappingProxyType(contacts),
        unread=unread_sources(inputs),
        titles=MappingProxyType({str(job): title for job, title in titles.items()}),
        seen=inputs.history.seen,
    )


def _expected(judged: Judged) -> Iterator[ExpectationKey]:
    for _, part in every_part(judged):
        yield from (expectation_key(part, judgement.expectation) for judgement in part.judgements)
    for service in judged.services:
        yield from has_a_standing(service)
