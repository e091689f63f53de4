"""What is remembered of the plans that some members share (rule 1 of design §6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sidecar.core.history.history import PlanRow

from .inputs import Inputs, plan
from .part import Plan


@dataclass(frozen=True, slots=True, eq=False)
class Recalled:
    """A member's plans with the time from which they are in force, and those that were in force before (``past``)."""

    plans: tuple[Plan, ...]
    past: tuple[Plan, ...] = ()

    def of_job(self, job: str) -> tuple[Plan, ...]:
        """The plans of one job, the one in force first."""
        return tuple(one for one in (*self.plans, *self.past) if one.job == job)


class Shared:
    """The plans that some members share, at one moment.

    Hundreds of members of a job remember the very same: what follows from it is made once, and they get the same object.
    """

    def __init__(self, lab: Inputs, plans: tuple[Plan, ...]) -> None:
        self.plans = plans
        self._lab = lab
        self._recalled: dict[tuple[PlanRow, ...], Recalled] = {(): Recalled(plans)}

    def recall(self, member: str) -> Recalled:
        """Those plans as ``member`` remembers them."""
        rows = self._lab.history.plans.get(member, ())
        found = self._recalled.get(rows)
        if found is None:
            found = self._recalled[rows] = _recalled(self.plans, rows, self._lab)
        return found


def _recalled(plans: tuple[Plan, ...], rows: Sequence[PlanRow], lab: Inputs) -> Recalled:
    current = {row.job: row for row in rows if row.valid_to is None}
    since = tuple(replace(one, valid_from=current[one.job].valid_from) if one.job in current else one for one in plans)
    on = {one.job for one in plans if one.enabled}
    past = (_past(row, plans, lab) for row in rows if row.valid_to is not None and _counts(row, rows, on))
    return Recalled(since, tuple(past))


def _counts(row: PlanRow, rows: Sequence[PlanRow], on: set[str]) -> bool:
    """Rule 2: a time when the job was switched off counts once it is on again, unless another job took its place."""
    if row.enabled:
        return True
    return row.job in on and not any(one.enabled and _overlap(one, row) for one in rows)


def _overlap(one: PlanRow, other: PlanRow) -> bool:
    return _before(one.valid_from, other.valid_to) and _before(other.valid_from, one.valid_to)


def _before(start: datetime | None, end: datetime | None) -> bool:
    return start is None or end is None or start < end


def _past(row: PlanRow, plans: Sequence[Plan], lab: Inputs) -> Plan:
    """The owner's own word and the zone that only the configuration tells hold for the past too."""
    now = next((one for one in plans if one.job == row.job), None)
    zone = row.timezone or (now.timezone if now else None)
    made = plan(row.job, row.schedule, zone, lab.settings)
    return replace(made, valid_from=row.valid_from, valid_to=row.valid_to)
