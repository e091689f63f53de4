"""What PVE answers to each call, filtered by what the token may see (PVE-3)."""

from __future__ import annotations

from datetime import UTC, timedelta

from tests.simulators import changes, seeded
from tests.simulators.calls import Answer, Json, Question, RefusedError, epoch
from tests.simulators.faults import VolumeLeftOut, is_away, of_kind
from tests.simulators.homelab import BackupJob, Guest
from tests.simulators.pbs_tasks import verify_upid
from tests.simulators.story import Backup, Moment
from tests.simulators.timetable import following, proxmox
from tests.simulators.vzdump import disabled, node_is_down

_PATHS = ("/", "/access", "/access/groups", "/access/realm", "/mapping", "/nodes", "/pool", "/sdn", "/storage", "/vms")
_SEES_STORAGE = ("Datastore.Audit", "Datastore.AllocateSpace")


def version(_: Question) -> Answer:
    """Unlike PBS, ``version`` is the whole package version (PVE-2)."""
    return Answer({"version": "9.2.11", "release": "9.2", "repoid": "14a22df3"})


def permissions(question: Question) -> Answer:
    """Path → privilege → whether it propagates, as 0 or 1."""
    if question.text("userid", question.access.name) != question.access.name:
        raise RefusedError(403, "Permission check failed (/access, Sys.Audit)")
    wanted = question.text("path")
    listed = {wanted: question.acl.at(wanted)} if wanted else question.acl.listed(_PATHS)
    return Answer({path: {name: int(flag) for name, flag in flags.items()} for path, flags in listed.items()})


def nodes(question: Question) -> Answer:
    """Load and room only of nodes that answer, and with Sys.Audit."""
    rows: list[Json] = []
    for name in question.moment.homelab.nodes:
        down = node_is_down(question.moment.faults, name, question.moment.now)
        row: dict[str, Json] = {
            "id": f"node/{name}",
            "node": name,
            "type": "node",
            "status": "offline" if down else "online",
            "level": "",
            "ssl_fingerprint": _colons(seeded.hexdigits(64, "certificate", name)),
        }
        if not down and question.acl.may(f"/nodes/{name}", "Sys.Audit"):
            row |= {"cpu": 0.07, "maxcpu": 16, "mem": 41_300_000_000, "maxmem": 67_300_000_000}
            row |= {"disk": 21_000_000_000, "maxdisk": 100_000_000_000, "uptime": 864_000}
        rows.append(row)
    return Answer(rows)


def node_time(question: Question) -> Answer:
    """The zone in which the node's scheduler works."""
    _require(question, f"/nodes/{question.parts['node']}", "Sys.Audit")
    now, zone = question.moment.now, question.moment.homelab.zone
    offset = now.astimezone(zone).utcoffset() or timedelta()
    return Answer({"timezone": str(zone), "time": epoch(now), "localtime": epoch(now + offset)})


def resources(question: Question) -> Answer:
    """Guests, one row each, with VM.Audit (PVE-9)."""
    if question.text("type") not in ("", "vm"):
        return Answer([])
    seen = [g for g in _guests(question.moment) if question.acl.may(f"/vms/{g.vmid}", "VM.Audit")]
    return Answer([_guest_row(question.moment, guest) for guest in seen])


def jobs(question: Question) -> Answer:
    """vzdump jobs. ``next-run`` is computed from now and holds nothing about the past (PVE-10)."""
    _require(question, "/", "Sys.Audit")
    moment = question.moment
    rows: list[Json] = []
    for job in changes.jobs(moment.homelab, moment.faults, moment.now):
        row: dict[str, Json] = {
            "id": job.id,
            "type": "vzdump",
            "enabled": 0 if disabled(moment.faults, job.id, moment.now) else 1,
            "schedule": job.timetable.calendar_event(),
            "storage": moment.homelab.storage,
            "mode": "snapshot",
            **_selection(moment, job),
            "notes-template": "{{guestname}}",
            "comment": job.comment,
            "next-run": epoch(following(job.timetable, proxmox, moment.now, moment.homelab.zone)),
            "repeat-missed": 0,
        }
        if job.keep_last is not None:
            row["prune-backups"] = {"keep-last": str(job.keep_last)}
        rows.append(row)
    return Answer(rows)


