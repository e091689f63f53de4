"""What is remembered of the schedules by which a job owes something to some members (rule 1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

from sidecar.core.history.history import PlanRow
from sidecar.core.history.record import same_destination
from sidecar.core.ids import JobId
from sidecar.core.settings import Settings
from sidecar.core.value import value

from .expectation import ScheduleInForce
from .inputs import schedule_in_force


@value()
class Owed:
    """What one job owes at one destination now, before what is remembered is known. ``key``: see PlanRow.destination."""

    schedule: ScheduleInForce
    key: str | None = None


@value(eq=False)
class Remembered:
    """The schedule of one job and destination with its time in force, and those that were in force before.

    Attributes:
        schedule: None when the job does not owe it any more.
        key: as in Owed.
    """

    job: JobId
    key: str | None
    schedule: ScheduleInForce | None
    past: tuple[ScheduleInForce, ...] = ()

    @property
    def schedules(self) -> tuple[ScheduleInForce, ...]:
        """The one in force, then the past ones."""
        return self.past if self.schedule is None else (self.schedule, *self.past)


class PlanHistory:
    """The schedules that some members share.

    Hundreds of members of a job remember the very same: what follows from it is made once, and they get the same objects.

    Args:
        owed: what the jobs of these members owe now.
        plans: see History; looked up by name.
        before: what was made of the rows of members while the memory was another one.
    """

    def __init__(
        self,
        settings: Settings,
        owed: Sequence[Owed],
        plans: Mapping[str, tuple[PlanRow, ...]] = MappingProxyType({}),
        before: Mapping[tuple[PlanRow, ...], tuple[Remembered, ...]] = MappingProxyType({}),
    ) -> None:
        self._settings = settings
        self._owed = owed
        self._plans = plans
        self._before = before
        self._made: dict[tuple[PlanRow, ...], tuple[Remembered, ...]] = {}
        self._by_member: dict[str, tuple[Remembered, ...]] = {}

    def of(self, rows: tuple[PlanRow, ...]) -> tuple[Remembered, ...]:
        """By job and destination what a member remembers: first those in force, in their order, then the ended ones.

        ``rows``: those of the member (History.plans).
        """
        made = self._made.get(rows)
        if made is None:
            made = self._before.get(rows) or _remembered(self._owed, rows, self._settings)
            self._made[rows] = made
        return made

    def of_member(self, name: str) -> tuple[Remembered, ...]:
        """The same of a member, by its name in the memory."""
        every = self._by_member.get(name)
        if every is not None:
            return every
        rows = self._plans.get(name)
        if rows is None:
            return self.of(())  # names of members without any would only pile up
        every = self._by_member[name] = self.of(rows)
        return every

    def next(self, plans: Mapping[str, tuple[PlanRow, ...]]) -> PlanHistory:
        """The same for the next board, with the same objects.

        Once the memory is another one, what nobody asked for since it was so before is forgotten.
        """
        return self if plans is self._plans else PlanHistory(self._settings, self._owed, plans, self._made)


def _remembered(owed: Sequence[Owed], rows: Sequence[PlanRow], settings: Settings) -> tuple[Remembered, ...]:
    rows = [row for row in rows if _is_named(row)]
    jobs_on = {str(each.schedule.job) for each in owed if each.schedule.enabled}
    ended = [row for row in rows if row.valid_to is not None and _counts(row, rows, jobs_on)]
    in_force = [_in_force(each, owed, rows, ended, settings) for each in owed]
    rest = [row for row in ended if not any(_belongs(row, each, owed) for each in owed)]
    places = dict.fromkeys((row.job, row.destination) for row in rest)
    return (*in_force, *(_ended(job, key, rest, owed, settings) for job, key in places))


def _in_force(
    each: Owed, owed: Sequence[Owed], rows: Sequence[PlanRow], ended: Iterable[PlanRow], settings: Settings
) -> Remembered:
    row = next((row for row in rows if row.valid_to is None and _belongs(row, each, owed)), None)
    schedule = replace(each.schedule, valid_from=row.valid_from) if row is not None else each.schedule
    past = tuple(_past(row, each.schedule, settings) for row in ended if _belongs(row, each, owed))
    return Remembered(each.schedule.job, each.key, schedule, past)


def _ended(job: str, key: str | None, rows: Iterable[PlanRow], owed: Sequence[Owed], settings: Settings) -> Remembered:
    now = next((each.schedule for each in owed if str(each.schedule.job) == job), None)
    past = tuple(_past(row, now, settings) for row in rows if (row.job, row.destination) == (job, key))
    return Remembered(past[0].job, key, None, past)


def _belongs(row: PlanRow, each: Owed, owed: Sequence[Owed]) -> bool:
    """The row is of this job and destination; one of an older ledger takes the first destination in force of its job."""
    if row.job != str(each.schedule.job):
        return False
    if row.destination is None:
        return each is next(other for other in owed if str(other.schedule.job) == row.job)
    return same_destination(row.destination, each.key)


def _is_named(row: PlanRow) -> bool:
    """Nothing can be owed to a job that has no name."""
    try:
        JobId.parse(row.job)
    except ValueError:
        return False
    return True


def _counts(row: PlanRow, rows: Sequence[PlanRow], jobs_on: set[str]) -> bool:
    """Rule 2: a time when the job was switched off counts once it is on again, unless another job took its place."""
    if row.enabled:
        return True
    return row.job in jobs_on and not any(other.enabled and _overlap(other, row) for other in rows)


def _overlap(row: PlanRow, other: PlanRow) -> bool:
    return _before(row.valid_from, other.valid_to) and _before(other.valid_from, row.valid_to)


def _before(start: datetime | None, end: datetime | None) -> bool:
    return start is None or end is None or start < end


def _past(row: PlanRow, now: ScheduleInForce | None, settings: Settings) -> ScheduleInForce:
    """The owner's schedule, and the zone that only the configuration holds, count for the past too."""
    zone = row.timezone or (now.timezone if now else None)
    made = schedule_in_force(JobId.parse(row.job), row.schedule, zone, settings)
    return replace(made, valid_from=row.valid_from, valid_to=row.valid_to)
