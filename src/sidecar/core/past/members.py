"""Whose past is a service's: the ledger remembers members and jobs, people ask for services."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from types import MappingProxyType

from sidecar.core.judgement.judged import Judged, JudgedService
from sidecar.core.parts.inputs import Inputs
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
