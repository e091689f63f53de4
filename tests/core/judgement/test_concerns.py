"""What is wrong with a backup that exists (rules 3 and 9)."""

from __future__ import annotations

import pytest

from sidecar.core.model import Outcome, State
from tests.core.factories import (
    failed,
    part,
    run,
    verdict_of,
)

YESTERDAY = run("22 04:00")
NOON = "22 12:00"


def test_a_run_that_finished_with_warnings_is_a_warning() -> None:
    verdict = verdict_of(part(run("22 04:00", Outcome.WARNING, text="2 files"), read="22 12:00"), "22 12:00")

    assert verdict.state is State.WARNING
    assert "finished with warnings: 2 files" in (verdict.reason or "")


@pytest.mark.parametrize("concern", ["an older snapshot failed verification", "the copy on volume s3 failed"])
def test_concerns_make_a_good_backup_a_warning(concern: str) -> None:
    verdict = verdict_of(part(YESTERDAY, read="22 12:00", concerns=(concern,)), "22 12:00")

    assert verdict.state is State.WARNING
    assert concern in (verdict.reason or "").lower()


def test_a_newest_backup_that_is_worth_nothing_is_failed() -> None:
    broken = part(YESTERDAY, read="22 12:00", unusable="the newest backup failed verification")

    assert verdict_of(broken, "22 12:00").state is State.FAILED


def test_everything_that_is_wrong_with_a_good_backup_is_told_its_own_run_first() -> None:
    warned = run("22 04:00", Outcome.WARNING, text="2 files")
    made = part(warned, failed("22 10:00"), read=NOON, concerns=("an older snapshot is corrupt", "a copy failed"))

    assert verdict_of(made, NOON).reason == (
        "The newest backup finished with warnings: 2 files; an older snapshot is corrupt; a copy failed; "
        "a later run outside the schedule failed today 10:00: job errors; newest backup today 04:00."
    )


def test_rule_3_of_several_failures_outside_the_schedule_the_newest_is_told() -> None:
    made = part(YESTERDAY, failed("22 09:00", "disk full"), failed("22 10:00", "still full"), read=NOON)

    assert verdict_of(made, NOON).reason == (
        "A later run outside the schedule failed today 10:00: still full; newest backup today 04:00."
    )
