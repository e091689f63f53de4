"""What to do about the guests on one node, in the words of Proxmox VE."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sidecar.core.reports.facts import BackupJob, Guest
from sidecar.core.reports.report import Problem

from .part import Actions


def of_jobs(node: str, jobs: Sequence[BackupJob], unseen: Problem | None) -> Actions:
    """What to do about those that ``jobs`` save. ``unseen``: why some of the jobs can't be seen."""
    job = jobs[0].id if jobs else None
    start = f"start {job} there" if job else "start a backup"
    return Actions(
        failed=f"Read the task's log, fix the cause, then run {job or 'a backup'} again.",
        missed=f"Check that node {node} is up, then {start}.",
        never=f"Check that node {node} is up, then {start}.",
        concerned="Look at the newest runs and at the verification of its snapshots.",
        uncovered=f"Enable {job}." if job else None,
        unreadable=unseen.action if unseen else None,
    )


def of_no_job(actions: Actions, guest: Guest) -> Actions:
    """The same for a guest that no job saves."""
    return replace(actions, uncovered=f"Add {guest.vmid} to a backup job, or list it under ignore.")
