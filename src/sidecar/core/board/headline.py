"""The one line that says it, and the state of everything (design §2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sidecar.core import words
from sidecar.core.model import HARMLESS, NEEDS_YOU, JobRow, Overall, ServiceRow, SourceRow, State, worst


def overall(
    services: Sequence[ServiceRow], jobs: Sequence[JobRow], sources: Sequence[SourceRow], now: datetime, zone: ZoneInfo
) -> Overall:
    """The worst of services, jobs and sources, in one line with what is behind it."""
    states = [service.verdict.state for service in services]
    counts = {state: states.count(state) for state in State if state in states}
    return Overall(_state(services, jobs, sources), _headline(services, jobs, sources, now, zone), counts)


def _state(services: Sequence[ServiceRow], jobs: Sequence[JobRow], sources: Sequence[SourceRow]) -> State:
    """``late``, ``running``, ``new`` and ``disabled`` don't lower it; but without one good service it isn't ok either."""
    if not services:
        return State.UNKNOWN
    verdicts = [row.verdict for rows in (services, jobs, sources) for row in rows]
    everything = worst(verdict.state for verdict in verdicts)
    if everything not in HARMLESS:
        return everything
    own = [service.verdict.state for service in services]
    return State.OK if State.OK in own else worst(own)


def _headline(
    services: Sequence[ServiceRow], jobs: Sequence[JobRow], sources: Sequence[SourceRow], now: datetime, zone: ZoneInfo
) -> str:
    if (
        sources
        and all(source.as_of is None for source in sources)
        and not any(source.verdict.action for source in sources)
    ):
        return f"Reading for the first time: 0 of {len(sources)} sources answered"
    if not services:
        silent = [source.name for source in sources if source.verdict.state is State.UNKNOWN]
        return f"Can't tell: {words.listed(silent)} can't be read" if silent else "No service seen: all lists are empty"
    judged = [service for service in services if service.verdict.state is not State.DISABLED]
    needy = [service for service in judged if service.verdict.state in NEEDS_YOU]
    unknown = [service for service in judged if service.verdict.state is State.UNKNOWN]
    if needy:
        return _with_culprit(f"{len(needy)} of {len(judged)} need you", needy, now, zone)
    if unknown:
        return _cant_tell(unknown, len(judged), sources, now, zone)
    return f"{_backed_up(judged)}{_beside(jobs, sources)}"


def _with_culprit(line: str, needy: Sequence[ServiceRow], now: datetime, zone: ZoneInfo) -> str:
    if len(needy) != 1:
        return line
    one = needy[0]
    since = f" {words.moment(one.verdict.since, now, zone).removeprefix('today ')}" if one.verdict.since else ""
    return f"{line}: {one.name} {one.verdict.state}{since}"


def _cant_tell(
    unknown: Sequence[ServiceRow], total: int, sources: Sequence[SourceRow], now: datetime, zone: ZoneInfo
) -> str:
    line = f"Can't tell for {len(unknown)} of {total}"
    silent = [source for source in sources if source.verdict.state is State.UNKNOWN]
    if len(silent) != 1:
        return line
    since = f" since {words.moment(silent[0].as_of, now, zone).removeprefix('today ')}" if silent[0].as_of else ""
    return f"{line}: {silent[0].name} can't be read{since}"


def _backed_up(judged: Sequence[ServiceRow]) -> str:
    total = len(judged)
    count = {state: sum(1 for one in judged if one.verdict.state is state) for state in State}
    good = count[State.OK] + count[State.WARNING]
    if not judged:
        return "Everything is paused or switched off"
    if count[State.NEW] == total:
        return "Nothing was due yet"
    line = f"All {total} backed up" if good == total else f"{good} of {total} backed up"
    extras = [f"{count[state]} {state}" for state in (State.RUNNING, State.LATE, State.NEW) if count[state]]
    if count[State.WARNING]:
        extras.append(f"{count[State.WARNING]} warning{'s' if count[State.WARNING] > 1 else ''}")
    return ", ".join([line, *extras])


def _beside(jobs: Sequence[JobRow], sources: Sequence[SourceRow]) -> str:
    """Trouble that no service shows: upkeep that failed, a source that can't be read."""
    bad = [f"{job.title} {job.verdict.state}" for job in jobs if job.verdict.state not in HARMLESS]
    bad += [f"{source.name} can't be read" for source in sources if source.verdict.state is State.UNKNOWN]
    return f": {words.listed(bad)}" if bad else ""
