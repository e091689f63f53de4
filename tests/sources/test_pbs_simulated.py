"""Reading a simulated Proxmox Backup Server, with everything that can go wrong on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sidecar.core.reports.report import Report
from sidecar.sources.pbs import ALLOWED, PbsSource
from sidecar.sources.proxmox import ProxmoxOptions
from sidecar.upstream.tls import Trust
from tests.simulators import HOMELAB, Rack
from tests.simulators.acl import DATASTORE_AUDIT, REMOTE_AUDIT, Acl, Grant, grants
from tests.simulators.faults import Maintenance
from tests.simulators.wire import How
from tests.sources.recorded import any_secret, broken, reading, run, texts, upstream

MONDAY = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def read_rack(rack: Rack, secret: str | None = None) -> Report:
    async def token_id(fresh: bool) -> str:
        return rack.token_id("pbs")

    async def token(fresh: bool) -> str:
        return secret or rack.token("pbs")

    async def work() -> Report:
        options = ProxmoxOptions("pbs", rack.url("pbs"), Trust(fingerprint=rack.pbs_fingerprint), token_id, token)
        opened = PbsSource(options)
        try:
            return await opened.read(lambda: MONDAY)
        finally:
            await opened.close()

    return run(work())


def test_a_refresh_makes_at_most_ten_calls_and_one_per_datastore_and_namespace(rack: Rack) -> None:
    report = read_rack(rack)
    stores, namespaces = 1, len(HOMELAB.datastore.namespaces)
    assert broken(report) == set()
    assert len(rack.requests) <= 10 + stores + namespaces
    assert {request.method for request in rack.requests} == {"GET"}
    assert report.tls_fingerprint == rack.pbs_fingerprint.lower()


def test_a_refused_token_is_denied(rack: Rack) -> None:
    rack.refuse_token("pbs")
    report = read_rack(rack)
    assert report.problem is not None
    assert report.problem.denied
    assert report.problem.cause.startswith("HTTP 401: authentication failed")


def test_a_secret_is_percent_encoded(rack: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rack.site.access["pbs"], "secret", "a%41:b c")
    assert read_rack(rack).problem is None


def test_a_closed_port_is_the_problem_of_the_whole_source(rack: Rack) -> None:
    rack.close("pbs")
    try:
        report = read_rack(rack)
    finally:
        rack.open("pbs")
    assert report.problem is not None
    assert not report.problem.denied
    assert report.problem.cause == "connection refused"


def test_a_permission_without_propagation_is_named(rack: Rack) -> None:
    rack.set_permissions("pbs", Acl({"/datastore": Grant(DATASTORE_AUDIT, propagate=False)}))
    report = read_rack(rack)
    assert report.problem is not None
    assert report.problem.denied


def test_without_sys_audit_tasks_are_a_limit(rack: Rack) -> None:
    rack.set_permissions("pbs", grants(datastore=DATASTORE_AUDIT, remote=REMOTE_AUDIT))
    report = read_rack(rack)
    assert report.reading("tasks") is None
    (limit,) = texts(report.limits)
    assert "Sys.Audit" in limit


def test_maintenance_blanks_the_datastore_and_spares_the_rest(rack: Rack) -> None:
    rack.faults = [Maintenance("offline", "new disk", MONDAY - timedelta(hours=1), MONDAY + timedelta(hours=1))]
    report = read_rack(rack)
    assert broken(report) == {("namespaces", "main"), ("snapshots", "main", "")}
    assert reading(report, "upkeep", "prune").facts


@pytest.mark.parametrize("how", ["garbage", "truncated", "wrong-type", 500, 403])
@pytest.mark.parametrize(
    ("path", "scopes"),
    [
        ("/admin/prune", {("upkeep", "prune")}),
        ("/admin/gc", {("upkeep", "gc")}),
        ("/nodes/localhost/time", {("zone",)}),
        ("/nodes/localhost/tasks", {("tasks",)}),
        ("/status/datastore-usage", set()),
        ("/version", set()),
        ("/admin/datastore/main/namespace", {("namespaces", "main")}),
        ("/admin/datastore/main/snapshots", {("snapshots", "main", ""), ("snapshots", "main", "archive")}),
    ],
)
def test_a_broken_answer_blanks_only_its_own_scope(
    rack: Rack, path: str, scopes: set[tuple[str, ...]], how: How
) -> None:
    rack.break_answer("pbs", f"/api2/json{path}", how)
    assert broken(run(in_process(rack).read(lambda: MONDAY))) == scopes


@pytest.mark.parametrize("how", ["garbage", "wrong-type", "redirect", 500])
def test_without_proof_of_permissions_nothing_is_read(rack: Rack, how: How) -> None:
    rack.break_answer("pbs", "/api2/json/access/permissions", how)
    report = run(in_process(rack).read(lambda: MONDAY))
    assert report.problem is not None
    assert report.readings == ()


def in_process(rack: Rack) -> PbsSource:
    """The same server without TLS: quicker, for tests that don't look at the connection."""

    async def headers(fresh: bool) -> dict[str, str]:
        return {"Authorization": f"PBSAPIToken={rack.token_id('pbs')}:{rack.token('pbs')}"}

    options = ProxmoxOptions("pbs", "https://lab.invalid", Trust(), any_secret, any_secret)
    return PbsSource(options, upstream=upstream(rack.transport("pbs"), ALLOWED, headers))
