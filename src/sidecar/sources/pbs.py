"""Proxmox Backup Server: its datastores, namespaces, snapshots, upkeep jobs and tasks (docs/upstreams.md).

An empty list proves nothing there (PBS-6), so a refresh asks first what the token may see.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain

from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import Datastore, Task, TaskResult, UpkeepJob
from sidecar.core.reports.report import SIZES, Limit, LimitKind, Problem, ProblemKind, Reading
from sidecar.texts.known_secrets import KnownSecrets
from sidecar.upstream import json_rows
from sidecar.upstream.calls import Call, Params
from sidecar.upstream.upstream import Upstream

from . import pbs_grants, pbs_parse
from .pbs_log import status_with_log
from .pbs_parse import GcRow
from .pbs_upkeep_runs import is_explained_by_log, with_runs
from .permissions import Permissions
from .problems import not_read, old_version
from .proxmox import API, PERMISSIONS, VERSION, ProxmoxOptions, ProxmoxSource
from .refresh import FEW, VERY_FEW, Answer, Refresh, made_of
from .task_logs import TaskLogs

TIME = Call("GET", f"{API}/nodes/localhost/time")
TASKS = Call("GET", f"{API}/nodes/localhost/tasks", frozenset({"since", "limit"}))
LOG = Call("GET", f"{API}/nodes/{{node}}/tasks/{{upid}}/log", frozenset({"start", "limit"}))
DATASTORES = Call("GET", f"{API}/admin/datastore")
USAGE = Call("GET", f"{API}/status/datastore-usage")
PRUNE = Call("GET", f"{API}/admin/prune")
VERIFY = Call("GET", f"{API}/admin/verify")
SYNC = Call("GET", f"{API}/admin/sync", frozenset({"sync-direction"}))
GC = Call("GET", f"{API}/admin/gc")
NAMESPACES = Call("GET", f"{API}/admin/datastore/{{store}}/namespace")
SNAPSHOTS = Call("GET", f"{API}/admin/datastore/{{store}}/snapshots", frozenset({"ns"}))

ALLOWED = (VERSION, PERMISSIONS, TIME, TASKS, LOG, DATASTORES, USAGE, PRUNE, VERIFY, SYNC, GC, NAMESPACES, SNAPSHOTS)

#: The first version that is supported, and the first with push sync (PBS-11).
_SUPPORTED, _PUSH_SYNC = (3, 2), (3, 3)

#: How far back tasks are read.
_TASKS_SINCE = timedelta(days=14)

#: Of one job the newest runs that went wrong are explained by their logs.
_EXPLAINED_PER_JOB = 3

#: In these modes PBS refuses to read the content (PBS-21).
_CLOSED = ("offline", "delete", "unmount")

#: A listing of namespaces that timed out keeps a core of the server busy until its disk answers again (PBS-13).
_REST_AFTER_TIMEOUT = timedelta(hours=1)


class PbsSource(ProxmoxSource):
    """Reads one Proxmox Backup Server, in at most 10 calls + one per datastore + one per namespace, and 10 for
    logs of upkeep that went wrong.

    It remembers the namespaces it saw, for refreshes that can't list them.
    """

    kind = SourceKind.PBS
    allowed = ALLOWED
    authorization = "PBSAPIToken={id}:{secret}"

    def __init__(
        self, options: ProxmoxOptions, *, upstream: Upstream | None = None, known: KnownSecrets | None = None
    ) -> None:
        super().__init__(options, upstream=upstream, known=known)
        self._namespaces: dict[str, tuple[str, ...]] = {}
        self._rests: dict[str, datetime] = {}
        self._logs: TaskLogs[str | None] = TaskLogs(LOG)

    def _closed(self, permissions: Permissions) -> Problem | None:
        return None if pbs_grants.sees_anything(permissions) else pbs_grants.nothing_visible(permissions)

    async def _version(self, refresh: Refresh, permissions: Permissions) -> Answer[str]:
        version = await refresh.value(pbs_parse.parse_version, VERSION)
        refresh.limits += [*_version_limits(version), *pbs_grants.limits(permissions)]
        return version

    # --- the server -------------------------------------------------------------------------------------------------------

    async def _readings(self, refresh: Refresh, permissions: Permissions, version: str | None) -> list[Reading]:
        datastores, zone, gc, tasks, upkeep = await asyncio.gather(
            _datastores(refresh),
            _zone(refresh),
            refresh.rows("list of garbage collections", pbs_parse.parse_gc, GC, most=VERY_FEW),
            _tasks(refresh, permissions),
            _upkeep(refresh, version),
        )
        index_files = {row.job.datastore: row.index_files for row in gc.rows}
        stores = [replace(store, index_files=index_files.get(store.name)) for store in datastores.rows]
        content = await asyncio.gather(*(self._store(refresh, permissions, store) for store in stores))
        known = tasks.rows if tasks else ()
        logs = await self._explanations(refresh, known)

        def of_tasks(known: Sequence[Task]) -> Iterator[Reading]:
            yield _gc_reading(gc, known, logs)
            yield from (_upkeep_reading(kind, answer, known, logs) for kind, answer in upkeep)
            if tasks is not None:
                yield tasks.reading(("tasks",), (task for task in known if pbs_parse.is_upload_or_runs(task)))

        readings = await made_of(known, lambda rows: tuple(of_tasks(rows)))
        listed = datastores.reading(("datastores",), stores)
        return [listed, zone, *readings, *chain.from_iterable(content), *self._unlisted(datastores)]

    async def _explanations(self, refresh: Refresh, tasks: Sequence[Task]) -> Mapping[str, str | None]:
        """By UPID what logs say of upkeep that went wrong. Whoever sees these tasks may read their logs (PBS-34)."""
        secrets = await self._secrets()
        wanted = await made_of(tasks, _to_explain)
        return await self._logs.read(refresh, wanted, lambda task, lines: status_with_log(task, lines, secrets))

    def _unlisted(self, datastores: Answer[Datastore]) -> list[Reading]:
        """While the datastores can't be listed all their scopes share that problem; those that are gone are forgotten."""
        if datastores.problem:
            return [reading for store in self._namespaces for reading in self._blank(store, datastores.problem)]
        there = {store.name for store in datastores.rows}
        self._namespaces = {store: names for store, names in self._namespaces.items() if store in there}
        return []

    def _blank(self, store: str, problem: Problem) -> list[Reading]:
        """The same problem for every scope of a datastore."""
        names = self._namespaces.get(store, ("",))
        scopes = [("namespaces", store), *(("snapshots", store, name) for name in names)]
        return [Reading(scope, None, (), problem) for scope in scopes]

    # --- one datastore ----------------------------------------------------------------------------------------------------

    async def _store(self, refresh: Refresh, permissions: Permissions, store: Datastore) -> list[Reading]:
        """Its namespaces and their snapshots."""
        if (closed := _why_closed(store)) is not None:
            return self._blank(store.name, closed)
        listing = await self._listing(refresh, store.name)
        listed = self._namespaces.get(store.name, ("",)) if listing.problem else listing.rows
        names = tuple(dict.fromkeys((*listed, *pbs_grants.closed_namespaces(permissions, store.name))))
        content = await asyncio.gather(*(_snapshots(refresh, permissions, store.name, name) for name in names))
        whole = pbs_grants.sees_all_of(permissions, store.name)
        if whole and store.index_files and _lists_nothing(content):
            return self._blank(store.name, _lost_mount(store.name, store.index_files))
        self._namespaces[store.name] = names
        if not whole and not listing.problem:
            listing = replace(listing, rows=(), problem=pbs_grants.namespaces_unseen(permissions, store.name))
        return [
            listing.reading(("namespaces", store.name), pbs_parse.namespaces_of(listing.rows, store.name)),
            *content,
        ]

    async def _listing(self, refresh: Refresh, store: str) -> Answer[str]:
        now = refresh.clock()
        # Not longer than that hour, also when the clock was set back meanwhile.
        if (until := self._rests.get(store)) and now < until <= now + _REST_AFTER_TIMEOUT:
            cause = "its list of namespaces timed out; retrying one hour later"
            problem = Problem(cause, kind=ProblemKind.TIMED_OUT, culprit=store)
            return Answer(now, problem=_with_cure(problem, store))
        answer = await refresh.rows(
            f"namespaces of {store}", pbs_parse.parse_namespace, NAMESPACES, most=FEW, store=store
        )
        if answer.problem is None:
            return answer
        if answer.problem.kind is ProblemKind.TIMED_OUT:
            self._rests[store] = now + _REST_AFTER_TIMEOUT
        return replace(answer, problem=_with_cure(answer.problem, store))


