"""Proxmox VE: guests, backup jobs and their guests, storages, nodes, vzdump tasks, what storages keep (docs/upstreams.md).

Lists are filtered by what the token may see, without saying so: a refresh asks for its permissions first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice
from typing import Any

from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import BackupJob, Fact, Guest, Node, Storage, Task, TaskResult, Zone
from sidecar.core.reports.report import Limit, LimitKind, Problem, ProblemKind, Reading, Report, Scope, guests_of
from sidecar.core.reports.vzdump_log import VzdumpLog
from sidecar.texts.known_secrets import KnownSecrets
from sidecar.upstream import json_rows
from sidecar.upstream.budget import MOST_CALLS
from sidecar.upstream.calls import Call, Params
from sidecar.upstream.upstream import Limits, Upstream

from . import pve_grants, pve_parse, task_list
from .permissions import Permissions
from .problems import cut_off, is_of_the_source, not_read, old_version, unreadable_rows
from .proxmox import API, PERMISSIONS, VERSION, ProxmoxOptions, ProxmoxSource, Seen, Unsettled, set_back
from .pve_log import parse_log
from .pve_news import VZDUMP, Touched, touched
from .pve_parse import Place
from .refresh import FEW, VERY_FEW, Answer, Refresh, made_of
from .task_list import Change, TaskList
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

#: Content that no task touches is read again after so long: what another tool or a backup server of its own does there
#: leaves no task here.
_READ_AGAIN_AFTER = timedelta(hours=6)

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


@dataclass(frozen=True, slots=True)
class _Tasks:
    """The tasks of a node: all that began a short time ago, and its backups as far back as they are read.

    ``is_cut``: there are older ones than the list holds.
    """

    known: TaskList
    backups: tuple[Task, ...]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class _Content:
    """What a storage keeps as it was read last, at ``read_at``, with what could not be read of it."""

    reading: Reading
    read_at: datetime
    limits: tuple[Limit, ...] = ()

    def holds(self, now: datetime) -> bool:
        """It can be used again: it could be read, and not too long ago, nor after ``now`` (a clock that was set back)."""
        return self.reading.problem is None and timedelta() <= now - self.read_at < _READ_AGAIN_AFTER


class PveSource(ProxmoxSource):
    """Reads one Proxmox VE cluster. Storages are listed again only where tasks of its nodes show that something happened."""

    kind = SourceKind.PVE
    allowed = ALLOWED
    authorization = "PVEAPIToken={id}={secret}"

    def __init__(
        self,
        options: ProxmoxOptions,
        *,
        backup_servers: BackupServers = _UNTOLD,
        limits: Limits | None = None,
        upstream: Upstream | None = None,
        known: KnownSecrets | None = None,
    ) -> None:
        super().__init__(options, limits=limits, upstream=upstream, known=known)
        self._backup_servers = backup_servers
        self._layout = _Layout()
        self._logs: TaskLogs[VzdumpLog] = TaskLogs(LOG, VzdumpLog.so_far)
        self._tasks: dict[str, _Tasks] = {}
        self._content: dict[Scope, _Content] = {}

    @property
    def confirms(self) -> bool:
        """See Source: the tasks of every node that is there are listed."""
        nodes = [node.name for node in self._layout.nodes if node.online]
        are_listed = bool(nodes) and all(node in self._tasks for node in nodes)
        asked = (each for each in _questions(self._layout) if each.scope in self._content)
        return self._last is not None and are_listed and all(each.is_proved for each in asked)

    def _closed(self, permissions: Permissions) -> Problem | None:
        return None if any(permissions.paths.values()) else pve_grants.nothing_visible(permissions)

    async def _version(self, refresh: Refresh, permissions: Permissions) -> Answer[str]:
        version = await refresh.value(pve_parse.parse_version, VERSION)
        refresh.limits += [*_version_limits(version), *pve_grants.limits(permissions)]
        return version

    async def _readings(
        self, refresh: Refresh, permissions: Permissions, _version: str | None, last: Report | None
    ) -> list[Reading]:
        guests, jobs, places, nodes = await asyncio.gather(
            _guests(refresh, permissions),
            _jobs(refresh, permissions),
            _storages(refresh, permissions),
            refresh.rows("list of nodes", pve_parse.parse_node, NODES, most=VERY_FEW),
        )
        self._layout = _layout(self._layout, jobs, places, nodes)
        of_nodes = await asyncio.gather(*(self._node(refresh, permissions, node, last) for node in self._layout.nodes))
        changes = {node.name: change for node, (_, change) in zip(self._layout.nodes, of_nodes, strict=True)}
        at_work = {
            node: touched((*change.tasks, *change.after.running)) if change else None
            for node, change in changes.items()
        }
        archives = await self._archives(refresh, permissions, at_work, in_full=True)
        details = [*chain.from_iterable(readings for readings, _ in of_nodes), *archives]
        return [
            guests.reading(("guests",), guests.rows),
            jobs.reading(("jobs",), jobs.rows),
            places.reading(("storages",), (place.storage for place in places.rows)),
            nodes.reading(("nodes",), nodes.rows),
            *await self._with_logs(refresh, tuple(details)),
        ]

    # --- tasks ------------------------------------------------------------------------------------------------------------

    async def _node(
        self, refresh: Refresh, permissions: Permissions, node: Node, last: Report | None
    ) -> tuple[list[Reading], Change | None]:
        """The zone of a node and its vzdump tasks; and what changed since the last round, where that is proved."""
        scopes = ("zone", node.name), ("tasks", node.name)
        closed = _offline(node) if not node.online else None
        if closed is None and not pve_grants.sees_node(permissions, node.name):
            closed = pve_grants.node_closed(permissions, node.name)
        if closed is not None:
            self._tasks.pop(node.name, None)
            return [Reading(scope, None, (), closed) for scope in scopes], None
        zone, (tasks, change) = await asyncio.gather(
            refresh.value(lambda data: pve_parse.parse_zone(data, node.name, refresh.clock()), TIME, node=node.name),
            self._since_last(refresh, node.name, known=last is not None),
        )
        reading = zone.reading(scopes[0], zone.rows)
        if last is None or zone.problem or set_back(last.facts(Zone), zone.rows):
            change = None
        return [reading, tasks], change

    async def _since_last(self, refresh: Refresh, node: str, *, known: bool) -> tuple[Reading, Change | None]:
        """The vzdump tasks of a node: what happened since the last round, or all of the last weeks."""
        before = self._tasks.pop(node, None)
        if known and before is not None:
            answer = await _new_tasks(refresh, before.known, node, to_the_oldest=True)
            if answer.only is not None and answer.only.doubt is None:
                return self._taken(refresh, node, before, answer.only), answer.only
        listed = await _tasks(refresh, node)
        tasks = pve_parse.once_each(listed.rows)
        if listed.problem is None:
            known_now = task_list.first_list(tasks, listed.as_of)
            self._tasks[node] = _Tasks(known_now, tasks, is_cut=len(listed.rows) >= _TASKS_AT_MOST)
        return listed.reading(("tasks", node), tasks), None

    def _taken(self, refresh: Refresh, node: str, before: _Tasks, change: Change) -> Reading:
        """The reading of a node's tasks with what changed."""
        over = {task.upid for task in change.ended}
        kept = (task for task in before.backups if task.upid not in over)
        news = replace(
            change,
            begun=tuple(task for task in change.begun if task.type == VZDUMP),
            ended=tuple(task for task in change.ended if task.type == VZDUMP),
        )
        backups = task_list.merged(kept, news, change.after.as_of - _TASKS_SINCE)
        self._tasks[node] = _Tasks(change.after, backups, before.is_cut)
        if before.is_cut:
            refresh.limits.append(_cut_off(node))
        return Reading(("tasks", node), change.after.as_of, backups)

    async def _look(
        self, refresh: Refresh, permissions: Permissions, last: Report, *, wide: bool
    ) -> Seen | Unsettled | Problem | None:
        lists = await self._same_lists(refresh, permissions, last) if wide else []
        if isinstance(lists, Unsettled | Problem):
            return lists
        seen = await self._look_at_tasks(refresh, permissions, last)
        if not isinstance(seen, Seen):
            return seen
        again = {reading.scope: reading for reading in lists}
        readings = tuple(again.get(reading.scope, reading) for reading in seen.readings)
        return Seen(readings, is_news=seen.is_news or any(each.facts != _facts(last, *each.scope) for each in lists))

    async def _same_lists(
        self, refresh: Refresh, permissions: Permissions, last: Report
    ) -> list[Reading] | Unsettled | Problem:
        """Guests and jobs now, where they are the same but for locks; else a full round is needed."""
        guests, jobs = await asyncio.gather(_guests(refresh, permissions), _jobs(refresh, permissions))
        problem = guests.problem or jobs.problem
        if problem is not None and is_of_the_source(problem):
            return problem
        lists = [guests.reading(("guests",), guests.rows), jobs.reading(("jobs",), jobs.rows)]
        same = all(_is_same(reading, last.reading(*reading.scope)) for reading in lists)
        return lists if same and set(refresh.limits) <= set(last.limits) else Unsettled()

    async def _look_at_tasks(
        self, refresh: Refresh, permissions: Permissions, last: Report
    ) -> Seen | Unsettled | Problem | None:
        nodes = [node.name for node in self._layout.nodes if node.name in self._tasks]
        if not nodes:
            alive = await refresh.value(pve_parse.parse_version, VERSION)
            return alive.problem or Seen(last.readings)
        answers = await asyncio.gather(
            *(_new_tasks(refresh, self._tasks[node].known, node, to_the_oldest=False) for node in nodes)
        )
        changes: dict[str, Change] = {}
        for node, answer in zip(nodes, answers, strict=True):
            if answer.only is None or answer.only.doubt is not None:
                return answer.problem
            changes[node] = answer.only
        news = {node: touched(change.tasks) for node, change in changes.items()}
        if any(each.guests for each in news.values()):
            return Unsettled()
        logged = {reading.scope: reading for reading in last.readings if reading.scope[0] in ("tasks", "zone")}
        for node, change in changes.items():
            logged[("tasks", node)] = self._taken(refresh, node, self._tasks[node], change)
        tasks = {reading.scope: reading for reading in await self._with_logs(refresh, tuple(logged.values()))}
        told = [node for node in nodes if tasks[("tasks", node)].facts != _facts(last, "tasks", node)]
        at_work = {node: replace(each, backups=each.backups or node in told) for node, each in news.items()}
        archives = {
            reading.scope: reading for reading in await self._archives(refresh, permissions, at_work, in_full=False)
        }
        if any(reading.problem and not _had_problem(last, scope) for scope, reading in archives.items()):
            return None
        again = {**tasks, **archives}
        readings = tuple(again.get(reading.scope, reading) for reading in last.readings)
        is_news = bool(told) or any(each.backups or each.storages for each in at_work.values())
        return Seen(readings, is_news=is_news)

    # --- what storages keep -----------------------------------------------------------------------------------------------

    async def _archives(
        self, refresh: Refresh, permissions: Permissions, news: Mapping[str, Touched | None], *, in_full: bool
    ) -> list[Reading]:
        """What each storage keeps, as it was read last where the tasks of all nodes that reach it show nothing new.

        Args:
            news: by node; None where they prove nothing.
            in_full: a full round: what can't be proved, or is some hours old, is read again.
        """
        every = islice(_questions(self._layout), MOST_CALLS)
        questions = [each for each in every if self._is_asked(permissions, each.storage)]
        there = {question.scope for question in questions}
        self._content = {scope: content for scope, content in self._content.items() if scope in there}
        return list(
            await asyncio.gather(
                *(self._kept(refresh, permissions, question, news, in_full=in_full) for question in questions)
            )
        )

    async def _kept(
        self,
        refresh: Refresh,
        permissions: Permissions,
        question: _Question,
        news: Mapping[str, Touched | None],
        *,
        in_full: bool,
    ) -> Reading:
        content, now = self._content.get(question.scope), refresh.clock()
        if content is not None and _is_untouched(question, news):
            known = [tasks.known for node in question.writers if (tasks := self._tasks.get(node)) is not None]
            proves = question.is_proved and bool(known) and all(each.proves for each in known)
            if not in_full or (proves and content.holds(now)):
                refresh.limits += content.limits
                if proves and content.reading.problem is None:
                    as_of = min(each.as_of for each in known)
                    content = replace(content, reading=replace(content.reading, as_of=as_of))
                    self._content[question.scope] = content
                return content.reading
        apart = refresh.apart()
        reading = await _kept(apart, permissions, question)
        refresh.limits += apart.limits
        self._content[question.scope] = _Content(reading, reading.as_of or now, tuple(apart.limits))
        return reading

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


