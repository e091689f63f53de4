"""Databasement's scheduled restores, and which restores were theirs (DB-14)."""

from __future__ import annotations

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
    for each in restored:
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


def _runs(planned: Planned, there: Iterable[Restored], *, alone: bool) -> tuple[Run, ...]:
    runs = [each.run for each in there if _is_its_own(planned, each, alone=alone)]
    return tuple(sorted(runs, key=lambda run: run.start, reverse=True))


def _is_its_own(planned: Planned, restored: Restored, *, alone: bool) -> bool:
    """A restore tells its target, not what was restored. So what a person restored there proves nothing, nor what came
    before the schedule was made; ``alone``: no other schedule restores to that target.
    """
    start = restored.run.start
    if planned.made is None or start < planned.made:
        return False
    if planned.handed_over is not None and abs(start - planned.handed_over) <= _HANDED_OVER_WITHIN:
        return True
    return alone and not restored.by_hand
