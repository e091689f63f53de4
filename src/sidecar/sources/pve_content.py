"""What the storages of a Proxmox VE cluster keep, as it was read last, or read again where tasks of its nodes touched it.

What lies on a backup server that is a configured source is asked of that one, and not of Proxmox VE.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from sidecar.core.reports.facts import Node, Storage
from sidecar.core.reports.report import Problem, ProblemKind, Reading, Scope
from sidecar.core.reports.shared import shared_facts
from sidecar.upstream import json_rows
from sidecar.upstream.budget import MOST_CALLS
from sidecar.upstream.calls import Call, Params

from . import pve_grants, pve_parse
from .kept import Kept
from .permissions import Permissions
from .proxmox import API
from .pve_layout import Layout
from .pve_news import Touched
from .refresh import Refresh, made_of
from .task_list import TaskList

CONTENT = Call("GET", f"{API}/nodes/{{node}}/storage/{{storage}}/content", frozenset({"content"}))
#: What a prune would do: a read that lists every archive to a token that may only audit (PVE-5).
PRUNE_PREVIEW = Call("GET", f"{API}/nodes/{{node}}/storage/{{storage}}/prunebackups", frozenset({"prune-backups"}))


@dataclass(frozen=True, slots=True)
class BackupServers:
    """The backup servers that are configured sources: what they keep is asked of them, and not of PVE.

    Attributes:
        any: there are some.
        hosts, fingerprints: as configured, in lower case.
        storages: storages that the configuration leads to one of them.
    """

    any: bool = False
    hosts: frozenset[str] = frozenset()
    fingerprints: frozenset[str] = frozenset()
    storages: frozenset[str] = frozenset()

    def keep(self, storage: Storage) -> bool:
        """The storage leads to one of them, as far as the configuration tells."""
        return (
            storage.name in self.storages
            or (storage.server or "").lower() in self.hosts
            or (storage.fingerprint or "") in self.fingerprints
        )


#: Nobody said which there are: there may well be some.
UNTOLD = BackupServers(any=True)


@dataclass(frozen=True, slots=True)
class Proof:
    """What the tasks of the nodes prove of what was read before.

    Attributes:
        news: by node what began, ended or runs; None where it proves nothing.
        known: by node the tasks that are known, of those whose tasks are listed.
    """

    news: Mapping[str, Touched | None]
    known: Mapping[str, TaskList]


class Content:
    """The content of all storages, by scope."""

    def __init__(self, backup_servers: BackupServers) -> None:
        self._backup_servers = backup_servers
        self._kept: dict[Scope, Kept] = {}

    def is_proved(self, layout: Layout) -> bool:
        """Tasks show whatever happens to what was read."""
        return all(each.is_proved for each in _questions(layout) if each.scope in self._kept)

    async def read(
        self, refresh: Refresh, permissions: Permissions, layout: Layout, proof: Proof, *, in_full: bool
    ) -> list[Reading]:
        """What each storage keeps, as it was read last where the tasks of all nodes that reach it show nothing new.

        Args:
            in_full: a full round: what can't be proved, or is some hours old, is read again.
        """
        every = islice(_questions(layout), MOST_CALLS)
        questions = [each for each in every if self._is_asked(permissions, each.storage)]
        there = {question.scope for question in questions}
        self._kept = {scope: kept for scope, kept in self._kept.items() if scope in there}
        return list(
            await asyncio.gather(
                *(self._one(refresh, permissions, question, proof, in_full=in_full) for question in questions)
            )
        )

    async def _one(
        self, refresh: Refresh, permissions: Permissions, question: _Question, proof: Proof, *, in_full: bool
    ) -> Reading:
        kept, now = self._kept.get(question.scope), refresh.clock()
        if kept is not None and _is_untouched(question, proof.news):
            known = [proof.known[node] for node in question.writers if node in proof.known]
            proves = question.is_proved and bool(known) and all(each.proves for each in known)
            if not in_full or (proves and kept.holds(now)):
                refresh.limits += kept.limits
                if proves and kept.reading.problem is None:
                    as_of = min(each.as_of for each in known)
                    kept = replace(kept, reading=replace(kept.reading, as_of=as_of))
                    self._kept[question.scope] = kept
                return kept.reading
        apart = refresh.apart()
        reading = await _archives(apart, permissions, question)
        refresh.limits += apart.limits
        self._kept[question.scope] = Kept(reading, reading.as_of or now, tuple(apart.limits))
        return reading

    def _is_asked(self, permissions: Permissions, storage: Storage) -> bool:
        """Beside a backup server that may well be the one, a storage is asked only where that costs no right (PVE-19)."""
        if storage.type != "pbs":
            return True
        if self._backup_servers.keep(storage):
            return False
        return not self._backup_servers.any or pve_grants.lists_archives(permissions, storage.name)


@dataclass(frozen=True, slots=True)
class _Question:
    """What a storage keeps, and which node is asked for it; None where none can be. ``writers``: nodes whose tasks change it."""

    scope: Scope
    storage: Storage
    node: Node | None
    writers: tuple[str, ...] = ()

    @property
    def is_proved(self) -> bool:
        """Tasks of the nodes show all that happens there. What a backup server does itself leaves no task here (PVE-19)."""
        return self.storage.type != "pbs"


def _is_untouched(question: _Question, news: Mapping[str, Touched | None]) -> bool:
    """No task touched the storage, as far as every node that writes to it is proved."""
    touches = [news.get(node) for node in question.writers]
    name = question.storage.name
    return all(each is not None and not each.backups and name not in each.storages for each in touches)


def _questions(layout: Layout) -> Iterator[_Question]:
    """One for each storage that a job writes to, and where it is not shared for each node."""
    for place in layout.places:
        storage = place.storage
        if storage.name not in layout.targets:
            continue
        nodes = [node for node in layout.nodes if not place.nodes or node.name in place.nodes]
        online = [node for node in nodes if node.online]
        if storage.shared:
            writers = tuple(node.name for node in online)
            yield _Question(("archives", "shared", storage.name), storage, next(iter(online), None), writers)
        else:
            yield from (_Question(("archives", node.name, storage.name), storage, node, (node.name,)) for node in nodes)


async def _archives(refresh: Refresh, permissions: Permissions, question: _Question) -> Reading:
    """The backups on a storage. To a token that may only audit, the content is empty without saying so (PVE-4).

    What was there before is the same object.
    """
    scope, storage, node = question.scope, question.storage.name, question.node
    if node is None or not node.online:
        return Reading(scope, None, (), offline(node) if node else _out_of_reach(storage))
    full = pve_grants.lists_archives(permissions, storage)
    if question.storage.type == "pbs":
        if not full:
            return Reading(scope, None, (), pve_grants.snapshots_closed(permissions, storage))
        return await _snapshots(refresh, scope, question.storage, node)
    call, params = (CONTENT, {"content": "backup"}) if full else (PRUNE_PREVIEW, {"prune-backups": "keep-all=1"})
    parse = partial(pve_parse.parse_archive, storage=storage)
    path = {"node": node.name, "storage": storage}
    answer = await refresh.rows(f"archives on {storage}", parse, call, params, most=json_rows.MOST_ROWS, **path)
    before = refresh.last.of(scope)
    return answer.reading(
        scope, await made_of(answer.rows, lambda rows: shared_facts(pve_parse.newest_first(rows), before))
    )


async def _snapshots(refresh: Refresh, scope: Scope, storage: Storage, node: Node) -> Reading:
    """What a backup server keeps that is no configured source, as PVE lists it (PVE-19)."""
    parse, path = partial(pve_parse.parse_snapshot, storage=storage), {"node": node.name, "storage": storage.name}
    asked: Params = {"content": "backup"}
    answer = await refresh.rows(f"backups on {storage.name}", parse, CONTENT, asked, most=json_rows.MOST_ROWS, **path)
    before = refresh.last.of(scope)
    return answer.reading(
        scope, await made_of(answer.rows, lambda rows: shared_facts(pve_parse.groups_of(rows, storage), before))
    )


def offline(node: Node) -> Problem:
    """Of a node that is off nothing new is known."""
    action = f"Start node {node.name}; until then nothing new is known of it."
    return Problem(f"node {node.name} is offline", action, kind=ProblemKind.OFFLINE, culprit=node.name)


def _out_of_reach(storage: str) -> Problem:
    cause = f"no node that reaches storage {storage} is online"
    action = f"Start a node that reaches {storage}; until then nothing new is known of it."
    return Problem(cause, action, kind=ProblemKind.OFFLINE, culprit=storage)
