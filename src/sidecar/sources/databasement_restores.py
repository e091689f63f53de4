"""Databasement's scheduled restores, and which restores were theirs (DB-14)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sidecar.core.model import Run
from sidecar.core.reports.facts import ScheduledRestore

from .databasement_parse import Server, instant, run_of
from .fields import flag, name, row_of, text

#: ``last_executed_at`` is when the run was handed to the queue, which is when its row was made.
_HANDED_OVER_WITHIN = timedelta(minutes=1)

#: The server and the database that is written to.
_Target = tuple[str, str]


@dataclass(frozen=True, slots=True)
class DumpSchedule:
    """A named schedule, a cron line: backups and restores share them."""

    id: str
    expression: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A row of ``/scheduled-restores``: ids in place of names, and no run."""

    id: str
    name: str
    source: str
    database: str
    target: _Target
    schedule: str | None
    enabled: bool
    made: datetime | None
    handed_over: datetime | None
    skipped: str | None


@dataclass(frozen=True, slots=True)
class Restored:
    """A restore that was made. ``by_hand``: a person asked for it."""

    id: str
    target: _Target
    run: Run
    by_hand: bool


def parse_schedule(value: Any) -> DumpSchedule:
    """A row of ``/backup-schedules``."""
    row = row_of(value)
    return DumpSchedule(name(row, "id"), text(row, "expression"))


def parse_planned(value: Any) -> Planned:
    """A row of ``/scheduled-restores``."""
    row = row_of(value)
    return Planned(
        id=name(row, "id"),
        name=name(row, "name"),
        source=name(row, "source_server_id"),
        database=name(row, "source_database_name"),
        target=(name(row, "target_server_id"), name(row, "schema_name")),
        schedule=text(row, "backup_schedule_id"),
        enabled=flag(row, "enabled", default=True),
        made=instant(row, "created_at"),
        handed_over=instant(row, "last_executed_at"),
        skipped=text(row, "last_skip_reason"),
    )


def parse_restored(value: Any) -> Restored | None:
    """A row of ``/jobs``; None for a backup and for a target that is gone."""
    row = row_of(value)
    restore = row_of(row.get("restore") or {})
    if not restore or restore.get("target_server") is None:
        return None
    target = name(row_of(restore["target_server"]), "id"), name(restore, "schema_name")
    return Restored(name(row, "id"), target, run_of(row), by_hand=restore.get("triggered_by") is not None)


def scheduled_restores(
    planned: Sequence[Planned],
    restored: Iterable[Restored],
    servers: Mapping[str, Server],
    schedules: Mapping[str, str | None],
) -> tuple[ScheduledRestore, ...]:
    """The scheduled restores with names and runs. One whose source is no server any more restores nothing.

    ``schedules``: their cron lines by id.
    """
    uses = Counter(each.target for each in planned)
    by_target: dict[_Target, list[Restored]] = {}
    for each in sorted(restored, key=_start):
        by_target.setdefault(each.target, []).append(each)
    return tuple(
        ScheduledRestore(
            id=each.id,
            name=each.name,
            server=servers[each.source].name,
            database=each.database,
            target="/".join((_name(each.target[0], servers), each.target[1])),
            schedule=schedules.get(each.schedule or ""),
            enabled=each.enabled,
            skipped=each.skipped,
            runs=_runs(each, by_target.get(each.target, ()), alone=uses[each.target] == 1),
        )
        for each in planned
        if each.source in servers
    )


def _name(server: str, servers: Mapping[str, Server]) -> str:
    return servers[server].name if server in servers else server


def _runs(planned: Planned, there: Sequence[Restored], *, alone: bool) -> tuple[Run, ...]:
    """Of ``there``, oldest first, what this schedule restored; newest first.

    A restore tells its target, not what was restored. So what a person restored there proves nothing, nor what came
    before the schedule was made; ``alone``: no other schedule restores to that target.
    """
    own = _handed_over(planned, there)
    known = there if alone else [own] if own is not None else []
    return tuple(
        each.run
        for each in reversed(known)
        if planned.made is not None and _start(each) >= planned.made and (each is own or not each.by_hand)
    )


def _handed_over(planned: Planned, there: Sequence[Restored]) -> Restored | None:
    """The row of the last run: handing one over makes one row. It is looked up, for thousands may share a target."""
    moment = planned.handed_over
    if moment is None:
        return None
    place = bisect_left(there, moment, key=_start)
    apart = [(abs(_start(each) - moment), each) for each in there[max(place - 1, 0) : place + 1]]
    least, nearest = min(apart, key=lambda pair: pair[0], default=(None, None))
    return nearest if least is not None and least <= _HANDED_OVER_WITHIN else None


def _start(restored: Restored) -> datetime:
    return restored.run.start
