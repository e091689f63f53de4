"""What a PBS answers to each call, filtered by what the token may see (PBS-6)."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.simulators import seeded
from tests.simulators.calls import Answer, Json, Question, RefusedError, epoch
from tests.simulators.faults import (
    DatastoreFills,
    DatastoreFull,
    DiskLost,
    Maintenance,
    PushFiltered,
    SyncJobGone,
    holds,
    of_kind,
)
from tests.simulators.pbs_snapshots import group_row, snapshot_row
from tests.simulators.pbs_tasks import upkeep_task
from tests.simulators.story import Backup, Moment
from tests.simulators.upkeep import upkeep_timetables

_AUDIT, _BACKUP = "Datastore.Audit", "Datastore.Backup"
_DENIED = "permission check failed"
_DIGEST = seeded.hexdigits(64, "prune.cfg")
_EMPTY_DIGEST = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
_APART = timedelta(seconds=1800)
"""From one point of a datastore's history to the next."""
_FAMILIES = {"/datastore": "Datastore.", "/remote": "Remote.", "/tape": "Tape."}
"""Paths on which only privileges of their own family count (PBS-7)."""


def ping(_: Question) -> Answer:
    """Anybody may ask."""
    return Answer({"pong": True})


def version(question: Question) -> Answer:
    """3.2.4: ``version`` holds major and minor, ``release`` the rest (PBS-10). Who pushes has a newer one."""
    version = "3.2" if question.moment.homelab.datastore.pushes_to is None else "3.4"
    return Answer({"release": "4", "repoid": "4940514b0f05d6cd6a5f711edfdd47c1fa41b537", "version": version})


def permissions(question: Question) -> Answer:
    """What the token itself may do (PBS-5)."""
    if question.text("auth-id", question.access.name) != question.access.name:
        raise RefusedError(400, "not allowed to list permissions of other auth-ids")
    fixed = ("/", "/access", "/datastore", "/remote", "/system", "/tape")
    wanted = question.text("path")
    listed = {wanted: question.acl.at(wanted)} if wanted else question.acl.listed(fixed)
    shown = {path: _of_family(path, privileges) for path, privileges in listed.items()}
    return Answer({path: {**privileges} for path, privileges in shown.items() if privileges})


def datastores(question: Question) -> Answer:
    """A store is listed when anything in it may be seen; its comment only with rights on the store itself."""
    store = question.moment.homelab.datastore.name
    if not _sees(question):
        return Answer([])
    comment = "all backups" if question.acl.may(_path(store), _AUDIT) else None
    row: dict[str, Json] = {"comment": comment, "store": store}
    maintenance = _maintenance(question.moment)
    if maintenance is not None:
        row["maintenance"] = f'type={maintenance.mode},message="{maintenance.message}"'
    return Answer([row])


def namespaces(question: Question) -> Answer:
    """Recursive, the parent included; a parent that doesn't exist is listed all the same (PBS-12)."""
    store, parent = question.parts["store"], question.text("parent")
    _known_store(question, below=True)
    depth = question.number("max-depth", 7)
    if depth > 7:
        text = f"value must have a maximum value of 7 (got {depth})"
        raise RefusedError(400, f"parameter verification failed - 'max-depth': {text}")
    there = () if is_lost(question.moment) else question.moment.homelab.datastore.namespaces
    names = [parent] + [name for name in there if _below(name, parent, depth)]
    seen = [name for name in names if question.acl.may(_path(store, name), _AUDIT, _BACKUP)]
    if not seen:
        raise RefusedError(403, _DENIED)
    return Answer([{"ns": name} for name in seen])


def snapshots(question: Question) -> Answer:
    """All snapshots of one namespace, in no order (PBS-15)."""
    backups = _backups(question)
    rows = [snapshot_row(question.moment, backup) for backup in backups]
    return Answer(list(rows), streamed=True)


def groups(question: Question) -> Answer:
    """All groups of one namespace that have a snapshot (PBS-14)."""
    by_group: dict[tuple[str, str], list[Backup]] = {}
    for backup in _backups(question):
        by_group.setdefault(backup.group, []).append(backup)
    return Answer([group_row(members) for members in by_group.values()])


def status(question: Question) -> Answer:
    """Room; zeros for a token that sees only a namespace (PBS-6)."""
    _known_store(question, below=True)
    question.flag("verbose")
    own = question.acl.may(_path(question.parts["store"]), _AUDIT, _BACKUP)
    return Answer({**_room(question.moment)} if own else {"total": 0, "used": 0, "avail": 0})