async def _tasks(refresh: Refresh, node: str) -> Answer[Task]:
    since = int((refresh.clock() - _TASKS_SINCE).timestamp())
    asked: Params = {"typefilter": VZDUMP, "source": "all", "limit": _TASKS_AT_MOST, "since": since}
    answer = await refresh.rows(
        f"task list of {node}", partial(pve_parse.parse_task, node=node), TASKS, asked, node=node
    )
    if len(answer.rows) >= _TASKS_AT_MOST:
        refresh.limits.append(_cut_off(node))
    return answer


async def _new_tasks(refresh: Refresh, known: TaskList, node: str, *, to_the_oldest: bool) -> Answer[Change]:
    """What happened on a node since its tasks were listed: tasks of every type, for some of them delete backups."""
    since = known.since(to_the_oldest=to_the_oldest)
    asked: Params = {"source": "all", "limit": _TASKS_AT_MOST, "since": int(since.timestamp())}
    parse = partial(pve_parse.parse_task, node=node)
    answer = await refresh.rows(f"task list of {node}", parse, TASKS, asked, node=node)
    if answer.problem:
        return Answer(answer.as_of, problem=answer.problem)
    change = task_list.compare(known, since, answer.rows, answer.as_of)
    if len(answer.rows) >= _TASKS_AT_MOST:
        change = replace(change, doubt="the list is cut off")
    return Answer(answer.as_of, (change,))


