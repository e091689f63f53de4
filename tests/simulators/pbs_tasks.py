"""PBS's task list: every upload, prune and garbage collection leaves a task (PBS-28)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tests.simulators import pbs_logs, pve_logs, seeded
from tests.simulators.calls import Answer, Json, Question, RefusedError, epoch
from tests.simulators.clients import ClientRun
from tests.simulators.faults import BackupCorrupt, of_kind
from tests.simulators.story import Moment
from tests.simulators.upkeep import UpkeepRun
from tests.simulators.vzdump import GuestRun

UPLOADER = "pve@pbs!cluster"
"""The token with which PVE writes its backups; the owner of their groups."""
_FILTERS = ("userfilter", "typefilter", "statusfilter")
PARAMETERS = ("start", "limit", "store", "running", "errors", "since", "until", *_FILTERS)
_SCHEDULER = "root@pam"
_TYPES = {"prune": "prunejob", "gc": "garbage_collection", "verify": "verificationjob", "sync": "syncjob"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PbsTask:
    """A task; ``status`` is what it ends with."""

    type: str
    id: str
    user: str
    start: datetime
    end: datetime
    status: str

    @property
    def upid(self) -> str:
        """UPIDs of PBS have a task id before the start time; its parts are hexadecimal."""
        pid, pstart = _process(self)
        serial = seeded.number(1, 4096, self.type, self.id, self.start)
        escaped = _escape(self.id)
        numbers = f"{pid:08X}:{pstart:08X}:{serial:08X}:{epoch(self.start):08X}"
        return f"UPID:pbs:{numbers}:{self.type}:{escaped}:{self.user}:"


def answer(question: Question) -> Answer:
    """All tasks with Sys.Audit on /system/tasks, else the token's own: none (PBS-28)."""
    if not question.acl.may("/system/tasks", "Sys.Audit"):
        return Answer([], {"total": 0}, streamed=True)
    now, start, limit = question.moment.now, question.number("start", 0), question.number("limit", 50)
    begun = question.number("since", 0), question.number("until", 2**40)
    wanted = [*filter(_filter(question, now), _tasks(question.moment, *begun))]
    page = wanted[start : start + limit] if limit else wanted[start:]
    more = 1 if limit and len(page) == limit else 0
    return Answer([_as_json(task, now) for task in page], {"total": start + len(page) + more}, streamed=True)


def log(question: Question) -> Answer:
    """Some lines of a task's log; ``start`` 0 and 1 are both the first one (PBS-34)."""
    if not question.acl.may("/system/tasks", "Sys.Audit"):
        raise RefusedError(400, "task access not allowed")
    moment = question.moment
    run = next((run for run in moment.upkeep if upkeep_task(moment, run).upid == question.parts["upid"]), None)
    lines = pbs_logs.upkeep_log(moment, run) if run else []
    return pve_logs.page(question, "pbs", lines, first=1)


def upkeep_task(moment: Moment, run: UpkeepRun) -> PbsTask:
    """The task of a run of upkeep. Verify and sync name their job, the others only the datastore (PBS-29)."""
    store = moment.homelab.datastore.name
    worker = {"verify": f"{store}:v-main", "sync": f"attic:main:{store}::s-main"}.get(run.kind, store)
    return PbsTask(type=_TYPES[run.kind], id=worker, user=_SCHEDULER, start=run.start, end=run.end, status=run.state)


def verify_upid(store: str, group: tuple[str, str], backup: datetime, verified: datetime) -> str:
    """The UPID that a verification of one snapshot leaves in it; its start time is when it was verified."""
    return _verification(store, group, backup, verified).upid


def _verification(store: str, group: tuple[str, str], backup: datetime, verified: datetime) -> PbsTask:
    worker = f"{store}:{group[0]}/{group[1]}/{epoch(backup):X}"
    failed = "verification failed - please check the log for details"
    return PbsTask(type="verify_snapshot", id=worker, user=_SCHEDULER, start=verified, end=verified, status=failed)


def _tasks(moment: Moment, since: int, until: int) -> list[PbsTask]:
    """The tasks of the last month that began then, running ones first, then the newest end first."""
    store = moment.homelab.datastore.name

    def began_then(run: GuestRun | ClientRun | UpkeepRun) -> bool:
        return since <= epoch(run.start) <= until

    uploads = [
        PbsTask(
            type="backup",
            id=f"{store}:{run.guest.backup_type}/{run.guest.vmid}",
            user=UPLOADER,
            start=run.start,
            end=run.end,
            status=run.error or "OK",
        )
        for run in filter(began_then, moment.guest_runs)
        if run.uploaded
    ]
    uploads += [
        PbsTask(
            type="backup",
            id=f"{store}:host/{run.client.id}",
            user=run.client.owner,
            start=run.start,
            end=run.end,
            status=run.error or "OK",
        )
        for run in filter(began_then, moment.client_runs)
    ]
    verified = [
        _verification(store, backup.group, backup.time, backup.found_corrupt)
        for backup in (moment.backups if of_kind(moment.faults, BackupCorrupt) else ())
        if backup.found_corrupt and since <= epoch(backup.found_corrupt) <= until
    ]
    tasks = uploads + verified + [upkeep_task(moment, run) for run in filter(began_then, moment.upkeep)]
    return sorted(tasks, key=lambda task: (task.end > moment.now, task.end), reverse=True)


def _filter(question: Question, now: datetime) -> Callable[[PbsTask], bool]:
    """Whether a task is asked for, by anything but its time."""
    only_running, only_errors = question.flag("running"), question.flag("errors")
    kinds = question.parameters.get("statusfilter")
    type_, user, store = question.text("typefilter"), question.text("userfilter"), question.text("store")

    def is_wanted(task: PbsTask) -> bool:
        running = task.end > now
        return not (
            (only_running and not running)
            or (only_errors and not running and task.status == "OK")
            or (kinds and (running or _status_kind(task.status) not in kinds))
            or type_ not in task.type
            or user not in task.user
            or store not in ("", task.id.partition(":")[0])
        )

    return is_wanted


def _status_kind(status: str) -> str:
    if status.startswith("WARNINGS: "):
        return "warning"
    return {"OK": "ok", "unknown": "unknown"}.get(status, "error")


def _as_json(task: PbsTask, now: datetime) -> dict[str, Json]:
    """A row of the list; a running task has neither end nor status."""
    pid, pstart = _process(task)
    row: dict[str, Json] = {
        "upid": task.upid,
        "node": "localhost",
        "pid": pid,
        "pstart": pstart,
        "starttime": epoch(task.start),
        "worker_type": task.type,
        "worker_id": task.id,
        "user": task.user,
    }
    if task.end <= now:
        row |= {"endtime": epoch(task.end), "status": task.status}
    return row


def _process(task: PbsTask) -> tuple[int, int]:
    """The server is started anew each Monday."""
    week = task.start.isocalendar()[:2]
    return seeded.number(700, 30_000, "proxy", week), seeded.number(1_000, 9_000_000, "boot", week)


def _escape(worker: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_./]", lambda match: f"\\x{ord(match[0]):02x}", worker)
    return plain.replace("/", "-")
