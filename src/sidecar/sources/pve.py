"""Proxmox VE: guests, backup jobs and their guests, storages, nodes, vzdump tasks, what storages keep (docs/upstreams.md).

Lists are filtered by what the token may see, without saying so: a refresh asks for its permissions first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import BackupJob, Fact, Guest, Node, Task, TaskResult, Zone
from sidecar.core.reports.report import Limit, LimitKind, Problem, Reading, Report, Scope, guests_of
from sidecar.core.reports.shared import shared_facts
from sidecar.core.reports.vzdump_log import VzdumpLog
from sidecar.texts.known_secrets import KnownSecrets
from sidecar.upstream.calls import Call, Params
from sidecar.upstream.upstream import Limits, Upstream

from . import pve_grants, pve_parse, task_list
from .kept import LastFacts
from .permissions import Permissions
from .problems import cut_off, is_of_the_source, not_read, old_version, unreadable_rows
from .proxmox import API, PERMISSIONS, VERSION, ProxmoxOptions, ProxmoxSource, Seen, Unsettled, set_back
from .pve_content import CONTENT, PRUNE_PREVIEW, UNTOLD, BackupServers, Content, Proof, offline
from .pve_layout import Layout
from .pve_log import parse_log
from .pve_news import VZDUMP, Touched, touched
from .pve_parse import Place
from .refresh import FEW, VERY_FEW, Answer, Refresh, in_order, made_of
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
class _Tasks:
    """The tasks of a node: all that began a short time ago, and its backups as far back as they are read.

    ``is_cut``: there are older ones than the list holds.
    """

    known: TaskList
    backups: tuple[Task, ...]
    is_cut: bool = False


class PveSource(ProxmoxSource):
    """Reads one Proxmox VE cluster. Storages are listed again only where tasks of its nodes show that something happened."""

    kind = SourceKind.PVE
    allowed = ALLOWED
    authorization = "PVEAPIToken={id}={secret}"

    def __init__(
        self,
        options: ProxmoxOptions,
        *,
        backup_servers: BackupServers = UNTOLD,
        limits: Limits | None = None,
        upstream: Upstream | None = None,
        known: KnownSecrets | None = None,
    ) -> None:
        super().__init__(options, limits=limits, upstream=upstream, known=known)
        self._layout = Layout()
        self._logs: TaskLogs[VzdumpLog] = TaskLogs(LOG, VzdumpLog.so_far)
        self._tasks: dict[str, _Tasks] = {}
        self._content = Content(backup_servers)

    @property
    def confirms(self) -> bool:
        """See Source: the tasks of every node that is there are listed."""
        nodes = [node.name for node in self._layout.nodes if node.online]
        are_listed = bool(nodes) and all(node in self._tasks for node in nodes)
        return self._last is not None and are_listed and self._content.is_proved(self._layout)

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
            _nodes(refresh),
        )
        self._layout = self._layout.later(jobs, places, nodes)
        of_nodes = await asyncio.gather(*(self._node(refresh, permissions, node, last) for node in self._layout.nodes))
        changes = {node.name: change for node, (_, change) in zip(self._layout.nodes, of_nodes, strict=True)}
        at_work = {
            node: touched((*change.tasks, *change.after.running)) if change else None
            for node, change in changes.items()
        }
        archives = await self._content.read(refresh, permissions, self._layout, self._proof(at_work), in_full=True)
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
        closed = offline(node) if not node.online else None
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

    async def _short_lists(
        self, refresh: Refresh, permissions: Permissions, last: Report
    ) -> Sequence[Reading] | Unsettled | Problem:
        """Guests and jobs now, where they are the same but for locks."""
        guests, jobs = await asyncio.gather(_guests(refresh, permissions), _jobs(refresh, permissions))
        problem = guests.problem or jobs.problem
        if problem is not None and is_of_the_source(problem):
            return problem
        lists = [guests.reading(("guests",), guests.rows), jobs.reading(("jobs",), jobs.rows)]
        same = all(_is_same(reading, last.reading(*reading.scope)) for reading in lists)
        return lists if same and set(refresh.limits) <= set(last.limits) else Unsettled()

    async def _look(
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
        kept = await self._content.read(refresh, permissions, self._layout, self._proof(at_work), in_full=False)
        archives = {reading.scope: reading for reading in kept}
        if any(reading.problem and not _had_problem(last, scope) for scope, reading in archives.items()):
            return None
        again = {**tasks, **archives}
        readings = tuple(again.get(reading.scope, reading) for reading in last.readings)
        is_news = bool(told) or any(each.backups or each.storages for each in at_work.values())
        return Seen(readings, is_news=is_news)

    def _proof(self, news: Mapping[str, Touched | None]) -> Proof:
        return Proof(news, {node: tasks.known for node, tasks in self._tasks.items()})

    async def _with_logs(self, refresh: Refresh, readings: tuple[Reading, ...]) -> list[Reading]:
        """The same readings, each vzdump task with what its log tells, as far as that is known."""
        zones = {zone.node: zone.timezone for reading in readings for zone in reading.of(Zone)}
        tasks = [task for reading in readings for task in reading.of(Task)]
        secrets = await self._secrets()

        def parse(task: Task, lines: Lines) -> VzdumpLog:
            return parse_log(task, lines, zones.get(task.node), secrets)

        now = refresh.clock()
        wanted = await made_of(tasks, lambda every: _by_importance(self._but_waiting(every), now))
        logs = await self._logs.read(refresh, wanted, parse, tasks)
        made = await made_of(tasks, lambda _: _with_logs(readings, logs, refresh.last))
        # What is compared with the next list is what was reported: else each task would be in memory twice.
        for reading in made:
            if reading.scope[0] == "tasks" and (node := reading.scope[1]) in self._tasks:
                self._tasks[node] = replace(self._tasks[node], backups=tuple(reading.of(Task)))
        return made

    def _but_waiting(self, tasks: Sequence[Task]) -> list[Task]:
        """All but those that wait while another task of their node works (PVE-20): their logs tell nothing new meanwhile."""
        running = [(task, log) for task in tasks if task.end is None and (log := self._logs.known(task)) is not None]
        at_work = {task.node for task, log in running if log.guests}
        waiting = {task.upid for task, log in running if task.node in at_work and log.has_not_begun}
        return [task for task in tasks if task.upid not in waiting]


def _by_importance(tasks: Iterable[Task], now: datetime) -> list[Task]:
    """The tasks whose logs are of interest, the most important first, newest first."""
    since = now - _OK_LOGS
    some = [task for task in tasks if task.result is not TaskResult.OK or (task.end is not None and task.end >= since)]
    newest_first = sorted(some, key=lambda task: task.start, reverse=True)
    return sorted(newest_first, key=lambda task: _RANKS[task.result])


def _with_logs(readings: Iterable[Reading], logs: Mapping[str, VzdumpLog], last: LastFacts) -> list[Reading]:
    return [_with_log(reading, logs, last) if reading.scope[0] == "tasks" else reading for reading in readings]


def _with_log(reading: Reading, logs: Mapping[str, VzdumpLog], last: LastFacts) -> Reading:
    """The same tasks with what is known of their logs; those that were so before are the same objects."""
    told = ((task, logs.get(task.upid)) for task in reading.of(Task))
    tasks = tuple(task if task.log is log else replace(task, log=log) for task, log in told)
    return replace(reading, facts=shared_facts(tasks, last.of(reading.scope)))


# --- calls for the whole cluster --------------------------------------------------------------------------------------------


async def _guests(refresh: Refresh, permissions: Permissions) -> Answer[Guest]:
    if not pve_grants.sees_a_guest(permissions):
        return Answer(refresh.clock(), problem=pve_grants.guests_closed(permissions))
    answer = await refresh.rows("list of guests", pve_parse.parse_guest, GUESTS, {"type": "vm"})
    if not answer.rows and not answer.problem and not pve_grants.sees_all_guests(permissions):
        return replace(answer, problem=pve_grants.guests_closed(permissions))
    return in_order(answer, lambda guest: guest.vmid)


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
    answer = await refresh.rows("list of storages", pve_parse.parse_storage, STORAGES, most=FEW)
    return in_order(answer, lambda place: place.storage.name)


async def _nodes(refresh: Refresh) -> Answer[Node]:
    answer = await refresh.rows("list of nodes", pve_parse.parse_node, NODES, most=VERY_FEW)
    return in_order(answer, lambda node: node.name)


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
    if before is None or reading.problem != before.problem:
        return False
    return _unlocked(reading) == _unlocked(before)


def _unlocked(reading: Reading) -> list[Fact]:
    return [replace(each, locked_for_backup=False) if isinstance(each, Guest) else each for each in reading.facts]


def _facts(last: Report, *scope: str) -> tuple[Fact, ...]:
    reading = last.reading(*scope)
    return reading.facts if reading else ()


def _had_problem(last: Report, scope: Scope) -> bool:
    reading = last.reading(*scope)
    return reading is not None and reading.problem is not None


def _version_limits(version: Answer[str]) -> list[Limit]:
    if version.problem:
        return [not_read("its version", version.problem)]
    major = pve_parse.major_of(version.only)
    return [old_version(str(version.only), str(_SUPPORTED))] if major is not None and major < _SUPPORTED else []
