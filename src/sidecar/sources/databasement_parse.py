"""Rows of Databasement's lists → facts (DB-5, DB-8, DB-12). Nothing of a row's ``metadata`` is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import Dump, DumpCopy, DumpPlan

from .fields import LONGEST_LIST, Row, UnreadableError, flag, list_of, name, row_of, showable, text, whole, words

#: Databasement ≥ 1.9 has cancelled (DB-1). A status that is not here makes its row unreadable.
_OUTCOMES = {
    "pending": Outcome.RUNNING,
    "running": Outcome.RUNNING,
    "completed": Outcome.OK,
    "failed": Outcome.FAILED,
    "cancelled": Outcome.FAILED,
}

#: What stands in place of a database's name when a run failed before the databases were known (DB-7).
_NO_DATABASE = ("(all databases)", "(preflight)")

#: How a backup configuration selects databases (DB-13).
_MODES = ("all", "selected", "pattern", "excluded")

#: What became of a copy; while it is pending or being deleted that is not known (DB-8).
_COPIES = {"completed": True, "failed": False, "cancelled": False, "deletion_failed": False}


@dataclass(frozen=True, slots=True)
class Server:
    """A database server. ``outdated``: it has the one ``backup`` of Databasement before 1.1.

    ``volume_ids`` has the ids of the volumes of each plan; its own ``volumes`` are names, see ``with_volumes``.
    """

    id: str
    name: str
    plans: tuple[DumpPlan, ...]
    volume_ids: tuple[tuple[str, ...], ...] = ()
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class Volume:
    """Where dumps are stored. Nothing of its settings is kept."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What ``/snapshots`` adds to a job: the file that came of it. ``id`` is the job's; for the others see Dump."""

    id: str
    size: int | None
    exists: bool | None
    copies: tuple[DumpCopy, ...]
    scheduled: bool | None


def parse_page(body: Any) -> tuple[list[Any], int]:
    """The rows of one page, and how many pages there are."""
    page = row_of(body)
    rows, pages = page.get("data"), whole(row_of(page.get("meta")), "last_page")
    if not isinstance(rows, list) or pages is None:
        raise UnreadableError("no page")
    return rows, pages


def created_at(value: Any) -> datetime | None:
    """When a row was created; None where it is not reported."""
    try:
        return instant(row_of(value), "created_at")
    except UnreadableError:
        return None


# --- servers and their backup configurations -------------------------------------------------------------------------


def parse_server(value: Any) -> Server:
    """A row of ``/database-servers``."""
    row = row_of(value)
    outdated = "backups" not in row and "backup" in row
    backups = _backups(row, outdated=outdated)
    plans = tuple(_plan(row, backup, row if outdated else backup) for backup in backups)
    volume_ids = tuple(_volume_ids(backup) for backup in backups)
    return Server(name(row, "id"), name(row, "name"), plans, volume_ids, outdated)


def distinct(servers: Iterable[Server]) -> dict[str, Server]:
    """The servers by id. Those that share a name get their id added, so that none can stand in for another."""
    servers = tuple(servers)
    names = Counter(server.name for server in servers)
    return {server.id: _with_id(server) if names[server.name] > 1 else server for server in servers}


def parse_volume(value: Any) -> Volume:
    """A row of ``/volumes``."""
    row = row_of(value)
    return Volume(name(row, "id"), name(row, "name"))


def volume_names(volumes: Iterable[Volume]) -> dict[str, str]:
    """Their names by id. Those that share a name get their id added, so that none can stand in for another."""
    volumes = tuple(volumes)
    names = Counter(volume.name for volume in volumes)
    return {volume.id: f"{volume.name} ({volume.id})" if names[volume.name] > 1 else volume.name for volume in volumes}


def with_volumes(server: Server, names: Mapping[str, str]) -> tuple[DumpPlan, ...]:
    """The server's plans with the names of their volumes, where all of them are known."""
    pairs = zip(server.plans, server.volume_ids, strict=True)
    return tuple(replace(plan, volumes=_names(ids, names)) for plan, ids in pairs)


def _names(ids: tuple[str, ...], names: Mapping[str, str]) -> tuple[str, ...] | None:
    return tuple(names[id_] for id_ in ids) if ids and all(id_ in names for id_ in ids) else None


def _volume_ids(backup: Row) -> tuple[str, ...]:
    """Since 1.7 a backup configuration has several volumes; before, one (DB-1)."""
    if backup.get("volume_ids") is None:
        only = text(backup, "volume_id")
        return (only,) if only else ()
    return tuple(name({"id": id_}, "id") for id_ in list_of(backup, "volume_ids"))


def _backups(row: Row, *, outdated: bool) -> list[Row]:
    backups = [row["backup"]] if outdated and row["backup"] else list_of(row, "backups") if row.get("backups") else []
    return [row_of(backup) for backup in backups]


def _plan(server: Row, backup: Row, selection: Row) -> DumpPlan:
    """``selection`` is the object that selects databases: before 1.1 the server itself."""
    schedule = row_of(backup.get("backup_schedule") or {})
    mode = text(selection, "database_selection_mode")
    return DumpPlan(
        server=name(server, "name"),
        id=name(backup, "id"),
        schedule_name=text(schedule, "name"),
        schedule=text(schedule, "expression"),
        mode=mode if mode in _MODES else "unknown" if mode else "all",
        databases=_databases(selection) if mode in ("selected", "excluded") else (),
        pattern=text(selection, "database_include_pattern", LONGEST_LIST) if mode == "pattern" else None,
        enabled=flag(server, "backups_enabled", default=True),
        server_type=text(server, "database_type"),
    )


