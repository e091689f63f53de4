"""Guests as parts: for each job that covers one an expectation at the job's storage, with what was seen of it there.

``guest_members.py`` says which jobs are for a guest and where they save it, ``guest_plans.py`` what they owe it,
``guest_runs.py`` what was seen, and ``guest_expectations.py`` puts it together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sidecar.core.model import PartKind, SourceKind
from sidecar.core.reports.facts import Guest
from sidecar.core.value import value

from . import guest_actions
from .destination import Destination, Group
from .expectation import Observed
from .guest_expectations import expectations_of
from .guest_members import Member, members_of
from .guest_plans import remembered_of
from .guest_runs import observed_anywhere
from .guest_stored import stored_of
from .inputs import Inputs
from .part import Part
from .unchanged import basis, unchanged


@value()
class GuestPart:
    """A guest as a part, and what configuration may say of it.

    Attributes:
        groups: its backup groups, by source.
        groups_of: for each of its expectations the groups that it is kept in.
    """

    part: Part
    guest: Guest
    groups: tuple[Group, ...]
    groups_of: tuple[tuple[Group, ...], ...]

    def ignored_by(self, ignored: Collection[str]) -> bool:
        """One of "101", "tag:x", "pool:x" names it; a pool takes the pools within it ("x/y") along."""
        if not ignored:
            return False
        steps = (self.guest.pool or "").split("/")
        pools = {f"pool:{'/'.join(steps[:depth])}" for depth in range(1, len(steps) + 1) if self.guest.pool}
        names = {str(self.guest.vmid), *pools, *(f"tag:{tag}" for tag in self.guest.tags)}
        return not names.isdisjoint(ignored)


def parts(inputs: Inputs) -> list[GuestPart]:
    """All guests that PVE shows, but for templates."""
    first = next((report for _, report in inputs.of(SourceKind.PVE) if report is not None), None)
    if first is None:
        return []
    return [*unchanged(first, parts, basis(inputs, SourceKind.PVE, SourceKind.PBS), lambda: _parts(inputs))]


def _parts(inputs: Inputs) -> list[GuestPart]:
    reports = [(source, report) for source, report in inputs.of(SourceKind.PVE) if report is not None]
    guests = [_part(member) for each in reports for member in members_of(inputs, *each)]
    return _fed_twice(guests) if len(reports) > 1 else guests


def _part(member: Member) -> GuestPart:
    guest, names, cohort = member.guest, member.names, member.cohort
    cluster, common = cohort.cluster, cohort.common
    every = remembered_of(member)
    expectations = expectations_of(member, every)
    observed = observed_anywhere(member, expectations)
    groups = _groups(member, cohort.destinations)
    part = Part(
        kind=PartKind.GUEST,
        ref=names.ref,
        name=names.name,
        source=cluster.source.name,
        observed=observed,
        expectations=expectations,
        oldest_trace=_oldest_trace(member, observed),
        starts_seen=cohort.starts_seen,
        link=names.link,
        task=common.tasks_page,
        called=names.called,
        actions=common.actions if cohort.jobs else guest_actions.of_no_job(common.actions, guest),
        note=cohort.why_no_job,
        kept_on=cohort.kept_on,
        stored=stored_of(member, every, groups),
        left_out=cluster.left_out.get(guest.vmid, ()),
    )
    return GuestPart(
        part=part,
        guest=guest,
        groups=groups,
        groups_of=(groups,)
        if len(every) == 1 and len(cohort.destinations) == 1
        else tuple(_groups(member, [cohort.destination(remembered)]) for remembered in every),
    )


def _groups(member: Member, destinations: Sequence[Destination]) -> tuple[Group, ...]:
    if len(destinations) == 1:
        return member.at(destinations[0]).groups
    return tuple(group for destination in destinations for group in member.at(destination).groups)


def _oldest_trace(member: Member, observed: Observed) -> datetime | None:
    """The oldest sign of it. Of an id that belonged to another one before, a task that names it may be that one's (rule 11)."""
    named = member.cohort.cluster.tasks(member.cohort.node).oldest_of(member.guest) if member.since is None else None
    traces = (observed.runs[-1].start if observed.runs else None, named, member.since)
    return min([trace for trace in traces if trace is not None], default=None)


def _fed_twice(guests: list[GuestPart]) -> list[GuestPart]:
    """Two PVE sources that write the same group can't be told apart: unknown, with the reason."""
    writers: dict[Group, set[str]] = defaultdict(set)
    for guest in guests:
        for group in guest.groups if guest.part.expected else ():
            writers[group].add(guest.part.source)
    return [_doubted(guest, writers) for guest in guests]


def _doubted(guest: GuestPart, writers: dict[Group, set[str]]) -> GuestPart:
    doubtful = next((group for group in guest.groups if len(writers.get(group, ())) > 1), None)
    if doubtful is None:
        return guest
    source, key = doubtful
    who = " and ".join(sorted(writers[doubtful]))
    note = f"group {key.type}/{key.id} in {key.datastore} on {source} is written by {who}"
    actions = replace(guest.part.actions, unreadable="Give each cluster its own namespace.")
    return replace(guest, part=replace(guest.part, note=note, actions=actions))
