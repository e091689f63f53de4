"""What a guest is called: by the memory, by the configuration and on pages; made once while the list of guests is the same."""

from __future__ import annotations

from sidecar.core.ids import MemberId, MemberKind, SourceName
from sidecar.core.model import Link
from sidecar.core.reports.cached import cached_of
from sidecar.core.reports.facts import Guest
from sidecar.core.reports.report import Report
from sidecar.core.settings import SourceSetting
from sidecar.core.value import value

from .vzdump_words import label


@value()
class GuestNames:
    """The names of one guest.

    Attributes:
        member: what the memory calls it.
        ref: how the configuration names it without its source.
        name: what people call it.
        called, link: see Part.
    """

    member: str
    ref: str
    name: str
    called: str | None
    link: Link


def guest_names(source: SourceSetting, report: Report) -> tuple[GuestNames, ...]:
    """The names of each guest of a source's report, in its order."""
    known = _by_url(report)
    if source.url not in known:
        known[source.url] = tuple(_names(source, guest) for guest in report.facts(Guest))
    return known[source.url]


@cached_of("guests")
def _by_url(_report: Report) -> dict[str, tuple[GuestNames, ...]]:
    """Those that were made, by the address of the source."""
    return {}


def _names(source: SourceSetting, guest: Guest) -> GuestNames:
    ref = str(guest.vmid)
    return GuestNames(
        member=str(MemberId(MemberKind.GUEST, SourceName(source.name), ref)),
        ref=ref,
        name=guest.name or f"guest {ref}",
        called=f"{label(guest)} on {guest.node}" if guest.node else None,
        link=Link(f"{source.url}/#v1:0:={guest.type}%2F{ref}", "Guest in Proxmox VE"),
    )
