"""What the tasks of a node leave behind: which lists of the cluster are not as they were (PVE-13). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sidecar.core.reports.facts import Task

VZDUMP = "vzdump"

#: Deletes a volume: "101@nas", or an id that names no storage.
_DELETES = "imgdel"

#: Tasks after which there are other guests, or guests elsewhere.
_OF_GUESTS = frozenset(
    f"{kind}{what}"
    for kind in ("qm", "vz", "ha")
    for what in ("create", "destroy", "restore", "clone", "migrate", "template")
)


@dataclass(frozen=True, slots=True)
class Touched:
    """What tasks of a node touched.

    Attributes:
        backups: vzdump began or ended: any storage that the node reaches may hold other archives.
        storages: storages from which something was deleted.
        guests: guests came, went or moved.
    """

    backups: bool = False
    storages: frozenset[str] = frozenset()
    guests: bool = False


def touched(tasks: Iterable[Task]) -> Touched:
    """What began or ended touched."""
    tasks = tuple(tasks)
    deletes = [task for task in tasks if task.type == _DELETES]
    return Touched(
        backups=any(task.type == VZDUMP for task in tasks) or any("@" not in task.id for task in deletes),
        storages=frozenset(task.id.rpartition("@")[2] for task in deletes if "@" in task.id),
        guests=any(task.type in _OF_GUESTS for task in tasks),
    )
