"""Whether Databasement's schedules mean the configured time zone, told from when its dumps really begin.

Its API does not tell its zone. A wrong one makes every dump late or early by hours, so it is worth a look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sidecar.core.reports.facts import Dump, DumpPlan
from sidecar.core.reports.report import Report
from sidecar.core.schedules import schedule
from sidecar.core.schedules.schedule import Schedule
from sidecar.core.schedules.wall_clock import ScheduleError

from .findings import Finding, Severity

#: How long after its due time a dump begins, at most: Databasement works through its queue.
_BEGINS_WITHIN = timedelta(minutes=15)

#: So many of the newest dumps are looked at, with so many schedules of a server; and on so many days they must have begun.
_LOOKED_AT, _SCHEDULES, _DAYS = 60, 5, 3

#: Which share of them begins at due times of the right zone, and of a wrong one.
_RIGHT, _WRONG = 0.9, 0.1

#: Zones without a name of their own, by hours east of Greenwich.
_OFFSETS = {f"Etc/GMT{-hours:+d}": f"UTC{hours:+d}" for hours in (*range(-11, 0), *range(1, 15))}


@dataclass(frozen=True, slots=True)
class _Begun:
    """When a dump began, and the schedules of its server as they are written."""

    start: datetime
    schedules: tuple[str, ...]


def findings(report: Report, configured: str, likely: Iterable[str], about: str) -> Iterator[Finding]:
    """At most one. ``likely``: names of zones in which people or other sources of this house live."""
    begun = list(_begun(report))
    if len({each.start.date() for each in begun}) < _DAYS:
        return
    if _share(begun, configured) >= _RIGHT:
        yield Finding(about=about, severity=Severity.OK, text=f"its dumps begin at the due times of {configured}")
        return
    if _share(begun, configured) > _WRONG:
        return
    fits = [zone for zone in dict.fromkeys((*likely, "UTC", *_OFFSETS)) if _share(begun, zone) >= _RIGHT]
    if not fits:
        return
    zone = fits[0]
    clock = f"{begun[0].start.astimezone(ZoneInfo(zone)):%H:%M}"
    place = f"{about.removeprefix('source ')}.timezone"
    known = f"Write timezone: {zone} there" if zone not in _OFFSETS else "Write the zone that has this offset there"
    yield Finding(
        about=about,
        severity=Severity.PROBLEM,
        text=f"its dumps come at {clock} {_OFFSETS.get(zone, zone)}, as scheduled there; sources.{place} says {configured}",
        action=f"{known}; on its own machine it is APP_DISPLAY_TIMEZONE",
    )


def _begun(report: Report) -> Iterator[_Begun]:
    """The newest dumps that a schedule began, each server and minute once."""
    plans: dict[str, tuple[str, ...]] = {}
    for plan in report.facts(DumpPlan):
        if plan.schedule and plan.enabled:
            plans[plan.server] = (*plans.get(plan.server, ()), plan.schedule)[:_SCHEDULES]
    dumps = sorted(report.facts(Dump), key=lambda dump: dump.run.start, reverse=True)
    starts = {
        (dump.server, dump.run.start.replace(second=0, microsecond=0)): dump.run.start
        for dump in dumps
        if dump.scheduled is not False and dump.server in plans
    }
    for (server, _), start in list(starts.items())[:_LOOKED_AT]:
        yield _Begun(start, plans[server])


def _share(begun: Sequence[_Begun], zone: str) -> float:
    """How many of them began at a due time of this zone."""
    fitting = sum(_fits(each, zone) for each in begun)
    return fitting / len(begun)


def _fits(begun: _Begun, zone: str) -> bool:
    return any(
        due is not None and begun.start - due <= _BEGINS_WITHIN
        for text in begun.schedules
        if (parsed := _schedule(text, zone)) is not None
        for due in (parsed.last_at_or_before(begun.start),)
    )


@lru_cache(maxsize=1_024)
def _schedule(text: str, zone: str) -> Schedule | None:
    try:
        return schedule.parse(text, ZoneInfo(zone))
    except (ScheduleError, ZoneInfoNotFoundError, ValueError):
        return None
