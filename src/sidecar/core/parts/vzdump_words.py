"""What the log of a vzdump task says of one guest, in words (rule 3)."""

from __future__ import annotations

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import Guest, Task, TaskResult
from sidecar.core.reports.vzdump_log import GuestInLog, GuestStep

from .expectation import Progress


def label(guest: Guest | GuestInLog) -> str:
    """ "CT 107"; "guest 107" where the type is not known."""
    names = {"qemu": "VM", "lxc": "CT"}
    return f"{names.get(guest.type or '', 'guest')} {guest.vmid}"


def fruitless_text(guest: Guest, task: Task) -> str | None:
    """Why a task that is over left no backup of the guest; None where its log does not tell."""
    log = task.log
    if log is None:
        return None
    entry = log.of(guest.vmid)
    if entry is not None:
        return _of_entry(guest, entry, task)
    if guest.vmid in log.external:
        return f"{label(guest)} was on another node when the task began here, and got no snapshot"
    if not log.whole or not log.covers(guest.vmid):
        return None
    if task.result in (TaskResult.OK, TaskResult.WARNINGS):
        return f"{label(guest)} was passed over: its task ended without saving it"
    return f"the task ended before {label(guest)}{_status(task)}"


def _of_entry(guest: Guest, entry: GuestInLog, task: Task) -> str:
    match entry.step:
        case GuestStep.FAILED:
            return failure_text(guest, entry)
        case GuestStep.SAVING:
            return f"the task ended while {label(guest)} was being saved{_status(task)}"
        case GuestStep.DONE:
            return f"{label(guest)} got no snapshot, although the log of its task says that it was saved"


def failure_text(guest: Guest, entry: GuestInLog) -> str:
    """The error of a guest in the task's own words."""
    return (
        f"{label(guest)}: {entry.text}" if entry.text else f"{label(guest)} failed, and its task's log tells no cause"
    )


def failed_run(guest: Guest, task: Task) -> Run:
    """The failed run of a guest that its task's log tells of, also while the task goes on with others."""
    entry = task.log.of(guest.vmid) if task.log is not None else None
    start = (entry.start if entry else None) or task.start
    end = (entry.end if entry else None) or task.end or start
    text = failure_text(guest, entry) if entry else task.status
    return Run(start=start, end=end, outcome=Outcome.FAILED, text=text)


def is_over(guest: Guest, task: Task) -> bool:
    """The task does nothing more for the guest, or never did, as its log tells."""
    log = task.log
    if log is None:
        return False
    entry = log.of(guest.vmid)
    if entry is None:
        return log.covers(guest.vmid) is False or guest.vmid in log.external
    return entry.step is GuestStep.FAILED


def progress(guest: Guest, task: Task) -> Progress | None:
    """Where a task that is under way is with the guest; None where its log does not tell."""
    log = task.log
    saving = next((each for each in reversed(log.guests) if each.step is GuestStep.SAVING), None) if log else None
    if log is None or saving is None or task.end is not None:
        return None
    over = {each.vmid for each in log.guests} - {saving.vmid}
    every = {*log.named, *over, saving.vmid} - {*log.external} if log.named is not None else set()
    if saving.vmid == guest.vmid:
        return Progress(since=saving.start, done=len(over), total=len(every))
    if guest.vmid in over:
        return Progress(over=True, done=len(over), total=len(every))
    return Progress(waits_for=label(saving), done=len(over), total=len(every))


def _status(task: Task) -> str:
    return f": {task.status}" if task.status else ""