def usage(question: Question) -> Answer:
    """Room of every store with its history and when it will be full (PBS-22)."""
    moment = question.moment
    store = moment.homelab.datastore
    row: dict[str, Json] = {"store": store.name}
    if not _sees(question):
        return Answer([])
    if (closed := _closed_text(moment)) is not None:
        return Answer([row | {"error": closed}])
    if question.acl.may(_path(store.name), _AUDIT, _BACKUP):
        row |= _room(moment)
        start = moment.now - 1439 * _APART
        row["history"] = [round(used, 9) for used in moment.used_at(start, _APART, 1440)]
        row |= {"history-start": epoch(start), "history-delta": 1800, "gc-status": _gc_counters(moment)}
        row["estimated-full-date"] = epoch(_full(moment)) if store.growth > 0 else 0
    return Answer([row])


def gc_list(question: Question) -> Answer:
    """Filtered when no store is named; 3.2.4 checks nothing when one is (PBS-23)."""
    store = question.parts.get("store") or question.text("store")
    if store and store != question.moment.homelab.datastore.name:
        raise RefusedError(400, f"no such datastore '{store}'")
    closed = (_maintenance(question.moment) or Maintenance("", "", question.moment.now, question.moment.now)).mode
    seen = bool(store) or _sees(question)
    return Answer([_gc_row(question.moment)] if seen and closed not in ("offline", "delete") else [])


def gc_of_store(question: Question) -> Answer:
    """One store's row; needs rights on the store itself."""
    _known_store(question)
    _open(question.moment)
    return Answer(_gc_row(question.moment))


def prune_jobs(question: Question) -> Answer:
    """The prune job with its state (PBS-24)."""
    store = question.moment.homelab.datastore
    return _jobs(question, "prune", {"id": store.prune_job, "keep-last": store.keep_last})


def verify_jobs(question: Question) -> Answer:
    """The verify job, if there is one."""
    return _jobs(question, "verify", {"id": "v-main", "ignore-verified": True})


def sync_jobs(question: Question) -> Answer:
    """The sync job, if there is one. One that pushes is listed only to who asks for it (PBS-27)."""
    moment, direction = question.moment, question.text("sync-direction")
    remote = moment.homelab.datastore.pushes_to
    if direction and remote is None:
        text = "schema does not allow additional properties."
        raise RefusedError(400, f"parameter verification failed - 'sync-direction': {text}")
    own: dict[str, Json] = {"id": "s-main", "remote": remote or "attic", "remote-store": "main"}
    if remote is None:
        return _jobs(question, "sync", own)
    gone = any(holds(fault, moment.now) for fault in of_kind(moment.faults, SyncJobGone))
    if gone or direction not in ("all", "push"):
        return Answer([], {"digest": _DIGEST})
    filters: list[Json] = [
        rule for f in of_kind(moment.faults, PushFiltered) if holds(f, moment.now) for rule in f.filters
    ]
    own["sync-direction"] = "push"
    if filters:
        own["group-filter"] = filters
    return _jobs(question, "sync", own)


def _jobs(question: Question, kind: str, own: dict[str, Json]) -> Answer:
    """The one job of a kind with its state (PBS-24); an empty file's digest is the hash of nothing (PBS-31)."""
    moment, store = question.moment, question.moment.homelab.datastore
    timetable = upkeep_timetables(moment.homelab).get(kind)
    asked = question.text("store", store.name)
    if timetable is None:
        return Answer([], {"digest": _EMPTY_DIGEST})
    if asked != store.name or not question.acl.may(_path(store.name), _AUDIT):
        return Answer([], {"digest": _DIGEST})
    schedule, next_run = timetable.calendar_event(), epoch(moment.upkeep_next(kind))
    row: dict[str, Json] = own | {"schedule": schedule, "store": store.name, "next-run": next_run}
    runs = [run for run in moment.upkeep if run.kind == kind]
    if runs:
        row["last-run-upid"] = upkeep_task(moment, runs[-1]).upid
    if runs and runs[-1].end <= moment.now:
        row |= {"last-run-state": runs[-1].state, "last-run-endtime": epoch(runs[-1].end)}
    return Answer([row], {"digest": _DIGEST})


def node_time(question: Question) -> Answer:
    """Any token may ask for the server's zone."""
    now, zone = question.moment.now, question.moment.homelab.zone
    offset = now.astimezone(zone).utcoffset() or timedelta()
    return Answer({"localtime": epoch(now + offset), "time": epoch(now), "timezone": str(zone)})


def _backups(question: Question) -> list[Backup]:
    store, namespace = question.parts["store"], question.text("ns")
    path = _path(store, namespace)
    if not question.acl.may(path, _AUDIT, _BACKUP):
        raise RefusedError(403, f"{_DENIED} - missing {_AUDIT}|{_BACKUP} on {path}")
    _known_store(question, below=True)
    _open(question.moment)
    if namespace not in question.moment.homelab.datastore.namespaces:
        raise RefusedError(400, "ENOENT: No such file or directory")
    if is_lost(question.moment):
        return []
    own = question.acl.may(path, _AUDIT)
    wanted = {"type": question.text("backup-type"), "id": question.text("backup-id")}
    backups = [
        backup
        for backup in question.moment.backups
        if own
        and backup.namespace == namespace
        and wanted["type"] in ("", backup.group[0])
        and wanted["id"] in ("", backup.group[1])
    ]
    return sorted(backups, key=lambda backup: seeded.fraction("order", backup.guest.vmid, backup.time))


