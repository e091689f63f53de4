"""Reading a Proxmox Backup Server: what a running one once said, and a simulated one with everything that can go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import httpx
import pytest

from sidecar.core.report import BackupGroup, Datastore, Namespace, Reading, Report, Task, UpkeepJob, Zone
from sidecar.fetch import Headers
from sidecar.sources.pbs import ALLOWED, PbsOptions, PbsSource
from sidecar.tls import Trust
from tests.sources.recorded import NOW, Answering, any_secret, clock, no_headers, recorded, run, upstream
from tests.upstreams import HOMELAB, Rack
from tests.upstreams.acl import DATASTORE_AUDIT, PBS_FULL, REMOTE_AUDIT, Acl, Grant, grants
from tests.upstreams.faults import Maintenance
from tests.upstreams.wire import How

MONDAY = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def source(transport: httpx.AsyncBaseTransport, headers: Headers = no_headers) -> PbsSource:
    options = PbsOptions("pbs", "https://lab.invalid", Trust(), any_secret, any_secret)
    return PbsSource(options, upstream=upstream(transport, ALLOWED, headers))


def read(*states: str, **changed: Any) -> Report:
    """What the source makes of recorded answers; ``changed`` are answers by their path, its "/" written as "__"."""
    answers = recorded(*states) | {f"/{path.replace('__', '/')}": data for path, data in changed.items()}
    return run(source(Answering(answers)).read(clock))


def reading(report: Report, *scope: str) -> Reading:
    found = report.reading(*scope)
    assert found is not None, scope
    return found


def cause(report: Report, *scope: str) -> str:
    problem = reading(report, *scope).problem
    return problem.cause if problem else ""


def broken(report: Report) -> set[tuple[str, ...]]:
    return {one.scope for one in report.readings if one.problem}


# --- what a running server said ---


def test_a_server_is_read_into_one_reading_per_scope() -> None:
    report = read("pbs_main")
    assert (report.version, report.problem, report.limits) == ("3.2.4", None, ())
    assert reading(report, "zone").facts == (Zone(None, "Europe/Vienna"),)
    names = ("", "clusterB", "empty", "clusterA", "clusterA/sub")
    assert reading(report, "namespaces", "store1").facts == tuple(Namespace("store1", name) for name in names)
    assert {one.scope[2] for one in report.within("snapshots", "store1")} == set(names)
    counts = {kind: len(reading(report, "upkeep", kind).of(UpkeepJob)) for kind in ("prune", "gc", "verify", "sync")}
    assert counts == {"prune": 6, "gc": 3, "verify": 4, "sync": 9}
    assert len(reading(report, "snapshots", "store1", "clusterA").of(BackupGroup)) == 8
    assert all(one.as_of == NOW for one in report.readings if one.problem is None)


def test_an_existing_empty_namespace_is_empty_and_read() -> None:
    found = reading(read("pbs_main"), "snapshots", "store1", "empty")
    assert (found.facts, found.problem, found.as_of) == ((), None, NOW)


def test_datastores_are_listed_with_their_room() -> None:
    stores = {one.name: one for one in reading(read("pbs_main"), "datastores").of(Datastore)}
    assert stores["store3"].maintenance == "offline"
    assert stores["store3"].total is None
    assert stores["store3"].error == "datastore 'store3' is in offline maintenance mode: disk swap tonight"
    assert stores["store1"].total
    assert stores["store1"].full_at is None


def test_a_datastore_in_offline_maintenance_has_a_problem_in_all_its_scopes_and_is_not_asked() -> None:
    transport = Answering(recorded("pbs_main"))
    report = run(source(transport).read(clock))
    for scope in (("namespaces", "store3"), ("snapshots", "store3", "")):
        assert cause(report, *scope) == "datastore store3 is in maintenance: offline"
    assert not [asked for asked in transport.asked if "/store3/" in asked]


def test_only_uploads_and_running_tasks_are_facts() -> None:
    tasks = reading(read("pbs_main"), "tasks").of(Task)
    assert tasks
    assert all(task.type == "backup" or task.status is None for task in tasks)


@pytest.mark.parametrize("state", ["pbs_fresh", "pbs_main_noacl", "pbs_main_no_propagate"])
def test_a_token_that_may_see_nothing_is_denied_and_told_which_grant_cures_it(state: str) -> None:
    report = read("pbs_main", state)
    assert report.readings == ()
    assert report.problem is not None
    assert report.problem.denied
    assert "Datastore.Audit with propagation is missing on /datastore" in report.problem.cause
    assert "acl update /datastore DatastoreAudit" in (report.problem.action or "")


def test_a_token_for_one_namespace_sees_it_and_proves_nothing_about_the_others() -> None:
    report = read("pbs_main", "pbs_main_ns_clustera_only")
    assert report.problem is None
    assert len(reading(report, "snapshots", "store1", "clusterA").facts) == 8
    assert report.reading("snapshots", "store1", "") is None
    listing = reading(report, "namespaces", "store1")
    assert listing.problem is not None
    assert listing.problem.denied
    (store,) = reading(report, "datastores").of(Datastore)
    assert (store.name, store.total) == ("store1", None)
    assert len(report.limits) == 3


def test_an_acl_entry_below_that_replaces_the_audit_closes_only_its_namespaces() -> None:
    report = read("pbs_main", "pbs_main_deeper_acl_replaces")
    closed = {one.scope[2] for one in report.within("snapshots", "store1") if one.problem and one.problem.denied}
    assert closed == {"clusterA", "clusterA/sub"}
    assert len(reading(report, "snapshots", "store1", "").facts) == 6


def test_what_the_token_can_do_without_is_a_limit_with_its_grant() -> None:
    report = read("pbs_main", "pbs_main_datastore_without_remote_and_sys")
    assert report.problem is None
    assert report.reading("tasks") is None
    remote, tasks = report.limits
    assert "Remote.Audit" in remote
    assert "acl update /remote RemoteAudit" in remote
    assert "Sys.Audit" in tasks
    assert "acl update /system/tasks Audit" in tasks


def test_a_datastore_that_looks_empty_beside_counted_archives_is_a_lost_mount_and_not_empty() -> None:
    report = read("pbs_main", "pbs_lost_mount")
    for scope in (("namespaces", "store4"), ("snapshots", "store4", "")):
        assert cause(report, *scope) == (
            "datastore store4 looks empty, but its last garbage collection counted 8 archives"
        )
    assert not [scope for scope in broken(report) if scope[1] == "store1"]


def test_a_datastore_that_never_held_an_archive_is_empty() -> None:
    report = read("pbs_main", "pbs_lost_mount", admin__gc=[])
    assert reading(report, "snapshots", "store4", "").problem is None


def test_a_lost_mount_also_spoils_the_namespaces_that_were_seen_before() -> None:
    transport = Answering(recorded("pbs_main", "pbs_lost_mount"))
    lab = source(transport)
    lost = recorded("pbs_lost_mount")
    transport.answers["/admin/datastore/store4/namespace"] = [{"ns": ""}, {"ns": "critical"}]
    group = {"backup-type": "ct", "backup-id": "101", "backup-time": 1795402802, "size": 5}
    transport.answers["/admin/datastore/store4/snapshots?ns=critical"] = [group]
    assert reading(run(lab.read(clock)), "snapshots", "store4", "critical").facts
    transport.answers |= lost
    assert "looks empty" in cause(run(lab.read(clock)), "snapshots", "store4", "critical")


def test_a_namespace_that_is_gone_is_a_problem_of_its_own() -> None:
    gone = recorded("pbs_errors")["/admin/datastore/store1/snapshots?ns=nosuchns"]
    transport = Answering(recorded("pbs_main") | {"/admin/datastore/store1/snapshots?ns=clusterB": gone})
    report = run(source(transport).read(clock))
    assert cause(report, "snapshots", "store1", "clusterB") == "HTTP 400: ENOENT: No such file or directory"
    assert reading(report, "snapshots", "store1", "clusterA").problem is None


# --- versions ---


@pytest.mark.parametrize(
    ("version", "release", "asked", "limit"),
    [
        ("3.1", "5", "/admin/sync", "version 3.1.5 is older than 3.2"),
        ("3.2", "4", "/admin/sync", None),
        ("3.3", "0", "/admin/sync?sync-direction=all", None),
        ("4.2", "1", "/admin/sync?sync-direction=all", None),
    ],
)
def test_push_jobs_are_asked_for_where_the_version_knows_them(
    version: str, release: str, asked: str, limit: str | None
) -> None:
    answers = recorded("pbs_main") | {"/version": {"version": version, "release": release}}
    transport = Answering(answers | {"/admin/sync?sync-direction=all": []})
    report = run(source(transport).read(clock))
    assert asked in transport.asked
    assert report.version == f"{version}.{release}"
    assert [text for text in report.limits if limit and text.startswith(limit)] == list(report.limits)


def test_an_unreadable_version_is_a_limit_and_hides_nothing() -> None:
    report = read("pbs_main", version={"status": 500, "body": "no"})
    assert report.version is None
    assert report.limits == ("its version could not be read: HTTP 500: no",)
    assert reading(report, "snapshots", "store1", "").facts


# --- rows and scopes that fail ---


def test_rows_that_cannot_be_read_are_left_out_and_counted() -> None:
    rows = [{"backup-type": "ct", "backup-id": "101", "backup-time": 1795402802, "size": 5}, "?", {"backup-type": 7}]
    report = read("pbs_main", admin__datastore__store1__snapshots=rows)
    assert len(reading(report, "snapshots", "store1", "").facts) == 1
    assert report.limits == ("2 of 3 rows of the snapshots of store1 could not be read",)


def test_a_list_without_a_readable_row_is_a_problem_and_not_empty() -> None:
    report = read("pbs_main", admin__datastore__store1__snapshots=["?", {}])
    assert cause(report, "snapshots", "store1", "") == "none of the 2 rows of its answer could be read"


def test_without_the_usage_the_datastores_are_there_and_their_room_is_not() -> None:
    report = read("pbs_main", **{"status__datastore-usage": {"status": 400, "body": "ENOENT"}})
    assert all(store.total is None for store in reading(report, "datastores").of(Datastore))
    assert report.limits == ("how full the datastores are could not be read: HTTP 400: ENOENT",)


def test_while_namespaces_cannot_be_listed_those_that_were_seen_are_read() -> None:
    transport = Answering(recorded("pbs_main"))
    lab = source(transport)
    run(lab.read(clock))
    transport.answers["/admin/datastore/store1/namespace"] = {"status": 500, "body": "no"}
    report = run(lab.read(clock))
    assert cause(report, "namespaces", "store1") == "HTTP 500: no"
    assert reading(report, "snapshots", "store1", "clusterA").facts


def test_while_datastores_cannot_be_listed_all_scopes_that_were_seen_have_that_problem() -> None:
    transport = Answering(recorded("pbs_main"))
    lab = source(transport)
    run(lab.read(clock))
    transport.answers["/admin/datastore"] = {"status": 500, "body": "no"}
    report = run(lab.read(clock))
    assert cause(report, "snapshots", "store1", "clusterA") == "HTTP 500: no"
    transport.answers["/admin/datastore"] = [{"store": "store4"}]
    assert not run(lab.read(clock)).within("snapshots", "store1")


def test_a_listing_of_namespaces_that_timed_out_is_left_alone_for_an_hour() -> None:
    path = "/admin/datastore/store1/namespace"
    transport = Answering(recorded("pbs_main") | {path: httpx.ReadTimeout("slow")})
    lab, times = source(transport), []
    for now in (NOW, NOW + timedelta(minutes=59), NOW + timedelta(minutes=61)):
        report = run(lab.read(partial(_the_time, now)))
        assert "timed out" in cause(report, "namespaces", "store1")
        times.append(transport.asked.count(path))
    assert times == [1, 1, 2]


def _the_time(now: datetime) -> datetime:
    return now


def test_a_reading_is_as_old_as_the_moment_before_its_call_was_sent() -> None:
    seconds = count()

    def tick() -> datetime:
        return NOW + timedelta(seconds=next(seconds))

    class Stamping(Answering):
        sent: dict[str, datetime] = {}  # noqa: RUF012

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            self.sent[request.url.path.rpartition("/")[2]] = tick()
            return await super().handle_async_request(request)

    transport = Stamping(recorded("pbs_main"))
    report = run(source(transport).read(tick))
    assert report.at == NOW
    for scope, path in ((("upkeep", "prune"), "prune"), (("zone",), "time"), (("datastores",), "datastore")):
        as_of = reading(report, *scope).as_of
        assert as_of is not None
        assert timedelta() < transport.sent[path] - as_of < timedelta(seconds=6)


# --- the simulated server ---


@pytest.fixture(scope="module")
def open_rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    with Rack(HOMELAB, lambda: MONDAY, tmp_path_factory.mktemp("rack")) as opened:
        yield opened


@pytest.fixture
def rack(open_rack: Rack) -> Iterator[Rack]:
    yield open_rack
    open_rack.mend("pbs")
    open_rack.refuse_token("pbs", refused=False)
    open_rack.set_permissions("pbs", PBS_FULL)
    open_rack.faults = ()
    open_rack.requests.clear()


def read_rack(rack: Rack, secret: str | None = None) -> Report:
    async def token_id(fresh: bool) -> str:
        return rack.token_id("pbs")

    async def token(fresh: bool) -> str:
        return secret or rack.token("pbs")

    async def work() -> Report:
        options = PbsOptions("pbs", rack.url("pbs"), Trust(fingerprint=rack.pbs_fingerprint), token_id, token)
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
    (limit,) = report.limits
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

    return source(rack.transport("pbs"), headers)