# --- calls for the whole server -------------------------------------------------------------------------------------------


async def _datastores(refresh: Refresh) -> Answer[Datastore]:
    """The datastores with their room; without it when only that can't be read (one bad disk spoils all, PBS-22)."""
    listing, usage = await asyncio.gather(
        refresh.rows("list of datastores", pbs_parse.parse_datastore, DATASTORES, most=VERY_FEW),
        refresh.rows("usage of the datastores", pbs_parse.parse_usage, USAGE, most=VERY_FEW),
    )
    if usage.problem:
        refresh.limits.append(not_read(SIZES, usage.problem))
    return replace(listing, rows=pbs_parse.with_usage(listing.rows, usage.rows, listing.as_of))


async def _zone(refresh: Refresh) -> Reading:
    answer = await refresh.value(lambda data: pbs_parse.parse_zone(data, refresh.clock()), TIME)
    if answer.problem:
        refresh.limits.append(not_read("the time zone of its schedules", answer.problem))
    return answer.reading(("zone",), answer.rows)


async def _upkeep(refresh: Refresh, version: str | None) -> list[tuple[str, Answer[UpkeepJob]]]:
    """Prune, verify and sync jobs. Before 3.3 the direction of a sync is an unknown parameter (PBS-27)."""
    both = {"sync-direction": "all"} if pbs_parse.version_of(version) >= _PUSH_SYNC else None
    calls = (("prune", PRUNE, None), ("verify", VERIFY, None), ("sync", SYNC, both))
    answers = await asyncio.gather(
        *(
            refresh.rows(f"list of {kind} jobs", partial(pbs_parse.parse_job, kind=kind), call, params, most=FEW)
            for kind, call, params in calls
        )
    )
    return [(kind, _with_cure_of_jobs(answer, kind)) for (kind, _, _), answer in zip(calls, answers, strict=True)]


