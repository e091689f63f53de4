"""When a part is due: the due time that counts, the next one, and the grace (rules 1, 3 and 4 of design §6)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sidecar.core.history.history import History
from sidecar.core.model import Run
from sidecar.core.parts.part import EARLY, Part, Plan

SHORT_GRACE = timedelta(minutes=30)
LONGEST_GRACE = timedelta(hours=3)
_FIRST = datetime.min.replace(tzinfo=UTC)


def due_time(part: Part, enabled: tuple[Plan, ...], good: Run | None, history: History) -> datetime | None:
    """Rule 3: D, the first due time after the one that the newest good run answers; without one the first that is known.

    Rule 1: each plan has its due times while it was in force, and what was announced stays due until a run answers it.
    """
    answered = good.start + EARLY if good else None
    first = part.first_due_after or history.contact(part.source) or part.evidence.as_of
    due = []
    for plan in (*enabled, *part.past):
        after = answered or (_FIRST if plan.schedule is None else first and first - timedelta(seconds=1))
        due.append(_expected_after(part, plan, after) if after else None)
    return min((one for one in due if one), default=None)


def next_run(part: Part, enabled: tuple[Plan, ...], now: datetime) -> tuple[datetime | None, Plan | None]:
    """The next due time after ``now``, and the plan that promises it."""
    coming = [(_expected_after(part, plan, now), plan) for plan in enabled]
    known = [(when, plan) for when, plan in coming if when is not None]
    if known:
        return min(known, key=lambda pair: pair[0])
    return None, next(iter(enabled), None)


def grace(part: Part, enabled: tuple[Plan, ...], now: datetime) -> timedelta:
    """Rule 4: 30 min where starts can be seen, else a quarter of the period, 30 min to 3 h; the owner's word wins."""
    own = [plan.grace for plan in enabled if plan.grace is not None]
    if own:
        return max(own)
    if part.starts_seen:
        return SHORT_GRACE
    periods = [plan.schedule.period(now) for plan in (enabled or part.plans) if plan.schedule]
    period = min((period for period in periods if period), default=None)
    return min(max(period / 4, SHORT_GRACE), LONGEST_GRACE) if period else LONGEST_GRACE


def second_time(due: datetime, zones: Iterable[str | None]) -> timedelta:
    """Rule 7: how much later the same local time comes again; nothing where it comes once.

    It is due once, at the first, but schedulers disagree which of the two they take (libs.md §3), so the second is
    waited for as well.
    """
    local = [due.astimezone(ZoneInfo(zone)) for zone in zones if zone is not None]
    again = [one.replace(fold=1).astimezone(UTC) - one.astimezone(UTC) for one in local]
    return max(again, default=timedelta())


def _expected_after(part: Part, plan: Plan, moment: datetime) -> datetime | None:
    """The first due time after ``moment`` that no pause excuses."""
    due = plan.due_after(moment)
    while due is not None and (pause := next((one for one in part.pauses if one.start <= due < one.end), None)):
        due = plan.due_after(pause.end - datetime.resolution)
    return due