def included_volumes(question: Question) -> Answer:
    """The guests and disks that a job covers."""
    _require(question, "/", "Sys.Audit")
    moment = question.moment
    there = changes.jobs(moment.homelab, moment.faults, moment.now)
    job = next((job for job in there if job.id == question.parts["job"]), None)
    if job is None:
        raise RefusedError(400, "No such job")
    return Answer({"children": [_volumes(moment, moment.homelab.guest(vmid)) for vmid in job.guests]})


def not_backed_up(question: Question) -> Answer:
    """Guests in no job; templates and disabled jobs count (PVE-12)."""
    _require(question, "/", "Sys.Audit")
    moment = question.moment
    covered = {vmid for job in changes.jobs(moment.homelab, moment.faults, moment.now) for vmid in job.guests}
    open_ones = [g for g in _guests(moment) if g.vmid not in covered and question.acl.may(f"/vms/{g.vmid}", "VM.Audit")]
    return Answer([{"vmid": guest.vmid, "name": guest.name, "type": guest.type} for guest in open_ones])


def replication(_: Question) -> Answer:
    """Nothing is replicated."""
    return Answer([])


def storages(question: Question) -> Answer:
    """Storages on which the token sees anything; the PBS one names server, datastore, fingerprint (PVE-16)."""
    homelab = question.moment.homelab
    rows: list[dict[str, Json]] = [
        {"storage": "local-lvm", "type": "lvmthin", "content": "images,rootdir", "thinpool": "data", "vgname": "pve"},
        {
            "storage": homelab.storage,
            "type": "pbs",
            "server": "pbs.lan",
            "datastore": homelab.datastore.name,
            "username": "pve@pbs!cluster",
            "fingerprint": question.site.pbs_fingerprint,
            "content": "backup",
            "prune-backups": "keep-all=1",
        },
    ]
    kind = question.text("type")
    seen = [row for row in rows if question.acl.may(f"/storage/{row['storage']}", *_SEES_STORAGE)]
    return Answer([row | {"digest": seeded.hexdigits(40, "storage.cfg")} for row in seen if kind in ("", row["type"])])


def content(question: Question) -> Answer:
    """Backups on a storage: empty for a token that may only audit (PVE-4)."""
    storage = _visible_storage(question)
    allowed = question.acl.may(f"/storage/{storage}", "Datastore.Allocate")
    if storage == question.moment.homelab.storage and is_away(question.moment.faults, "pbs", question.moment.now):
        raise RefusedError(500, f"{storage}: error fetching datastores - 500 Can't connect to pbs.lan:8007")
    backups = [b for b in question.moment.backups if allowed and storage == question.moment.homelab.storage]
    return Answer([_volume(question.moment, storage, backup) for backup in backups if _is_passed_on(backup)])


def prune_preview(question: Question) -> Answer:
    """The dry run of a prune, which lists every archive to a token that may only audit (PVE-5)."""
    storage = _visible_storage(question)
    if not question.text("prune-backups"):
        raise RefusedError(500, "no prune-backups options configured for storage")
    on_pbs = storage == question.moment.homelab.storage
    backups = [backup for backup in question.moment.backups if on_pbs and _is_passed_on(backup)]
    volumes = [_volume(question.moment, storage, backup) for backup in backups]
    return Answer(
        [
            {"ctime": v["ctime"], "mark": "keep", "type": v["subtype"], "vmid": v["vmid"], "volid": v["volid"]}
            for v in volumes
        ]
    )


def _guests(moment: Moment) -> tuple[Guest, ...]:
    return changes.guests(moment.homelab, moment.faults, moment.now)