def _cut_off(node: str) -> Limit:
    return cut_off(f"backup tasks of {node}", _TASKS_AT_MOST)


def _is_same(reading: Reading, before: Reading | None) -> bool:
    """It says the same as before, but for locks of guests that are backed up just now."""
    unlocked = (replace(each, locked_for_backup=False) if isinstance(each, Guest) else each for each in reading.facts)
    known = before.facts if before is not None else ()
    were = (replace(each, locked_for_backup=False) if isinstance(each, Guest) else each for each in known)
    return before is not None and reading.problem == before.problem and tuple(unlocked) == tuple(were)


def _facts(last: Report, *scope: str) -> tuple[Fact, ...]:
    reading = last.reading(*scope)
    return reading.facts if reading else ()


def _had_problem(last: Report, scope: Scope) -> bool:
    reading = last.reading(*scope)
    return reading is not None and reading.problem is not None


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


def _questions(layout: _Layout) -> Iterator[_Question]:
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


async def _kept(refresh: Refresh, permissions: Permissions, question: _Question) -> Reading:
    """The backups on a storage. To a token that may only audit, the content is empty without saying so (PVE-4)."""
    scope, storage, node = question.scope, question.storage.name, question.node
    if node is None or not node.online:
        return Reading(scope, None, (), _offline(node) if node else _out_of_reach(storage))
    full = pve_grants.lists_archives(permissions, storage)
    if question.storage.type == "pbs":
        if not full:
            return Reading(scope, None, (), pve_grants.snapshots_closed(permissions, storage))
        return await _snapshots(refresh, scope, question.storage, node)
    call, params = (CONTENT, {"content": "backup"}) if full else (PRUNE_PREVIEW, {"prune-backups": "keep-all=1"})
    parse = partial(pve_parse.parse_archive, storage=storage)
    path = {"node": node.name, "storage": storage}
    answer = await refresh.rows(f"archives on {storage}", parse, call, params, most=json_rows.MOST_ROWS, **path)
    return answer.reading(scope, await made_of(answer.rows, pve_parse.newest_first))


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
