"""What snapshots prove (rules 9 and 10), as it shows on the board."""

from __future__ import annotations

from dataclasses import replace

from sidecar.core.model import Board, Outcome, ServiceRow, State
from sidecar.core.reports.facts import BackupGroup, Verification
from tests.core.factories import at
from tests.core.sample_reports import group, judged, pbs, pve, row, vzdump

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