def _known_store(question: Question, *, below: bool = False) -> None:
    """403 comes before "no such datastore" (PBS-8)."""
    store = question.parts["store"]
    may = question.acl.may_at_or_below if below else question.acl.may
    if not may(_path(store), _AUDIT, _BACKUP):
        raise RefusedError(403, _DENIED)
    if store != question.moment.homelab.datastore.name:
        raise RefusedError(400, f"no such datastore '{store}'")


def _sees(question: Question) -> bool:
    return question.acl.may_at_or_below(_path(question.moment.homelab.datastore.name), _AUDIT, _BACKUP)


def _path(store: str, namespace: str = "") -> str:
    return f"/datastore/{store}/{namespace}".rstrip("/")


def _below(name: str, parent: str, depth: int) -> bool:
    inside = name != parent and (not parent or name.startswith(f"{parent}/"))
    levels = len(name.removeprefix(parent).strip("/").split("/"))
    return inside and levels <= depth


def _of_family(path: str, privileges: dict[str, bool]) -> dict[str, bool]:
    prefix = next((family for top, family in _FAMILIES.items() if path == top or path.startswith(f"{top}/")), "")
    return {name: propagates for name, propagates in privileges.items() if name.startswith(prefix)}


def _maintenance(moment: Moment) -> Maintenance | None:
    return next((m for m in of_kind(moment.faults, Maintenance) if m.start <= moment.now < m.end), None)


def _closed_text(moment: Moment) -> str | None:
    maintenance = _maintenance(moment)
    if maintenance is None or maintenance.mode == "read-only":
        return None
    return (
        f"datastore '{moment.homelab.datastore.name}' is in {maintenance.mode} maintenance mode: {maintenance.message}"
    )


def _open(moment: Moment) -> None:
    if (closed := _closed_text(moment)) is not None:
        raise RefusedError(400, closed)


def _room(moment: Moment) -> dict[str, Json]:
    total = moment.homelab.datastore.total
    used = int(total * moment.used())
    if is_lost(moment):
        return {"total": 2**36, "used": 2**34, "avail": 2**36 - 2**34}
    left = next((f.left for f in of_kind(moment.faults, DatastoreFull) if holds(f, moment.now)), total - used)
    return {"total": total, "used": total - left, "avail": left}


def is_lost(moment: Moment) -> bool:
    """The disk under the datastore is another one."""
    return any(holds(fault, moment.now) for fault in of_kind(moment.faults, DiskLost))


def _full(moment: Moment) -> datetime:
    """When the datastore will be full, as it grows now."""
    fills = [f.within for f in of_kind(moment.faults, DatastoreFills) if holds(f, moment.now)]
    usually = timedelta(days=(1 - moment.used()) / moment.homelab.datastore.growth)
    return moment.now + min([usually, *fills])


def _gc_counters(moment: Moment) -> dict[str, Json]:
    done = [run for run in moment.upkeep if run.kind == "gc" and run.end <= moment.now and _succeeded(run.state)]
    used = int(moment.homelab.datastore.total * moment.used())
    zeros: dict[str, Json] = dict.fromkeys(("pending-bytes", "pending-chunks", "removed-bad", "still-bad"), 0)
    return zeros | {
        "disk-bytes": used,
        "disk-chunks": used // 2_400_000,
        "index-data-bytes": used * 14,
        "index-file-count": 2 * len(moment.backups),
        "removed-bytes": 41_230_117_888 if done else 0,
        "removed-chunks": 17_179 if done else 0,
        "upid": upkeep_task(moment, done[-1]).upid if done else None,
    }


def _gc_row(moment: Moment) -> dict[str, Json]:
    """While it runs there is an upid and no last state; before the first success neither (PBS-23)."""
    row = _gc_counters(moment)
    row |= {"store": moment.homelab.datastore.name, "schedule": moment.homelab.datastore.gc.calendar_event()}
    row["next-run"] = epoch(moment.upkeep_next("gc"))
    runs = [run for run in moment.upkeep if run.kind == "gc"]
    if runs and runs[-1].end > moment.now:
        row["upid"] = upkeep_task(moment, runs[-1]).upid
    elif runs and row["upid"] is not None:
        row |= {"last-run-state": runs[-1].state, "last-run-endtime": epoch(runs[-1].end)}
        row["duration"] = epoch(runs[-1].end) - epoch(runs[-1].start)
    return row


def _succeeded(state: str) -> bool:
    return state == "OK" or state.startswith("WARNINGS: ")
