"""Earlier runs of upkeep jobs, out of the task list of a backup server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import Task, UpkeepJob
from sidecar.sources.pbs_parse import parse_gc, parse_task
from sidecar.sources.pbs_upkeep_runs import with_runs
from tests.sources.recorded import recorded, rows


def at(day: int) -> datetime:
    return datetime(2026, 11, day, 4, tzinfo=UTC)


LAST = Run(start=at(22), end=at(22).replace(minute=3), outcome=Outcome.OK)


def task(kind: str, worker_id: str, day: int = 20, status: str | None = "OK") -> Task:
    end = None if status is None else at(day).replace(minute=7)
    return Task(
        node="localhost", type=kind, id=worker_id, start=at(day), end=end, status=status, upid=f"UPID:{kind}:{day}"
    )


def job(kind: str, ident: str, namespace: str = "") -> UpkeepJob:
    return UpkeepJob(kind=kind, id=ident, datastore="main", namespace=namespace, schedule="04:00", runs=(LAST,))


@pytest.mark.parametrize(
    ("job", "worker"),
    [
        (job("gc", "main"), ("garbage_collection", "main")),
        (job("prune", "p1"), ("prunejob", "main")),
        (job("prune", "p1", "clusterA"), ("prunejob", "main:clusterA")),
        (job("verify", "v-1"), ("verificationjob", "main:v-1")),
        (job("sync", "s-1"), ("syncjob", "offsite:store:main::s-1")),
        (job("sync", "s-1", "fromA"), ("syncjob", "-:store:main:fromA:s-1")),
    ],
)
def test_a_job_has_the_runs_of_its_tasks_newest_first(job: UpkeepJob, worker: tuple[str, str]) -> None:
    (done,) = with_runs(
        [job], [task(*worker), task(*worker, day=21, status="unable to lock"), task("backup", "main:ct/1")]
    )

    assert done.runs == (
        LAST,
        Run(start=at(21), end=at(21).replace(minute=7), outcome=Outcome.FAILED, text="unable to lock"),
        Run(start=at(20), end=at(20).replace(minute=7), outcome=Outcome.OK),
    )


@pytest.mark.parametrize(
    ("status", "outcome", "text"),
    [
        ("OK", Outcome.OK, None),
        ("WARNINGS: 2", Outcome.WARNING, "WARNINGS: 2"),
        ("unknown", Outcome.WARNING, "the server does not know how it ended"),
        ("connection error", Outcome.FAILED, "connection error"),
        ("OKAY, but no", Outcome.FAILED, "OKAY, but no"),
        (None, Outcome.RUNNING, None),
    ],
)
def test_a_run_is_worth_what_its_task_ended_with(status: str | None, outcome: Outcome, text: str | None) -> None:
    (done,) = with_runs([job("verify", "v1")], [task("verificationjob", "main:v1", status=status)])

    assert [(run.outcome, run.text) for run in done.runs[1:]] == [(outcome, text)]


@pytest.mark.parametrize("ended_in", ["job", "task list"])
def test_of_two_lists_the_one_that_knows_the_end_of_a_run_was_read_later(ended_in: str) -> None:
    runs = Run(start=at(22), end=None, outcome=Outcome.RUNNING)
    made = job("gc", "main") if ended_in == "job" else replace(job("gc", "main"), runs=(runs,))
    status = None if ended_in == "job" else "OK"
    (done,) = with_runs([made], [task("garbage_collection", "main", day=22, status=status)])

    assert [(run.start, run.outcome) for run in done.runs] == [(at(22), Outcome.OK)]


def test_a_garbage_collection_that_always_failed_is_known_from_the_task_list() -> None:
    never = parse_gc(recorded("pbs_gc_always_failed")["/admin/datastore/store4/gc"]["body"]["data"]).job
    tasks = [parse_task(row) for row in rows("pbs_gc_always_failed", "/nodes/localhost/tasks")]
    (done,) = with_runs([never], [task for task in tasks if task])
    assert never.runs == ()
    assert done.last is not None
    assert (done.last.start, done.last.outcome) == (datetime.fromtimestamp(1795458285, UTC), Outcome.FAILED)
    assert done.last.text is not None
    assert done.last.text.startswith("unable to open store 'store4'")


def test_a_garbage_collection_that_failed_has_its_start_from_the_task_list() -> None:
    """Its own list knows only when it ended: that is no second run."""
    end = at(22).replace(minute=7)
    failed = replace(job("gc", "main"), runs=(Run(start=end, end=end, outcome=Outcome.FAILED, text="broken"),))
    tasks = [task("garbage_collection", "main", day=day, status="broken") for day in (21, 22)]
    (done,) = with_runs([failed], tasks)

    assert [(run.start, run.end) for run in done.runs] == [(at(22), end), (at(21), at(21).replace(minute=7))]


def test_a_failed_garbage_collection_that_the_task_list_lacks_stays_the_last_run() -> None:
    end = at(22)
    failed = replace(job("gc", "main"), runs=(Run(start=end, end=end, outcome=Outcome.FAILED, text="broken"),))
    (done,) = with_runs([failed], [task("garbage_collection", "main", day=21)])

    assert [run.outcome for run in done.runs] == [Outcome.FAILED, Outcome.OK]


@pytest.mark.parametrize(
    ("job", "worker"),
    [
        (job("verify", "v1"), ("verificationjob", "main:v2")),
        (job("verify", "v1"), ("syncjob", "offsite:store:main::v1")),
        (job("prune", "p1"), ("prunejob", "main:clusterA")),
        (job("prune", "p1"), ("prune", "main")),
        (job("gc", "main"), ("garbage_collection", "other")),
    ],
)
def test_tasks_of_others_are_not_its_runs(job: UpkeepJob, worker: tuple[str, str]) -> None:
    assert list(with_runs([job], [task(*worker)])) == [job]


def test_of_two_prune_jobs_for_one_place_no_task_tells_whose_it_was() -> None:
    jobs = [job("prune", "p1"), job("prune", "p2"), job("prune", "p3", "clusterA")]
    done = list(with_runs(jobs, [task("prunejob", "main"), task("prunejob", "main:clusterA")]))

    assert [len(job.runs) for job in done] == [1, 1, 2]
