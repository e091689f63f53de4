"""Proxmox Backup Server: its datastores, namespaces, snapshots, upkeep jobs and tasks (docs/upstreams.md).

An empty list proves nothing there (PBS-6), so a refresh asks first what the token may see.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import chain

from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import Datastore, Fact, Namespace, Task, TaskResult, UpkeepJob, Zone
from sidecar.core.reports.report import SIZES, Limit, Problem, ProblemKind, Reading, Report
from sidecar.core.reports.shared import KnownFacts, shared_facts
from sidecar.texts.known_secrets import KnownSecrets
from sidecar.upstream import json_rows
from sidecar.upstream.calls import Call, Params
from sidecar.upstream.upstream import Limits, Upstream

from . import pbs_grants, pbs_parse, task_list
from .pbs_content import SNAPSHOTS, Content, Proof, with_cure
from .pbs_log import status_with_log
from .pbs_news import touched
from .pbs_parse import GcRow
from .pbs_task_rows import TaskRows
from .pbs_upkeep_runs import is_explained_by_log, with_runs
from .permissions import Permissions
from .problems import not_read, old_version
from .proxmox import API, PERMISSIONS, VERSION, ProxmoxOptions, ProxmoxSource, Seen, Unsettled, set_back
from .refresh import FEW, VERY_FEW, Answer, Refresh, made_of
from .task_list import Change, TaskList
from .task_logs import TaskLogs
from .upid import process_of

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

#: A datastore whose size changed by such a share lies on another disk: one that is not mounted shows the one beneath (PBS-20).
_ANOTHER_DISK = 0.1


class PbsSource(ProxmoxSource):
    """Reads one Proxmox Backup Server, in at most 10 calls + one per datastore + one per namespace, and 10 for
    logs of upkeep that went wrong. Snapshots are listed again only where its tasks show that something happened.

    It remembers the namespaces it saw, for refreshes that can't list them.
    """

    kind = SourceKind.PBS
    allowed = ALLOWED
    authorization = "PBSAPIToken={id}:{secret}"

    def __init__(
        self,
        options: ProxmoxOptions,
        *,
        limits: Limits | None = None,
        upstream: Upstream | None = None,
        known: KnownSecrets | None = None,
    ) -> None:
        super().__init__(options, limits=limits, upstream=upstream, known=known)
        self._namespaces: dict[str, tuple[str, ...]] = {}
        self._logs: TaskLogs[str | None] = TaskLogs(LOG)
        self._content = Content()
        #: None where the task list could not be read, or where the token sees only its own tasks.
        self._tasks: TaskList | None = None
        #: All tasks of interest.
        self._every: tuple[Task, ...] = ()
        #: The processes that ran tasks. The server has two of them, until it is started anew (PBS-29). None: too many to tell.
        self._processes: frozenset[str] | None = None

    @property
    def confirms(self) -> bool:
        """See Source: the tasks of everybody are listed."""
        return self._last is not None and self._tasks is not None and bool(self._tasks.recent)

    def _closed(self, permissions: Permissions) -> Problem | None:
        return None if pbs_grants.sees_anything(permissions) else pbs_grants.nothing_visible(permissions)

    async def _version(self, refresh: Refresh, permissions: Permissions) -> Answer[str]:
        version = await refresh.value(pbs_parse.parse_version, VERSION)
        refresh.limits += [*_version_limits(version), *pbs_grants.limits(permissions)]
        return version

    # --- the server -------------------------------------------------------------------------------------------------------

    async def _readings(
        self, refresh: Refresh, permissions: Permissions, version: str | None, last: Report | None
    ) -> list[Reading]:
        datastores, zone, gc, tasks, upkeep = await asyncio.gather(
            _datastores(refresh),
            _zone(refresh),
            refresh.rows("list of garbage collections", pbs_parse.parse_gc, GC, most=VERY_FEW),
            self._since_last(refresh, permissions, known=last is not None),
            _upkeep(refresh, version),
        )
        index_files = {row.job.datastore: row.index_files for row in gc.rows}
        stores = [replace(store, index_files=index_files.get(store.name)) for store in datastores.rows]
        change = tasks.only if tasks is not None else None
        proof = _proof(change, stores) if last is not None and not _set_back(last, zone) else None
        content = await asyncio.gather(*(self._store(refresh, permissions, store, last, proof) for store in stores))
        if datastores.problem is None:
            self._content.forget_but(reading.scope for reading in chain.from_iterable(content))
        self._tasks = change.after if change is not None else None
        logs = await self._explanations(refresh, self._every)

        def of_tasks(known: Sequence[Task]) -> Iterator[Reading]:
            yield _gc_reading(gc, known, logs)
            yield from (_upkeep_reading(kind, answer, known, logs) for kind, answer in upkeep)
            if tasks is not None:
                yield tasks.reading(("tasks",), _told(known))

        readings = await made_of(self._every, lambda rows: tuple(of_tasks(rows)))
        listed = datastores.reading(("datastores",), stores)
        return [listed, zone, *readings, *chain.from_iterable(content), *self._unlisted(datastores)]

    async def _since_last(self, refresh: Refresh, permissions: Permissions, *, known: bool) -> Answer[Change] | None:
        """What happened since the last round, or everything of the last days where that is not proved.

        None when the token sees only its own tasks.
        """
        if not pbs_grants.sees_tasks(permissions):
            self._every = ()
            return None
        if known and self._tasks is not None:
            answer = await _new_tasks(refresh, self._tasks, to_the_oldest=True)
            if answer.only is not None and answer.only.doubt is None and not self._was_restarted(answer.only):
                await self._take(answer.only)
                return answer
        before = refresh.last.of(("tasks",))
        rows = TaskRows(await made_of(before, KnownFacts))
        listed = await _tasks(refresh, rows)
        self._processes = rows.processes
        self._every = await made_of(listed.rows, partial(_of_interest, before=before))
        if listed.problem:
            return Answer(listed.as_of, problem=listed.problem)
        every = Change(task_list.first_list(listed.rows, listed.as_of), doubt="nothing was known before")
        return Answer(listed.as_of, (every,))

    def _was_restarted(self, change: Change) -> bool:
        """A process that is not known ran a task: what was seen of the server before may not hold for this one."""
        known = self._processes
        return known is not None and any(process_of(task.upid) not in known for task in change.tasks)

    async def _take(self, change: Change) -> None:
        """Adds what began or ended. Tasks become too old only then: a light round without news costs nothing."""
        if change.is_news:
            self._every = await made_of(self._every, partial(_with_news, change=change))

    async def _short_lists(
        self,
        refresh: Refresh,
        permissions: Permissions,  # noqa: ARG002
        last: Report,
    ) -> Sequence[Reading] | Unsettled | Problem:
        """The datastores with their room now, where they are the same and on the same disks."""
        listed, files = await _datastores(refresh), {each.name: each.index_files for each in last.facts(Datastore)}
        if listed.problem is not None:
            return listed.problem
        same = {store.name for store in listed.rows} == set(files)
        if not same or any(_is_another(last, store) for store in listed.rows):
            return Unsettled()
        stores = (replace(store, index_files=files[store.name]) for store in listed.rows)
        return (listed.reading(("datastores",), stores),)

    async def _look(
        self, refresh: Refresh, permissions: Permissions, last: Report
    ) -> Seen | Unsettled | Problem | None:
        if self._tasks is None:
            # Its own tasks prove nothing, but that it answers.
            alive = await refresh.rows("task list", pbs_parse.parse_any_task, TASKS, {"limit": 1})
            return alive.problem or Seen(last.readings)
        answer = await _new_tasks(refresh, self._tasks, to_the_oldest=False)
        change = answer.only
        if change is None or change.doubt is not None or self._was_restarted(change):
            return answer.problem
        stores = [store for reading in last.within("datastores") for store in reading.of(Datastore)]
        news = touched(change.tasks, (store.name for store in stores))
        if not news.only_groups or (change.is_news and not change.after.proves):
            return Unsettled()
        proof = Proof(change.after.as_of, news, _uploads(change))
        names = {name: self._content.namespaces(name) for name, _, _ in news.groups}
        read = [await self._content.read(refresh, permissions, name, names[name], proof) for name in names]
        again = {reading.scope: reading for reading in chain.from_iterable(read)}
        if any(reading.problem for reading in again.values()):
            return None
        await self._take(change)
        self._tasks = change.after
        readings = (again.get(reading.scope) or self._confirmed(reading, change) for reading in last.readings)
        return Seen(tuple(readings), is_news=change.is_news)

    def _confirmed(self, reading: Reading, change: Change) -> Reading:
        """Rule 6: what no task touched is as old as the list of tasks that shows it."""
        if reading.scope == ("tasks",):
            facts = tuple(_told(self._every)) if change.is_news else reading.facts
            return replace(reading, as_of=change.after.as_of, facts=facts)
        if reading.scope[0] != "snapshots" or reading.problem is not None or not change.after.proves:
            return reading
        return replace(reading, as_of=change.after.as_of)

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

    async def _store(
        self, refresh: Refresh, permissions: Permissions, store: Datastore, last: Report | None, proof: Proof | None
    ) -> list[Reading]:
        """Its namespaces and their snapshots."""
        if (closed := _why_closed(store)) is not None:
            return self._blank(store.name, closed)
        listing = await self._listing(refresh, store.name)
        listed = self._namespaces.get(store.name, ("",)) if listing.problem else listing.rows
        names = tuple(dict.fromkeys((*listed, *pbs_grants.closed_namespaces(permissions, store.name))))
        if last is None or _is_another(last, store) or set(_namespaces(last, store.name)) - set(names):
            proof = None
        content = await self._content.read(refresh, permissions, store.name, names, proof)
        whole = pbs_grants.sees_all_of(permissions, store.name)
        if whole and store.index_files and _lists_nothing(content):
            self._content.forget(store.name)
            return self._blank(store.name, _lost_mount(store.name, store.index_files))
        self._namespaces[store.name] = names
        if not whole and not listing.problem:
            listing = replace(listing, rows=(), problem=pbs_grants.namespaces_unseen(permissions, store.name))
        return [
            listing.reading(("namespaces", store.name), pbs_parse.namespaces_of(listing.rows, store.name)),
            *content,
        ]

    async def _listing(self, refresh: Refresh, store: str) -> Answer[str]:
        now, name = refresh.clock(), f"namespaces of {store}"
        if (rest := self._rests.problem(name, now)) is not None:
            problem = replace(rest, cause=f"its list of namespaces {rest.cause}", culprit=store)
            return Answer(now, problem=with_cure(problem, store))
        answer = await refresh.rows(name, pbs_parse.parse_namespace, NAMESPACES, most=FEW, store=store)
        self._rests.note(name, now, answer.problem.kind if answer.problem else None, _REST_AFTER_TIMEOUT)
        return answer if answer.problem is None else replace(answer, problem=with_cure(answer.problem, store))


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


async def _tasks(refresh: Refresh, rows: TaskRows) -> Answer[Task]:
    """The tasks of the last days: those that are of interest, and of all others the recent ones."""
    since = int((refresh.clock() - _TASKS_SINCE).timestamp())
    asked: Params = {"since": since, "limit": 0}
    return await refresh.rows("task list", rows.parse, TASKS, asked, most=json_rows.MOST_ROWS)


async def _new_tasks(refresh: Refresh, known: TaskList, *, to_the_oldest: bool) -> Answer[Change]:
    """What happened since a list was read."""
    since = known.since(to_the_oldest=to_the_oldest)
    asked: Params = {"since": int(since.timestamp()), "limit": 0}
    answer = await refresh.rows("task list", pbs_parse.parse_any_task, TASKS, asked, most=json_rows.MOST_ROWS)
    if answer.problem:
        return Answer(answer.as_of, problem=answer.problem)
    return Answer(answer.as_of, (task_list.compare(known, since, answer.rows, answer.as_of),))


def _of_interest(tasks: Iterable[Task], before: tuple[Fact, ...]) -> tuple[Task, ...]:
    """Those that are kept; the ones that were known ``before`` are the same objects."""
    return shared_facts(tuple(task for task in tasks if pbs_parse.is_of_interest(task)), before)


def _with_news(tasks: Iterable[Task], change: Change) -> tuple[Task, ...]:
    """The tasks of interest with those that began or ended."""
    of_interest = tuple(task for task in change.ended if pbs_parse.is_of_interest(task))
    over = {task.upid for task in change.ended}
    kept = tuple(task for task in tasks if task.upid not in over)
    return task_list.merged(kept, replace(change, ended=of_interest), change.after.as_of - _TASKS_SINCE)


def _proof(change: Change | None, stores: Iterable[Datastore]) -> Proof | None:
    """What the tasks prove of the snapshots that were listed before; None where they prove nothing."""
    if change is None or change.doubt is not None or not change.after.proves:
        return None
    # An upload that still runs was seen when it began; whatever else runs changes what it works on all the time.
    at_work = (task for task in change.after.running if task.type != "backup")
    return Proof(
        change.after.as_of, touched((*change.tasks, *at_work), (store.name for store in stores)), _uploads(change)
    )


def _uploads(change: Change) -> tuple[Task, ...]:
    return tuple(task for task in change.ended if task.type == "backup")


def _told(tasks: Iterable[Task]) -> Iterator[Task]:
    return (task for task in tasks if pbs_parse.is_upload_or_runs(task))


def _set_back(last: Report, zone: Reading) -> bool:
    """The clock of the server was set back, or can't be read."""
    return zone.problem is not None or set_back(last.facts(Zone), zone.of(Zone))


def _is_another(last: Report, store: Datastore) -> bool:
    """The datastore was not there before, or seems to be on another disk now."""
    before = next((each for each in last.facts(Datastore) if each.name == store.name), None)
    if before is None or before.maintenance != store.maintenance or before.mounted != store.mounted:
        return True
    if before.total is None or store.total is None:
        return before.total is not store.total
    return abs(before.total - store.total) > _ANOTHER_DISK * before.total


def _namespaces(last: Report, store: str) -> tuple[str, ...]:
    """The namespaces that were listed before."""
    return tuple(each.name for reading in last.within("namespaces", store) for each in reading.of(Namespace))


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
