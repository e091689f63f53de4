"""What snapshots prove (rules 9 and 10), as it shows on the board."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest

from sidecar.core.model import Board, Outcome, Run, ServiceRow, SourceKind, State
from sidecar.core.reports.facts import BackupGroup, Task, Verification
from sidecar.core.reports.report import Problem, ProblemKind, Report
from tests.core.factories import at
from tests.core.sample_reports import CRITICAL, Scopes, group, judged, pbs, pve, row, upload, vzdump

NIGHTS = (vzdump("22 04:00", "22 04:20"), vzdump("21 04:00", "21 04:20"))


def corrupt(*times: str, among: BackupGroup) -> BackupGroup:
    """The group with the snapshots of ``times`` found corrupt by the server's own verification."""
    wanted = {at(time) for time in times}
    verification = Verification(ok=False, at=at("22 10:00"), own=True)
    snapshots = [
        replace(snapshot, verification=verification) if snapshot.time in wanted else snapshot
        for snapshot in among.snapshots
    ]
    return replace(among, snapshots=tuple(snapshots))


def vaultwarden(board: Board) -> ServiceRow:
    return row(board, "vaultwarden")


def test_rule_9_a_corrupt_newest_snapshot_is_a_failed_run_and_no_backup() -> None:
    kept = corrupt("22 04:05", among=group("21 04:05", "22 04:05"))
    service = vaultwarden(judged("22 12:00", pve("22 11:58", *NIGHTS), pbs("22 11:58", kept)))

    assert service.verdict.state is State.FAILED
    assert "failed verification" in (service.verdict.reason or "")
    assert (service.count, service.last_backup) == (1, at("21 04:05"))
    newest = service.parts[0].runs[0]
    assert (newest.start, newest.outcome) == (at("22 04:05"), Outcome.FAILED)


def test_rule_9_it_arrived_all_the_same_so_its_task_did_not_end_without_it() -> None:
    kept = corrupt("22 04:05", among=group("21 04:05", "22 04:05"))
    service = vaultwarden(judged("22 12:00", pve("22 11:58", *NIGHTS), pbs("22 11:58", kept)))

    assert [run.start for run in service.parts[0].runs] == [at("22 04:05"), at("21 04:05")]
    assert "got no snapshot" not in (service.verdict.reason or "")


def test_rule_9_its_due_time_stays_failed_and_never_becomes_missed() -> None:
    kept = corrupt("20 04:05", "21 04:05", "22 04:05", among=group("19 04:05", "20 04:05", "21 04:05", "22 04:05"))
    service = vaultwarden(judged("23 12:00", pve("23 11:58", *NIGHTS), pbs("23 11:58", kept)))

    assert service.verdict.state is State.FAILED
    assert service.last_backup == at("19 04:05")


def test_rule_9_all_of_them_corrupt_is_failed_and_not_never() -> None:
    kept = corrupt("21 04:05", "22 04:05", among=group("21 04:05", "22 04:05"))
    service = vaultwarden(judged("22 12:00", pve("22 11:58", *NIGHTS), pbs("22 11:58", kept)))

    assert (service.verdict.state, service.count, service.last_backup) == (State.FAILED, 0, None)


def test_rule_9_one_that_a_newer_good_one_replaced_is_a_warning_and_does_not_count() -> None:
    kept = corrupt("21 04:05", among=group("20 04:05", "21 04:05", "22 04:05"))
    service = vaultwarden(judged("22 12:00", pve("22 11:58", *NIGHTS), pbs("22 11:58", kept)))

    assert service.verdict.state is State.WARNING
    assert "older snapshot failed verification" in (service.verdict.reason or "").lower()
    assert (service.count, service.last_backup) == (2, at("22 04:05"))


def test_rule_9_a_failed_verification_verifies_nothing() -> None:
    kept = corrupt("21 04:05", among=group("20 04:05", "21 04:05", "22 04:05"))
    service = vaultwarden(judged("22 12:00", pve("22 11:58", *NIGHTS), pbs("22 11:58", kept)))

    assert service.verified_at is None


