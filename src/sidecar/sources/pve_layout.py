"""Where backups and tasks of a Proxmox VE cluster are looked for: its nodes, and the storages that its jobs write to. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sidecar.core.reports.facts import BackupJob, Node

from .pve_parse import Place
from .refresh import Answer


@dataclass(frozen=True, slots=True)
class Layout:
    """Where archives and tasks are looked for. What can't be listed is taken from the last refresh."""

    nodes: tuple[Node, ...] = ()
    places: tuple[Place, ...] = ()
    targets: frozenset[str] = frozenset()

    def later(self, jobs: Answer[BackupJob], places: Answer[Place], nodes: Answer[Node]) -> Layout:
        """What was listed now; of what could not be listed, for want of an answer, what was listed last."""
        return Layout(
            nodes=self.nodes if _is_unknown(nodes) else nodes.rows,
            places=self.places if _is_unknown(places) else places.rows,
            targets=self.targets if _is_unknown(jobs) else frozenset(job.storage for job in jobs.rows if job.storage),
        )


def _is_unknown(answer: Answer[Any]) -> bool:
    return answer.problem is not None and not answer.problem.denied