def _selection(moment: Moment, job: BackupJob) -> dict[str, Json]:
    """Whom a job takes: a list, or all but those of a list."""
    if not job.takes_all:
        return {"vmid": ",".join(map(str, job.guests))}
    return {"all": 1, "exclude": ",".join(str(g.vmid) for g in _guests(moment) if g.vmid not in job.guests)}


def _require(question: Question, path: str, privilege: str) -> None:
    if not question.acl.may(path, privilege):
        raise RefusedError(403, f"Permission check failed ({path}, {privilege})")


def _visible_storage(question: Question) -> str:
    storage = question.parts["storage"]
    if not question.acl.may(f"/storage/{storage}", *_SEES_STORAGE):
        raise RefusedError(403, f"Permission check failed (/storage/{storage}, {'|'.join(_SEES_STORAGE)})")
    if storage not in (question.moment.homelab.storage, "local-lvm"):
        raise RefusedError(500, f"storage '{storage}' does not exist")
    return storage


def _guest_row(moment: Moment, guest: Guest) -> dict[str, Json]:
    """Name, template flag and figures are missing while the node is off (PVE-9)."""
    row: dict[str, Json] = {
        "id": f"{guest.type}/{guest.vmid}",
        "type": guest.type,
        "vmid": guest.vmid,
        "node": guest.node,
    }
    if guest.tags:
        row["tags"] = ";".join(guest.tags)
    if guest.vmid in moment.locked:
        row["lock"] = "backup"
    if node_is_down(moment.faults, guest.node, moment.now):
        return row | {"status": "unknown"}
    row |= dict.fromkeys(("diskread", "diskwrite", "netin", "netout", "disk"), 0)
    row |= {"cpu": 0, "mem": 0, "uptime": 0} if guest.template else {"cpu": 0.03, "mem": 812_000_000, "uptime": 864_000}
    return row | {
        "name": guest.name,
        "status": "stopped" if guest.template else "running",
        "template": int(guest.template),
        "maxcpu": 2,
        "maxmem": 2_147_483_648,
        "maxdisk": guest.size * 2,
    }


def _volumes(moment: Moment, guest: Guest) -> dict[str, Json]:
    disk, key = ("vm", "scsi0") if guest.type == "qemu" else ("vm", "rootfs")
    volume: dict[str, Json] = {
        "id": key,
        "included": 1,
        "name": f"local-lvm:{disk}-{guest.vmid}-disk-0",
        "reason": "enabled",
    }
    left_out: list[Json] = [
        {"id": fault.volume, "included": 0, "name": fault.name, "reason": fault.reason}
        for fault in of_kind(moment.faults, VolumeLeftOut)
        if fault.vmid == guest.vmid and fault.at <= moment.now
    ]
    return {"id": guest.vmid, "name": guest.name, "type": guest.type, "children": [volume, *left_out]}


def _is_passed_on(backup: Backup) -> bool:
    """The storage is for one namespace, and hosts are nobody's guests (PVE-19)."""
    return not backup.namespace and backup.group[0] in ("vm", "ct")


def _volume(moment: Moment, storage: str, backup: Backup) -> dict[str, Json]:
    """A snapshot as PVE passes it on; one that is not finished has the size 1 (PVE-19)."""
    kind, backup_id = backup.group
    taken = backup.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    row: dict[str, Json] = {
        "volid": f"{storage}:backup/{kind}/{backup_id}/{taken}",
        "content": "backup",
        "format": f"pbs-{kind}",
        "subtype": "qemu" if kind == "vm" else "lxc",
        "vmid": backup.guest.vmid,
        "ctime": epoch(backup.time),
        "size": 1 if backup.size is None else backup.size,
    }
    if backup.size is None:
        return row
    if backup.found_corrupt is not None:
        upid = verify_upid(moment.homelab.datastore.name, backup.group, backup.time, backup.found_corrupt)
        row["verification"] = {"upid": upid, "state": "failed"}
    return row | {"notes": backup.guest.name} | ({"protected": 1} if backup.protected else {})


def _colons(digits: str) -> str:
    return ":".join(digits[place : place + 2].upper() for place in range(0, len(digits), 2))
