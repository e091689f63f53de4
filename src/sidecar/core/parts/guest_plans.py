"""What each job owes a guest, and what ended jobs may still owe it (rules 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sidecar.core.history.history import PlanRow

from .cohort import Cohort
from .guest_members import Member
from .plan_history import Remembered


def remembered_of(member: Member) -> tuple[Remembered, ...]:
    """What each job owes the guest; then what ended jobs may still owe. What was owed to another one is nobody's."""
    cohort, name = member.cohort, member.names.member
    every = cohort.common.plans.of_member(name)
    if member.since is not None:
        every = tuple(_since(remembered, member.since) for remembered in every)
    if len(every) == 1:
        return every
    rows = cohort.cluster.inputs.history.plans.get(name, ())
    every = tuple(_unless_replaced(remembered, every, cohort, rows) for remembered in every)
    return tuple(remembered for remembered in every if remembered.schedules)


def _since(remembered: Remembered, since: datetime) -> Remembered:
    """Rule 11: what ended before the id was the guest's own was owed to another one."""
    own = tuple(past for past in remembered.past if past.valid_to is None or past.valid_to > since)
    return remembered if len(own) == len(remembered.past) else replace(remembered, past=own)


def _unless_replaced(
    remembered: Remembered, every: Sequence[Remembered], cohort: Cohort, rows: Iterable[PlanRow]
) -> Remembered:
    """Rule 2: a job that is switched off owes nothing more where another one saves the guest to the same place, or
    where nobody has ever seen it switched on and another one saves the guest at all."""
    in_force = remembered.schedule
    if in_force is None or in_force.enabled:
        return remembered
    on = [other for other in every if other.schedule is not None and other.schedule.enabled]
    was_on = any(row.job == str(remembered.job) and row.enabled for row in rows)
    place = cohort.destination(remembered).key
    replaced = any(cohort.destination(other).key == place for other in on)
    return replace(remembered, schedule=None) if on and (replaced or not was_on) else remembered