# --- uploads (rules 5 and 10) ---


def served(read: str, *tasks: Task, among: BackupGroup, extra: Scopes = MappingProxyType({})) -> Report:
    return pbs(read, among, extra={("tasks",): tasks, **extra})


def newest_run(read: str, *tasks: Task, among: BackupGroup, extra: Scopes = MappingProxyType({})) -> Run:
    board = judged(read, pve(read, vzdump("22 04:00", None)), served(read, *tasks, among=among, extra=extra))
    return vaultwarden(board).parts[0].runs[0]


UPLOADING = group("21 04:05", "!22 04:05")


def test_rule_5_an_upload_that_the_server_lists_as_running_runs_whatever_its_age() -> None:
    begun = newest_run("24 06:00", upload("22 04:06"), among=UPLOADING)

    assert (begun.start, begun.outcome) == (at("22 04:05"), Outcome.RUNNING)


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (upload("22 04:06", "22 04:30", "connection error: connection reset"), "connection reset"),
        (upload("22 04:06", "22 04:30", "unknown"), "the server does not know"),
        (upload("22 04:06", "22 04:30", "OK"), "never finished"),
    ],
)
def test_rule_5_an_upload_whose_task_is_over_failed_when_the_task_ended(task: Task, text: str) -> None:
    ended = newest_run("22 04:40", task, among=UPLOADING)

    assert (ended.start, ended.end, ended.outcome) == (at("22 04:05"), at("22 04:30"), Outcome.FAILED)
    assert text in (ended.text or "")


def test_rule_5_a_failed_upload_is_told_once() -> None:
    task = upload("22 04:06", "22 04:30", "task aborted")
    board = judged("22 04:40", pve("22 04:40", vzdump("22 04:00", None)), served("22 04:40", task, among=UPLOADING))

    assert [run.start for run in vaultwarden(board).parts[0].runs] == [at("22 04:05"), at("21 04:05")]


def test_rule_5_a_listing_from_before_the_task_ended_does_not_tell() -> None:
    task = upload("22 04:06", "22 04:41", "task aborted")

    assert newest_run("22 04:40", task, among=UPLOADING).start == at("22 04:06")
    board = judged("22 04:40", pve("22 04:40"), served("22 04:40", task, among=UPLOADING))
    assert vaultwarden(board).parts[0].runs[1].outcome is Outcome.RUNNING


def test_rule_5_a_later_upload_of_the_group_proves_that_it_is_over() -> None:
    """A group is locked while an upload works on it; one that failed leaves nothing behind."""
    dead = newest_run("22 06:00", upload("22 05:00", "22 05:01", "task aborted"), among=UPLOADING)

    assert dead.outcome is Outcome.FAILED


def test_rule_5_without_a_task_it_is_taken_for_an_upload_under_way_at_first() -> None:
    assert newest_run("22 04:10", among=UPLOADING).outcome is Outcome.RUNNING
    assert newest_run("23 06:00", among=UPLOADING).outcome is Outcome.FAILED


NO_TASK_LIST = Problem("no", kind=ProblemKind.NO_PERMISSION)


def without_tasks(report: Report) -> Report:
    """The token may not see the tasks of others: PBS then has no such reading, PVE one for each node with the reason."""
    if report.kind is SourceKind.PBS:
        return replace(report, readings=tuple(each for each in report.readings if each.scope[0] != "tasks"))
    return replace(
        report,
        readings=tuple(
            replace(each, as_of=None, facts=(), problem=NO_TASK_LIST) if each.scope[0] == "tasks" else each
            for each in report.readings
        ),
    )


WEEKLY = replace(CRITICAL, schedule="sat 04:00")


