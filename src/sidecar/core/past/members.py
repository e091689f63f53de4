"""Whose past is a service's: the ledger remembers members and jobs, people ask for services."""

from __future__ import annotations

from datetime import datetime

from sidecar.core.judgement.judged import Judged, JudgedService
from sidecar.core.parts.inputs import Inputs
from sidecar.core.value import value


@value(kw_only=True)
class ServiceMembers:
    """The members that protect a service at present, by the names that the ledger remembers them under.

    Attributes:
        sources: of which it is read what became of them.
        looked_since: when the first of their sources was first read: what was before that nobody saw. None before any was.
    """

    service: str
    members: frozenset[str]
    looked_since: datetime | None
    sources: frozenset[str] = frozenset()


def service_members(judged: Judged) -> tuple[ServiceMembers, ...]:
    """Every service of the board, in its order of judgement."""
    return tuple(_of(service, judged.inputs) for service in judged.services)


def _of(service: JudgedService, inputs: Inputs) -> ServiceMembers:
    contacts = [inputs.history.contact(part.part.source) for part in service.parts]
    return ServiceMembers(
        service=service.service.name,
        members=frozenset(str(part.part.member) for part in service.parts),
        looked_since=min((contact for contact in contacts if contact is not None), default=None),
        sources=frozenset(part.part.source for part in service.parts),
    )
