"""The task list of a PVE node: vzdump, and the small things that every node does besides (PVE-13)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from tests.simulators import pve_logs, seeded
from tests.simulators.calls import Answer, Json, Question, RefusedError, epoch
from tests.simulators.story import Moment
from tests.simulators.vzdump import VzdumpTask

_FILTERS = ("userfilter", "typefilter", "statusfilter")
PARAMETERS = ("start", "limit", "source", "vmid", "errors", "since", "until", *_FILTERS)
_KINDS = ("ok", "warning", "error", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class PveTask:
    """A task; ``status`` is what it ends with."""

    node: str
    type: str
    id: str
    start: datetime
    end: datetime
    status: str
    vzdump: VzdumpTask | None = None

    @property
    def upid(self) -> str:
        """Its name (PVE-15)."""
        pid, pstart = _process(self)
        return f"UPID:{self.node}:{pid:08X}:{pstart:08X}:{epoch(self.start):08X}:{self.type}:{self.id}:root@pam:"


def log(question: Question) -> Answer:
    """Some lines of a task's log, with Sys.Audit (PVE-20)."""
    node, upid = question.parts["node"], question.parts["upid"]
    if not question.acl.may(f"/nodes/{node}", "Sys.Audit"):
        raise RefusedError(403, f"Permission check failed (/nodes/{node}, Sys.Audit)")
    task = next((task for task in _tasks(question.moment, node) if task.upid == upid), None)
    if task is None:
        raise RefusedError(500, "no such task")
    lines = pve_logs.vzdump_log(question.moment, task.vzdump) if task.vzdump else ["TASK OK"]
    return pve_logs.page(question, "pve", lines, first=0)


def answer(question: Question) -> Answer:
    """A page of the node's tasks, running ones first, with Sys.Audit; ``limit=0`` is nothing, unlike PBS."""
    if not question.acl.may(f"/nodes/{question.parts['node']}", "Sys.Audit"):
        return Answer([], {"total": 0})
    source = question.text("source", "archive")
    if source not in ("archive", "active", "all"):
        raise RefusedError(400, "Parameter verification failed.")
    now = question.moment.now
    of_node = _tasks(question.moment, question.parts["node"])
    is_wanted = _filter(question)
    wanted = [task for task in of_node if _of_source(task, source, now) and is_wanted(task)]
    start, limit = question.number("start", 0), question.number("limit", 50)
    page = wanted[start : start + limit]
    return Answer([_as_json(task, now) for task in page], {"total": len(wanted)})


def _tasks(moment: Moment, node: str) -> list[PveTask]:
    vzdump = [
        # A task names its guest only when there is exactly one.
        PveTask(
            node=node,
            type="vzdump",
            id=str(task.guests[0].vmid) if len(task.guests) == 1 else "",
            start=task.start,
            end=task.end,
            status=task.status,
            vzdump=task,
        )
        for task in moment.vzdump_tasks
        if task.node == node
    ]
    tasks = [*vzdump, *_updates(moment, node)]
    return sorted(tasks, key=lambda task: (task.end > moment.now, task.start), reverse=True)


def _updates(moment: Moment, node: str) -> list[PveTask]:
    """Every node refreshes its package lists in the night."""
    today = moment.now.astimezone(moment.homelab.zone).date()
    days = (today - timedelta(days=ago) for ago in range(7))
    starts = (
        datetime.combine(day, time(3, 42), moment.homelab.zone).astimezone(UTC) + seeded.seconds(0, 900, node, day)
        for day in days
    )
    ended = (start for start in starts if start + timedelta(seconds=5) <= moment.now)
    return [
        PveTask(node=node, type="aptupdate", id="", start=start, end=start + timedelta(seconds=5), status="OK")
        for start in ended
    ]


def _of_source(task: PveTask, source: str, now: datetime) -> bool:
    return source == "all" or (task.end > now) == (source == "active")


def _filter(question: Question) -> Callable[[PveTask], bool]:
    """Whether a task is asked for."""
    now, since, until = question.moment.now, question.number("since", 0), question.number("until", 2**40)
    type_, vmid = (question.parameters.get(name, [None])[0] for name in ("typefilter", "vmid"))
    user, only_errors = question.text("userfilter"), question.flag("errors")
    by_status = "statusfilter" in question.parameters
    kinds = question.text("statusfilter", ",".join(_KINDS)).split(",")

    def is_wanted(task: PveTask) -> bool:
        running = task.end > now
        return not (
            not since <= epoch(task.start) <= until
            or type_ not in (None, task.type)
            or vmid not in (None, task.id)
            or user not in "root@pam"
            or (only_errors and not running and task.status == "OK")
            or (by_status and (running or _kind(task.status) not in kinds))
        )

    return is_wanted


def _kind(status: str) -> str:
    if status.startswith("WARNINGS: "):
        return "warning"
    return {"OK": "ok", "unexpected status": "unknown"}.get(status, "error")


def _as_json(task: PveTask, now: datetime) -> dict[str, Json]:
    pid, pstart = _process(task)
    row: dict[str, Json] = {
        "upid": task.upid,
        "node": task.node,
        "pid": pid,
        "pstart": pstart,
        "starttime": epoch(task.start),
        "type": task.type,
        "id": task.id,
        "user": "root@pam",
    }
    if task.end > now:
        return row | {"status": "RUNNING"}
    return row | {"endtime": epoch(task.end), "status": task.status}


def _process(task: PveTask) -> tuple[int, int]:
    pid = seeded.number(1_000, 4_000_000, task.node, task.type, task.start)
    return pid, seeded.number(1_000, 90_000_000, "pstart", task.node, task.start)
