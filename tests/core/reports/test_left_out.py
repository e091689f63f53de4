"""Rule 13: volumes that a job leaves out are told by name and reason; what changed is noted for 30 days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sidecar.core.model import SourceKind
from sidecar.core.reports.facts import BackupJob, LeftOutVolume
from sidecar.core.reports.report import Problem, Reading, Report, keep_what_failed
from sidecar.ledger.facts_json import facts_from_text, facts_to_text

THEN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
NOW = THEN + timedelta(hours=1)
MP0 = LeftOutVolume(104, "mp0", "/mnt/media", "not a volume")
MP1 = LeftOutVolume(104, "mp1", "local-zfs:subvol-104-disk-1", "disabled")


def job(guests: tuple[int, ...] | None, *left_out: LeftOutVolume, told: bool = True) -> BackupJob:
    known = left_out if told and guests is not None else None
    return BackupJob(
        id="nightly", schedule="04:00", enabled=True, storage="pbs", node=None, guests=guests, left_out=known
    )


def read(at: datetime, *jobs: BackupJob, problem: Problem | None = None) -> Report:
    reading = Reading(("jobs",), None if problem else at, jobs, problem)
    return Report(source="pve", kind=SourceKind.PVE, at=at, readings=(reading,))


@pytest.mark.parametrize(
    ("before", "now", "since"),
    [
        (job((104,), MP0), job((104,), MP0, MP1), {"mp0": None, "mp1": NOW}),
        (job((104,)), job((104,), MP0), {"mp0": NOW}),
        (job((103,)), job((103, 104), MP0), {"mp0": None}),
        (job((104,), told=False), job((104,), MP0), {"mp0": None}),
        (job((104,), MP0), job(None), {"mp0": None}),
    ],
    ids=["one more", "the first", "of a guest that is new", "a ledger that knew none", "not told this time"],
)
def test_rule_13_since_when_a_volume_is_left_out(
    before: BackupJob, now: BackupJob, since: dict[str, datetime | None]
) -> None:
    merged = keep_what_failed(read(NOW, now), read(THEN, before))
    (kept,) = merged.facts(BackupJob)

    assert {volume.volume: volume.since for volume in kept.left_out or ()} == since


def test_rule_13_the_change_is_remembered_over_failures_and_restarts() -> None:
    report = keep_what_failed(read(NOW, job((104,), MP1)), read(THEN, job((104,))))
    report = keep_what_failed(read(NOW, problem=Problem("timed out")), report)
    (reading,) = report.readings
    restored = read(NOW, *facts_from_text(facts_to_text(reading.facts)))  # type: ignore[arg-type]
    (kept,) = keep_what_failed(read(NOW + timedelta(days=3), job((104,), MP1)), restored).facts(BackupJob)

    assert [volume.since for volume in kept.left_out or ()] == [NOW]


@pytest.mark.parametrize(
    ("volume", "text"),
    [(MP0, "mp0 /mnt/media (not a volume)"), (LeftOutVolume(1, "scsi1"), "scsi1"), (LeftOutVolume(1, "a", "b"), "a b")],
)
def test_a_volume_in_words(volume: LeftOutVolume, text: str) -> None:
    assert str(volume) == text
