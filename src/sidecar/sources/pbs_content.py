"""What the datastores of a Proxmox Backup Server keep: whole lists of snapshots, single groups of them, or what still holds.

A list of snapshots is the heaviest thing that a backup server is asked for: it opens every manifest (PBS-15). So what was
read is kept, with when, and read again only where a task touched it, or after some hours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sidecar.core.reports.facts import BackupGroup, Fact, Task, TaskResult
from sidecar.core.reports.report import Limit, LimitKind, Problem, ProblemKind, Reading, Scope
from sidecar.core.reports.shared import KnownFacts, shared_facts
from sidecar.upstream import json_rows
from sidecar.upstream.calls import Call

from . import pbs_grants, pbs_parse
from .kept import Kept
from .pbs_news import Group, Touched, group_of, is_worth_a_call, shows
from .permissions import Permissions
from .proxmox import API
from .refresh import Refresh, made_of

SNAPSHOTS = Call("GET", f"{API}/admin/datastore/{{store}}/snapshots", frozenset({"ns", "backup-type", "backup-id"}))


@dataclass(frozen=True, slots=True)
class Proof:
    """What a list of tasks proves of what was read before.

    Attributes:
        as_of: when it was read: what it does not touch is as of then.
        touched: what began, ended or runs.
        uploads: the uploads that ended.
    """

    as_of: datetime
    touched: Touched
    uploads: tuple[Task, ...] = ()

    def of(self, store: str) -> set[Group]:
        """The groups of a datastore that were touched."""
        return {group for group in self.touched.groups if group[0] == store}


class Content:
    """The content of all datastores, by scope."""

    def __init__(self) -> None:
        self._kept: dict[Scope, Kept] = {}

    def forget_but(self, scopes: Iterable[Scope]) -> None:
        """Whatever is not there any more."""
        there = set(scopes)
        self._kept = {scope: kept for scope, kept in self._kept.items() if scope in there}

    def forget(self, store: str) -> None:
        """Whatever was read of a datastore."""
        self.forget_but(scope for scope in self._kept if scope[1] != store)

    def namespaces(self, store: str) -> tuple[str, ...]:
        """Those whose content is kept."""
        return tuple(scope[2] for scope in self._kept if scope[1] == store)

    async def read(
        self, refresh: Refresh, permissions: Permissions, store: str, names: Sequence[str], proof: Proof | None
    ) -> list[Reading]:
        """The content of the namespaces of a datastore: of those that a task touched, and of those that are not proved.

        Without ``proof`` all of it.
        """
        if proof is None or store in proof.touched.stores:
            return await self._whole(refresh, permissions, store, names)
        now = refresh.clock()
        groups = proof.of(store)
        known = {name: _groups(self._kept[_scope(store, name)]) for name in names if _scope(store, name) in self._kept}
        if any(all(group[1:] not in there for there in known.values()) for group in groups):
            # A group that is in no namespace yet may have been made in any.
            return await self._whole(refresh, permissions, store, names)
        readings = await asyncio.gather(
            *(self._again(refresh, permissions, store, name, proof, groups, now) for name in names)
        )
        if all(self._shows(store, names, task) for task in proof.uploads if (group_of(task) or ("",))[0] == store):
            return list(readings)
        # An upload that ended well is in none of the namespaces where its group was: it made one elsewhere.
        return await self._whole(refresh, permissions, store, names)

    async def _whole(
        self, refresh: Refresh, permissions: Permissions, store: str, names: Sequence[str]
    ) -> list[Reading]:
        return list(await asyncio.gather(*(self._list(refresh, permissions, store, name) for name in names)))

    async def _list(self, refresh: Refresh, permissions: Permissions, store: str, name: str) -> Reading:
        apart = refresh.apart()
        reading = await snapshots(apart, permissions, store, name)
        self._kept[reading.scope] = Kept(reading, reading.as_of or refresh.clock(), tuple(apart.limits))
        refresh.limits += apart.limits
        return reading

    async def _again(
        self,
        refresh: Refresh,
        permissions: Permissions,
        store: str,
        name: str,
        proof: Proof,
        groups: Iterable[Group],
        now: datetime,
    ) -> Reading:
        """One namespace: as it was, or with the groups that were touched read again, or read anew."""
        kept = self._kept.get(_scope(store, name))
        if kept is None or not kept.holds(now):
            return await self._list(refresh, permissions, store, name)
        there = _groups(kept)
        again = [there[group[1:]] for group in groups if group[1:] in there]
        if again and not is_worth_a_call(again, there.values()):
            return await self._list(refresh, permissions, store, name)
        answers = await asyncio.gather(*(_group(refresh, group) for group in again))
        changed: dict[tuple[str, str], BackupGroup | None] = {}
        for group, answer in zip(again, answers, strict=True):
            if answer is None:
                return await self._list(refresh, permissions, store, name)
            changed[group.type, group.id] = answer[0] if answer else None
        facts = tuple(each for key, group in there.items() if (each := changed.get(key, group)) is not None)
        reading = replace(kept.reading, as_of=proof.as_of, facts=facts if changed else kept.reading.facts)
        self._kept[reading.scope] = replace(kept, reading=reading)
        refresh.limits += kept.limits
        return reading

    def _shows(self, store: str, names: Sequence[str], task: Task) -> bool:
        """The upload left a snapshot in one of the namespaces, as far as it ended well."""
        group = group_of(task)
        if group is None or task.result not in (TaskResult.OK, TaskResult.WARNINGS):
            return True
        kept = (self._kept.get(_scope(store, name)) for name in names)
        return any(shows(_groups(each).get(group[1:]), task) for each in kept if each is not None)


def _groups(kept: Kept) -> dict[tuple[str, str], BackupGroup]:
    """The groups of a namespace by type and id."""
    return {(group.type, group.id): group for group in kept.reading.of(BackupGroup)}


def _scope(store: str, namespace: str) -> Scope:
    return ("snapshots", store, namespace)


async def _group(refresh: Refresh, group: BackupGroup) -> tuple[BackupGroup, ...] | None:
    """One group as it is now, an empty tuple where it is gone; None where that can't be told."""
    apart = refresh.apart()
    answer = await apart.rows(
        f"snapshots of {group.path}",
        partial(pbs_parse.parse_snapshot, store=group.datastore),
        SNAPSHOTS,
        {
            **({"ns": group.namespace} if group.namespace else {}),
            "backup-type": group.type,
            "backup-id": group.id,
        },
        most=json_rows.MOST_ROWS,
        store=group.datastore,
    )
    if answer.problem or apart.limits or pbs_parse.unknown_states(answer.rows):
        return None
    return await made_of(answer.rows, partial(_made, store=group.datastore, namespace=group.namespace, before=(group,)))


