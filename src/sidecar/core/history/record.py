"""Adds to the memory what a report tells: rules 1 and 11. Pure: history and report in, history out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType

from sidecar.core.model import SourceKind
from sidecar.core.reports.report import Report

from . import observed, upkeep_runs
from .bounds import within_bounds
from .history import History, PlanRow, Sighting
from .observed import ObservedPlan

#: Most rows that are kept of one member, most announced runs and most runs of one job. No ordinary year makes that many:
#: a job that runs every hour makes 9,600 runs in 400 days.
MOST_ROWS = 100
MOST_ANNOUNCED = 400
MOST_RUNS = 10_000


def record(history: History, report: Report, *, every_group: bool = False) -> History:
    """``history`` with what ``report`` tells; the very same object when it tells nothing new.

    ``every_group``: nobody tells the schedule of any backup group, so that all are remembered, and not only those of hosts.

    Only scopes that were read this time count: while a source can't be read, the last plan stays in force (rule 1).
    """
    seen = _runs(_sightings(history, report), report, every_group=every_group)
    changed = within_bounds(_plans(_announcements(seen, report), report), report.at)
    at = _oldest(report) if report.kind is SourceKind.PBS else observed.plans_as_of(report)
    known = history.contacts.get(report.source)
    # A contact that lies in the future was noted by a clock that was set back since.
    if at is None or (known is not None and known <= at):
        return changed
    contacts = MappingProxyType({**changed.contacts, report.source: at})
    return replace(changed, contacts=contacts, first_contact=min(changed.first_contact or at, at))


def _oldest(report: Report) -> datetime | None:
    return min((reading.as_of for reading in report.readings if reading.as_of), default=None)


# --- rule 1: plans are remembered -------------------------------------------------------------------------------------


def _plans(history: History, report: Report) -> History:
    at = observed.plans_as_of(report)
    if at is None:
        return history
    by_member: dict[str, list[ObservedPlan]] = defaultdict(list)
    for plan in observed.plans(report):
        by_member[plan.member].append(plan)
    known = _of_source(history.plans, report.source)
    # A backup server may have been read before its jobs could be.
    first = report.source not in history.contacts or (report.kind is SourceKind.PBS and not known)
    changed = {}
    for member in by_member.keys() | known:
        rows = history.plans.get(member, ())
        tells_of = partial(observed.tells_of, report)
        merged = _rows(rows, by_member.get(member, ()), tells_of, at, None if first else at)
        if merged != rows:
            changed[member] = merged
    return replace(history, plans=MappingProxyType({**history.plans, **changed})) if changed else history


def _of_source(members: Iterable[str], source: str) -> set[str]:
    return {member for member in members if member.split(":", 2)[1] == source}


def _rows(
    rows: tuple[PlanRow, ...],
    plans: Iterable[ObservedPlan],
    tells_of: Callable[[str], bool],
    at: datetime,
    since: datetime | None,
) -> tuple[PlanRow, ...]:
    """Rule 1: what changed counts from when it was seen; at first contact (``since`` is None) it counts from before."""
    merged = [row for row in rows if row.valid_to is not None]
    open_rows = [row for row in rows if row.valid_to is None]
    of_older_ledger = {row.job: row for row in open_rows if row.destination is None}
    for plan in plans:
        row = next((row for row in open_rows if row.job == plan.job and _fits(row, plan)), None)
        if row is not None:
            open_rows.remove(row)
            if _same(row, plan):
                merged.append(_with_destination(row, plan))
                continue
            merged.append(replace(row, valid_to=at))
        # An older ledger has one row for all destinations of a job: it was for each of them.
        shared = of_older_ledger.get(plan.job)
        begin = shared.valid_from if row is None and shared is not None and _same(shared, plan) else since
        merged.append(
            PlanRow(
                job=plan.job,
                schedule=plan.schedule,
                timezone=plan.timezone,
                enabled=plan.enabled,
                valid_from=begin,
                destination=plan.destination,
            )
        )
    merged += [replace(row, valid_to=at) if tells_of(row.job) else row for row in open_rows]
    return tuple(sorted(_worthiest(merged, at), key=_age))


def _worthiest(rows: list[PlanRow], at: datetime) -> list[PlanRow]:
    """Where a member has too many: those in force first, then those that were in force for longest."""
    if len(rows) <= MOST_ROWS:
        return rows

    def rank(row: PlanRow) -> tuple[bool, bool, timedelta]:
        began = row.valid_from or datetime.min.replace(tzinfo=UTC)
        return row.valid_to is None, row.valid_from is None, (row.valid_to or at) - began

    return sorted(rows, key=rank, reverse=True)[:MOST_ROWS]


def _fits(row: PlanRow, plan: ObservedPlan) -> bool:
    """The row is for the plan's destination; one of an older ledger takes the destination in force."""
    return row.destination is None or plan.destination is None or same_destination(row.destination, plan.destination)


