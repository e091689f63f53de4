"""Backrest's summary of plans and repositories (BR-4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

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


@dataclass(frozen=True, slots=True)
class _Shown:
    """A run as it stands at a moment."""

    run: QueueRun
    status: str

    @property
    def good(self) -> bool:
        return self.status in _GOOD


def dashboard(moment: Moment) -> Json:
    """Every plan and every repository, in the order of the configuration, even without runs."""
    runs = sorted((run for run in remembered(moment) if run.task.plan), key=lambda run: run.start, reverse=True)
    newest = [_Shown(run, status(moment, run)) for run in runs]
    repository = moment.homelab.repository
    plans: list[Json] = [
        _summary(moment, plan.id, [shown for shown in newest if shown.run.task.plan == plan], [plan.id])
        for plan in repository.plans
    ]
    everything = [plan.id for plan in repository.plans]
    return {
        "repoSummaries": [_summary(moment, repository.id, newest, everything)],
        "planSummaries": plans,
        "configPath": "/config/config.json",
        "dataPath": "/data",
    }


def _summary(moment: Moment, name: str, newest: Sequence[_Shown], plans: Sequence[str]) -> dict[str, Json]:
    announced = [moment.announced(task) for task in moment.queued() if task.name in plans and task.plan]
    due = min((at for at in announced if at is not None), default=None)
    in_month = sum(shown.run.start >= moment.now - timedelta(days=30) for shown in newest)
    today = moment.now.astimezone(moment.homelab.zone).date()
    return _made(name, tuple(newest), in_month, due, today, moment.homelab.zone)


@lru_cache(maxsize=64)
def _made(
    name: str, newest: tuple[_Shown, ...], in_month: int, due: datetime | None, today: date, zone: ZoneInfo
) -> dict[str, Json]:
    """The same from minute to minute, unless a run begins or ends. ``in_month``: how many began within thirty days."""
    month = newest[:in_month]
    counts = Counter(shown.status for shown in month)
    row: dict[str, Json] = {"id": name}
    row |= {field: str(counts[word]) for field, word in _COUNTED.items() if counts[word]}
    row |= _bytes(month)
    if due is not None:
        row["nextBackupTimeMs"] = milliseconds(due)
    row["recentBackups"] = _recent(newest[:60])
    good = next((shown.run for shown in newest if shown.good), None)
    if good is not None and good.task.plan:
        row["protectedBytes"] = str(good.task.plan.size)
    return row | {"historyLast30days": _history(month, today, zone)}


def _bytes(shown: Sequence[_Shown]) -> dict[str, Json]:
    good = [each.run for each in shown if each.good]
    if not good:
        return {}
    total, new = sum(run.task.plan.size for run in good if run.task.plan), sum(map(added, good))
    return {
        "bytesScannedLast30days": str(total),
        "bytesAddedLast30days": str(new),
        "bytesScannedAvg": str(total // len(good)),
        "bytesAddedAvg": str(new // len(good)),
    }


def _recent(shown: Sequence[_Shown]) -> Json:
    """Parallel lists, the newest first; a running one counts a second so far."""
    if not shown:
        return {}
    return {
        "flowId": [flow_id(each.run.task, each.run.due) for each in shown],
        "timestampMs": [milliseconds(each.run.start) for each in shown],
        "durationMs": [_took(each) for each in shown],
        "status": [each.status for each in shown],
        "bytesAdded": [str(added(each.run)) if each.good else "0" for each in shown],
    }


def _took(shown: _Shown) -> str:
    if shown.status == "STATUS_INPROGRESS":
        return "1000"
    return str(int((shown.run.end - shown.run.start) / timedelta(milliseconds=1)))


def _history(shown: Sequence[_Shown], today: date, zone: ZoneInfo) -> Json:
    """A row per local day, oldest first; overdue when the day saw no good backup."""
    by_day: dict[date, list[_Shown]] = {}
    for each in shown:
        by_day.setdefault(each.run.start.astimezone(zone).date(), []).append(each)
    rows: list[Json] = []
    for day in (today - timedelta(days=ago) for ago in range(29, -1, -1)):
        of_day = by_day.get(day, [])
        counts = Counter(each.status for each in of_day)
        midnight = datetime.combine(day, time(), zone).astimezone(UTC)
        row: dict[str, Json] = {"timestampMs": milliseconds(midnight)}
        if of_day:
            row["statusCounts"] = [{"count": str(count), "status": word} for word, count in sorted(counts.items())]
        good = [each.run for each in of_day if each.good]
        if good:
            row["bytesAdded"] = str(sum(map(added, good)))
            row["bytesScanned"] = str(sum(run.task.plan.size for run in good if run.task.plan))
        elif day != today and any(each.run.start < midnight for each in shown):
            row["overdue"] = True
        rows.append(row)
    return rows
