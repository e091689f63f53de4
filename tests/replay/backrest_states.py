"""The situations that were recorded from real Backrest servers, as answers to the calls that the product makes.

Where a situation was recorded by its log alone, the summary says of each plan only what the log announces.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_SAMPLES = Path(__file__).parents[1] / "sources" / "samples_backrest_real"
_SYSTEM = "_system_"

Operation = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class State:
    """``summary``: the recorded one, if there is one; ``logs``: the recorded logs; ``repos`` that only the log tells of."""

    moment: str
    logs: tuple[str, ...]
    summary: str | None = None
    repos: tuple[str, ...] = ()

    @property
    def now(self) -> datetime:
        return datetime.fromisoformat(self.moment)


STATES = {
    "dry runs": State(
        "2026-11-28T13:15:00Z", ("dryrun_operations_dry", "dryrun_operations_dryonly"), "dryrun_dashboard"
    ),
    "a check holds the queue": State(
        "2026-11-28T13:24:05Z",
        ("check_blocks_queue_system_operations", "check_blocks_queue_operations_q2"),
        "check_blocks_queue_dashboard",
    ),
    "overdue": State("2026-11-28T13:35:00Z", ("overdue_operations_freqdays",), "overdue_dashboard_freqdays_stopped"),
    "1.9.2, summary during a run and log after it": State(
        "2026-11-28T13:32:02Z", ("race_2_operations_after_end",), "race_1_dashboard_running_no_next"
    ),
    "1.9.2, while it runs": State(
        "2026-11-28T13:29:30Z", ("user_cancelled_ops_slow",), "race_1_dashboard_while_running"
    ),
    "a hook asks for retries": State("2026-11-28T13:22:20Z", ("retry_pending_ops",)),
    "killed during a run": State("2026-11-28T13:26:40Z", ("killed_running_ops_slow",)),
    "cancelled by a person": State("2026-11-28T13:33:00Z", ("user_cancelled_ops_slow",)),
    "cancelled by a hook": State("2026-11-28T13:16:00Z", ("ops_hookcancel_1.14.1",)),
    "a hook after the backup failed": State("2026-11-28T13:16:00Z", ("ops_hookwarn_1.14.1",)),
    "a hook before the backup failed": State("2026-11-28T13:17:00Z", ("ops_hookfatal_1.14.1",)),
    "nothing had changed": State("2026-11-28T13:46:30Z", ("skipped_unchanged_ops_1.14.1",)),
    "one folder is missing": State("2026-11-28T13:16:00Z", ("ops_halfmissing_1.14.1",)),
    "all folders are missing": State("2026-11-28T13:17:00Z", ("ops_missing_1.14.1",)),
    "partial": State("2026-11-28T13:16:00Z", ("ops_partial_1.14.1",)),
    "wrong password of the repository": State("2026-11-28T13:16:00Z", ("ops_wrongpw-plan_1.14.1",)),
    "pushed out of the common log": State(
        "2026-11-28T13:50:00Z",
        ("system_log_pushed_out_last200", "system_log_pushed_out_missing_check"),
        repos=("s1", "s2", "s3"),
    ),
}


def recordings() -> set[str]:
    """All recorded answers."""
    return {file.stem for file in _SAMPLES.glob("*.json")}


def answers(state: State) -> dict[str, Any]:
    """What Backrest answers in this state, for ``CaseRack``: each log by itself, as it filters them."""
    recorded = (operation for log in state.logs for operation in _recorded(log)["operations"])
    operations = list(_as_of(state.now, recorded))
    summary = _recorded(state.summary) if state.summary else _summary(operations, state.repos)
    told: dict[str, Any] = {"POST /v1.Backrest/GetSummaryDashboard {}": summary}
    for plan in (*(each["id"] for each in summary["planSummaries"]), _SYSTEM):
        mine = [operation for operation in operations if operation["planId"] == plan]
        told[_asks(planId=plan)] = _newest(mine)
        for keys in (("repoGuid",), ("instanceId",), ("repoGuid", "instanceId")):
            for operation in mine:
                selector = {key: operation.get(key) for key in keys}
                matching = [each for each in mine if all(each.get(key) == selector[key] for key in keys)]
                told[_asks(planId=plan, **selector)] = _newest(matching)
    return told


def _as_of(now: datetime, operations: Iterable[Operation]) -> Iterator[Operation]:
    """The log as it was: what began later was not there, and what ended later was running."""
    for operation in operations:
        if operation.get("status") == "STATUS_PENDING" or _moment(operation, "unixTimeStartMs") <= now:
            if _moment(operation, "unixTimeEndMs") > now:
                running = {key: value for key, value in operation.items() if key not in ("unixTimeEndMs", "snapshotId")}
                yield {**running, "status": "STATUS_INPROGRESS"}
            else:
                yield operation


def _moment(operation: Operation, key: str) -> datetime:
    return datetime.fromtimestamp(int(operation.get(key, 0)) / 1000, UTC)


def _asks(**selector: Any) -> str:
    body = json.dumps({"selector": selector, "lastN": "200"}, separators=(",", ":"))
    return f"POST /v1.Backrest/GetOperations {body}"


def _newest(operations: list[Operation]) -> dict[str, list[Operation]]:
    by_start = sorted(operations, key=lambda each: int(each.get("unixTimeStartMs", 0)))[-200:]
    return {"operations": sorted(by_start, key=lambda each: int(each["id"]))}


def _summary(operations: list[Operation], repos: tuple[str, ...]) -> dict[str, Any]:
    plans = dict.fromkeys(operation["planId"] for operation in operations if operation["planId"] != _SYSTEM)
    return {
        "repoSummaries": [{"id": repo} for repo in repos],
        "planSummaries": [{"id": plan, "recentBackups": {}, **dict(_announced(plan, operations))} for plan in plans],
    }


def _announced(plan: str, operations: list[Operation]) -> Iterator[tuple[str, str]]:
    for operation in operations:
        if operation["planId"] == plan and operation.get("status") == "STATUS_PENDING":
            yield "nextBackupTimeMs", operation["unixTimeStartMs"]


def _recorded(name: str) -> Any:
    return json.loads((_SAMPLES / f"{name}.json").read_text("utf-8"))
