"""Rows of Databasement's lists (docs/upstreams.md)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from tests.simulators import seeded
from tests.simulators.calls import Json
from tests.simulators.dumps import Attempt, DumpRow, switched_off
from tests.simulators.homelab import DatabaseServer, DumpBackup, RepeatedRestore, Volume
from tests.simulators.restores import RestoreRow
from tests.simulators.story import Moment
from tests.simulators.timetable import Timetable

_INSTALLED = datetime(2026, 1, 20, 9, tzinfo=UTC)
_INSTALLED_TEXT = "2026-01-20T09:00:00.000000Z"
_CHECK = time(5)
"""When the files are looked at every night, local time (DB-8)."""
_KEPT = 4096
"""So many rows are kept as they were answered."""


@dataclass(frozen=True, slots=True)
class _Progress:
    """How far a row has come. A running one can still carry error and end of a failed try (DB-6)."""

    status: str
    attempt: Attempt | None = None
    completed: datetime | None = None
    error: str | None = None


def _progress(row: DumpRow, now: datetime) -> _Progress:
    if row.preflight is not None:
        return _Progress("failed", None, row.created, row.preflight)
    begun = [attempt for attempt in row.attempts if attempt.start <= now]
    if not begun:
        return _Progress("pending")
    ended = [attempt for attempt in begun if attempt.end <= now]
    error = next((attempt.error for attempt in reversed(ended) if attempt.error), None)
    completed = ended[-1].end if ended else None
    if begun[-1].end > now:
        return _Progress("running", begun[-1], completed, error)
    return _Progress("failed" if begun[-1].error else "completed", begun[-1], completed, error)


def job_row(moment: Moment, row: DumpRow) -> dict[str, Json]:
    """A job: one run for one database. It stays as it is at its end."""
    return _job_row(row, min(moment.now, row.end))


@lru_cache(maxsize=_KEPT)
def _job_row(row: DumpRow, now: datetime) -> dict[str, Json]:
    progress = _progress(row, now)
    started = progress.attempt.start if progress.attempt else None
    return {
        "id": _job_id(row),
        "job_id": str(seeded.number(1000, 99_999, row.created, row.database)),
        "status": progress.status,
        "started_at": _instant(started),
        "completed_at": _instant(progress.completed),
        "duration": _duration(progress),
        "error_message": progress.error,
        "created_at": _instant(row.created),
        "updated_at": _instant(_changed(row, progress)),
        "type": "backup",
        "snapshot": {
            "id": _snapshot_id(row),
            "metadata": _metadata(row),
            "database_name": row.database,
            "database_type": row.server.type,
            "server": _server(row.server),
            "triggered_by": None,
        },
        "restore": None,
    }


def restore_job_row(moment: Moment, row: RestoreRow) -> dict[str, Json]:
    """A job that restores: it tells neither what was restored nor its schedule (DB-14)."""
    ended = row.end <= moment.now
    status = ("failed" if row.error else "completed") if ended else "running"
    target = next(server for server in moment.homelab.dumps.servers if server.name == row.restore.target)
    return {
        "id": seeded.ulid(row.created, "restore", row.restore.name),
        "job_id": str(seeded.number(1000, 99_999, row.created, row.restore.name)),
        "status": status,
        "started_at": _instant(row.created),
        "completed_at": _instant(row.end if ended else None),
        "duration": _duration(_Progress(status, Attempt(row.created, row.end))),
        "error_message": row.error if ended else None,
        "created_at": _instant(row.created),
        "updated_at": _instant(row.end if ended else row.created),
        "type": None,
        "snapshot": None,
        "restore": {
            "id": seeded.ulid(row.created, "restored", row.restore.name),
            "schema_name": row.restore.schema,
            "target_server": _server(target),
            "triggered_by": None,
        },
    }


def scheduled_restore_row(moment: Moment, restore: RepeatedRestore) -> dict[str, Json]:
    """A scheduled restore."""
    servers = {server.name: server for server in moment.homelab.dumps.servers}
    last = next((row.created for row in moment.restore_rows if row.restore == restore), None)
    return {
        "id": seeded.ulid(_INSTALLED, "scheduled restore", restore.name),
        "name": restore.name,
        "source_server_id": _server_id(servers[restore.server]),
        "source_database_name": restore.database,
        "target_server_id": _server_id(servers[restore.target]),
        "schema_name": restore.schema,
        "backup_schedule_id": _schedule_id(restore.schedule),
        "options": None,
        "enabled": True,
        "last_executed_at": _instant(last),
        "last_skip_reason": None,
        "created_at": _INSTALLED_TEXT,
        "updated_at": _instant(last) or _INSTALLED_TEXT,
    }


def snapshot_row(moment: Moment, row: DumpRow) -> dict[str, Json]:
    """What a job left: an empty file name and no size until it is completed. It stays so, unless its file vanishes."""
    return _snapshot_row(row, min(moment.now, row.end), gone=row.file_gone and moment.now >= _looked(moment, row))


def _looked(moment: Moment, row: DumpRow) -> datetime:
    return datetime.combine(row.due, _CHECK, moment.homelab.zone).astimezone(UTC)


@lru_cache(maxsize=_KEPT)
def _snapshot_row(row: DumpRow, now: datetime, *, gone: bool) -> dict[str, Json]:
    progress = _progress(row, now)
    done = progress.status == "completed"
    size = row.size if done else 0
    copies: list[Json] = [_copy(row, volume, progress, gone=gone) for volume in row.volumes]
    return {
        "id": _snapshot_id(row),
        "database_name": row.database,
        "database_type": row.server.type,
        "metadata": _metadata(row),
        "filename": f"{row.server.name}-{row.database}-{row.created:%Y-%m-%d-%H%M%S}.sql.gz" if done else "",
        "file_size": size,
        "file_size_human": f"{size / 2**20:.2f} MB" if size else "0 B",
        "checksum": seeded.hexdigits(64, row.database, row.created) if done else None,
        "compression_type": "gzip",
        "method": "scheduled",
        "started_at": _instant(row.created),
        "created_at": _instant(row.created),
        "updated_at": _instant(_changed(row, progress)),
        "server": _server(row.server),
        "volumes": copies,
        "volume": _volume(row.volumes[0]),
        "triggered_by": None,
        "job": {"id": _job_id(row), "status": progress.status, "duration": _duration(progress)},
    }


def server_row(moment: Moment, server: DatabaseServer) -> dict[str, Json]:
    """A server with its backup configurations."""
    backups: list[Json] = [_backup(moment, server, backup) for backup in moment.homelab.dumps.backups_of(server)]
    return {
        "id": _server_id(server),
        "name": server.name,
        "host": server.host,
        "port": server.port,
        "database_type": server.type,
        "description": None,
        "backups_enabled": not switched_off(moment.faults, server, moment.now),
        "exports_enabled": True,
        "restores_enabled": True,
        "ssh_config_id": None,
        "agent_id": None,
        "extra_config": None,
        "managed_by": None,
        "created_at": _INSTALLED_TEXT,
        "updated_at": _INSTALLED_TEXT,
        "backups": backups,
    }


def _backup(moment: Moment, server: DatabaseServer, backup: DumpBackup) -> dict[str, Json]:
    volumes: list[Json] = [_volume_id(moment.homelab.dumps.volume(name)) for name in backup.volumes]
    mode = server.mode if backup.databases is None else "selected"
    selected: list[Json] = [*(server.databases if backup.databases is None else backup.databases)]
    return {
        "id": seeded.ulid(_INSTALLED, "backup", server.name, *_names_apart(server, backup)),
        "backup_schedule_id": _schedule_id(backup.schedule),
        "backup_schedule": _schedule(backup.schedule, backup.timetable),
        "volume_ids": volumes,
        "volume_id": volumes[0],
        "path": None,
        "retention_policy": "days",
        "retention_days": moment.homelab.dumps.keep_days,
        "gfs_keep_daily": None,
        "gfs_keep_weekly": None,
        "gfs_keep_monthly": None,
        "database_selection_mode": mode,
        "database_names": selected if mode == "selected" else None,
        "database_include_pattern": None,
        "excluded_tables": None,
    }


def _names_apart(server: DatabaseServer, backup: DumpBackup) -> tuple[str, ...]:
    """What makes an id of one of several backups its own."""
    return (backup.schedule, *backup.volumes) if server.backups else ()


def schedule_row(name: str, timetable: Timetable) -> dict[str, Json]:
    """A schedule: a cron expression without a zone."""
    return {
        **_schedule(name, timetable),
        "created_at": _INSTALLED_TEXT,
        "updated_at": _INSTALLED_TEXT,
    }


def volume_row(volume: Volume) -> dict[str, Json]:
    """A volume with its settings, secrets removed."""
    return _volume(volume) | {
        "config": _volume_config(volume),
        "created_at": _INSTALLED_TEXT,
        "updated_at": _INSTALLED_TEXT,
    }


def _copy(row: DumpRow, volume: Volume, progress: _Progress, *, gone: bool) -> dict[str, Json]:
    lost = volume.name in row.lost_copies
    status = {"completed": "failed" if lost else "completed", "failed": "failed"}.get(progress.status, "pending")
    return _volume(volume) | {"status": status, "file_exists": not gone}


def _volume(volume: Volume) -> dict[str, Json]:
    return {"id": _volume_id(volume), "name": volume.name, "type": volume.type}


def _volume_config(volume: Volume) -> dict[str, Json]:
    if volume.type == "local":
        return {"path": "/backups"}
    empty: dict[str, Json] = dict.fromkeys(
        ("custom_endpoint", "public_endpoint", "custom_role_arn", "role_session_name", "sts_endpoint"), ""
    )
    return empty | {
        "bucket": "dumps",
        "prefix": "db",
        "region": "eu-central-1",
        "access_key_id": "SAMPLE-NOT-A-KEY",
        "use_path_style_endpoint": False,
    }


def _metadata(row: DumpRow) -> dict[str, Json]:
    """Host, port, user and volume settings, in every row (DB-9)."""
    volume = row.volumes[0]
    return {
        "database_server": {
            "host": row.server.host,
            "port": row.server.port,
            "username": "backup",
            "database_name": row.database,
            "ssh_tunnel": {"enabled": False},
        },
        "volume": {"type": volume.type, "config": _volume_config(volume)},
    }


def _server(server: DatabaseServer) -> dict[str, Json]:
    return {"id": _server_id(server), "name": server.name}


def _server_id(server: DatabaseServer) -> str:
    return seeded.ulid(_INSTALLED, "server", server.name)


def _volume_id(volume: Volume) -> str:
    return seeded.ulid(_INSTALLED, "volume", volume.name)


def _schedule(name: str, timetable: Timetable) -> dict[str, Json]:
    return {"id": _schedule_id(name), "name": name, "expression": timetable.cron()}


def _schedule_id(name: str) -> str:
    return seeded.ulid(_INSTALLED, "schedule", name)


def _job_id(row: DumpRow) -> str:
    return seeded.ulid(row.created, "job", row.server.name, row.database, *_names_apart(row.server, row.backup))


def _snapshot_id(row: DumpRow) -> str:
    return seeded.ulid(row.created, "snapshot", row.server.name, row.database, *_names_apart(row.server, row.backup))


def _changed(row: DumpRow, progress: _Progress) -> datetime:
    started = progress.attempt.start if progress.attempt else row.created
    return max(started, progress.completed or started)


def _duration(progress: _Progress) -> str | None:
    """For people: never hours, milliseconds below a second (DB-10)."""
    if progress.attempt is None or progress.status in ("running", "pending"):
        return None
    took = progress.attempt.end - progress.attempt.start
    minutes, seconds = divmod(int(took / timedelta(seconds=1)), 60)
    return f"{minutes}m {seconds}s" if minutes else f"{seconds}s"


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
