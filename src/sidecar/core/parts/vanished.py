"""Members that were seen before and are gone: rule 11."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from sidecar.core import words
from sidecar.core.history.observed import lists
from sidecar.core.ids import GroupKey, JobId, MemberId, SourceName
from sidecar.core.model import PartKind, SourceKind
from sidecar.core.reports.cached import cached
from sidecar.core.reports.coverage import covers
from sidecar.core.reports.facts import DumpPlan, Guest
from sidecar.core.reports.removed import is_removed
from sidecar.core.reports.report import Report
from sidecar.core.schedules.schedule import EARLY
from sidecar.core.settings import PartSetting, SourceSetting
from sidecar.core.value import value

from . import backup_groups, stores
from .expectation import Evidence, Observed
from .guests import GuestPart
from .inputs import Inputs
from .part import Actions, Part

#: How long a part that nobody expects any more is worth a note: one of a configured service, and any other.
MAPPED_NOTED = timedelta(days=30)
UNMAPPED_NOTED = timedelta(days=7)


@value(kw_only=True)
class Lost:
    """A member that was seen and is gone, and what that rests on.

    ``datastore``: it was gone with the whole datastore, which its server does not have any more.
    """

    kind: PartKind
    source: SourceSetting
    ref: str
    name: str
    gone: datetime
    evidence: Evidence
    datastore: str | None = None

    def text(self, inputs: Inputs) -> str:
        name = self.name if self.name == self.ref else f"{self.name} ({self.source.name}:{self.ref})"
        since = words.moment(self.gone, inputs.now, inputs.settings.timezone)
        whole = f" with datastore {self.datastore}" if self.datastore else ""
        return f"gone from {self.source.name}{whole} since {since}: {name}"


def lost(inputs: Inputs) -> list[Lost]:
    """Everything that was seen and is gone, as far as the reports of its source are fresh."""
    every = []
    gone = ((member, seen.name, seen.gone) for member, seen in inputs.history.seen.items() if seen.gone is not None)
    for member, called, since in sorted(gone):
        name = _named(member)
        source = inputs.settings.source(name.source) if name else None
        report = inputs.reports.get(source.name) if source else None
        if name is None or source is None or report is None:
            continue
        datastore = name.ref.partition("/")[0] if source.kind is SourceKind.PBS else None
        if datastore is not None and stores.why_lost(inputs, source, datastore):
            continue
        if source.kind is SourceKind.PVE and name.ref in _vmids(report):
            continue  # it came back, and its name can't be told yet
        removed = datastore if datastore is not None and is_removed(report, datastore) else None
        evidence = inputs.evidence(source, *lists(report, name))
        if evidence.as_of is not None and not evidence.stale(inputs.now):
            every.append(
                Lost(
                    kind=PartKind(name.kind.value),
                    source=source,
                    ref=name.ref,
                    name=called,
                    gone=since,
                    evidence=evidence,
                    datastore=removed,
                )
            )
    return every


@cached
def _vmids(report: Report) -> frozenset[str]:
    return frozenset(str(guest.vmid) for guest in report.facts(Guest))


def _named(member: str) -> MemberId | None:
    """The member of a name in the memory; one without a name of its own (an upstream's empty text) is nobody's."""
    try:
        return MemberId.parse(member)
    except ValueError:
        return None


@value()
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
    inputs: Inputs, lost: Sequence[Lost], setting: PartSetting, there: set[str], guest_parts: list[GuestPart]
) -> Gone:
    """Rule 11: a mapped part that was seen before is missed if it is still expected, else a note for 30 days.

    Args:
        there: members that the reference means and that are there.
    """
    wanted, pattern = inputs.settings.split(setting.ref)
    if there and "*" not in pattern and "?" not in pattern:
        return Gone()
    expected, notes = [], []
    for gone in lost:
        if gone.kind != setting.kind or wanted not in (None, gone.source.name) or not fnmatchcase(gone.ref, pattern):
            continue
        if setting.expect or _still_expected(inputs, gone, guest_parts):
            expected.append(_part(gone))
        elif inputs.now - gone.gone <= MAPPED_NOTED:
            notes.append(f"{gone.text(inputs)}; nothing expects it any more.")
    return Gone(tuple(expected), tuple(notes))


def unmapped(inputs: Inputs, lost: Sequence[Lost]) -> Iterator[str]:
    """Rule 11: what no service names is noted for 7 days. Beside a Proxmox VE the groups of its guests are no things of
    their own (unclaimed.py)."""
    yield from _removed_datastores(inputs, lost)
    of_guests = not backup_groups.is_alone(inputs)
    for gone in lost:
        if gone.datastore is not None:
            continue
        kept_of_guest = of_guests and gone.source.kind is SourceKind.PBS and "/host/" not in gone.ref
        if inputs.now - gone.gone <= UNMAPPED_NOTED and not kept_of_guest and not _is_mapped(inputs, gone):
            yield words.sentence(gone.text(inputs))


def _removed_datastores(inputs: Inputs, lost: Sequence[Lost]) -> Iterator[str]:
    """One note for each with all that was in it, for as long as one for a configured service."""
    for source, datastore in dict.fromkeys((gone.source, gone.datastore) for gone in lost if gone.datastore):
        there = [gone for gone in lost if (gone.source, gone.datastore) == (source, datastore)]
        since = min(gone.gone for gone in there)
        if inputs.now - since <= MAPPED_NOTED:
            when = words.moment(since, inputs.now, inputs.settings.timezone)
            groups = "1 backup group was" if len(there) == 1 else f"{len(there)} backup groups were"
            yield words.sentence(f"datastore {datastore} is gone from {source.name} since {when}: {groups} known there")


def _still_expected(inputs: Inputs, gone: Lost, guest_parts: list[GuestPart]) -> bool:
    """Rule 2: a guest that PVE no longer has is not expected; a database that a configuration covers is, and so is a plan
    that was not switched off before. A backup group is, while the guest that writes it is."""
    if gone.kind is PartKind.DATABASE:
        server, database = gone.ref.rsplit("/", 1)
        plans = inputs.reports[gone.source.name].facts(DumpPlan)
        return any(plan.server == server and plan.enabled and covers(plan, database) for plan in plans)
    if gone.kind is PartKind.PLAN:
        job = str(JobId(SourceName(gone.source.name), "plan", gone.ref))
        own, announced = inputs.settings.jobs.get(job), inputs.history.announced.get(job, ())
        good = next(iter(inputs.history.runs.get(job, ())), None)
        still = bool(announced) and (announced[-1] >= gone.gone or good is None or good.start < announced[-1] - EARLY)
        return still or (own is not None and own.schedule is not None)
    if gone.source.kind is not SourceKind.PBS:
        return False
    key = (gone.source.name, GroupKey.parse(gone.ref))
    return any(key in guest.groups and guest.part.expected for guest in guest_parts)


def _part(gone: Lost) -> Part:
    what = f"datastore {gone.datastore}" if gone.datastore else "it"
    return Part(
        kind=gone.kind,
        ref=gone.ref,
        name=gone.name,
        source=gone.source.name,
        observed=Observed(evidence=gone.evidence),
        actions=Actions(missed=f"Bring {what} back, or take it out of services."),
        gone=gone.gone,
    )


def _is_mapped(inputs: Inputs, gone: Lost) -> bool:
    """The map or the list of what is left out names it."""
    ignore = inputs.settings.ignore
    left_out = {PartKind.GUEST: (*ignore.guests, *ignore.groups), PartKind.DATABASE: ignore.databases}
    if any(fnmatchcase(gone.ref, pattern) for pattern in left_out.get(gone.kind, ())):
        return True
    every = (setting for service in inputs.settings.services for setting in service.parts if setting.kind is gone.kind)
    return any(
        wanted in (None, gone.source.name) and fnmatchcase(gone.ref, pattern)
        for wanted, pattern in (inputs.settings.split(setting.ref) for setting in every)
    )
