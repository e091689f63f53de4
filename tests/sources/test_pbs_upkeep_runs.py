"""Earlier runs of upkeep jobs, out of the task list of a backup server."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import Task, UpkeepJob
from sidecar.sources.pbs_upkeep_runs import with_runs


def at(day: int) -> datetime:
    return datetime(2026, 11, day, 4, tzinfo=UTC)


def task(kind: str, worker_id: str, day: int = 20, status: str | None = "OK") -> Task:
    end = None if status is None else at(day).replace(minute=7)
    return Task("localhost", kind, worker_id, at(day), end, status, f"UPID:{kind}:{day}")


def job(kind: str, ident: str, namespace: str = "") -> UpkeepJob:
    return UpkeepJob(kind, ident, "main", namespace, "04:00", False, None, None, False, at(22), at(22), "OK")


@pytest.mark.parametrize(
    ("one", "worker"),
    [
        (job("gc", "main"), ("garbage_collection", "main")),
        (job("prune", "p1"), ("prunejob", "main")),
        (job("prune", "p1", "clusterA"), ("prunejob", "main:clusterA")),
        (job("verify", "v-1"), ("verificationjob", "main:v-1")),
        (job("sync", "s-1"), ("syncjob", "offsite:store:main::s-1")),
        (job("sync", "s-1", "fromA"), ("syncjob", "-:store:main:fromA:s-1")),
    ],
)
def test_a_job_has_the_runs_of_its_tasks_newest_first(one: UpkeepJob, worker: tuple[str, str]) -> None:
    (found,) = with_runs(
        [one], [task(*worker), task(*worker, day=21, status="unable to lock"), task("backup", "main:ct/1")]
    )

    assert found.runs == (
        Run(at(21), at(21).replace(minute=7), Outcome.FAILED, text="unable to lock"),
        Run(at(20), at(20).replace(minute=7), Outcome.OK, text="OK"),
    )


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("OK", Outcome.OK),
        ("WARNINGS: 2", Outcome.WARNING),
        ("unknown", Outcome.FAILED),
        ("connection error", Outcome.FAILED),
        (None, Outcome.RUNNING),
    ],
)
def test_a_run_is_worth_what_its_task_ended_with(status: str | None, outcome: Outcome) -> None:
    (found,) = with_runs([job("verify", "v1")], [task("verificationjob", "main:v1", status=status)])

    assert [one.outcome for one in found.runs] == [outcome]


@pytest.mark.parametrize(
    ("one", "worker"),
    [
        (job("verify", "v1"), ("verificationjob", "main:v2")),
        (job("verify", "v1"), ("syncjob", "offsite:store:main::v1")),
        (job("prune", "p1"), ("prunejob", "main:clusterA")),
        (job("prune", "p1"), ("prune", "main")),
        (job("gc", "main"), ("garbage_collection", "other")),
    ],
)
def test_tasks_of_others_are_not_its_runs(one: UpkeepJob, worker: tuple[str, str]) -> None:
    assert list(with_runs([one], [task(*worker)])) == [one]


def test_of_two_prune_jobs_for_one_place_no_task_tells_whose_it_was() -> None:
    jobs = [job("prune", "p1"), job("prune", "p2"), job("prune", "p3", "clusterA")]
    found = list(with_runs(jobs, [task("prunejob", "main"), task("prunejob", "main:clusterA")]))

    assert [len(one.runs) for one in found] == [0, 0, 1]