def same_destination(destination: str | None, other: str | None) -> bool:
    """The same place, as the memory calls it. A storage whose target could not be read this time is no other place."""
    if destination == other:
        return True
    if destination is None or other is None:
        return False
    shorter, longer = sorted((destination, other), key=len)
    return longer.startswith(f"{shorter}=")


def _same(row: PlanRow, plan: ObservedPlan) -> bool:
    """A zone that could not be read this time is no change."""
    same_zone = plan.timezone in (None, row.timezone)
    return same_zone and (row.schedule, row.enabled) == (plan.schedule, plan.enabled)


def _with_destination(row: PlanRow, plan: ObservedPlan) -> PlanRow:
    longest = max((row.destination, plan.destination), key=lambda place: len(place or ""))
    return row if longest == row.destination else replace(row, destination=longest)


def _age(row: PlanRow) -> tuple[datetime, str, str]:
    return row.valid_from or datetime.min.replace(tzinfo=UTC), row.job, row.destination or ""


# --- rule 1, last sentence: announced runs ------------------------------------------------------------------------------


def _announcements(history: History, report: Report) -> History:
    """An announced run is kept from its due time on; one that was replaced before it was due is withdrawn."""
    changed = {}
    for announcement in observed.announcements(report):
        kept = history.announced.get(announcement.job, ())
        announced = tuple(due for due in kept if due <= announcement.as_of or due == announcement.due)
        if announcement.due is not None and announcement.due not in announced:
            announced = tuple(sorted((*announced, announcement.due)))
        if announced != kept:
            changed[announcement.job] = announced[-MOST_ANNOUNCED:]
    return replace(history, announced=MappingProxyType({**history.announced, **changed})) if changed else history


# --- rules 1 and 8: runs that were seen --------------------------------------------------------------------------------------


def _runs(history: History, report: Report, *, every_group: bool) -> History:
    """A backup server tells only the last run of an upkeep job, Backrest's log may be cleared, and retention removes
    backups: what was seen is kept."""
    changed = {}
    for job, runs in observed.runs_of_jobs(report, every_group=every_group):
        before = history.runs.get(job, ())
        known = upkeep_runs.with_earlier(runs, before)[:MOST_RUNS] if runs != before[: len(runs)] else before
        if known != before:
            changed[job] = known
    return replace(history, runs=MappingProxyType({**history.runs, **changed})) if changed else history


# --- rule 11: who was seen ------------------------------------------------------------------------------------------------


def _sightings(history: History, report: Report) -> History:
    shown = observed.members(report)
    changed: dict[str, Sighting] = {}
    for member, name in shown.items():
        before = history.seen.get(member)
        if before is not None and before.gone is None and name in (None, before.name):
            continue
        if (at := observed.listed_at(report, member)) is not None:
            now = _seen(before, name or _unnamed(member), at, named=name is not None)
            changed |= {member: now} if now != before else {}
    for member in _of_source(history.seen, report.source) - shown.keys():
        before = history.seen[member]
        if before.gone is None and (at := observed.listed_at(report, member)) is not None:
            changed[member] = replace(before, gone=at)
    return replace(history, seen=MappingProxyType({**history.seen, **changed})) if changed else history


def _seen(before: Sighting | None, name: str, at: datetime, *, named: bool) -> Sighting:
    """Rule 11: an id is no identity: what was gone and comes back under another name is another one.

    A missing name says nothing and changes nothing; restored under its name it is itself.
    """
    if before is None:
        return Sighting(at, name)
    if not named:
        return before  # gone or not: who it is can be told once its node is up
    if before.gone is None or before.name == name:
        return replace(before, name=name, gone=None)
    return Sighting(at, name, since=at)


def _unnamed(member: str) -> str:
    return f"guest {member.rsplit(':', 1)[-1]}"