def _databases(selection: Row) -> tuple[str, ...]:
    names = list_of(selection, "database_names") if selection.get("database_names") else []
    return tuple(name({"name": database}, "name") for database in names)


def _with_id(server: Server) -> Server:
    label = f"{server.name} ({server.id})"
    return replace(server, name=label, plans=tuple(replace(plan, server=label) for plan in server.plans))


# --- jobs ------------------------------------------------------------------------------------------------------------


def parse_job(value: Any, servers: Mapping[str, Server]) -> Dump | None:
    """A row of ``/jobs``; None for a restore and for a server that is gone.

    Only ``status`` and ``snapshot`` are trusted: ``type`` is null on some rows, and a row that is tried again keeps the
    error and the end of its failed try (DB-6).
    """
    row = row_of(value)
    job, run = name(row, "id"), run_of(row)
    snapshot = row_of(row.get("snapshot") or {})
    if not snapshot or snapshot.get("server") is None:
        return None
    server = row_of(snapshot["server"])
    known = servers.get(name(server, "id"))
    database = name(snapshot, "database_name")
    return Dump(
        id=job,
        server=known.name if known else name(server, "name"),
        database=database,
        run=run,
        whole_server=_concerns_all(row, run, database, known),
        scheduled=snapshot["triggered_by"] is None if "triggered_by" in snapshot else None,
        changed_at=instant(row, "updated_at"),
    )


def run_of(row: Row) -> Run:
    """The run of a job; see parse_job for what of its row is trusted."""
    status = name(row, "status")
    outcome, start = _OUTCOMES.get(status), instant(row, "created_at")
    if outcome is None or start is None:
        raise UnreadableError("status or created_at")
    end = instant(row, "completed_at") if outcome is not Outcome.RUNNING else None
    reported = {"failed": words(row, "error_message"), "cancelled": "cancelled"}.get(status)
    return Run(start=start, end=end if end and end >= start else None, outcome=outcome, text=reported)


def _concerns_all(row: Row, run: Run, database: str, server: Server | None) -> bool:
    """It failed before the databases were known; in mode pattern it is then named like the pattern, and never started."""
    if database in _NO_DATABASE:
        return True
    patterns = {plan.pattern for plan in server.plans} if server else set()
    return database in patterns and run.outcome is Outcome.FAILED and row.get("started_at") is None


def instant(row: Row, key: str) -> datetime | None:
    """An ISO 8601 time with its zone; None when it is absent."""
    value = text(row, key)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise UnreadableError(key)
        return showable(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        raise UnreadableError(key) from None


# --- snapshots -------------------------------------------------------------------------------------------------------


def parse_snapshot(value: Any, names: Mapping[str, str] = MappingProxyType({})) -> Stored | None:
    """A row of ``/snapshots``; None when its job is gone. Its size means something once the job is completed (DB-8).

    ``names``: the volumes' names by id, see ``volume_names``.
    """
    row = row_of(value)
    if row.get("job") is None:
        return None
    job = row_of(row["job"])
    volumes = _volumes(row, text(job, "status"))
    return Stored(
        id=name(job, "id"),
        size=whole(row, "file_size") if text(job, "status") == "completed" else None,
        exists=_exists(volumes),
        copies=tuple(_copy(volume, names) for volume in volumes),
        scheduled={"scheduled": True, "manual": False}.get(text(row, "method") or ""),
    )


def _volumes(row: Row, status: str | None) -> list[Row]:
    """The row's volumes, each with what became of the copy there; before 1.7 the one it has, as its job ended."""
    if "volumes" not in row:
        return [{**row_of(row["volume"]), "status": status}] if row.get("volume") else []
    return [row_of(volume) for volume in list_of(row, "volumes")] if row["volumes"] else []


def with_files(dumps: Iterable[Dump], files: Mapping[str, Stored]) -> tuple[Dump, ...]:
    """The dumps with what is stored of them."""
    return tuple(_with_file(dump, files.get(dump.id)) for dump in dumps)


def with_copies_of(dumps: Iterable[Dump], files: Mapping[str, Stored]) -> dict[str, Stored]:
    """The same files; the copies that dumps have too are the same objects."""
    copies = {dump.id: dump.copies for dump in dumps}
    return {id_: replace(file, copies=copies.get(id_, file.copies)) for id_, file in files.items()}


def _exists(volumes: list[Row]) -> bool | None:
    """False when the nightly check found every finished copy gone; None where no finished copy reports it."""
    finished = [volume for volume in volumes if volume.get("status") == "completed"]
    checked = [flag(volume, "file_exists") for volume in finished if volume.get("file_exists") is not None]
    return any(checked) or len(checked) < len(finished) if checked else None


def _copy(volume: Row, names: Mapping[str, str]) -> DumpCopy:
    ok = _COPIES.get(text(volume, "status") or "")
    gone = ok is True and not flag(volume, "file_exists", default=True)
    return DumpCopy(_called(volume, names), ok and not gone, "its file is gone" if gone else None)


def _called(volume: Row, names: Mapping[str, str]) -> str:
    """A volume that is listed no more may have left its name to another one, and must not stand in for it."""
    id_, own = text(volume, "id") or "", name(volume, "name")
    return names.get(id_) or (f"{own} ({id_})" if id_ and own in names.values() else own)


def _with_file(dump: Dump, stored: Stored | None) -> Dump:
    if stored is None:
        return dump
    return replace(
        dump,
        run=replace(dump.run, size=stored.size),
        file_size=stored.size,
        file_exists=stored.exists,
        copies=stored.copies,
        scheduled=dump.scheduled if stored.scheduled is None else stored.scheduled,
    )
