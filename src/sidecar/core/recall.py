"""Gives a part what is remembered of its plans (rule 1 of design §6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from .history import PlanRow
from .lab import Lab, plan
from .part import Part, Plan


def recall(part: Part, lab: Lab) -> Part:
    """``part`` with the time from which its plans are in force, and those that were in force before."""
    plans, past = remembered(part.member, part.plans, lab)
    return replace(part, plans=plans, past=past)


def remembered(member: str, plans: tuple[Plan, ...], lab: Lab) -> tuple[tuple[Plan, ...], tuple[Plan, ...]]:
    """The plans of a member with the time from which each is in force, and those that were in force before."""
    rows = lab.history.plans.get(member, ())
    current = {row.job: row for row in rows if row.valid_to is None}
    plans = tuple(replace(one, valid_from=current[one.job].valid_from) if one.job in current else one for one in plans)
    on = {one.job for one in plans if one.enabled}
    past = (row for row in rows if row.valid_to is not None and _counts(row, rows, on))
    return plans, tuple(_past(row, lab, plans) for row in past)


def _counts(row: PlanRow, rows: Sequence[PlanRow], on: set[str]) -> bool:
    """Rule 2: a time when the job was switched off counts once it is on again, unless another job took its place."""
    if row.enabled:
        return True
    return row.job in on and not any(one.enabled and _overlap(one, row) for one in rows)


def _overlap(one: PlanRow, other: PlanRow) -> bool:
    return _before(one.valid_from, other.valid_to) and _before(other.valid_from, one.valid_to)


def _before(start: datetime | None, end: datetime | None) -> bool:
    return start is None or end is None or start < end


def _past(row: PlanRow, lab: Lab, plans: tuple[Plan, ...]) -> Plan:
    """The owner's own word and the zone that only the configuration tells hold for the past too."""
    now = next((one for one in plans if one.job == row.job), None)
    zone = row.timezone or (now.timezone if now else None)
    made = plan(row.job, row.schedule, zone, lab.settings)
    return replace(made, valid_from=row.valid_from, valid_to=row.valid_to)
