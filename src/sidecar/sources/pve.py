"""Proxmox VE: guests, backup jobs and their guests, storages, nodes, vzdump tasks, what storages keep (docs/upstreams.md).

Lists are filtered by what the token may see, without saying so: a refresh asks for its permissions first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import chain, islice
from typing import Any

from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import BackupJob, Guest, Node, Storage, Task, TaskResult, Zone
from sidecar.core.reports.report import Limit, LimitKind, Problem, ProblemKind, Reading, Scope, guests_of
from sidecar.core.reports.vzdump_log import VzdumpLog
from sidecar.texts.known_secrets import KnownSecrets
from sidecar.upstream import json_rows
from sidecar.upstream.budget import MOST_CALLS
from sidecar.upstream.calls import Call, Params
from sidecar.upstream.upstream import Upstream

from . import pve_grants, pve_parse
from .permissions import Permissions
from .problems import cut_off, not_read, old_version, unreadable_rows
from .proxmox import API, PERMISSIONS, VERSION, ProxmoxOptions, ProxmoxSource
from .pve_log import parse_log
from .pve_parse import Place
from .refresh import FEW, VERY_FEW, Answer, Refresh, made_of
from .task_logs import Lines, TaskLogs

GUESTS = Call("GET", f"{API}/cluster/resources", frozenset({"type"}))
JOBS = Call("GET", f"{API}/cluster/backup")
MEMBERS = Call("GET", f"{API}/cluster/backup/{{job}}/included_volumes")
STORAGES = Call("GET", f"{API}/storage")
NODES = Call("GET", f"{API}/nodes")
TIME = Call("GET", f"{API}/nodes/{{node}}/time")
TASKS = Call("GET", f"{API}/nodes/{{node}}/tasks", frozenset({"typefilter", "source", "limit", "since"}))
LOG = Call("GET", f"{API}/nodes/{{node}}/tasks/{{upid}}/log", frozenset({"start", "limit"}))
CONTENT = Call("GET", f"{API}/nodes/{{node}}/storage/{{storage}}/content", frozenset({"content"}))
#: What a prune would do: a read that lists every archive to a token that may only audit (PVE-5).
PRUNE_PREVIEW = Call("GET", f"{API}/nodes/{{node}}/storage/{{storage}}/prunebackups", frozenset({"prune-backups"}))

ALLOWED = (VERSION, PERMISSIONS, GUESTS, JOBS, MEMBERS, STORAGES, NODES, TIME, TASKS, LOG, CONTENT, PRUNE_PREVIEW)

#: The oldest major version that is supported.
_SUPPORTED = 8

#: How far back tasks are read, and how many of them a node gives at most.
_TASKS_SINCE, _TASKS_AT_MOST = timedelta(days=40), 500

#: Logs of tasks that ended OK are read for so long after their end: they too may have left a guest out.
_OK_LOGS = timedelta(hours=36)

#: How important a log is: what failed first.
_RANKS = {
    TaskResult.FAILED: 0,
    TaskResult.UNKNOWN: 0,
    TaskResult.RUNNING: 1,
    TaskResult.WARNINGS: 2,
    TaskResult.OK: 3,
}


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
_UNTOLD = BackupServers(any=True)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where archives and tasks are looked for. What can't be listed is taken from the last refresh."""

    nodes: tuple[Node, ...] = ()
    places: tuple[Place, ...] = ()
    targets: frozenset[str] = frozenset()


