"""Members that were seen before and are gone: rule 11 of design §6."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from sidecar.core import words
from sidecar.core.history.observed import lists
from sidecar.core.model import PartKind, SourceKind
from sidecar.core.reports.facts import DumpPlan
from sidecar.core.settings import PartSetting, SourceSetting

from . import databases
from .guests import GuestPart
from .inputs import Inputs
from .part import Actions, Evidence, Part

#: How long a part that nobody expects any more is worth a note: one of a configured service, and any other.
MAPPED_NOTED = timedelta(days=30)
UNMAPPED_NOTED = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Lost:
    """A member that was seen and is gone, and what that rests on."""

    kind: PartKind
    source: SourceSetting
    ref: str
    name: str
    gone: datetime
    evidence: Evidence

    def said(self, lab: Inputs) -> str:
        name = self.name if self.name == self.ref else f"{self.name} ({self.source.name}:{self.ref})"
        since = words.moment(self.gone, lab.now, lab.settings.timezone)
        return f"gone from {self.source.name} since {since}: {name}"


def lost(lab: Inputs) -> list[Lost]:
    """Everything that was seen and is gone, as far as what its source told is fresh."""
    found = []
    gone = ((member, one.name, one.gone) for member, one in lab.history.seen.items() if one.gone is not None)
    for member, called, since in sorted(gone):
        kind, name, ref = member.split(":", 2)
        source, report = lab.settings.source(name), lab.reports.get(name)
        if source is None or report is None:
            continue
        evidence = lab.evidence(source, *lists(report, member))
        if evidence.as_of is not None and not evidence.stale(lab.now):
            found.append(Lost(PartKind(kind), source, ref, called, since, evidence))
    return found


@dataclass(frozen=True, slots=True)
class Gone:
    """What a reference means that is gone: parts that are still expected, and notes about the others.

    ``any`` is False when nothing is, or when it is so long ago that the reference is simply wrong by now.
    """

    expected: tuple[Part, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return bool(self.expected or self.notes)


def mapped(
    lab: Inputs, lost: Sequence[Lost], setting: PartSetting, found: set[str], guest_parts: list[GuestPart]
) -> Gone:
    """Rule 11: a mapped part that was seen before is missed if it is still expected, else a note for 30 days.

    Args:
        found: members that the reference means and that are there.
    """
    wanted, pattern = lab.settings.split(setting.ref)
    if found and "*" not in pattern and "?" not in pattern:
        return Gone()
    expected, notes = [], []
    for one in lost:
        if one.kind != setting.kind or wanted not in (None, one.source.name) or not fnmatchcase(one.ref, pattern):
            continue
        if setting.expect or _still_promised(lab, one, guest_parts):
            expected.append(_part(one))
        elif lab.now - one.gone <= MAPPED_NOTED:
            notes.append(f"{one.said(lab)}; nothing expects it any more.")
    return Gone(tuple(expected), tuple(notes))


def unmapped(lab: Inputs, lost: Sequence[Lost]) -> Iterator[str]:
    """Rule 11: what no service names is noted for 7 days. What is kept of a guest has a note of its own (host_groups)."""
    for one in lost:
        kept_of_guest = one.source.kind is SourceKind.PBS and "/host/" not in one.ref
        if lab.now - one.gone <= UNMAPPED_NOTED and not kept_of_guest and not _named(lab, one):
            yield words.sentence(one.said(lab))


def _still_promised(lab: Inputs, one: Lost, guest_parts: list[GuestPart]) -> bool:
    """Rule 2: a guest that PVE no longer has is not expected; a database that a configuration covers is, and so is a plan
    that was not switched off before. A backup group is, while the guest that writes it is."""
    if one.kind is PartKind.DATABASE:
        server, database = one.ref.rsplit("/", 1)
        plans = lab.reports[one.source.name].facts(DumpPlan)
        return any(plan.server == server and plan.enabled and databases.covers(plan, database) for plan in plans)
    if one.kind is PartKind.PLAN:
        job = f"{one.source.name}/plan/{one.ref}"
        own, announced = lab.settings.jobs.get(job), lab.history.announced.get(job, ())
        return (own is not None and own.schedule is not None) or bool(announced and announced[-1] >= one.gone)
    if one.source.kind is not SourceKind.PBS:
        return False
    steps = one.ref.split("/")
    key = (one.source.name, steps[0], "/".join(steps[1:-2]), "/".join(steps[-2:]))
    return any(key in guest.groups and guest.part.plans for guest in guest_parts)


def _part(one: Lost) -> Part:
    return Part(
        kind=one.kind,
        ref=one.ref,
        name=one.name,
        source=one.source.name,
        evidence=one.evidence,
        actions=Actions(missed="Bring it back, or take it out of services."),
        gone=one.gone,
    )


def _named(lab: Inputs, one: Lost) -> bool:
    """The map or the list of what is left out names it."""
    ignore = lab.settings.ignore
    left_out = {PartKind.GUEST: (*ignore.guests, *ignore.groups), PartKind.DATABASE: ignore.databases}
    if any(fnmatchcase(one.ref, pattern) for pattern in left_out.get(one.kind, ())):
        return True
    every = (setting for service in lab.settings.services for setting in service.parts if setting.kind is one.kind)
    return any(
        wanted in (None, one.source.name) and fnmatchcase(one.ref, pattern)
        for wanted, pattern in (lab.settings.split(setting.ref) for setting in every)
    )