def _with_cure_of_jobs(answer: Answer[UpkeepJob], kind: str) -> Answer[UpkeepJob]:
    """One job that the server can't read makes it refuse the whole list (PBS-33)."""
    problem = answer.problem
    if problem is None or problem.action or problem.kind is not ProblemKind.REJECTED:
        return answer
    action = f"Fix on the backup server what the message names; until then it lists no {kind} job."
    return replace(answer, problem=replace(problem, action=action))


async def _tasks(refresh: Refresh, permissions: Permissions) -> Answer[Task] | None:
    """Uploads, garbage collections and whatever runs; None when the token sees only its own tasks."""
    if not pbs_grants.sees_tasks(permissions):
        return None
    since = int((refresh.clock() - _TASKS_SINCE).timestamp())
    asked: Params = {"since": since, "limit": 0}
    return await refresh.rows("task list", pbs_parse.parse_task, TASKS, asked, most=json_rows.MOST_ROWS)


def _to_explain(tasks: Iterable[Task]) -> list[Task]:
    """Failed ones first, newest first, a few of each job."""
    wrong = sorted((task for task in tasks if is_explained_by_log(task)), key=lambda task: task.start, reverse=True)
    seen: Counter[tuple[str, str]] = Counter()
    some: list[Task] = []
    for task in wrong:
        seen[task.type, task.id] += 1
        if seen[task.type, task.id] <= _EXPLAINED_PER_JOB:
            some.append(task)
    return sorted(some, key=lambda task: task.result is not TaskResult.FAILED)


def _upkeep_reading(
    kind: str, jobs: Answer[UpkeepJob], tasks: Iterable[Task], logs: Mapping[str, str | None]
) -> Reading:
    return jobs.reading(("upkeep", kind), with_runs(jobs.rows, tasks, logs))