class PveSource(ProxmoxSource):
    """Reads one Proxmox VE cluster."""

    kind = SourceKind.PVE
    allowed = ALLOWED
    authorization = "PVEAPIToken={id}={secret}"

    def __init__(
        self,
        options: ProxmoxOptions,
        *,
        backup_servers: BackupServers = _UNTOLD,
        upstream: Upstream | None = None,
        known: KnownSecrets | None = None,
    ) -> None:
        super().__init__(options, upstream=upstream, known=known)
        self._backup_servers = backup_servers
        self._layout = _Layout()
        self._logs: TaskLogs[VzdumpLog] = TaskLogs(LOG, VzdumpLog.so_far)

    def _closed(self, permissions: Permissions) -> Problem | None:
        return None if any(permissions.paths.values()) else pve_grants.nothing_visible(permissions)

    async def _version(self, refresh: Refresh, permissions: Permissions) -> Answer[str]:
        version = await refresh.value(pve_parse.parse_version, VERSION)
        refresh.limits += [*_version_limits(version), *pve_grants.limits(permissions)]
        return version

    async def _readings(self, refresh: Refresh, permissions: Permissions, _version: str | None) -> list[Reading]:
        guests, jobs, places, nodes = await asyncio.gather(
            _guests(refresh, permissions),
            _jobs(refresh, permissions),
            _storages(refresh, permissions),
            refresh.rows("list of nodes", pve_parse.parse_node, NODES, most=VERY_FEW),
        )
        self._layout = _layout(self._layout, jobs, places, nodes)
        details = await asyncio.gather(
            *(_node(refresh, permissions, node) for node in self._layout.nodes),
            *(
                _kept(refresh, permissions, question)
                for question in islice(_questions(self._layout), MOST_CALLS)
                if self._is_asked(permissions, question.storage)
            ),
        )
        return [
            guests.reading(("guests",), guests.rows),
            jobs.reading(("jobs",), jobs.rows),
            places.reading(("storages",), (place.storage for place in places.rows)),
            nodes.reading(("nodes",), nodes.rows),
            *await self._with_logs(refresh, tuple(chain.from_iterable(details))),
        ]

    def _is_asked(self, permissions: Permissions, storage: Storage) -> bool:
        """Beside a backup server that may well be the one, a storage is asked only where that costs no right (PVE-19)."""
        if storage.type != "pbs":
            return True
        if self._backup_servers.keep(storage):
            return False
        return not self._backup_servers.any or pve_grants.lists_archives(permissions, storage.name)

    async def _with_logs(self, refresh: Refresh, readings: tuple[Reading, ...]) -> list[Reading]:
        """The same readings, each vzdump task with what its log tells, as far as that is known."""
        zones = {zone.node: zone.timezone for reading in readings for zone in reading.of(Zone)}
        tasks = [task for reading in readings for task in reading.of(Task)]
        secrets = await self._secrets()

        def parse(task: Task, lines: Lines) -> VzdumpLog:
            return parse_log(task, lines, zones.get(task.node), secrets)

        wanted = await made_of(tasks, partial(_by_importance, refresh=refresh))
        logs = await self._logs.read(refresh, wanted, parse, tasks)
        return await made_of(tasks, lambda _: _with_logs(readings, logs))


def _by_importance(tasks: Iterable[Task], refresh: Refresh) -> list[Task]:
    """The tasks whose logs are of interest, the most important first, newest first."""
    since = refresh.clock() - _OK_LOGS
    some = [task for task in tasks if task.result is not TaskResult.OK or (task.end is not None and task.end >= since)]
    newest_first = sorted(some, key=lambda task: task.start, reverse=True)
    return sorted(newest_first, key=lambda task: _RANKS[task.result])


def _with_logs(readings: Iterable[Reading], logs: Mapping[str, VzdumpLog]) -> list[Reading]:
    return [_with_log(reading, logs) if reading.scope[0] == "tasks" else reading for reading in readings]


def _with_log(reading: Reading, logs: Mapping[str, VzdumpLog]) -> Reading:
    return replace(reading, facts=tuple(replace(task, log=logs.get(task.upid)) for task in reading.of(Task)))


# --- calls for the whole cluster --------------------------------------------------------------------------------------------


async def _guests(refresh: Refresh, permissions: Permissions) -> Answer[Guest]:
    if not pve_grants.sees_a_guest(permissions):
        return Answer(refresh.clock(), problem=pve_grants.guests_closed(permissions))
    answer = await refresh.rows("list of guests", pve_parse.parse_guest, GUESTS, {"type": "vm"})
    if not answer.rows and not answer.problem and not pve_grants.sees_all_guests(permissions):
        return replace(answer, problem=pve_grants.guests_closed(permissions))
    return answer


async def _jobs(refresh: Refresh, permissions: Permissions) -> Answer[BackupJob]:
    """All backup jobs, also disabled ones, each with the guests that it covers."""
    if not pve_grants.sees_jobs(permissions):
        return Answer(refresh.clock(), problem=pve_grants.jobs_closed(permissions))
    listing = await refresh.rows("list of backup jobs", pve_parse.parse_job, JOBS, most=FEW)
    return replace(listing, rows=tuple(await asyncio.gather(*(_with_guests(refresh, job) for job in listing.rows))))


async def _with_guests(refresh: Refresh, job: BackupJob) -> BackupJob:
    answer = await refresh.value(pve_parse.parse_members, MEMBERS, job=job.id)
    if answer.problem:
        limit = not_read(guests_of(job.id), answer.problem)
        refresh.limits.append(replace(limit, kind=LimitKind.NOT_VISIBLE) if answer.problem.denied else limit)
    if answer.only is None:
        return job
    if answer.only.untold:
        refresh.limits.append(unreadable_rows(f"volumes that job {job.id} leaves out", answer.only.untold))
    return replace(job, guests=answer.only.guests, left_out=answer.only.left_out)


async def _storages(refresh: Refresh, permissions: Permissions) -> Answer[Place]:
    if not pve_grants.sees_a_storage(permissions):
        return Answer(refresh.clock(), problem=pve_grants.storages_closed(permissions))
    return await refresh.rows("list of storages", pve_parse.parse_storage, STORAGES, most=FEW)


def _layout(last: _Layout, jobs: Answer[BackupJob], places: Answer[Place], nodes: Answer[Node]) -> _Layout:
    """What was listed now; of what could not be listed, for want of an answer, what was listed last."""
    return _Layout(
        nodes=last.nodes if _is_unknown(nodes) else nodes.rows,
        places=last.places if _is_unknown(places) else places.rows,
        targets=last.targets if _is_unknown(jobs) else frozenset(job.storage for job in jobs.rows if job.storage),
    )


