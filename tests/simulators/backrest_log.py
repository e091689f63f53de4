"""Backrest's operation log: backups and what follows them, upkeep, announced runs (BR-5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache

from tests.simulators import seeded
from tests.simulators.calls import Json
from tests.simulators.operations import QueuedTask, QueueRun
from tests.simulators.story import Moment

Operation = dict[str, Json]
_GOOD = ("STATUS_SUCCESS", "STATUS_WARNING")
_KINDS = {"backup": "operationBackup", "prune": "operationPrune", "check": "operationCheck"}
_SYSTEM = "_system_"


@lru_cache(maxsize=2)
def operations(moment: Moment) -> list[Operation]:
    """Everything in the log, by id. Protobuf's JSON: 64-bit numbers are strings, empty fields are left out."""
    rows = [o for run in remembered(moment) for o in _of_run(moment, run)]
    rows += [_pending(moment, task, due) for task in moment.queued() if (due := moment.announced(task)) is not None]
    return sorted(rows, key=lambda o: int(str(o["id"])))


@lru_cache(maxsize=2)
def remembered(moment: Moment) -> list[QueueRun]:
    """Runs whose operations still exist: forgotten snapshots take theirs along, failures stay a month (BR-8)."""
    by_task: list[list[QueueRun]] = [[] for _ in moment.queued()]
    for run in moment.queue_runs:
        by_task[run.task.place].append(run)
    oldest = moment.now - timedelta(days=30)
    runs: list[QueueRun] = []
    for task, mine in zip(moment.queued(), by_task, strict=True):
        good = [run for run in mine if run.status in _GOOD]
        forgotten = {run.due for run in good[: -moment.homelab.repository.keep_daily]} if task.plan else set()
        runs += [run for run in mine if run.due not in forgotten and (run.status in _GOOD or run.start >= oldest)]
    return runs


def status(moment: Moment, run: QueueRun) -> str:
    """The status of a run at this moment."""
    return run.status if run.end <= moment.now else "STATUS_INPROGRESS"


def added(run: QueueRun) -> int:
    """Bytes that a backup added to the repository; none when it failed."""
    return seeded.number(20_000_000, 60_000_000, run.task.name, run.due) if run.status in _GOOD else 0


def milliseconds(moment: datetime) -> str:
    """Unix milliseconds, as a string."""
    return str(int(moment.timestamp() * 1000))


def guid(moment: Moment) -> str:
    """The repository's id, 64 hex digits."""
    return seeded.hexdigits(64, "repository", moment.homelab.repository.id)


def flow_id(task: QueuedTask, due: datetime) -> str:
    """The id of a run's flow and of its first operation."""
    return str(int(due.timestamp()) // 60 * 100 + 10 * task.place)


def _of_run(moment: Moment, run: QueueRun) -> Iterator[Operation]:
    done = run.end <= moment.now
    main = _operation(moment, run.task, run.due, run.start)
    main |= {"status": status(moment, run), "logref": f"t-{seeded.hexdigits(32, run.task.name, run.due)}"}
    detail: dict[str, Json] = {}
    if done:
        main |= {"unixTimeEndMs": milliseconds(run.end), "modno": _modno(run.end, 1)}
        detail = _finished(run)
        if run.message:
            main["displayMessage"] = run.message
        if run.task.plan and (run.snapshot or run.status in _GOOD) and not run.dry:
            main["snapshotId"] = _snapshot_id(run)
    elif run.task.plan:
        detail = {"lastStatus": {"status": {"percentDone": 0.42, "totalFiles": "5120", "filesDone": "2101"}}}
    if run.dry:
        detail = {**detail, "dryRun": True}
    yield main | {_KINDS[run.task.kind]: detail}
    if done and run.task.plan and run.status in _GOOD and not run.dry:
        yield from _followers(moment, main, run)


def _finished(run: QueueRun) -> dict[str, Json]:
    if run.task.plan is None:
        return {"outputLogref": f"c-{seeded.hexdigits(12, run.task.name, run.due)}"}
    if run.status not in _GOOD and not run.snapshot:
        return {}
    summary = _summary(run) | {"snapshotId": _snapshot_id(run)}
    return {"lastStatus": {"summary": summary}}


def _followers(moment: Moment, main: Operation, run: QueueRun) -> Iterator[Operation]:
    """After a backup Backrest notes the snapshot and forgets old ones, in the same flow."""
    plan = run.task.plan
    assert plan is not None
    number = int(str(main["id"]))
    yield main | {
        "id": str(number + 1),
        "modno": _modno(run.end, 2),
        "operationIndexSnapshot": {
            "snapshot": {
                "id": _snapshot_id(run),
                "unixTimeMs": milliseconds(run.start),
                "hostname": moment.homelab.repository.instance,
                "username": "root",
                "tree": seeded.hexdigits(64, "tree", plan.id, run.due),
                "paths": [plan.path],
                "tags": [f"plan:{plan.id}", f"created-by:{moment.homelab.repository.instance}"],
                "summary": _summary(run),
            }
        },
    }
    yield {name: value for name, value in main.items() if name != "snapshotId"} | {
        "id": str(number + 2),
        "modno": _modno(run.end, 3),
        "unixTimeStartMs": milliseconds(run.end),
        "unixTimeEndMs": milliseconds(run.end + timedelta(seconds=5)),
        "operationForget": {"policy": {"policyTimeBucketed": {"daily": moment.homelab.repository.keep_daily}}},
    }


def _pending(moment: Moment, task: QueuedTask, due: datetime) -> Operation:
    return _operation(moment, task, due, due) | {"status": "STATUS_PENDING", _KINDS[task.kind]: {}}


def _operation(moment: Moment, task: QueuedTask, due: datetime, start: datetime) -> Operation:
    """A run keeps the id under which it was announced."""
    number = flow_id(task, due)
    return {
        "id": number,
        "repoId": moment.homelab.repository.id,
        "planId": task.plan.id if task.plan else _SYSTEM,
        "unixTimeStartMs": milliseconds(start),
        "flowId": number,
        "instanceId": moment.homelab.repository.instance,
        "modno": _modno(start if start <= moment.now else moment.now - timedelta(days=40), 0),
        "repoGuid": guid(moment),
    }


def _modno(changed: datetime, step: int) -> str:
    return str(int(changed.timestamp()) * 10 + step)


def _snapshot_id(run: QueueRun) -> str:
    return seeded.hexdigits(64, "snapshot", run.task.name, run.due)


def _summary(run: QueueRun) -> dict[str, Json]:
    plan = run.task.plan
    assert plan is not None
    return {
        "filesNew": "12",
        "filesChanged": "34",
        "filesUnmodified": "48211",
        "dataAdded": str(added(run)),
        "totalDuration": (run.end - run.start).total_seconds(),
        # Protobuf leaves out what is zero.
        **(
            {"totalFilesProcessed": "48257", "totalBytesProcessed": str(int(plan.size * run.share))}
            if run.share
            else {}
        ),
    }
