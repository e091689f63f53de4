"""What is not finished on a running PBS 3.2.4: uploads, also after a crash or with a cut manifest, and a collection."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sidecar.core.ids import GroupKey
from sidecar.core.model import Outcome, Run, SourceKind
from sidecar.core.reports.group_index import GroupIndex
from sidecar.core.reports.report import Reading, Report
from sidecar.core.reports.snapshots import UPLOAD_LIMIT
from sidecar.sources import pbs_parse
from sidecar.sources.pbs_upkeep_runs import with_runs

_SAMPLES = Path(__file__).parent / "samples_pbs_real"

STARTED = datetime.fromtimestamp(1795458317, UTC)
READ = datetime.fromtimestamp(1795458400, UTC)
DAYS_LATER = datetime.fromtimestamp(1795458400 + 3 * 86400, UTC)


def rows(name: str) -> list[Any]:
    recorded: list[Any] = json.loads((_SAMPLES / f"{name}.json").read_text(encoding="utf-8"))["body"]["data"]
    return recorded


def runs(snapshots: str, tasks: str | None, key: GroupKey, read: datetime) -> tuple[Run, ...]:
    """What the recorded answers prove of a group."""
    parsed = [pbs_parse.parse_snapshot(row, key.datastore) for row in rows(snapshots)]
    groups = pbs_parse.groups_of(parsed, key.datastore, key.namespace)
    readings = [Reading(("snapshots", key.datastore, key.namespace), read, groups)]
    if tasks is not None:
        listed = tuple(task for row in rows(tasks) if (task := pbs_parse.parse_task(row)))
        readings.append(Reading(("tasks",), read, listed))
    report = Report(source="pbs", kind=SourceKind.PBS, at=read, readings=tuple(readings))
    return GroupIndex(report).summary(key).runs(read, UPLOAD_LIMIT)


VM_100 = GroupKey("store1", "clusterA", "vm", "100")


def test_an_upload_that_the_task_list_shows_is_under_way_whatever_its_age() -> None:
    assert runs("uploading_snapshots", "uploading_tasks", VM_100, READ)[0] == Run(
        start=STARTED, end=None, outcome=Outcome.RUNNING
    )
    assert runs("uploading_snapshots", "uploading_tasks", VM_100, DAYS_LATER)[0].outcome is Outcome.RUNNING


def test_after_a_crash_it_failed_when_its_task_ended() -> None:
    newest = runs("crashed_snapshots", "crashed_tasks", VM_100, READ)[0]

    assert (newest.start, newest.end, newest.outcome) == (
        STARTED,
        datetime.fromtimestamp(1795458338, UTC),
        Outcome.FAILED,
    )


def test_a_snapshot_with_a_cut_manifest_is_a_failure_and_no_upload() -> None:
    key = GroupKey("store1", "clusterB", "vm", "100")
    read = datetime.fromtimestamp(1795397400 + 600, UTC)
    newest = runs("manifest_truncated_snapshots", None, key, read)[0]

    assert (newest.outcome, newest.text) == (Outcome.FAILED, "its manifest can't be read")


def test_a_running_garbage_collection_shows_its_own_start_and_not_that_of_its_last_success() -> None:
    tasks = [task for row in rows("uploading_tasks") if (task := pbs_parse.parse_task(row))]
    jobs = [pbs_parse.parse_gc(row).job for row in rows("running_gc")]
    store2 = next(job for job in with_runs(jobs, tasks) if job.id == "store2")

    began = datetime.fromtimestamp(1795458338, UTC)
    assert store2.runs == (Run(start=began, end=None, outcome=Outcome.RUNNING),)


def test_without_the_task_list_nobody_tells_when_it_began() -> None:
    jobs = [pbs_parse.parse_gc(row).job for row in rows("running_gc")]
    store2 = next(job for job in with_runs(jobs, ()) if job.id == "store2")

    assert store2.runs == ()
