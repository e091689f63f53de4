"""The log that a vzdump task writes, line by line, as PVE 8 and 9 do (PVE-20)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.simulators import changes
from tests.simulators.calls import Answer, Json, Question, RefusedError
from tests.simulators.faults import LogsClosed, of_kind
from tests.simulators.story import Moment
from tests.simulators.vzdump import GuestRun, VzdumpTask

PARAMETERS = ("start", "limit", "download")
_WAITED = timedelta(minutes=1)
"""A task that begins its first guest later than this has waited for the node's lock."""


def page(question: Question, source: str, lines: list[str], *, first: int) -> Answer:
    """Some lines of a log. ``first``: what the first line is for ``start``."""
    if any(fault.source == source for fault in of_kind(question.moment.faults, LogsClosed)):
        raise RefusedError(403, f"Permission check failed (/nodes/{question.parts['node']}, Sys.Audit)")
    skipped, limit = max(question.number("start", 0) - first, 0), question.number("limit", 50)
    some = lines[skipped : skipped + limit] if limit else lines[skipped:]
    rows: list[Json] = [{"n": skipped + place, "t": text} for place, text in enumerate(some, start=1)]
    return Answer(rows, {"total": len(lines)})


def vzdump_log(moment: Moment, task: VzdumpTask) -> list[str]:
    """What stands in it by now."""
    return list(_lines(moment, task))


def _lines(moment: Moment, task: VzdumpTask) -> Iterator[str]:
    begun = task.runs[0].start if task.runs else task.end
    if begun - task.start > _WAITED:
        yield "INFO: trying to get global lock - waiting..."
        if moment.now < begun:
            return
        if task.runs:
            yield "INFO: got global lock"
    if task.runs or task.status == "OK":
        yield f"INFO: starting new backup job: vzdump {_selection(moment, task)} {_options(moment, task)}"
    for run in task.runs:
        if run.start <= moment.now:
            yield from _guest(moment, task, run)
    if task.end <= moment.now:
        yield from _end(task)


def _selection(moment: Moment, task: VzdumpTask) -> str:
    """All guests of the job, those on other nodes too, or "all but"."""
    if task.job.takes_all:
        there = changes.guests(moment.homelab, moment.faults, task.start)
        left_out = ",".join(str(guest.vmid) for guest in there if guest.vmid not in task.job.guests)
        return f"--all 1 --exclude {left_out}"
    if task.by_hand:
        return " ".join(str(guest.vmid) for guest in task.guests)
    return " ".join(map(str, task.job.guests))


def _options(moment: Moment, task: VzdumpTask) -> str:
    options = f"--mode snapshot --notes-template '{{{{guestname}}}}' --storage {task.storage or moment.homelab.storage}"
    return f"{options} --node {task.node} --remove 0" if task.by_hand else f"{options} --quiet 1"


def _guest(moment: Moment, task: VzdumpTask, run: GuestRun) -> Iterator[str]:
    guest, what = run.guest, "CT" if run.guest.type == "lxc" else "VM"
    yield f"INFO: Starting Backup of VM {guest.vmid} ({guest.type})"
    yield f"INFO: Backup started at {_local(moment, run.start)}"
    yield "INFO: status = running"
    yield f"INFO: {what} Name: {guest.name}"
    yield "INFO: backup mode: snapshot"
    if run.warning:
        yield f"WARN: {run.warning}"
    if run.end > moment.now:
        return
    if run.error is None:
        yield f"INFO: Finished Backup of VM {guest.vmid} ({_clock(run.end - run.start)})"
        yield f"INFO: Backup finished at {_local(moment, run.end)}"
    elif task.status != "unexpected status" or run is not task.runs[-1]:
        yield f"ERROR: Backup of VM {guest.vmid} failed - {run.error}"
        yield f"INFO: Failed at {_local(moment, run.end)}"


def _end(task: VzdumpTask) -> Iterator[str]:
    if task.status == "OK":
        yield "INFO: Backup job finished successfully"
        yield "TASK OK"
    elif task.status.startswith("WARNINGS"):
        yield "INFO: Backup job finished successfully"
        yield f"TASK {task.status}"
    elif task.status == "job errors":
        yield "INFO: Backup job finished with errors"
        yield "TASK ERROR: job errors"
    elif task.status != "unexpected status":
        yield f"ERROR: {task.status}"
        yield f"TASK ERROR: {task.status}"


def _local(moment: Moment, at: datetime) -> str:
    return f"{at.astimezone(moment.homelab.zone):%Y-%m-%d %H:%M:%S}"


def _clock(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
