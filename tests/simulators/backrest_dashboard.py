"""Backrest's summary of plans and repositories (BR-4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from tests.simulators.backrest_log import added, flow_id, milliseconds, remembered, status
from tests.simulators.calls import Json
from tests.simulators.operations import QueueRun
from tests.simulators.story import Moment

_GOOD = ("STATUS_SUCCESS", "STATUS_WARNING")
_COUNTED = {
    "backupsFailed30days": "STATUS_ERROR",
    "backupsWarningLast30days": "STATUS_WARNING",
    "backupsSuccessLast30days": "STATUS_SUCCESS",
}


def dashboard(moment: Moment) -> Json:
    """Every plan and every repository, in the order of the configuration, even without runs."""
    backups = [run for run in remembered(moment) if run.task.plan]
    plans: list[Json] = [
        _summary(moment, plan.id, [run for run in backups if run.task.plan == plan], [plan.id])
        for plan in moment.homelab.repository.plans
    ]
    everything = [plan.id for plan in moment.homelab.repository.plans]
    return {
        "repoSummaries": [_summary(moment, moment.homelab.repository.id, backups, everything)],
        "planSummaries": plans,
        "configPath": "/config/config.json",
        "dataPath": "/data",
    }


def _summary(moment: Moment, name: str, runs: Sequence[QueueRun], plans: Sequence[str]) -> dict[str, Json]:
    newest = sorted(runs, key=lambda run: run.start, reverse=True)
    month = [run for run in newest if run.start >= moment.now - timedelta(days=30)]
    counts = Counter(status(moment, run) for run in month)
    row: dict[str, Json] = {"id": name}
    row |= {field: str(counts[word]) for field, word in _COUNTED.items() if counts[word]}
    row |= _bytes(moment, month)
    announced = [moment.announced(task) for task in moment.queued() if task.name in plans and task.plan]
    due = [at for at in announced if at is not None]
    if due:
        row["nextBackupTimeMs"] = milliseconds(min(due))
    row["recentBackups"] = _recent(moment, newest[:60])
    good = [run for run in newest if status(moment, run) in _GOOD]
    if good and good[0].task.plan:
        row["protectedBytes"] = str(good[0].task.plan.size)
    return row | {"historyLast30days": _history(moment, month)}


def _bytes(moment: Moment, runs: Sequence[QueueRun]) -> dict[str, Json]:
    good = [run for run in runs if status(moment, run) in _GOOD]
    if not good:
        return {}
    total, new = sum(run.task.plan.size for run in good if run.task.plan), sum(map(added, good))
    return {
        "bytesScannedLast30days": str(total),
        "bytesAddedLast30days": str(new),
        "bytesScannedAvg": str(total // len(good)),
        "bytesAddedAvg": str(new // len(good)),
    }


def _recent(moment: Moment, runs: Sequence[QueueRun]) -> Json:
    """Parallel lists, the newest first; a running one counts a second so far."""
    if not runs:
        return {}
    return {
        "flowId": [flow_id(moment, run.task, run.due) for run in runs],
        "timestampMs": [milliseconds(run.start) for run in runs],
        "durationMs": [_took(moment, run) for run in runs],
        "status": [status(moment, run) for run in runs],
        "bytesAdded": [str(added(run)) if status(moment, run) in _GOOD else "0" for run in runs],
    }


def _took(moment: Moment, run: QueueRun) -> str:
    return str(int((run.end - run.start) / timedelta(milliseconds=1))) if run.end <= moment.now else "1000"


def _history(moment: Moment, runs: Sequence[QueueRun]) -> Json:
    """A row per local day, oldest first; overdue when the day saw no good backup."""
    zone = moment.homelab.zone
    today = moment.now.astimezone(zone).date()
    by_day: dict[date, list[QueueRun]] = {}
    for run in runs:
        by_day.setdefault(run.start.astimezone(zone).date(), []).append(run)
    rows: list[Json] = []
    for day in (today - timedelta(days=ago) for ago in range(29, -1, -1)):
        of_day = by_day.get(day, [])
        counts = Counter(status(moment, run) for run in of_day)
        midnight = datetime.combine(day, time(), zone).astimezone(UTC)
        row: dict[str, Json] = {"timestampMs": milliseconds(midnight)}
        if of_day:
            row["statusCounts"] = [{"count": str(count), "status": word} for word, count in sorted(counts.items())]
        good = [run for run in of_day if status(moment, run) in _GOOD]
        if good:
            row["bytesAdded"] = str(sum(map(added, good)))
            row["bytesScanned"] = str(sum(run.task.plan.size for run in good if run.task.plan))
        elif day != today and any(run.start < midnight for run in runs):
            row["overdue"] = True
        rows.append(row)
    return rows