def _is_unknown(answer: Answer[Any]) -> bool:
    return answer.problem is not None and not answer.problem.denied


# --- calls for one node -----------------------------------------------------------------------------------------------------


async def _node(refresh: Refresh, permissions: Permissions, node: Node) -> list[Reading]:
    """The zone of a node and its vzdump tasks."""
    scopes = ("zone", node.name), ("tasks", node.name)
    closed = _offline(node) if not node.online else None
    if closed is None and not pve_grants.sees_node(permissions, node.name):
        closed = pve_grants.node_closed(permissions, node.name)
    if closed is not None:
        return [Reading(scope, None, (), closed) for scope in scopes]
    zone, tasks = await asyncio.gather(
        refresh.value(lambda data: pve_parse.parse_zone(data, node.name, refresh.clock()), TIME, node=node.name),
        _tasks(refresh, node.name),
    )
    return [zone.reading(scopes[0], zone.rows), tasks.reading(scopes[1], pve_parse.once_each(tasks.rows))]


async def _tasks(refresh: Refresh, node: str) -> Answer[Task]:
    since = int((refresh.clock() - _TASKS_SINCE).timestamp())
    asked: Params = {"typefilter": "vzdump", "source": "all", "limit": _TASKS_AT_MOST, "since": since}
    answer = await refresh.rows(
        f"task list of {node}", partial(pve_parse.parse_task, node=node), TASKS, asked, node=node
    )
    if len(answer.rows) >= _TASKS_AT_MOST:
        refresh.limits.append(cut_off(f"backup tasks of {node}", _TASKS_AT_MOST))
    return answer


def _offline(node: Node) -> Problem:
    action = f"Start node {node.name}; until then nothing new is known of it."
    return Problem(f"node {node.name} is offline", action, kind=ProblemKind.OFFLINE, culprit=node.name)


def _out_of_reach(storage: str) -> Problem:
    cause = f"no node that reaches storage {storage} is online"
    action = f"Start a node that reaches {storage}; until then nothing new is known of it."
    return Problem(cause, action, kind=ProblemKind.OFFLINE, culprit=storage)


# --- what storages keep -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Question:
    """What a storage keeps, and which node is asked for it; None where none can be."""

    scope: Scope
    storage: Storage
    node: Node | None


def _questions(layout: _Layout) -> Iterator[_Question]:
    """One for each storage that a job writes to, and where it is not shared for each node."""
    for place in layout.places:
        storage = place.storage
        if storage.name not in layout.targets:
            continue
        nodes = [node for node in layout.nodes if not place.nodes or node.name in place.nodes]
        if storage.shared:
            online = next((node for node in nodes if node.online), None)
            yield _Question(("archives", "shared", storage.name), storage, online)
        else:
            yield from (_Question(("archives", node.name, storage.name), storage, node) for node in nodes)


async def _kept(refresh: Refresh, permissions: Permissions, question: _Question) -> list[Reading]:
    """The backups on a storage. To a token that may only audit, the content is empty without saying so (PVE-4)."""
    scope, storage, node = question.scope, question.storage.name, question.node
    if node is None or not node.online:
        return [Reading(scope, None, (), _offline(node) if node else _out_of_reach(storage))]
    full = pve_grants.lists_archives(permissions, storage)
    if question.storage.type == "pbs":
        if not full:
            return [Reading(scope, None, (), pve_grants.snapshots_closed(permissions, storage))]
        return [await _snapshots(refresh, scope, question.storage, node)]
    call, params = (CONTENT, {"content": "backup"}) if full else (PRUNE_PREVIEW, {"prune-backups": "keep-all=1"})
    parse = partial(pve_parse.parse_archive, storage=storage)
    path = {"node": node.name, "storage": storage}
    answer = await refresh.rows(f"archives on {storage}", parse, call, params, most=json_rows.MOST_ROWS, **path)
    return [answer.reading(scope, await made_of(answer.rows, pve_parse.newest_first))]


async def _snapshots(refresh: Refresh, scope: Scope, storage: Storage, node: Node) -> Reading:
    """What a backup server keeps that is no configured source, as PVE lists it (PVE-19)."""
    parse, path = partial(pve_parse.parse_snapshot, storage=storage), {"node": node.name, "storage": storage.name}
    asked: Params = {"content": "backup"}
    answer = await refresh.rows(f"backups on {storage.name}", parse, CONTENT, asked, most=json_rows.MOST_ROWS, **path)
    return answer.reading(scope, await made_of(answer.rows, partial(pve_parse.groups_of, storage=storage)))


def _version_limits(version: Answer[str]) -> list[Limit]:
    if version.problem:
        return [not_read("its version", version.problem)]
    major = pve_parse.major_of(version.only)
    return [old_version(str(version.only), str(_SUPPORTED))] if major is not None and major < _SUPPORTED else []
