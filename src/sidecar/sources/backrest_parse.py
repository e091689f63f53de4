"""Backrest's summary → facts (BR-1, BR-4). Its 64-bit numbers are strings, its empty fields absent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import BackrestPlan, Repo
from sidecar.core.reports.report import Limit, LimitKind

from .fields import Row, UnreadableError, flag, list_of, name, row_of, showable, whole
from .problems import unreadable_rows

T = TypeVar("T")

#: What became of a run, by Backrest's status.
OUTCOMES = {
    "STATUS_SUCCESS": Outcome.OK,
    "STATUS_WARNING": Outcome.WARNING,
    "STATUS_ERROR": Outcome.FAILED,
    "STATUS_INPROGRESS": Outcome.RUNNING,
}

PENDING = "STATUS_PENDING"

#: Ended by Backrest itself, or by a person; or taken out of the queue before it began (BR-6).
CANCELLED = ("STATUS_SYSTEM_CANCELLED", "STATUS_USER_CANCELLED")

#: Backrest's own word for a status that it does not know; protobuf leaves it out.
_UNKNOWN = "STATUS_UNKNOWN"

#: What is said of a run whose status means nothing to us.
END_NOT_KNOWN = "it is not known how it ended"

#: Plans, and repositories: each is asked for its operations.
_MOST_PLANS = 1_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_FIELDS = ("planSummaries", "repoSummaries", "configPath", "dataPath")


@dataclass(frozen=True, slots=True)
class Dashboard:
    """All plans and repositories, in the order of Backrest's configuration; ``limits`` says what could not be read."""

    plans: tuple[BackrestPlan, ...]
    repos: tuple[Repo, ...]
    limits: tuple[Limit, ...] = ()


def parse_dashboard(body: Any) -> Dashboard:
    """The answer of GetSummaryDashboard. UnreadableError when it is no such answer, or nothing in it can be read.

    A Backrest without plans is legal, but it still says where its configuration and its data are.
    """
    row = row_of(body)
    if not any(row.get(field) for field in _FIELDS):
        raise UnreadableError("no summary")
    limits: list[Limit] = []
    plans = _each(list_of(row, "planSummaries", _MOST_PLANS), "plans", lambda plan: _plan(plan, limits), limits)
    repos = _each(
        list_of(row, "repoSummaries", _MOST_PLANS), "repositories", lambda repo: Repo(name(repo, "id")), limits
    )
    return Dashboard(plans, repos, tuple(limits))


def _each(rows: list[Any], what: str, parse: Callable[[Row], T], limits: list[Limit]) -> tuple[T, ...]:
    parsed = []
    for row in rows:
        try:
            parsed.append(parse(row_of(row)))
        except UnreadableError:
            continue
    if rows and not parsed:
        raise UnreadableError(what)
    if missing := len(rows) - len(parsed):
        limits.append(unreadable_rows(what, missing, len(rows)))
    return tuple(parsed)


def _plan(row: Row, limits: list[Limit]) -> BackrestPlan:
    plan, recent = name(row, "id"), row_of(row.get("recentBackups") or {})
    columns = [list_of(recent, key) for key in ("timestampMs", "durationMs", "status")]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        text = f"the runs of plan {plan} are listed incompletely: {min(lengths)} of {max(lengths)} were read"
        what, missing = f"runs of plan {plan}", max(lengths) - min(lengths)
        limits.append(Limit(text=text, kind=LimitKind.UNREADABLE_ROWS, culprit=what, count=missing, total=max(lengths)))
    runs, unreadable = [], 0
    for start, took, status in zip(*columns, strict=False):
        try:
            runs.append(_run({"start": start, "took": took, "status": status}))
        except UnreadableError:
            unreadable += 1
    if unreadable:
        limits.append(unreadable_rows(f"runs of plan {plan}", unreadable, min(lengths)))
    newest_first = sorted((run for run in runs if run), key=lambda run: run.start, reverse=True)
    return BackrestPlan(plan, moment_of(row, "nextBackupTimeMs"), tuple(newest_first), overdue=_is_overdue(row))


def _is_overdue(row: Row) -> bool:
    """What Backrest says of the newest day, the last in its list; older versions have no such list."""
    try:
        days = list_of(row, "historyLast30days")
        return bool(days) and flag(row_of(days[-1]), "overdue")
    except UnreadableError:
        return False


def _run(row: Row) -> Run | None:
    """One place of the parallel lists; None where nothing ran, and for cancelled ones, of which only the log can tell.

    A running one claims to have taken a second (BR-4).
    """
    status = status_of(row)
    if status == PENDING or status in CANCELLED:
        return None
    outcome, start, took = OUTCOMES.get(status), moment_of(row, "start"), whole(row, "took")
    if start is None or took is None:
        raise UnreadableError("start or duration")
    if outcome is Outcome.RUNNING:
        return Run(start=start, end=None, outcome=outcome)
    try:
        end = showable(start + timedelta(milliseconds=took))
    except OverflowError:
        raise UnreadableError("duration") from None
    return (
        Run(start=start, end=end, outcome=outcome)
        if outcome
        else Run(start=start, end=end, outcome=Outcome.FAILED, text=END_NOT_KNOWN)
    )


def status_of(row: Row) -> str:
    """A status by its name. One that Backrest itself has no name for is absent or a number."""
    value = row.get("status")
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return _UNKNOWN
    return name(row, "status")


def moment_of(row: Row, key: str) -> datetime | None:
    """A Unix time in milliseconds; None when it is absent."""
    milliseconds = whole(row, key)
    try:
        return None if milliseconds is None else showable(_EPOCH + timedelta(milliseconds=milliseconds))
    except OverflowError:
        raise UnreadableError(key) from None
