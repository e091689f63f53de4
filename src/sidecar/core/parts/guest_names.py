"""What a guest is called: by the memory, by the configuration and on pages."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.core.ids import MemberId, MemberKind, SourceName
from sidecar.core.reports.cached import cached_of
from sidecar.core.reports.facts import Guest
from sidecar.core.reports.report import Report
from sidecar.core.value import value

from .vzdump_words import label


@value()
class GuestNames:
    """The names of one guest.

    Attributes:
        member: what the memory calls it.
        ref: how the configuration names it without its source.
        name: what people call it.
        called: see Part.
    """

    member: str
    ref: str
    name: str
    called: str | None


@cached_of("guests")
def guest_names(report: Report) -> Mapping[int, GuestNames]:
    """The names of each guest, by its id."""
    return {guest.vmid: _names(SourceName(report.source), guest) for guest in report.facts(Guest)}


def _names(source: SourceName, guest: Guest) -> GuestNames:
    ref = str(guest.vmid)
    return GuestNames(
        member=str(MemberId(MemberKind.GUEST, source, ref)),
        ref=ref,
        name=guest.name or f"guest {ref}",
        called=f"{label(guest)} on {guest.node}" if guest.node else None,
    )
