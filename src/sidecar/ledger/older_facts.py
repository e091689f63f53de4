"""Facts as earlier versions wrote them, turned into rows of today's shape."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sidecar.core.model import Outcome
from sidecar.core.reports.report import ProblemKind

from .values import UnreadableRecordError, to_time

#: The field of an upkeep job's last run, before it became the newest of its runs.
_LAST_RUN = {"running", "last_start", "last_end", "last_state"}

_OUTCOME_NOT_KNOWN = "the upstream does not know how it ended"


def is_upkeep_job(row: dict[str, Any]) -> bool:
    """Whether this row of an UpkeepJob has the last run in separate fields."""
    return not row.keys().isdisjoint(_LAST_RUN)


def upkeep_job(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its last run, or the one that runs, as the newest of its runs. Raises UnreadableRecordError."""
    if missing := _LAST_RUN - row.keys():
        raise UnreadableRecordError(f"UpkeepJob lacks {', '.join(sorted(missing))}")
    if not isinstance(row["running"], bool):
        raise UnreadableRecordError("An UpkeepJob in the ledger neither runs nor does not run")
    start = row["last_start"] or row["last_end"]
    runs = row.get("runs", [])
    if not isinstance(runs, list) or not all(isinstance(run, dict) for run in runs):
        raise UnreadableRecordError("The runs of an UpkeepJob are not a list of runs")
    if start is not None:
        runs = [_last_run(row, start), *runs]
    return {**{name: value for name, value in row.items() if name not in _LAST_RUN}, "runs": _newest_first(runs)}


def _last_run(row: dict[str, Any], start: object) -> dict[str, Any]:
    outcome, text = (Outcome.RUNNING, None) if row["running"] else _end(row["last_state"])
    return {"start": start, "end": row["last_end"], "outcome": outcome.value, "text": text}


def _end(state: object) -> tuple[Outcome, str | None]:
    """How a run ended. A run that is over and has no state is one whose end nobody knows."""
    if state is None or state == "unknown":
        return Outcome.WARNING, _OUTCOME_NOT_KNOWN
    if not isinstance(state, str):
        raise UnreadableRecordError("The last state of an UpkeepJob is not a text")
    if state == "OK":
        return Outcome.OK, None
    return Outcome.WARNING if state.startswith("WARNINGS:") else Outcome.FAILED, state


def _newest_first(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of two that began at the same moment the first one in ``runs`` counts."""
    by_start: dict[datetime, dict[str, Any]] = {}
    for run in runs:
        by_start.setdefault(to_time(run.get("start", "")), run)
    return [by_start[start] for start in sorted(by_start, reverse=True)]


def problem(row: Any) -> Any:
    """A problem as it is written now. Earlier versions wrote ``denied`` instead of a kind."""
    if not isinstance(row, dict) or "denied" not in row:
        return row
    if not isinstance(row["denied"], bool):
        raise UnreadableRecordError("A problem in the ledger is neither denied nor not denied")
    denied = {"kind": ProblemKind.NO_PERMISSION.value} if row["denied"] else {}
    return {**denied, **{name: value for name, value in row.items() if name != "denied"}}
