"""Reading a simulated Proxmox VE cluster, with everything that can go wrong on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sidecar.core.reports.facts import BackupJob, Guest, Node, Storage, Task, Zone
from sidecar.core.reports.report import Report
from sidecar.sources.proxmox import ProxmoxOptions
from sidecar.sources.pve import ALLOWED, PveSource
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Headers
from tests.simulators import HOMELAB, Rack
from tests.simulators.acl import PVE_AUDITOR, Acl, Grant, grants
from tests.simulators.faults import NodeDown
from tests.simulators.wire import How
from tests.sources.recorded import any_secret, broken, cause, no_headers, reading, run, texts, upstream

MONDAY = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def source(transport: httpx.AsyncBaseTransport, headers: Headers = no_headers) -> PveSource:
    options = ProxmoxOptions("pve", "https://lab.invalid", Trust(), any_secret, any_secret)
    return PveSource(options, upstream=upstream(transport, ALLOWED, headers))


def read_over_tls(rack: Rack) -> Report:
    async def token_id(fresh: bool) -> str:
        return rack.token_id("pve")

    async def token(fresh: bool) -> str:
        return rack.token("pve")

    async def work() -> Report:
        trust = Trust(ca_file=rack.ca_file("pve"))
        opened = PveSource(ProxmoxOptions("pve", rack.url("pve"), trust, token_id, token))
        try:
            return await opened.read(lambda: MONDAY)
        finally:
            await opened.close()

    return run(work())


def read_rack(rack: Rack) -> Report:
    """The same cluster without TLS: quicker, for tests that don't look at the connection."""

    async def headers(fresh: bool) -> dict[str, str]:
        return {"Authorization": f"PVEAPIToken={rack.token_id('pve')}={rack.token('pve')}"}

    return run(source(rack.transport("pve"), headers).read(lambda: MONDAY))


def test_a_cluster_is_read_into_one_reading_per_scope(rack: Rack) -> None:
    report = read_over_tls(rack)
    assert (report.version, report.problem, texts(report.limits), broken(report)) == ("9.2.11", None, (), set())
    assert {guest.vmid for guest in report.facts(Guest)} == {guest.vmid for guest in HOMELAB.guests}
    assert [job.guests for job in report.facts(BackupJob)] == [job.guests for job in HOMELAB.jobs]
    assert reading(report, "nodes").of(Node) == (Node("pve1", online=True), Node("pve2", online=True))
    assert reading(report, "zone", "pve2").facts == (Zone("pve2", "Europe/Berlin"),)
    (storage,) = report.facts(Storage)
    assert storage.fingerprint == rack.pbs_fingerprint.lower()
    assert reading(report, "tasks", "pve1").of(Task)
    logs = [request for request in rack.requests if request.path.endswith("/log")]
    assert len(rack.requests) - len(logs) == 6 + len(HOMELAB.jobs) + 2 * len(HOMELAB.nodes)
    assert 0 < len(logs) <= 10
    assert {request.method for request in rack.requests} == {"GET"}


def test_a_node_that_is_off_has_a_problem_in_its_scopes_and_is_not_asked(rack: Rack) -> None:
    rack.faults = [NodeDown("pve2", MONDAY - timedelta(hours=1), MONDAY + timedelta(hours=1))]
    report = read_rack(rack)
    assert broken(report) == {("tasks", "pve2"), ("zone", "pve2")}
    assert cause(report, "tasks", "pve2") == "node pve2 is offline"
    assert not [request for request in rack.requests if "/nodes/pve2/" in request.path]


def test_a_refused_token_is_denied(rack: Rack) -> None:
    rack.refuse_token("pve")
    report = read_over_tls(rack)
    assert report.problem is not None
    assert report.problem.denied
    assert report.problem.cause == "HTTP 401"


def test_a_token_without_any_permission_is_denied_with_the_grant_that_fixes_it(rack: Rack) -> None:
    rack.set_permissions("pve", Acl())
    report = read_rack(rack)
    assert report.problem is not None
    assert report.problem.denied
    assert "pveum acl modify / --roles PVEAuditor" in (report.problem.action or "")


NODES = {("zone", "pve1"), ("tasks", "pve1"), ("zone", "pve2"), ("tasks", "pve2")}


@pytest.mark.parametrize(
    ("missing", "closed"),
    [
        ("VM.Audit", {("guests",)}),
        ("Datastore.Audit", {("storages",)}),
        ("Sys.Audit", {("jobs",), *NODES}),
    ],
)
def test_a_missing_privilege_closes_its_scopes_and_is_named(
    rack: Rack, missing: str, closed: set[tuple[str, ...]]
) -> None:
    rack.set_permissions("pve", Acl({"/": Grant(PVE_AUDITOR - {missing})}))
    report = read_rack(rack)
    assert broken(report) == closed
    for scope in closed:
        problem = reading(report, *scope).problem
        assert problem is not None
        assert problem.denied
        assert missing in problem.cause


def test_a_token_that_sees_some_guests_says_so(rack: Rack) -> None:
    rack.set_permissions("pve", Acl({"/": Grant(PVE_AUDITOR - {"VM.Audit"}), "/vms/101": Grant(PVE_AUDITOR)}))
    report = read_rack(rack)
    assert [guest.vmid for guest in report.facts(Guest)] == [101]
    (limit,) = texts(report.limits)
    assert "VM.Audit on all of /vms" in limit
    assert "pveum acl modify /vms --roles PVEAuditor" in limit


def test_an_empty_list_of_guests_is_no_proof_for_a_token_that_sees_only_some(rack: Rack) -> None:
    rack.set_permissions("pve", Acl({"/vms/99999": Grant(PVE_AUDITOR)}))
    assert cause(read_rack(rack), "guests") == "the token may not see guests: VM.Audit is missing on /vms"


def test_guests_seen_through_their_pool_are_asked_for(rack: Rack) -> None:
    rack.set_permissions("pve", grants(pool=PVE_AUDITOR))
    read_rack(rack)
    assert "/api2/json/cluster/resources" in {request.path for request in rack.requests}


@pytest.mark.parametrize("how", ["garbage", "truncated", "wrong-type", 500])
@pytest.mark.parametrize(
    ("path", "scopes"),
    [
        ("/cluster/resources", {("guests",)}),
        ("/cluster/backup", {("jobs",)}),
        ("/storage", {("storages",)}),
        ("/nodes/pve2/tasks", {("tasks", "pve2")}),
        ("/nodes/pve1/time", {("zone", "pve1")}),
        ("/version", set()),
    ],
)
def test_a_broken_answer_blanks_only_its_own_scope(
    rack: Rack, path: str, scopes: set[tuple[str, ...]], how: How
) -> None:
    rack.break_answer("pve", f"/api2/json{path}", how)
    assert broken(read_rack(rack)) == scopes


@pytest.mark.parametrize("how", ["garbage", "wrong-type", 500])
def test_without_proof_of_permissions_nothing_is_read(rack: Rack, how: How) -> None:
    rack.break_answer("pve", "/api2/json/access/permissions", how)
    report = read_rack(rack)
    assert report.problem is not None
    assert report.readings == ()