@pytest.mark.parametrize("first", [False, True], ids=["thirty hours a week ago", "a first backup"])
@pytest.mark.parametrize(
    ("pve_lists", "pbs_lists", "state", "says"),
    [
        (True, True, State.RUNNING, "Running since"),
        (False, True, State.RUNNING, "Running since"),
        (True, False, State.RUNNING, "Running since"),
        (False, False, State.MISSED, "longer than 24h"),
    ],
)
def test_rule_5_a_backup_of_days_runs_as_long_as_anybody_lists_it(
    *, first: bool, pve_lists: bool, pbs_lists: bool, state: State, says: str
) -> None:
    """Where nobody may list what runs, it is missed after a day; that its upload never finished would be a guess."""
    now, earlier = "22 18:00", () if first else ("14 04:01",)
    before = () if first else (vzdump("14 04:00", "15 10:00"),)
    cluster = pve(now, *before, vzdump("21 04:00", None), jobs=(WEEKLY,))
    server = served(now, upload("21 04:01"), among=group(*earlier, "!21 04:01"))
    board = judged(
        now, cluster if pve_lists else without_tasks(cluster), server if pbs_lists else without_tasks(server)
    )
    verdict = vaultwarden(board).verdict

    assert verdict.state is (State.NEVER if first and state is State.MISSED else state)
    assert says in str(verdict.reason)


@pytest.mark.parametrize("vmid", ["", "101"], ids=["of several guests", "of this guest"])
def test_rule_5_an_upload_that_was_not_finished_when_its_task_ended_on_proxmox_is_over(vmid: str) -> None:
    cluster = pve("22 04:40", vzdump("21 04:00", "21 04:30"), vzdump("22 04:00", "22 04:30", "job errors", vmid=vmid))
    listed_later = judged("22 04:40", cluster, without_tasks(served("22 04:40", among=UPLOADING)))
    listed_before = judged("22 04:40", cluster, without_tasks(served("22 04:29", among=UPLOADING)))

    assert vaultwarden(listed_later).verdict.state is State.FAILED
    assert "not finished when its task ended: job errors" in str(vaultwarden(listed_later).verdict.reason)
    assert vaultwarden(listed_before).verdict.state is State.RUNNING


def test_rule_5_only_the_newest_snapshot_can_be_under_way() -> None:
    board = judged(
        "22 06:00",
        pve("22 06:00", vzdump("22 04:00", None)),
        served("22 06:00", upload("22 04:06"), among=group("20 04:05", "!21 04:05", "!22 04:05")),
    )

    assert [run.outcome for run in vaultwarden(board).parts[0].runs] == [Outcome.RUNNING, Outcome.FAILED, Outcome.OK]


def test_rule_5_a_task_may_be_the_upload_into_another_namespace() -> None:
    other = group("21 04:30", "!22 06:00", namespace="other")
    extra: Scopes = {("snapshots", "main", "other"): (other,)}

    assert newest_run("24 06:30", upload("22 06:01"), among=UPLOADING, extra=extra).outcome is Outcome.FAILED
    assert newest_run("24 06:30", upload("22 04:06"), among=UPLOADING, extra=extra).outcome is Outcome.RUNNING


def test_rule_5_what_ended_may_have_been_the_upload_into_another_namespace() -> None:
    other: Scopes = {("snapshots", "main", "other"): (group("22 04:08", namespace="other"),)}
    ended = upload("22 04:09", "22 04:30", "task aborted")

    assert newest_run("22 04:40", ended, among=UPLOADING, extra=other).outcome is Outcome.RUNNING


def test_rule_10_a_cut_manifest_is_no_upload_under_way() -> None:
    cut = replace(UPLOADING, snapshots=tuple(replace(each, damaged=each.size is None) for each in UPLOADING.snapshots))
    board = judged("22 04:20", pve("22 04:20", vzdump("22 04:00", None)), pbs("22 04:20", cut))
    run = vaultwarden(board).parts[0].runs[0]

    assert (run.outcome, run.text) == (Outcome.FAILED, "its manifest can't be read")
    assert vaultwarden(board).verdict.state is State.FAILED
