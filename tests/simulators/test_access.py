"""The simulated upstreams let in and show what the real ones do, and word their errors alike."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.simulators import HOMELAB, Rack
from tests.simulators.acl import DATASTORE_AUDIT, PVE_AUDITOR, Acl, Grant, grants
from tests.simulators.conftest import MONDAY, Clock
from tests.simulators.faults import Maintenance
from tests.simulators.visitor import ask, authorization, tell, visitor

SAMPLES = Path(__file__).parent / "samples"
STORE = "/api2/json/admin/datastore/main"


@pytest.mark.parametrize("source", ["pbs", "pve", "databasement", "backrest"])
def test_a_credential_that_was_rotated_or_revoked_is_refused(rack: Rack, source: str) -> None:
    path = {"databasement": "/api/v1/jobs", "backrest": "/v1.Backrest/GetOperations"}.get(source, "/api2/json/version")
    with visitor(rack, source) as client:
        rack.rotate_token(source)
        assert client.get(path).status_code == 401
        fresh = authorization(rack, source)
        assert client.get(path, headers=fresh).status_code != 401
        rack.refuse_token(source)
        assert client.get(path, headers=fresh).status_code == 401


def test_a_pbs_token_without_acl_gets_empty_lists_and_403_for_content(rack: Rack) -> None:
    rack.set_permissions("pbs", Acl())

    empty = ("/access/permissions", "/admin/datastore", "/status/datastore-usage", "/admin/gc", "/admin/prune")
    assert all(not ask(rack, "pbs", f"/api2/json{path}").json()["data"] for path in empty)
    assert ask(rack, "pbs", "/api2/json/nodes/localhost/tasks").json() == {"total": 0, "data": []}
    denied = ask(rack, "pbs", f"{STORE}/snapshots")
    assert denied.status_code == 403
    assert denied.text == "permission check failed - missing Datastore.Audit|Datastore.Backup on /datastore/main"


def test_a_pbs_token_for_one_namespace_sees_that_one_and_no_room(rack: Rack) -> None:
    rack.set_permissions("pbs", grants(**{"datastore/main/archive": DATASTORE_AUDIT}))

    assert ask(rack, "pbs", f"{STORE}/namespace").json()["data"] == [{"ns": "archive"}]
    assert ask(rack, "pbs", f"{STORE}/status").json()["data"] == {"total": 0, "used": 0, "avail": 0}
    assert ask(rack, "pbs", "/api2/json/status/datastore-usage").json()["data"] == [{"store": "main"}]
    assert ask(rack, "pbs", "/api2/json/admin/datastore").json()["data"] == [{"comment": None, "store": "main"}]
    assert len(ask(rack, "pbs", f"{STORE}/snapshots?ns=archive").json()["data"]) == 5
    assert ask(rack, "pbs", f"{STORE}/snapshots").status_code == 403
    assert ask(rack, "pbs", f"{STORE}/gc").status_code == 403


def test_a_grant_that_does_not_propagate_shows_no_datastore(rack: Rack) -> None:
    rack.set_permissions("pbs", Acl({"/datastore": Grant(DATASTORE_AUDIT, propagate=False)}))

    assert ask(rack, "pbs", "/api2/json/access/permissions").json()["data"] == {
        "/datastore": {"Datastore.Audit": False}
    }
    assert ask(rack, "pbs", "/api2/json/admin/datastore").json()["data"] == []


def test_a_pve_token_without_sys_audit_gets_403_and_own_tasks_only(rack: Rack) -> None:
    rack.set_permissions("pve", Acl({"/vms": Grant(frozenset({"VM.Audit"}))}))

    for path in ("/cluster/backup", "/cluster/backup-info/not-backed-up", "/nodes/pve1/time"):
        assert ask(rack, "pve", f"/api2/json{path}").status_code == 403
    assert ask(rack, "pve", "/api2/json/nodes/pve1/tasks").json() == {"total": 0, "data": []}
    assert ask(rack, "pve", "/api2/json/storage").json()["data"] == []
    assert len(ask(rack, "pve", "/api2/json/cluster/resources").json()["data"]) == len(HOMELAB.guests)


def test_pve_lists_guests_and_archives_only_with_the_right_on_each(rack: Rack) -> None:
    rack.set_permissions("pve", Acl({"/": Grant(PVE_AUDITOR), "/vms/101": Grant(frozenset())}))
    content = "/api2/json/nodes/pve1/storage/pbs-main/content"

    guests = ask(rack, "pve", "/api2/json/cluster/resources?type=vm").json()["data"]
    assert 101 not in {guest["vmid"] for guest in guests}
    assert ask(rack, "pve", content).json()["data"] == []
    rack.set_permissions("pve", Acl({"/": Grant(PVE_AUDITOR | {"Datastore.Allocate"})}))
    assert ask(rack, "pve", content).json()["data"] != []


@pytest.mark.parametrize(
    ("case", "path", "header"),
    [
        ("no_authorization_header", "/api2/json/version", None),
        ("malformed_token", "/api2/json/version", "PBSAPIToken=garbage"),
        ("unknown_token_name", "/api2/json/version", "PBSAPIToken=monitor@pbs!nosuch:x"),
        ("wrong_secret", "/api2/json/version", "PBSAPIToken=monitor@pbs!glance:x"),
        ("unknown_path", "/api2/json/no/such/path", ""),
        ("unknown_parameter", f"{STORE}/snapshots?bogus=1", ""),
        ("parameter_given_twice", f"{STORE}/snapshots?ns=a&ns=b", ""),
        ("bad_boolean", f"{STORE}/status?verbose=maybe", ""),
        ("max_depth_out_of_range", f"{STORE}/namespace?max-depth=8", ""),
        ("missing_namespace_snapshots", f"{STORE}/snapshots?ns=nosuchns", ""),
        ("admin_sync_with_sync-direction", "/api2/json/admin/sync?sync-direction=all", ""),
    ],
)
def test_pbs_errors_are_worded_and_typed_as_recorded(demo: Rack, case: str, path: str, header: str | None) -> None:
    recorded = json.loads((SAMPLES / "pbs_errors.json").read_text(encoding="utf-8"))[case]
    with visitor(demo, "pbs", authorised=header == "") as client:
        answer = client.get(path, headers={"Authorization": header} if header else {})

    assert answer.status_code == recorded["status"]
    assert answer.text == recorded["body"]
    assert answer.headers.get("content-type") == recorded["content_type"]


@pytest.mark.parametrize(
    ("source", "path", "status"),
    [("pbs", "/api2/json/version", 404), ("pve", "/api2/json/version", 501), ("databasement", "/api/v1/jobs", 403)],
)
def test_nothing_can_be_written(demo: Rack, source: str, path: str, status: int) -> None:
    with visitor(demo, source) as client:
        assert client.post(path).status_code == status


def test_databasement_sends_a_stranger_to_its_login_page_unless_he_accepts_json(demo: Rack) -> None:
    with visitor(demo, "databasement", authorised=False) as client:
        assert client.get("/api/v1/jobs").json() == {"message": "Unauthenticated."}
        away = client.get("/api/v1/jobs", headers={"Accept": "*/*"})
    assert (away.status_code, away.headers["location"]) == (302, f"{demo.url('databasement')}/login")


def test_databasement_pages_hold_at_most_100_and_its_links_forget_the_size(demo: Rack) -> None:
    standard = ask(demo, "databasement", "/api/v1/jobs").json()
    large = ask(demo, "databasement", "/api/v1/jobs?filter[type]=backup&per_page=500").json()
    rest = ask(demo, "databasement", "/api/v1/jobs?filter[type]=backup&per_page=500&page=2").json()

    assert standard["meta"]["per_page"] == len(standard["data"]) == 15
    assert large["meta"]["per_page"] == len(large["data"]) == 100
    assert large["links"]["next"] == f"{demo.url('databasement')}/api/v1/jobs?page=2"
    assert len({row["id"] for row in large["data"] + rest["data"]}) == large["meta"]["total"]
    assert ask(demo, "databasement", "/api/v1/jobs?filter[server_id]=1").status_code == 400


def test_backrest_errors_are_connect_errors_and_login_gives_a_token_for_a_week(rack: Rack, clock: Clock) -> None:
    operations = "/v1.Backrest/GetOperations"
    assert tell(rack, "Backrest/GetOperations", {}).json() == {"code": "unknown", "message": "empty selector"}
    wrong = tell(rack, "Authentication/Login", {"username": "glance", "password": "wrong"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "unauthenticated")
    right = tell(rack, "Authentication/Login", {"username": "glance", "password": rack.token("backrest")})
    with visitor(rack, "backrest", authorised=False) as client:
        bearer = {"Authorization": f"Bearer {right.json()['token']}"}
        assert client.post(operations, json={"selector": {}}, headers=bearer).status_code == 200
        assert client.get(operations, headers=bearer).status_code == 405
        assert client.post(operations, headers=bearer).status_code == 415
        assert client.post(operations, json={"selector": {}}).text == "Unauthorized (No Authorization Header)\n"
        clock.now = datetime(2026, 12, 1, tzinfo=UTC)
        assert client.post(operations, json={"selector": {}}, headers=bearer).text == "Unauthorized (Bad Token)\n"


def test_an_offline_datastore_stays_listed_and_its_content_is_400(rack: Rack) -> None:
    rack.faults = (Maintenance("offline", "disk swap", MONDAY, datetime(2026, 11, 24, tzinfo=UTC)),)

    assert "offline" in ask(rack, "pbs", "/api2/json/admin/datastore").json()["data"][0]["maintenance"]
    answer = ask(rack, "pbs", f"{STORE}/snapshots")
    assert (answer.status_code, answer.text) == (400, "datastore 'main' is in offline maintenance mode: disk swap")
    assert ask(rack, "pbs", "/api2/json/admin/gc").json()["data"] == []
