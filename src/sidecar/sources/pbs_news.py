"""What tasks of a Proxmox Backup Server leave behind: which of its lists are not as they were (PBS-28). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from sidecar.core.reports.facts import BackupGroup, Task

from .pbs_upkeep_runs import TASK_TYPES

#: A group as a task names it: datastore, type, id. No task of an upload names the namespace (PBS-29).
Group = tuple[str, str, str]

_TYPES = ("vm", "ct", "host")

#: Tasks that touch nothing that is listed, whatever they are for.
_HARMLESS = frozenset({"garbage_collection", "reader", "logrotate", "aptupdate", "termproxy", "tape-restore"})

#: Tasks for one group, where their id names one. Those of the second kind may as well be for a whole namespace.
_OF_A_GROUP = frozenset({"backup", "verify_group", "verify_snapshot", "forget_group"})
_PERHAPS_OF_A_GROUP = frozenset({"verify", "prune"})

_UPKEEP = frozenset(TASK_TYPES.values())

#: What an upload's group costs to ask for by itself, in snapshots that could be read instead.
_COST_OF_A_CALL = 10

#: A snapshot is named after the moment its client began, which is a little before the task: a guest is stopped in between.
_BEGINS_BEFORE = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class Touched:
    """What tasks touched.

    Attributes:
        groups: single groups.
        stores: datastores of which nothing is certain.
        upkeep: a job of the server began or ended, which its lists of jobs tell.
    """

    groups: frozenset[Group] = frozenset()
    stores: frozenset[str] = frozenset()
    upkeep: bool = False

    @property
    def only_groups(self) -> bool:
        """Nothing but single groups: a light round can read those itself."""
        return not self.stores and not self.upkeep


def touched(tasks: Iterable[Task], stores: Iterable[str]) -> Touched:
    """What began, ended or ran touched. ``stores``: the datastores that there are."""
    known = frozenset(stores)
    groups: set[Group] = set()
    whole: set[str] = set()
    upkeep = False
    for task in tasks:
        upkeep = upkeep or task.type in _UPKEEP
        if task.type in _HARMLESS:
            continue
        group, named = group_of(task), known.intersection(task.id.split(":"))
        if group is None:
            # An upload whose id is not understood may be one to any.
            whole |= named or (known if task.type == "backup" else frozenset())
        elif named:
            groups.add(group)
    return Touched(frozenset(groups), frozenset(whole), upkeep)


def group_of(task: Task) -> Group | None:
    """The one group that a task is for: "main:ct/101", "main:ns/attic/ct/101", "main:ct/101/6ABA2CB6"."""
    store, colon, path = task.id.partition(":")
    parts = path.split("/")
    named = task.type in _OF_A_GROUP or (task.type in _PERHAPS_OF_A_GROUP and parts[0] in _TYPES)
    if not colon or not named:
        return None
    # A namespace may be called like a type: the last one counts.
    place = next((place for place in range(len(parts) - 2, -1, -1) if parts[place] in _TYPES), None)
    return None if place is None else (store, parts[place], parts[place + 1])


def is_worth_a_call(groups: Iterable[BackupGroup], every: Iterable[BackupGroup]) -> bool:
    """Whether single groups are asked for: together they are less than the whole namespace."""
    alone = sum(len(group.snapshots) + _COST_OF_A_CALL for group in groups)
    return alone < sum(len(group.snapshots) for group in every)


def shows(group: BackupGroup | None, task: Task) -> bool:
    """The group has the snapshot that an upload made: a finished one from when the task began, or later."""
    return group is not None and any(
        snapshot.size is not None and snapshot.time >= task.start - _BEGINS_BEFORE for snapshot in group.snapshots
    )
