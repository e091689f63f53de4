"""Backrest's operation log → facts: the errors of runs, and the repositories' upkeep (BR-5)."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import BackrestPlan, QueueHolder, UpkeepJob
from sidecar.core.reports.report import Limit

from .backrest_parse import CANCELLED, END_NOT_KNOWN, OUTCOMES, PENDING, moment_of, status_of
from .fields import Row, UnreadableError, beginning, flag, list_of, name, row_of, text, whole
from .problems import unreadable_rows

#: The plan under which Backrest keeps what it does to a repository.
SYSTEM = "_system_"

#: How many operations are asked for. They are the newest by start, announced ones and every other kind included.
LAST = 200

#: Operations of one answer. A Backrest that gives many more than it was asked for is none that we know.
_MOST = 2 * LAST

#: Backrest's error texts may hold a whole command line and its output.
LONGEST_TEXT = 500

#: The same run in the summary and in the log starts at the same millisecond, but for a retry.
_SAME_START = timedelta(seconds=1)

_ALWAYS = datetime.min.replace(tzinfo=UTC)

_BY_A_PERSON = "STATUS_USER_CANCELLED"

#: What Backrest writes at its start into what ran when it was stopped. Nothing but the text tells it from a failure.
_INTERRUPTED = "Operation was incomplete"

_UPKEEP = {"operationPrune": "prune", "operationCheck": "check"}


def parse_operations(body: Any) -> tuple[Row, ...]:
    """The answer of GetOperations; an empty log leaves the field out. UnreadableError when it is no such answer."""
    row = row_of(body)
    if set(row) - {"operations"}:
        raise UnreadableError("operations")
    rows = tuple(row_of(operation) for operation in list_of(row, "operations", _MOST))
    if rows and not any(isinstance(operation.get("planId"), str) for operation in rows):
        raise UnreadableError("planId")
    return rows


@dataclass(slots=True)
class Seen:
    """What earlier readings of one log told that a later one may not tell any more.

    Attributes:
        dry: when dry runs began: the summary calls them backups, and lists them longer than the log.
        first_due: of announced runs by the id of their operation. A retry moves the time of an operation.
    """

    dry: frozenset[datetime] = frozenset()
    first_due: Mapping[str, datetime] = field(default_factory=dict)

    def add(self, operations: Iterable[Row]) -> None:
        """Takes in what a log tells that could be read."""
        every = _readable(operations, "operations", [], self.first_due)
        dry = sorted(self.dry.union(operation.start for operation in every if operation.dry))
        self.dry = frozenset(dry[-LAST:])
        self.first_due = {operation.id: operation.due for operation in every if operation.pending}


def with_log(
    plan: BackrestPlan, operations: Iterable[Row], limits: list[Limit], seen: Seen | None = None
) -> BackrestPlan:
    """The plan with what its log knows better: its repository, runs that the summary leaves out, error texts, sizes.

    The log is read after the summary: what it announces is newer, and while a plan runs the summary may announce nothing.
    """
    seen, operations = seen or Seen(), tuple(operations)
    every = _readable(operations, f"operations of plan {plan.id}", limits, seen.first_due)
    logged = [operation for operation in every if operation.kind == "backup"]
    known = {*seen.dry, *(operation.start for operation in logged)}
    runs = {operation.run.start: operation.run for operation in logged if operation.run}
    since = _reaches_back_to(operations) if seen.dry or any(operation.dry for operation in logged) else _ALWAYS
    for run in plan.runs:
        # Of a plan that ever ran dry, what began before the oldest operation of a log that is cut off proves nothing.
        if run.start >= since and not any(abs(start - run.start) < _SAME_START for start in known):
            runs[run.start] = run
    newest = max(logged, key=lambda operation: operation.start, default=None)
    in_order = tuple(runs[start] for start in sorted(runs, reverse=True))
    told = plan.next_run or _running_since(plan)
    next_run = _announced(logged) if any(operation.pending for operation in logged) else told
    return replace(plan, next_run=next_run, runs=in_order, repo=newest.repo if newest else None)


def _reaches_back_to(operations: Collection[Row]) -> datetime:
    """From when on a log tells every run; the distant past for one that was read whole."""
    starts = []
    for row in operations if len(operations) >= LAST else ():
        try:
            start = moment_of(row, "unixTimeStartMs")
        except UnreadableError:
            continue
        starts += [start] if start is not None else []
    return min(starts, default=_ALWAYS)


def _running_since(plan: BackrestPlan) -> datetime | None:
    """While it runs the summary announces no next run. That a log read later shows its end switches nothing off."""
    newest = plan.runs[0] if plan.runs else None
    return newest.start if newest is not None and newest.outcome is Outcome.RUNNING else None


def _announced(operations: Iterable[_Operation]) -> datetime | None:
    """When the next run is due. Of several announced ones the newest counts: an older one was left over by a restart.

    So is one before the newest run: it would have begun first.
    """
    operations = tuple(operations)
    newest = max((each.start for each in operations if each.run), default=None)
    waiting = [each for each in operations if each.pending and (newest is None or each.start > newest)]
    return max(waiting, key=lambda each: (each.number, -each.due.timestamp())).due if waiting else None


def upkeep_jobs(
    operations: Iterable[Row], limits: list[Limit], first_due: Mapping[str, datetime] | None = None
) -> Iterator[UpkeepJob]:
    """Prune and check of every repository that the log of SYSTEM tells of."""
    every = _readable(operations, "operations of the repositories", limits, first_due or {})
    upkeep = [operation for operation in every if operation.kind != "backup"]
    for repo, kind in dict.fromkeys((row.repo, row.kind) for row in upkeep):
        mine = [row for row in upkeep if (row.repo, row.kind) == (repo, kind)]
        runs = sorted((row.run for row in mine if row.run), key=lambda run: run.start, reverse=True)
        yield UpkeepJob(kind=kind, id=repo, datastore=repo, next_run=_announced(mine), runs=tuple(runs))


def guids(operations: Iterable[Row]) -> dict[str, str]:
    """The id by which each repository can be asked for."""
    known = {}
    for row in operations:
        repo, guid = row.get("repoId"), row.get("repoGuid")
        if isinstance(repo, str) and isinstance(guid, str) and _GUID.fullmatch(guid):
            known[repo] = guid
    return known


def instance(operations: Iterable[Row]) -> str | None:
    """What this Backrest calls itself, by its newest operation; None where all of them came from others."""
    own = [row for row in operations if not row.get("originalInstanceKeyid")]
    names = [row["instanceId"] for row in own if isinstance(row.get("instanceId"), str)]
    return names[-1] if names else None


def crowded(operations: Collection[Row]) -> bool:
    """Operations that were synced from other Backrests take room in a full answer."""
    return len(operations) >= LAST and any(row.get("originalInstanceKeyid") for row in operations)


_GUID = re.compile(r"[0-9a-f]{64}")


def queue_holders(operations: Iterable[Row]) -> Iterator[QueueHolder]:
    """What runs of a log, of whatever kind. Hooks are part of what called them."""
    operations = tuple(operations)
    known = _readable(operations, "operations", [], {})
    for row in operations:
        kind = next((word for key, word in _HOLDERS.items() if isinstance(row.get(key), dict)), None)
        if kind is None or row.get("originalInstanceKeyid") or row.get("status") != _IN_PROGRESS:
            continue
        try:
            start, repo = moment_of(row, "unixTimeStartMs"), name(row, "repoId")
            plan = name(row, "planId")
        except UnreadableError:
            continue
        if start is not None:
            ended = [each.run for each in known if each.run and (each.kind, each.repo) == (kind, repo)]
            lengths = [math.ceil((run.end - run.start).total_seconds()) for run in ended if run.end and run.good]
            target = repo if plan.startswith("_") else plan
            yield QueueHolder(f"{kind} {target}", start, max(lengths, default=None))


_IN_PROGRESS = "STATUS_INPROGRESS"

#: The kinds of operations that hold the queue, as they are called where something waits for one.
_HOLDERS = {
    "operationBackup": "backup",
    "operationPrune": "prune",
    "operationCheck": "check",
    "operationForget": "forget",
    "operationRestore": "restore",
    "operationStats": "stats",
    "operationRunCommand": "command",
    "operationIndexSnapshot": "index",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """A backup, prune or check in the log; ``run`` is None where nothing ran (yet), and for a dry run.

    ``due`` is when an announced one was first to begin: each retry moves its start.
    """

    id: str
    kind: str
    repo: str
    start: datetime
    due: datetime
    pending: bool
    dry: bool
    run: Run | None

    @property
    def number(self) -> int:
        """Later operations have higher ones."""
        return int(self.id) if self.id.isdecimal() and len(self.id) < 20 else 0


def _readable(
    operations: Iterable[Row], what: str, limits: list[Limit], first_due: Mapping[str, datetime]
) -> list[_Operation]:
    operations = tuple(operations)
    begun = _begun(operations)
    read, unreadable = [], 0
    for row in operations:
        try:
            operation = _operation(row, begun, first_due)
        except UnreadableError:
            unreadable += 1
            continue
        if operation is not None:
            read.append(operation)
    if unreadable:
        limits.append(unreadable_rows(what, unreadable))
    return read


def _begun(operations: Iterable[Row]) -> dict[str, datetime]:
    """By the operation that called them when the first hooks began: an attempt was made at that time."""
    begun: dict[str, datetime] = {}
    for row in operations:
        hook = row.get("operationRunHook")
        parent = hook.get("parentOp") if isinstance(hook, dict) else None
        try:
            start = moment_of(row, "unixTimeStartMs")
        except UnreadableError:
            continue
        if isinstance(parent, str) and start is not None:
            begun[parent] = min(start, begun.get(parent, start))
    return begun


def _operation(row: Row, begun: Mapping[str, datetime], first_due: Mapping[str, datetime]) -> _Operation | None:
    """None for other kinds, and for what came from another Backrest."""
    kind = next((kind for key, kind in _KINDS.items() if isinstance(row.get(key), dict)), None)
    if kind is None or row.get("originalInstanceKeyid"):
        return None
    start, status, dry = moment_of(row, "unixTimeStartMs"), status_of(row), _is_dry_run(row)
    if start is None:
        raise UnreadableError("unixTimeStartMs")
    number = text(row, "id") or ""
    return _Operation(
        id=number,
        kind=kind,
        repo=name(row, "repoId"),
        start=start,
        due=min(start, begun.get(number, start), first_due.get(number, start)),
        pending=status == PENDING,
        dry=dry,
        run=None if dry or status == PENDING else _run(row, kind, start, status),
    )


_KINDS = {"operationBackup": "backup", **_UPKEEP}


def _is_dry_run(row: Row) -> bool:
    return "operationBackup" in row and flag(row_of(row["operationBackup"]), "dryRun")


def _run(row: Row, kind: str, start: datetime, status: str) -> Run | None:
    """None for what was taken out of the queue before it was due or begun.

    Rule 10: what was interrupted or cancelled, or whose status nobody knows, answers its due time: as a failure of a
    backup, as a warning for upkeep.
    """
    outcome, end = OUTCOMES.get(status, Outcome.FAILED), moment_of(row, "unixTimeEndMs")
    if outcome is Outcome.RUNNING:
        return Run(start=start, end=None, outcome=outcome)
    if status in CANCELLED and _never_began(row, start, end, status):
        return None
    said = " ".join(beginning(row, "displayMessage").split())[:LONGEST_TEXT]
    if outcome is Outcome.FAILED and row.get("snapshotId"):
        outcome = Outcome.WARNING  # the backup itself was made, and a hook after it failed
    if kind != "backup" and _has_no_end(status, said):
        by_whom = "cancelled" if status in CANCELLED else END_NOT_KNOWN
        return Run(start=start, end=end, outcome=Outcome.WARNING, text=said or by_whom)
    if status not in OUTCOMES and status not in CANCELLED:
        said = f"{END_NOT_KNOWN}: {said}" if said else END_NOT_KNOWN
    size = _size(row) if outcome is not Outcome.FAILED else None
    by_a_person = status == _BY_A_PERSON and outcome is Outcome.FAILED
    return Run(start=start, end=end, outcome=outcome, size=size, text=said or None, cancelled=by_a_person)


def _never_began(row: Row, start: datetime, end: datetime | None, status: str) -> bool:
    """A person who takes out what is due decides about that due time; one that was still to come is withdrawn."""
    if status == _BY_A_PERSON:
        return end is not None and end < start
    return not row.get("logref")


def _has_no_end(status: str, said: str) -> bool:
    return status not in OUTCOMES or said.startswith(_INTERRUPTED)


def _size(row: Row) -> int | None:
    """All bytes of the files that it found, as PBS counts a snapshot; None for upkeep and where that is not told.

    A summary without them found none, for zeros are left out (BR-1): a disk that was not mounted.
    """
    status = row_of(row.get("operationBackup") or {}).get("lastStatus") or {}
    summary = row_of(row_of(status).get("summary") or {})
    return (whole(summary, "totalBytesProcessed") or 0) if summary else None
