"""Whose past is a service's: the ledger remembers members and jobs, people ask for services."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from sidecar.core.history.history import Sighting
from sidecar.core.history.verdict_log import OF_SERVICE
from sidecar.core.ids import MemberId, MemberKind, SourceName
from sidecar.core.judgement.judged import Judged, JudgedService
from sidecar.core.parts.inputs import Inputs
from sidecar.core.settings import SourceSetting
from sidecar.core.value import value


def _nothing() -> Mapping[str, datetime]:
    return MappingProxyType({})


@value(kw_only=True)
class ServiceMembers:
    """The members that protect a service at present, by the names that the ledger remembers them under.

    Attributes:
        sources: of which it is read what became of them.
        looked_since: when the first of their sources was first read: what was before that nobody saw. None before any was.
        first_seen: when each member was first seen: before that it has missed no backup.
    """

    service: str
    members: frozenset[str]
    looked_since: datetime | None
    sources: frozenset[str] = frozenset()
    first_seen: Mapping[str, datetime] = field(default_factory=_nothing, hash=False)


def service_members(judged: Judged) -> tuple[ServiceMembers, ...]:
    """Every service of the board, in its order of judgement."""
    return tuple(_of(service, judged.inputs) for service in judged.services)


@dataclass(frozen=True, slots=True)
class Members:
    """Whose past is whose: ``services`` there are, and what no service has any more, among those that are remembered."""

    services: tuple[ServiceMembers, ...]
    former: Callable[[frozenset[str]], tuple[ServiceMembers, ...]]


def former_members(judged: Judged, remembered: Collection[str]) -> tuple[ServiceMembers, ...]:
    """What no service has any more, each under its own name and in the order of these.

    What belongs to a source of which something was not read yet may be there, and be seen again with the next reading.
    """
    present = {str(part.part.member) for service in judged.services for part in service.parts}
    unread = unread_sources(judged.inputs)
    absent = (member for member in {*remembered} - present if is_backed_up(member) and source_of(member) not in unread)
    gone = (_former(member, judged.inputs) for member in absent)
    return tuple(sorted(gone, key=lambda each: (each.service.casefold(), each.service)))


def unread_sources(inputs: Inputs) -> frozenset[str]:
    """The configured sources of which something was not read yet since the start: nobody knows all that is there."""
    return frozenset(source.name for source in inputs.settings.sources if not _is_read(source, inputs))


def is_backed_up(member: str) -> bool:
    """It is no upkeep job, nor what is required of a service as a whole."""
    return not member.startswith((f"{MemberKind.UPKEEP}:", OF_SERVICE))


def own_name(member: str, seen: Mapping[str, Sighting]) -> str:
    """How people call a member of no service."""
    sighting = seen.get(member)
    return f"{sighting.name} ({member})" if sighting is not None and sighting.name else member


def source_of(member: str) -> str:
    """The source that knows it; "" where its name does not say so."""
    try:
        return MemberId.parse(member).source
    except ValueError:
        return ""


def _is_read(source: SourceSetting, inputs: Inputs) -> bool:
    report = inputs.reports.get(source.name)
    return (
        report is not None
        and len(report.readings) > 0
        and all(reading.as_of is not None for reading in report.readings)
    )


def _former(member: str, inputs: Inputs) -> ServiceMembers:
    source, seen = source_of(member), inputs.history.seen
    return ServiceMembers(
        service=own_name(member, seen),
        members=frozenset({member}),
        looked_since=inputs.history.contact(SourceName(source)),
        sources=frozenset({source}),
        first_seen=MappingProxyType({member: seen[member].first} if member in seen else {}),
    )


def _of(service: JudgedService, inputs: Inputs) -> ServiceMembers:
    contacts = [inputs.history.contact(part.part.source) for part in service.parts]
    members = frozenset(str(part.part.member) for part in service.parts)
    seen = {member: inputs.history.seen[member].first for member in members if member in inputs.history.seen}
    return ServiceMembers(
        service=service.service.name,
        members=members,
        looked_since=min((contact for contact in contacts if contact is not None), default=None),
        sources=frozenset(part.part.source for part in service.parts),
        first_seen=MappingProxyType(seen),
    )