def _gc_reading(gc: Answer[GcRow], tasks: Iterable[Task], logs: Mapping[str, str | None]) -> Reading:
    return gc.reading(("upkeep", "gc"), with_runs((row.job for row in gc.rows), tasks, logs))


# --- calls for one datastore ------------------------------------------------------------------------------------------------


async def _snapshots(refresh: Refresh, permissions: Permissions, store: str, namespace: str) -> Reading:
    """The groups of one namespace. With Datastore.Backup alone the list is short without saying so (PBS-19)."""
    scope = ("snapshots", store, namespace)
    if not pbs_grants.sees_namespace(permissions, store, namespace):
        return Reading(scope, None, (), pbs_grants.namespace_closed(permissions, store, namespace))
    where = f"{store}/{namespace}".rstrip("/")
    answer = await refresh.rows(
        f"snapshots of {where}",
        partial(pbs_parse.parse_snapshot, store=store),
        SNAPSHOTS,
        {"ns": namespace} if namespace else None,
        most=json_rows.MOST_ROWS,
        store=store,
    )
    if answer.problem and answer.problem.kind is ProblemKind.NO_PERMISSION:
        return Reading(scope, None, (), pbs_grants.namespace_closed(permissions, store, namespace))
    if answer.problem:
        return Reading(scope, None, (), _with_cure(answer.problem, store))
    if unknown := pbs_parse.unknown_states(answer.rows):
        refresh.limits.append(_unknown_verifications(where, unknown))
    groups = await made_of(answer.rows, partial(pbs_parse.groups_of, store=store, namespace=namespace))
    return answer.reading(scope, groups)


def _with_cure(problem: Problem, store: str) -> Problem:
    """Where the server itself can't read a datastore, the disk beneath is where to look first (PBS-13, PBS-20)."""
    if problem.action or problem.kind not in (ProblemKind.REJECTED, ProblemKind.SERVER_ERROR, ProblemKind.TIMED_OUT):
        return problem
    action = f"Check on the backup server that the disk of {store} is mounted and can be read."
    return replace(problem, action=action)


def _unknown_verifications(where: str, states: Sequence[str]) -> Limit:
    """Rule 9: neither failures nor successes."""
    backups = "1 backup" if len(states) == 1 else f"{len(states)} backups"
    text = f"the verification of {backups} in {where} is neither ok nor failed ({states[0]}), and does not count"
    return Limit(text=text, kind=LimitKind.NOT_READ, culprit=where, count=len(states))


def _why_closed(store: Datastore) -> Problem | None:
    """The content can't be read: in maintenance, or on a disk that isn't plugged in."""
    if store.maintenance in _CLOSED:
        cause = f"datastore {store.name} is in maintenance: {store.maintenance}"
        action: str | None = f"End the maintenance mode of {store.name}; until then nothing is known of its backups."
        if store.maintenance == "delete":
            cause, action = f"datastore {store.name} is being deleted", None
        return Problem(cause, action, kind=ProblemKind.MAINTENANCE, culprit=store.name)
    if not store.mounted:
        cause, action = f"datastore {store.name} is not mounted", f"Plug in and mount the disk of {store.name}."
        return Problem(cause, action, kind=ProblemKind.NOT_MOUNTED, culprit=store.name)
    return None


def _lists_nothing(content: list[Reading]) -> bool:
    """No group in any namespace."""
    return not any(reading.facts or reading.problem for reading in content)


def _lost_mount(store: str, index_files: int) -> Problem:
    """The last GC counted archives where none is listed: the disk beneath is another (PBS-20)."""
    return Problem(
        f"datastore {store} looks empty, but its last garbage collection counted {index_files} archives",
        f"Check on the server that the disk of {store} is mounted; if all backups were deleted, run garbage collection.",
        kind=ProblemKind.LOOKS_EMPTY,
        culprit=store,
    )


def _version_limits(version: Answer[str]) -> list[Limit]:
    if version.problem:
        return [not_read("its version", version.problem)]
    is_old = pbs_parse.version_of(version.only) < _SUPPORTED
    return [old_version(str(version.only), ".".join(map(str, _SUPPORTED)))] if is_old else []
