"""One thing goes wrong, and everything else goes on as ever: the right row turns, for the right reason, and heals again.

The night is the one before Wednesday 25 November 2026. Every case is judged from live answers of the simulated upstreams, without
memory: before it happened, when it can be seen, and after the next good run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sidecar.core.model import Board, JobRow, ServiceRow
from tests.lab import Lab
from tests.upstreams import faults
from tests.upstreams.faults import Fault

BERLIN = ZoneInfo("Europe/Berlin")
WEDNESDAY = date(2026, 11, 25)


def at(day: int, clock: str) -> datetime:
    return datetime.strptime(f"2026-11-{day} {clock}", "%Y-%m-%d %H:%M").replace(tzinfo=BERLIN).astimezone(UTC)


#: By then the next run was good.
NEXT_MORNING = at(26, "07:30")


@dataclass(frozen=True)
class Case:
    """What goes wrong, when it is looked for, which rows are to turn into what, what their reason says, and when it is over."""

    name: str
    fault: Fault
    seen: datetime
    rows: tuple[str, ...]
    state: str
    says: str
    healed: datetime | None = NEXT_MORNING


GUESTS = (
    "paperless",
    "vaultwarden",
    "n8n",
    "vault",
    "databasement",
    "home-assistant",
    "nextcloud",
    "immich",
    "forgejo",
)
ON_MARIADB = ("vaultwarden", "home-assistant", "nextcloud")

CASES = (
    Case(
        "a guest fails",
        faults.GuestFails(107, WEDNESDAY, "no space left"),
        at(25, "05:30"),
        ("nextcloud",),
        "failed",
        "CT 107 got no snapshot",
    ),
    Case(
        "an upload breaks off",
        faults.GuestFails(107, WEDNESDAY, "connection reset", uploading=True),
        at(25, "04:40"),
        ("nextcloud",),
        "failed",
        "failed",
    ),
    Case(
        "a node is off",
        faults.NodeDown("pve2", at(25, "01:00"), at(25, "06:50")),
        at(25, "07:00"),
        ("vaultwarden",),
        "missed",
        "Due today 04:00, nothing had started by 04:30",
    ),
    Case(
        "the newest backup is corrupt",
        faults.BackupCorrupt(109, WEDNESDAY, at(25, "12:00")),
        at(25, "12:30"),
        ("forgejo",),
        "failed",
        "failed verification",
        None,
    ),
    Case(
        "a job is switched off",
        faults.JobDisabled("backup-critical", at(25, "12:00")),
        at(25, "12:30"),
        GUESTS,
        "warning",
        "is switched off",
        None,
    ),
    Case(
        "a job stays off over night",
        faults.JobDisabled("backup-critical", at(25, "12:00")),
        at(26, "06:00"),
        GUESTS,
        "missed",
        "is switched off",
        None,
    ),
    Case(
        "the datastore is offline",
        faults.Maintenance("offline", "disk swap", at(25, "10:00"), at(25, "12:00")),
        at(25, "10:30"),
        (*GUESTS, "jellyfin", "grafana"),
        "unknown",
        "maintenance",
        at(25, "12:30"),
    ),
    Case(
        "prune fails",
        faults.UpkeepFails("pbs", "prune", WEDNESDAY, "unable to lock"),
        at(25, "05:30"),
        ("pbs/prune/prune-main",),
        "failed",
        "unable to lock",
    ),
    Case(
        "prune does not start",
        faults.UpkeepStuck("prune", at(25, "01:00")),
        at(25, "05:40"),
        ("pbs/prune/prune-main",),
        "missed",
        "Due today 05:00",
        None,
    ),
    Case(
        "a database was never dumped",
        faults.DatabaseNeverDumped("postgres-main", "immich"),
        at(25, "07:00"),
        ("immich",),
        "never",
        "no dump of immich exists",
        None,
    ),
    Case(
        "a dump fails",
        faults.DumpFails("postgres-main", "forgejo", WEDNESDAY, "connection refused"),
        at(25, "02:20"),
        ("forgejo",),
        "failed",
        "connection refused",
    ),
    Case(
        "a database server does not answer",
        faults.ServerUnreachable("mariadb-main", WEDNESDAY, "no route to host"),
        at(25, "02:30"),
        ON_MARIADB,
        "failed",
        "no route to host",
    ),
    Case(
        "a copy fails",
        faults.CopyFails("s3", WEDNESDAY, ("nextcloud",)),
        at(25, "03:00"),
        ("nextcloud",),
        "warning",
        "copy on volume s3 failed",
    ),
    Case(
        "a dump's file is gone",
        faults.DumpFileGone("postgres-main", "n8n", WEDNESDAY),
        at(25, "06:00"),
        ("n8n",),
        "failed",
        "file is gone",
    ),
    Case(
        "a plan fails",
        faults.PlanFails("app-configs", WEDNESDAY, "repository is locked"),
        at(25, "03:30"),
        ("app-configs",),
        "failed",
        "failed",
    ),
    Case(
        "a plan is partial",
        faults.PlanFails("vault", WEDNESDAY, "2 files", partial=True),
        at(25, "03:30"),
        ("vault",),
        "warning",
        "finished with warnings",
    ),
)


def board_at(lab: Lab, now: datetime) -> Board:
    lab.now = now
    lab.rack.settle()
    return lab.board()


def bad(found: Board) -> dict[str, ServiceRow | JobRow]:
    """Everything that is worse than it would be in an ordinary night; jobs that make backups follow their members."""
    upkeep = [job for job in found.jobs if job.members is None]
    rows: list[ServiceRow | JobRow] = [*found.services, *upkeep]
    return {row.name: row for row in rows if row.verdict.state not in ("ok", "running", "late", "new")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_goes_wrong_turns_its_row_and_no_other(lab: Lab, case: Case) -> None:
    lab.rack.faults = (case.fault,)
    turned = bad(board_at(lab, case.seen))

    assert {name: str(row.verdict.state) for name, row in turned.items()} == dict.fromkeys(case.rows, case.state)
    assert all(case.says in str(row.verdict.reason) for row in turned.values())


@pytest.mark.parametrize("case", [case for case in CASES if case.healed], ids=lambda case: case.name)
def test_it_is_gone_when_it_is_healed(lab: Lab, case: Case) -> None:
    assert case.healed is not None
    lab.rack.faults = (case.fault,)

    assert bad(board_at(lab, case.healed)) == {}


@pytest.mark.parametrize("hours", range(0, 24, 3))
def test_on_an_ordinary_day_nothing_is_wrong_at_any_hour(lab: Lab, hours: int) -> None:
    found = board_at(lab, at(25, "00:10") + timedelta(hours=hours))

    assert bad(found) == {}
    assert found.overall.state == "ok"


def test_a_dump_that_is_retried_is_not_red_meanwhile(lab: Lab) -> None:
    """Databasement tries three times; here the third one works."""
    lab.rack.faults = (faults.DumpFails("postgres-main", "forgejo", WEDNESDAY, "deadlock", tries=2),)

    for minute in range(12):
        found = board_at(lab, at(25, "02:00") + timedelta(minutes=minute))
        assert bad(found) == {}, f"02:{minute:02d}"


def test_a_guest_that_takes_all_morning_is_running_and_so_are_those_behind_it(lab: Lab) -> None:
    lab.rack.faults = (faults.GuestTakes(107, WEDNESDAY, timedelta(hours=2)),)
    found = {row.name: str(row.verdict.state) for row in board_at(lab, at(25, "04:50")).services}

    assert (found["nextcloud"], found["forgejo"]) == ("running", "running")
