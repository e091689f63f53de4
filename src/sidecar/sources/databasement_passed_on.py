"""What of Databasement may be passed on: no metadata, hosts, users, settings of volumes or texts of errors, which name these."""

from __future__ import annotations

from sidecar.proxy.passed_on import PassedOn
from sidecar.proxy.shape import Each, Leaf, Shape

from .databasement import HEALTH, JOBS, RESTORES, SCHEDULES, SERVERS, SNAPSHOTS, VOLUMES

_VALUE = Leaf.VALUE

_PAGE: dict[str, Shape] = {"meta": dict.fromkeys(("current_page", "last_page", "per_page", "total"), _VALUE)}
_NAMED: dict[str, Shape] = {"id": _VALUE, "name": _VALUE}
_TIMES: dict[str, Shape] = {"created_at": _VALUE, "updated_at": _VALUE}

#: A server selected its databases itself, before a backup configuration did (DB-1).
_SELECTION: dict[str, Shape] = {
    "database_include_pattern": _VALUE,
    "database_names": Each(_VALUE),
    "database_selection_mode": _VALUE,
}
_BACKUP: dict[str, Shape] = {
    **_SELECTION,
    "backup_schedule": {**_NAMED, "expression": _VALUE},
    "id": _VALUE,
    "volume_id": _VALUE,
    "volume_ids": Each(_VALUE),
}

PASSED_ON = (
    PassedOn(HEALTH, {"success": _VALUE}),
    PassedOn(
        SERVERS,
        {
            "data": Each(
                {
                    **_NAMED,
                    **_TIMES,
                    **_SELECTION,
                    "backup": _BACKUP,
                    "backups": Each(_BACKUP),
                    "backups_enabled": _VALUE,
                    "database_type": _VALUE,
                }
            ),
            **_PAGE,
        },
    ),
    PassedOn(VOLUMES, {"data": Each({**_NAMED, **_TIMES, "type": _VALUE}), **_PAGE}),
    PassedOn(
        JOBS,
        {
            "data": Each(
                {
                    **_TIMES,
                    "completed_at": _VALUE,
                    "id": _VALUE,
                    "snapshot": {"database_name": _VALUE, "database_type": _VALUE, "id": _VALUE, "server": _NAMED},
                    "started_at": _VALUE,
                    "status": _VALUE,
                    "type": _VALUE,
                }
            ),
            **_PAGE,
        },
    ),
    PassedOn(
        SNAPSHOTS,
        {
            "data": Each(
                {
                    **_TIMES,
                    "database_name": _VALUE,
                    "database_type": _VALUE,
                    "file_size": _VALUE,
                    "id": _VALUE,
                    "job": {"id": _VALUE, "status": _VALUE},
                    "method": _VALUE,
                    "server": _NAMED,
                    "started_at": _VALUE,
                    "volume": {**_NAMED, "type": _VALUE},
                    "volumes": Each({**_NAMED, "file_exists": _VALUE, "status": _VALUE, "type": _VALUE}),
                }
            ),
            **_PAGE,
        },
    ),
    PassedOn(SCHEDULES, {"data": Each({**_NAMED, **_TIMES, "expression": _VALUE}), **_PAGE}),
    PassedOn(
        RESTORES,
        {
            "data": Each(
                {
                    **_NAMED,
                    **_TIMES,
                    "backup_schedule_id": _VALUE,
                    "enabled": _VALUE,
                    "last_executed_at": _VALUE,
                    "last_skip_reason": _VALUE,
                    "schema_name": _VALUE,
                    "source_database_name": _VALUE,
                    "source_server_id": _VALUE,
                    "target_server_id": _VALUE,
                }
            ),
            **_PAGE,
        },
    ),
)