def _made(
    rows: Sequence[pbs_parse.SnapshotRow], *, store: str, namespace: str, before: tuple[Fact, ...]
) -> tuple[BackupGroup, ...]:
    """The groups of the rows; what was there before is the same object."""
    return shared_facts(pbs_parse.groups_of(rows, store, namespace), before)


async def snapshots(refresh: Refresh, permissions: Permissions, store: str, namespace: str) -> Reading:
    """The groups of one namespace. With Datastore.Backup alone the list is short without saying so (PBS-19)."""
    scope = _scope(store, namespace)
    if not pbs_grants.sees_namespace(permissions, store, namespace):
        return Reading(scope, None, (), pbs_grants.namespace_closed(permissions, store, namespace))
    where = f"{store}/{namespace}".rstrip("/")
    before = refresh.last.of(scope)
    answer = await refresh.rows(
        f"snapshots of {where}",
        partial(pbs_parse.parse_snapshot, store=store, known=KnownFacts(before)),
        SNAPSHOTS,
        {"ns": namespace} if namespace else None,
        most=json_rows.MOST_ROWS,
        store=store,
    )
    if answer.problem and answer.problem.kind is ProblemKind.NO_PERMISSION:
        return Reading(scope, None, (), pbs_grants.namespace_closed(permissions, store, namespace))
    if answer.problem:
        return Reading(scope, None, (), with_cure(answer.problem, store))
    if unknown := pbs_parse.unknown_states(answer.rows):
        refresh.limits.append(_unknown_verifications(where, unknown))
    groups = await made_of(answer.rows, partial(_made, store=store, namespace=namespace, before=before))
    return answer.reading(scope, groups)


def with_cure(problem: Problem, store: str) -> Problem:
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
