"""The whole path in one process: simulated upstreams over real HTTPS, the product's own sources, the judgement, the JSON."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from sidecar.config import load
from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY
from sidecar.core.model import Board, SourceRow, State
from sidecar.credentials import Credentials
from sidecar.sources import databasement, pbs, pve
from sidecar.web import views
from sidecar.wiring import make_sources
from tests.product import MORNING, Inputs, states
from tests.simulators import demo_faults
from tests.simulators.faults import UpkeepStuck


def source(found: Board, name: str) -> SourceRow:
    return next(one for one in found.sources if one.name == name)


def reason(row: Any) -> str:
    return str(row.verdict.reason)


def test_a_good_morning_is_all_ok(lab: Inputs) -> None:
    """Monday: the weekly job is still at work on the last two guests; nobody needs anybody."""
    found = lab.board()

    assert set(states(found).values()) <= {"ok", "running"}
    assert found.overall.state is State.OK
    assert len(found.services) == 12


def test_a_good_sunday_is_ok_to_the_last_row(lab: Inputs) -> None:
    lab.now = MORNING - timedelta(days=1)
    found = lab.board()

    assert set(states(found).values()) == {"ok"}
    assert found.overall.headline == "All 12 backed up"
    assert {str(job.verdict.state) for job in found.jobs} == {"ok"}


def test_the_bad_night_of_the_demo_is_told_as_it_was(lab: Inputs) -> None:
    lab.rack.faults = demo_faults()
    lab.rack.settle()
    found = lab.board()

    assert states(found) == {
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
    assert found.overall.headline == "3 of 12 need you"
    assert reason(source(found, "backrest")) == "Can't be read: connection refused."
    assert [one.count for one in found.services if one.name in ("paperless", "nextcloud")] == [27, 28]


def test_next_runs_come_from_each_jobs_own_schedule(lab: Inputs) -> None:
    found = {one.name: one for one in lab.board().jobs}

    def local(name: str) -> str:
        next_run = found[name].next_run
        assert next_run is not None
        return f"{next_run.astimezone(MORNING.tzinfo):%a %H:%M}"

    assert local("databasement/dump/Daily") == "Tue 02:00"
    assert local("backrest/plan/vault") == "Tue 02:15"
    assert local("pve/backup/backup-critical") == "Tue 04:00"
    assert local("pve/backup/backup-noncritical") == "Mon 04:00"
    assert local("pbs/prune/prune-main") == "Tue 05:00"
    assert local("pbs/gc/main") == "Sat 03:00"


def test_without_a_map_everything_is_a_service_under_its_own_name(lab: Inputs) -> None:
    found = lab.board(services=False)

    assert {"jellyfin (pve:201)", "jellyfin"} & set(states(found))
    assert set(states(found).values()) <= {"ok", "running"}
    assert len(found.services) > 12


def test_a_wrong_fingerprint_makes_its_guests_unknown_and_nothing_else(lab: Inputs) -> None:
    found = lab.board(pbs={"fingerprint": ":".join(["ab"] * 32)})

    assert "its certificate has fingerprint" in reason(source(found, "pbs"))
    assert states(found)["nextcloud"] == "unknown"
    assert states(found)["app-configs"] == "ok"
    assert found.overall.state is State.UNKNOWN


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
def test_a_broken_list_of_snapshots_makes_its_guests_unknown_with_the_cause(lab: Inputs, how: Any, cause: str) -> None:
    lab.rack.break_answer("pbs", "/api2/json/admin/datastore/main/snapshots", how)
    found = lab.board()

    assert states(found)["nextcloud"] == "unknown"
    assert states(found)["app-configs"] == "ok"
    row = next(one for one in found.services if one.name == "nextcloud")
    assert cause in reason(row)
    assert source(found, "pbs").verdict.state is State.WARNING


@pytest.mark.parametrize("name", ["pbs", "pve", "databasement", "backrest"])
def test_a_refused_credential_is_said_and_nothing_of_that_source_is_ok(lab: Inputs, name: str) -> None:
    lab.rack.refuse_token(name)
    found = lab.board()

    assert source(found, name).verdict.state is State.UNKNOWN
    assert source(found, name).verdict.action
    kinds = {"pbs": "guest", "pve": "guest", "databasement": "database", "backrest": "plan"}
    parts = [part for one in found.services for part in one.parts if part.kind == kinds[name]]
    assert parts
    assert not [part.ref for part in parts if part.verdict.state is State.OK]
    secret = lab.rack.token(name)
    assert secret not in str(views.status(found))


@pytest.mark.parametrize("name", ["pbs", "pve", "databasement", "backrest"])
def test_a_source_that_is_away_never_leaves_anything_of_it_ok(lab: Inputs, name: str) -> None:
    lab.rack.close(name)
    try:
        found = lab.board()
    finally:
        lab.rack.open(name)

    assert reason(source(found, name)) == "Can't be read: connection refused."
    assert "unknown" in states(found).values()


def test_upkeep_that_does_not_start_is_missed(lab: Inputs) -> None:
    lab.rack.faults = (UpkeepStuck("prune", MORNING - timedelta(hours=30)),)
    prune = next(one for one in lab.board().jobs if one.name == "pbs/prune/prune-main")

    assert prune.verdict.state is State.MISSED


def test_judging_later_without_new_readings_makes_everything_unknown(lab: Inputs) -> None:
    config = load.load(lab.rack.write_config(lab.config))

    async def reports() -> dict[str, Any]:
        async with make_sources(config, Credentials(None)) as sources:
            return {one.name: await one.read(lambda: MORNING) for one in sources}

    found = board(asyncio.run(reports()), EMPTY, config.to_settings(), MORNING + timedelta(minutes=21))

    assert set(states(found).values()) == {"unknown"}
    assert found.overall.headline == "Can't tell for 12 of 12"
    assert replace(found, at=MORNING) != found


def test_each_service_tells_when_it_was_copied_to_the_places_far_away(lab: Inputs) -> None:
    found = {one.name: {copy.job: str(copy.state) for copy in one.copies} for one in lab.board().services}

    assert found["nextcloud"] == {"databasement/s3": "ok"}
    assert found["vault"] == {"backrest/b2": "ok"}
    assert found["jellyfin"] == {}


def test_everything_that_leaves_is_a_read(lab: Inputs) -> None:
    """GET to PBS, PVE and Databasement; to Backrest, which knows only POST, the login and the summary (design §5)."""
    lab.rack.requests.clear()
    lab.board()
    sent = {(one.source, one.method) for one in lab.rack.requests}
    to_backrest = {one.path for one in lab.rack.requests if one.source == "backrest"}

    assert sent == {("pbs", "GET"), ("pve", "GET"), ("databasement", "GET"), ("backrest", "POST")}
    assert to_backrest <= {
        "/v1.Authentication/Login",
        "/v1.Backrest/GetSummaryDashboard",
        "/v1.Backrest/GetOperations",
    }


@pytest.mark.parametrize("module", [pbs, pve, databasement])
def test_no_list_of_allowed_calls_holds_a_call_that_acts(module: ModuleType) -> None:
    """Some GETs of Databasement act: test-connection opens a connection or writes a file (databasement §1.2)."""
    assert module.ALLOWED
    for call in module.ALLOWED:
        assert call.method == "GET"
        assert "test-connection" not in call.path
        assert call.path.startswith(("/api2/json/", "/api/v1/", "/health"))
