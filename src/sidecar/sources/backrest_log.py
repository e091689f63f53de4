"""Backrest's operation log → facts: the errors of runs, and the repositories' upkeep (BR-5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import BackrestPlan, UpkeepJob
from sidecar.core.reports.report import Limit

from .backrest_parse import NO_RUN, OUTCOMES, list_of, moment_of
from .fields import Row, UnreadableError, flag, name, row_of, text, whole
from .problems import unreadable_rows

#: The plan under which Backrest keeps what it does to a repository.
SYSTEM = "_system_"

#: How many operations are asked for. They are the newest by start, announced ones and every other kind included.
LAST = 200

#: Backrest's error texts may hold a whole command line and its output.
LONGEST_TEXT = 500

#: The same run in the summary and in the log starts at the same millisecond, but for a retry.
_SAME_START = timedelta(seconds=1)

_UPKEEP = {"operationPrune": "prune", "operationCheck": "check"}


def parse_operations(body: Any) -> tuple[Row, ...]:
    """The answer of GetOperations; an empty log leaves the field out. UnreadableError when it is no such answer."""
    row = row_of(body)
    if set(row) - {"operations"}:
        raise UnreadableError("operations")
    rows = tuple(row_of(operation) for operation in list_of(row, "operations"))
    if rows and not any(isinstance(operation.get("planId"), str) for operation in rows):
        raise UnreadableError("planId")
    return rows


def with_log(plan: BackrestPlan, operations: Iterable[Row], limits: list[Limit]) -> BackrestPlan:
    """The plan with what its log knows better: its repository, runs that the summary leaves out, error texts, sizes."""
    every = _readable(operations, f"operations of plan {plan.id}", limits)
    logged = [operation for operation in every if operation.kind == "backup"]
    runs = {operation.run.start: operation.run for operation in logged if operation.run}
    for run in plan.runs:
        if not any(abs(start - run.start) < _SAME_START for start in runs):
            runs[run.start] = run
    newest = max(logged, key=lambda operation: operation.start, default=None)
    in_order = tuple(runs[start] for start in sorted(runs, reverse=True))
    return replace(plan, runs=in_order, repo=newest.repo if newest else None)


def upkeep_jobs(operations: Iterable[Row], limits: list[Limit]) -> Iterator[UpkeepJob]:
    """Prune and check of every repository that the log of SYSTEM tells of."""
    upkeep = [row for row in _readable(operations, "operations of the repositories", limits) if row.kind != "backup"]
    for repo, kind in dict.fromkeys((row.repo, row.kind) for row in upkeep):
        mine = [row for row in upkeep if (row.repo, row.kind) == (repo, kind)]
        runs = sorted((row.run for row in mine if row.run), key=lambda run: run.start, reverse=True)
        announced = min((row.start for row in mine if row.pending), default=None)
        yield UpkeepJob(kind=kind, id=repo, datastore=repo, next_run=announced, runs=tuple(runs))


@dataclass(frozen=True, slots=True)
class _Operation:
    """A backup, prune or check in the log; ``run`` is None where nothing ran (yet)."""

    kind: str
    repo: str
    start: datetime
    pending: bool
    run: Run | None


def _readable(operations: Iterable[Row], what: str, limits: list[Limit]) -> list[_Operation]:
    read, unreadable = [], 0
    for row in operations:
        try:
            operation = _operation(row)
        except UnreadableError:
            unreadable += 1
            continue
        if operation is not None:
            read.append(operation)
    if unreadable:
        limits.append(unreadable_rows(what, unreadable))
    return read


def _operation(row: Row) -> _Operation | None:
    """None for other kinds, for dry runs, and for what came from another Backrest."""
    kind = next((kind for field, kind in _KINDS.items() if isinstance(row.get(field), dict)), None)
    if kind is None or row.get("originalInstanceKeyid") or _is_dry_run(row):
        return None
    start, status = moment_of(row, "unixTimeStartMs"), name(row, "status")
    if start is None:
        raise UnreadableError("unixTimeStartMs")
    pending = status == "STATUS_PENDING"
    return _Operation(kind, name(row, "repoId"), start, pending, None if status in NO_RUN else _run(row, start, status))


_KINDS = {"operationBackup": "backup", **_UPKEEP}


def _is_dry_run(row: Row) -> bool:
    return "operationBackup" in row and flag(row_of(row["operationBackup"]), "dryRun")


def _run(row: Row, start: datetime, status: str) -> Run:
    outcome = OUTCOMES.get(status)
    if outcome is None:
        raise UnreadableError("status")
    if outcome is Outcome.RUNNING:
        return Run(start, None, outcome)
    said = " ".join((text(row, "displayMessage") or "").split())[:LONGEST_TEXT]
    size = _size(row) if outcome is not Outcome.FAILED else None
    return Run(start, moment_of(row, "unixTimeEndMs"), outcome, size, said or None)


def _size(row: Row) -> int | None:
    """All bytes of the files in the snapshot, as PBS counts a snapshot; None for upkeep and where nothing had changed."""
    status = row_of(row.get("operationBackup") or {}).get("lastStatus") or {}
    return whole(row_of(row_of(status).get("summary") or {}), "totalBytesProcessed")
