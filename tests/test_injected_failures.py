"""Everything that can go wrong, one at a time: found in time, in the right row, for a true reason, and gone when it is fixed.

Which failures, and how they are measured: tests/failures. ``python -m tests.failures`` prints how long each took.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.failures import FAILURES, Failure, measure
from tests.product import Product, states
from tests.simulators import HOMELAB, faults
from tests.simulators.homelab import PUSHING
from tests.simulators.timetable import Timetable
from tests.watch import POLL, Watch, not_well

pytestmark = pytest.mark.fortnight

BERLIN = ZoneInfo("Europe/Berlin")
WEDNESDAY = date(2026, 11, 25)


def at(clock: str) -> datetime:
    return datetime.combine(WEDNESDAY, datetime.strptime(clock, "%H:%M").time(), BERLIN).astimezone(UTC)


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name.replace(" ", "-"))
def test_a_failure_is_found_in_time_and_gone_when_it_is_fixed(failure: Failure) -> None:
    result = measure(failure)

    assert result.strange == ()
    assert result.at is not None
    assert failure.earliest <= result.at <= failure.seen + failure.limit
    assert result.reasons.keys() == {*failure.rows}
    assert all(failure.says in reason for reason in result.reasons.values())
    if failure.healed:
        assert result.gone is not None
        assert result.gone <= failure.healed + POLL
    kinds = Counter(line.partition(":")[0] for line in result.told)
    assert kinds["problem"] == 1, result.told
    assert kinds["reminder"] == kinds["summary"] == 0
    if failure.healed:
        assert kinds["recovery"] == 1, result.told


def test_no_two_failures_are_called_the_same() -> None:
    assert len({failure.name for failure in FAILURES}) == len(FAILURES) >= 25


def test_a_database_that_was_never_dumped_is_never(product: Product) -> None:
    product.remember_the_evening_before()
    product.rack.faults = (faults.DatabaseNeverDumped("postgres-main", "immich"),)
    product.rack.settle()
    board = product.board()

    assert {name: state for name, state in states(board).items() if state not in ("ok", "running")} == {
        "immich": "never"
    }
    (immich,) = [service for service in board.services if service.name == "immich"]
    assert "no dump of immich since it was first seen" in str(immich.verdict.reason)


def test_a_dump_that_is_retried_is_not_red_meanwhile() -> None:
    """Databasement tries three times; here the third one works."""
    retried = faults.DumpFails(server="postgres-main", database="forgejo", due=WEDNESDAY, error="deadlock", tries=2)
    with Watch(HOMELAB, at("01:58"), (retried,)) as watch:
        for board in watch.walk(at("02:12")):
            assert not_well(board) == {}


def test_a_guest_that_takes_all_morning_is_running_and_so_are_those_behind_it() -> None:
    slow = faults.GuestTakes(107, WEDNESDAY, timedelta(hours=2))
    with Watch(HOMELAB, at("03:55"), (slow,)) as watch:
        *_, board = watch.walk(at("04:50"))

    assert (states(board)["nextcloud"], states(board)["forgejo"]) == ("running", "running")


def test_plans_that_wait_for_a_long_prune_are_running_and_say_so() -> None:
    repository = replace(HOMELAB.repository, prune=Timetable(2, 10))
    slow = faults.PlanTakes("prune", WEDNESDAY, timedelta(hours=3))
    with Watch(replace(HOMELAB, repository=repository), at("02:00"), (slow,)) as watch:
        for board in watch.walk(at("05:00")):
            assert not_well(board) == {}
        vault = next(service for service in board.services if service.name == "vault")

    assert vault.verdict.state == "running"
    assert "waits for prune b2" in str(vault.verdict.reason).lower()


def test_rule_15_the_off_site_copy_of_a_push_stands_as_its_sync_job_and_the_service_does_not() -> None:
    """An old copy is one too; how old it is, its sync job tells."""
    stuck = faults.UpkeepStuck("sync", at("01:00"), at("20:00"))
    with Watch(PUSHING, at("07:55"), (stuck,)) as watch:
        *_, board = watch.walk(at("08:40"))
        vaultwarden = next(service for service in board.services if service.name == "vaultwarden")

    copies = {copy.job: (copy.state, copy.last_run) for copy in vaultwarden.copies}
    assert copies["pbs/attic"][0] == "missed"
    assert copies["pbs/attic"][1] is not None
    assert copies["pbs/attic"][1] < at("01:00"), "of the night before"
    assert vaultwarden.verdict.state == "ok"
    assert (vaultwarden.posture.copies, vaultwarden.posture.offsite) == (2, 1)


def test_rule_13_a_volume_that_somebody_takes_out_of_the_backups_is_noted_for_a_month() -> None:
    taken_out = faults.VolumeLeftOut(107, "mp0", "/mnt/media", "not a volume", at("12:00"))
    note = "nextcloud: job pve/backup/backup-critical leaves out mp0 /mnt/media (not a volume) since"
    with Watch(HOMELAB, at("11:50"), (taken_out,)) as watch:
        noted = [any(note in each for each in board.notes) for board in watch.walk(at("12:10"))]
        watch.leap(at("12:10") + timedelta(days=29))
        after_a_month = any(note in each for each in watch.board.notes)
        watch.leap(at("12:10") + timedelta(days=31))

    assert (noted[0], noted[-1], after_a_month) == (False, True, True)
    assert not any(note in each for each in watch.board.notes)
