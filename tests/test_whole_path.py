"""The whole path in one process: simulated upstreams over real HTTPS, the product's own sources, the judgement, the JSON."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
import yaml

from sidecar.config import load
from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY
from sidecar.core.model import Board, SourceRow, State
from sidecar.credentials import Credentials
from sidecar.sources import databasement, pbs, pve
from sidecar.web import views
from sidecar.wiring import make_sources
from tests.product import MORNING, Product, states
from tests.simulators import demo_faults
from tests.simulators.faults import BackupShrinks, UpkeepStuck, VolumeLeftOut


def source(board: Board, name: str) -> SourceRow:
    return next(source for source in board.sources if source.name == name)


def reason(row: Any) -> str:
    return str(row.verdict.reason)


def test_a_good_morning_is_all_ok(product: Product) -> None:
    """Monday: the weekly job is still at work on the last two guests; nobody needs anybody."""
    board = product.board()

    assert set(states(board).values()) <= {"ok", "running"}
    assert board.overall.state is State.OK
    assert len(board.services) == 12


def test_a_good_sunday_is_ok_to_the_last_row(product: Product) -> None:
    product.now = MORNING - timedelta(days=1)
    board = product.board()

    assert set(states(board).values()) == {"ok"}
    assert board.overall.headline == "All 12 backed up"
    assert {str(job.verdict.state) for job in board.jobs} == {"ok"}


def test_rule_13_volumes_that_a_job_leaves_out_are_told_with_the_reason_and_change_no_state(product: Product) -> None:
    product.rack.faults = (VolumeLeftOut(104, "mp0", "/mnt/media", "not a volume", MORNING - timedelta(days=40)),)
    board = product.board()
    (paperless,) = [service for service in views.status(board)["services"] if service["name"] == "paperless"]

    assert [part["left_out_volumes"] for part in paperless["parts"]] == [
        [
            {
                "job": "pve/backup/backup-critical",
                "volume": "mp0",
                "name": "/mnt/media",
                "reason": "not a volume",
            }
        ],
        [],
    ]
    assert paperless["state"] == "ok"
    assert not any("leaves out" in note for note in board.notes)


@pytest.mark.parametrize("said_by", ["service", "job"])
def test_rule_13_a_backup_that_shrank_is_a_warning_unless_the_owner_says_that_it_is_right(
    product: Product, said_by: str
) -> None:
    product.rack.faults = (BackupShrinks(107, MORNING.date(), 0.3),)
    warned = states(product.board())["nextcloud"]
    document = yaml.safe_load(product.config.read_text())
    service = next(service for service in document["services"] if service["name"] == "nextcloud")
    job = document["jobs"].setdefault("pve/backup/backup-critical", {})
    (service if said_by == "service" else job)["shrink"] = False

    assert warned == "warning"
    assert (
        states(product.board(changed={"services": document["services"], "jobs": document["jobs"]}))["nextcloud"] == "ok"
    )


def test_the_bad_night_of_the_demo_is_shown_as_it_was(product: Product) -> None:
    product.remember_the_evening_before()
    product.rack.faults = demo_faults()
    product.rack.settle()
    board = product.board()

    assert states(board) == {
        "paperless": "failed",
        "vaultwarden": "missed",
        "n8n": "never",
        "vault": "unknown",
        "databasement": "unknown",
        "app-configs": "unknown",
        "home-assistant": "warning",
        "jellyfin": "running",
        "grafana": "running",
        "nextcloud": "ok",
        "immich": "ok",
        "forgejo": "ok",
    }
    assert board.overall.headline == "3 of 12 need you"
    assert reason(source(board, "backrest")) == "Can't be read: connection refused."
    assert [service.count for service in board.services if service.name in ("paperless", "nextcloud")] == [27, 28]


def test_next_runs_come_from_each_jobs_own_schedule(product: Product) -> None:
    jobs = {job.name: job for job in product.board().jobs}

    def local(name: str) -> str:
        next_run = jobs[name].next_run
        assert next_run is not None
        return f"{next_run.astimezone(MORNING.tzinfo):%a %H:%M}"

    assert local("databasement/dump/Daily") == "Tue 02:00"
    assert local("backrest/plan/vault") == "Tue 02:15"
    assert local("pve/backup/backup-critical") == "Tue 04:00"
    assert local("pve/backup/backup-noncritical") == "Mon 04:00"
    assert local("pbs/prune/prune-main") == "Tue 05:00"
    assert local("pbs/gc/main") == "Sat 03:00"


def test_without_a_map_everything_is_a_service_under_its_own_name(product: Product) -> None:
    board = product.board(services=False)

    assert {"jellyfin (pve:201)", "jellyfin"} & set(states(board))
    assert set(states(board).values()) <= {"ok", "running"}
    assert len(board.services) > 12


def test_a_wrong_fingerprint_makes_its_guests_unknown_and_nothing_else(product: Product) -> None:
    board = product.board(pbs={"fingerprint": ":".join(["ab"] * 32)})

    assert "its certificate has fingerprint" in reason(source(board, "pbs"))
    assert states(board)["nextcloud"] == "unknown"
    assert states(board)["app-configs"] == "ok"
    assert board.overall.state is State.UNKNOWN


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("garbage", "not the requested list"),
        ("truncated", "cut off"),
        ("wrong-type", "none of the"),
        (500, "HTTP 500"),
        ("redirect", "HTTP 30"),
    ],
)
def test_a_broken_list_of_snapshots_makes_its_guests_unknown_with_the_cause(
    product: Product, how: Any, cause: str
) -> None:
    product.rack.break_answer("pbs", "/api2/json/admin/datastore/main/snapshots", how)
    board = product.board()

    assert states(board)["nextcloud"] == "unknown"
    assert states(board)["app-configs"] == "ok"
    row = next(service for service in board.services if service.name == "nextcloud")
    assert cause in reason(row)
    assert source(board, "pbs").verdict.state is State.WARNING


@pytest.mark.parametrize("name", ["pbs", "pve", "databasement", "backrest"])
def test_a_refused_credential_is_shown_and_nothing_of_that_source_is_ok(product: Product, name: str) -> None:
    product.rack.refuse_token(name)
    board = product.board()

    assert source(board, name).verdict.state is State.UNKNOWN
    assert source(board, name).verdict.action
    kinds = {"pbs": "guest", "pve": "guest", "databasement": "database", "backrest": "plan"}
    parts = [part for service in board.services for part in service.parts if part.kind == kinds[name]]
    assert parts
    assert not [part.ref for part in parts if part.verdict.state is State.OK]
    secret = product.rack.token(name)
    assert secret not in str(views.status(board))


@pytest.mark.parametrize("name", ["pbs", "pve", "databasement", "backrest"])
def test_a_source_that_is_away_never_leaves_anything_of_it_ok(product: Product, name: str) -> None:
    product.rack.close(name)
    try:
        board = product.board()
    finally:
        product.rack.open(name)

    assert reason(source(board, name)) == "Can't be read: connection refused."
    assert "unknown" in states(board).values()


def test_upkeep_that_does_not_start_is_missed(product: Product) -> None:
    product.rack.faults = (UpkeepStuck("prune", MORNING - timedelta(hours=30)),)
    prune = next(job for job in product.board().jobs if job.name == "pbs/prune/prune-main")

    assert prune.verdict.state is State.MISSED


def test_judging_later_without_new_readings_makes_everything_unknown(product: Product) -> None:
    config = load.load(product.rack.write_config(product.config))

    async def reports() -> dict[str, Any]:
        async with make_sources(config, Credentials(None)) as sources:
            return {source.name: await source.read(lambda: MORNING) for source in sources}

    later = board(asyncio.run(reports()), EMPTY, config.to_settings(), MORNING + timedelta(minutes=21))

    assert set(states(later).values()) == {"unknown"}
    assert later.overall.headline == "Can't tell for 12 of 12"
    assert replace(later, at=MORNING) != later


def test_each_service_shows_when_it_was_copied_off_site(product: Product) -> None:
    copies = {
        service.name: {copy.job: str(copy.state) for copy in service.copies} for service in product.board().services
    }

    assert copies["nextcloud"] == {"databasement/s3": "ok"}
    assert copies["vault"] == {"backrest/b2": "ok"}
    assert copies["jellyfin"] == {}


def test_everything_that_leaves_is_a_read(product: Product) -> None:
    """GET to PBS, PVE and Databasement; to Backrest, which knows only POST, the login and the summary."""
    product.rack.requests.clear()
    product.board()
    sent = {(request.source, request.method) for request in product.rack.requests}
    to_backrest = {request.path for request in product.rack.requests if request.source == "backrest"}

    assert sent == {("pbs", "GET"), ("pve", "GET"), ("databasement", "GET"), ("backrest", "POST")}
    assert to_backrest <= {
        "/v1.Authentication/Login",
        "/v1.Backrest/GetSummaryDashboard",
        "/v1.Backrest/GetOperations",
    }


@pytest.mark.parametrize("module", [pbs, pve, databasement])
def test_no_list_of_allowed_calls_holds_a_call_that_acts(module: ModuleType) -> None:
    """Some GETs of Databasement act: test-connection opens a connection or writes a file (DB-2)."""
    assert module.ALLOWED
    for call in module.ALLOWED:
        assert call.method == "GET"
        assert "test-connection" not in call.path
        assert call.path.startswith(("/api2/json/", "/api/v1/", "/health"))
