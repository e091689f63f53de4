"""Adds to the memory what a report tells: rules 1 and 11 of design §6. Pure: history and report in, history out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType

from sidecar.core.model import SourceKind
from sidecar.core.reports.report import Report

from . import observed, upkeep_runs
from .history import History, PlanRow, Sighting
from .observed import Promise

#: Most rows that are kept of one member, most announced runs and most runs of one job. No ordinary year makes that many:
#: a job that runs every hour makes 9,600 runs in 400 days.
MOST_ROWS = 100
MOST_ANNOUNCED = 400
MOST_RUNS = 10_000


def remember(history: History, report: Report) -> History:
    """``history`` with what ``report`` tells; the very same object when it tells nothing new.

    Only scopes that were read this time count: while a source can't be read, the last plan stays in force (rule 1).
    """
    changed = _promises(_announcements(_runs(_sightings(history, report), report), report), report)
    at = _oldest(report) if report.kind is SourceKind.PBS else observed.promises_as_of(report)
    if report.source in history.contacts or at is None:
        return changed
    contacts = MappingProxyType({**changed.contacts, report.source: at})
    return replace(changed, contacts=contacts, first_contact=changed.first_contact or at)


def _oldest(report: Report) -> datetime | None:
    return min((one.as_of for one in report.readings if one.as_of), default=None)


# --- rule 1: plans are remembered -------------------------------------------------------------------------------------


def _promises(history: History, report: Report) -> History:
    at = observed.promises_as_of(report)
    if at is None:
        return history
    by_member: dict[str, dict[str, Promise]] = defaultdict(dict)
    for promise in observed.promises(report):
        by_member[promise.member][promise.job] = promise
    known = _of_source(history.plans, report.source)
    # A backup server may have been read before its jobs could be.
    first = report.source not in history.contacts or (report.kind is SourceKind.PBS and not known)
    changed = {}
    for member in by_member.keys() | known:
        rows = history.plans.get(member, ())
        found = _rows(rows, by_member.get(member, {}), partial(observed.tells_of, report), at, None if first else at)
        if found != rows:
            changed[member] = found
    return replace(history, plans=MappingProxyType({**history.plans, **changed})) if changed else history


def _of_source(members: Iterable[str], source: str) -> set[str]:
    return {member for member in members if member.split(":", 2)[1] == source}


def _rows(
    rows: tuple[PlanRow, ...],
    promises: Mapping[str, Promise],
    told_now: Callable[[str], bool],
    at: datetime,
    since: datetime | None,
) -> tuple[PlanRow, ...]:
    """Rule 1: what changed counts from when it was seen; at first contact (``since`` is None) it counts from before."""
    found = [row for row in rows if row.valid_to is not None]
    open_rows = {row.job: row for row in rows if row.valid_to is None}
    for job, promise in promises.items():
        row = open_rows.pop(job, None)
        if row is not None and _same(row, promise):
            found.append(row)
            continue
        if row is not None:
            found.append(replace(row, valid_to=at))
        found.append(PlanRow(job, promise.schedule, promise.timezone, promise.enabled, since))
    found += [replace(row, valid_to=at) if told_now(row.job) else row for row in open_rows.values()]
    return tuple(sorted(found, key=_age)[-MOST_ROWS:])


def _same(row: PlanRow, promise: Promise) -> bool:
    """A zone that could not be read this time is no change."""
    same_zone = promise.timezone in (None, row.timezone)
    return same_zone and (row.schedule, row.enabled) == (promise.schedule, promise.enabled)


def _age(row: PlanRow) -> tuple[datetime, str]:
    return row.valid_from or datetime.min.replace(tzinfo=UTC), row.job


# --- rule 1, last sentence: announced runs ------------------------------------------------------------------------------


def _announcements(history: History, report: Report) -> History:
    """An announced run is kept from its due time on; one that was replaced before it was due is withdrawn."""
    changed = {}
    for one in observed.announcements(report):
        kept = history.announced.get(one.job, ())
        found = tuple(due for due in kept if due <= one.as_of or due == one.due)
        if one.due is not None and one.due not in found:
            found = tuple(sorted((*found, one.due)))
        if found != kept:
            changed[one.job] = found[-MOST_ANNOUNCED:]
    return replace(history, announced=MappingProxyType({**history.announced, **changed})) if changed else history


# --- rule 8: runs of upkeep -----------------------------------------------------------------------------------------------


def _runs(history: History, report: Report) -> History:
    """A backup server tells only the last run of an upkeep job, so each one that was seen is kept."""
    changed = {}
    for job, runs in observed.upkeep_runs_of(report):
        before = history.runs.get(job, ())
        if runs != before[: len(runs)]:
            changed[job] = upkeep_runs.with_earlier(runs, before)[:MOST_RUNS]
    return replace(history, runs=MappingProxyType({**history.runs, **changed})) if changed else history


# --- rule 11: who was seen ------------------------------------------------------------------------------------------------


def _sightings(history: History, report: Report) -> History:
    shown = observed.members(report)
    changed = {}
    for member, name in shown.items():
        at, before = observed.listed_at(report, member), history.seen.get(member)
        if at is not None and (before is None or before.gone is not None or before.name != name):
            changed[member] = Sighting(before.first if before else at, name)
    for member in _of_source(history.seen, report.source) - shown.keys():
        at, before = observed.listed_at(report, member), history.seen[member]
        if at is not None and before.gone is None:
            changed[member] = replace(before, gone=at)
    return replace(history, seen=MappingProxyType({**history.seen, **changed})) if changed else history
