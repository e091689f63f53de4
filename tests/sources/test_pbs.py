"""Reading a Proxmox Backup Server that answers with recordings of a running 3.2.4, or variations of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any

import httpx
import pytest

from sidecar.core.reports.facts import BackupGroup, Datastore, Namespace, Task, UpkeepJob, Zone
from sidecar.core.reports.report import Limit, LimitKind, ProblemKind, Report
from sidecar.sources import Secret
from sidecar.sources.pbs import ALLOWED, PbsSource
from sidecar.sources.proxmox import ProxmoxOptions
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Headers
from tests.sources.recorded import (
    NOW,
    Answering,
    any_secret,
    broken,
    cause,
    clock,
    no_headers,
    reading,
    recorded,
    run,
    texts,
    upstream,
)

MONDAY = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)


def source(transport: httpx.AsyncBaseTransport, headers: Headers = no_headers) -> PbsSource:
    options = ProxmoxOptions("pbs", "https://lab.invalid", Trust(), any_secret, any_secret)
    return PbsSource(options, upstream=upstream(transport, ALLOWED, headers))


def read(*states: str, **changed: Any) -> Report:
    """What the source makes of recorded answers; ``changed`` are answers by their path, its "/" written as "__"."""
    answers = recorded(*states) | {f"/{path.replace('__', '/')}": data for path, data in changed.items()}
    return run(source(Answering(answers)).read(clock))


# --- recordings of a running server ---


def test_a_server_is_read_into_one_reading_per_scope() -> None:
    report = read("pbs_main")
    assert (report.version, report.problem, texts(report.limits)) == ("3.2.4", None, ())
    assert [zone.timezone for zone in reading(report, "zone").of(Zone)] == ["Europe/Vienna"]
    names = ("", "clusterB", "empty", "clusterA", "clusterA/sub")
    assert reading(report, "namespaces", "store1").facts == tuple(Namespace("store1", name) for name in names)
    assert {reading.scope[2] for reading in report.within("snapshots", "store1")} == set(names)
    counts = {kind: len(reading(report, "upkeep", kind).of(UpkeepJob)) for kind in ("prune", "gc", "verify", "sync")}
    assert counts == {"prune": 6, "gc": 3, "verify": 4, "sync": 9}
    assert len(reading(report, "snapshots", "store1", "clusterA").of(BackupGroup)) == 8
    assert all(reading.as_of == NOW for reading in report.readings if reading.problem is None)


def test_an_existing_empty_namespace_is_empty_and_read() -> None:
    empty = reading(read("pbs_main"), "snapshots", "store1", "empty")
    assert (empty.facts, empty.problem, empty.as_of) == ((), None, NOW)


def test_datastores_are_listed_with_their_room() -> None:
    stores = {datastore.name: datastore for datastore in reading(read("pbs_main"), "datastores").of(Datastore)}
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


def test_a_verification_that_neither_failed_nor_succeeded_is_a_limit_and_no_failure() -> None:
    path = "/admin/datastore/store1/snapshots?ns=clusterA"
    rows = [
        {**row, "verification": {**row["verification"], "state": "pending"}} if "verification" in row else row
        for row in recorded("pbs_main")[path]["body"]["data"]
    ]
    report = run(source(Answering(recorded("pbs_main") | {path: rows})).read(clock))

    groups = reading(report, "snapshots", "store1", "clusterA").of(BackupGroup)
    assert groups
    assert not [snapshot for group in groups for snapshot in group.snapshots if snapshot.verification]
    count = sum("verification" in row for row in rows)
    assert texts(report.limits) == (
        f"the verification of {count} backups in store1/clusterA is neither ok nor failed (pending), and does not count",
    )


def test_only_uploads_and_running_tasks_are_facts() -> None:
    tasks = reading(read("pbs_main"), "tasks").of(Task)
    assert tasks
    assert all(task.type == "backup" or task.status is None for task in tasks)


@pytest.mark.parametrize("state", ["pbs_fresh", "pbs_main_noacl", "pbs_main_no_propagate"])
def test_a_token_that_may_see_nothing_is_denied_with_the_grant_that_fixes_it(state: str) -> None:
    report = read("pbs_main", state)
    assert report.readings == ()
    assert report.problem is not None
    assert report.problem.denied
    assert (report.problem.kind, report.problem.culprit) == (ProblemKind.NO_PERMISSION, "/datastore")
    assert "Datastore.Audit with propagation is missing on /datastore" in report.problem.cause
    assert "acl update /datastore DatastoreAudit" in (report.problem.action or "")


async def full(fresh: bool) -> str:
    """The name of a token."""
    return "audit@pbs!full"


@pytest.mark.parametrize(
    ("token", "shown"),
    [(full, "audit@pbs!full"), (any_secret, "USER@REALM!TOKEN")],
    ids=["its name", "what looks like no name may be a secret"],
)
def test_the_action_names_the_grant_for_the_token_and_for_its_user(token: Secret, shown: str) -> None:
    options = ProxmoxOptions("pbs", "https://lab.invalid", Trust(), token, any_secret)
    transport = Answering(recorded("pbs_main", "pbs_main_deeper_acl_replaces"))
    report = run(PbsSource(options, upstream=upstream(transport, ALLOWED, no_headers)).read(clock))

    problem = reading(report, "snapshots", "store1", "clusterA").problem
    grant = "proxmox-backup-manager acl update /datastore/store1/clusterA DatastoreAudit --auth-id"
    user = shown.partition("!")[0]
    assert problem is not None
    assert (problem.action or "").endswith(f"{grant} '{shown}' && {grant} '{user}'")


def test_a_namespace_that_is_refused_when_asked_names_the_same_grant() -> None:
    """The permissions are read up to five seconds before."""
    path = "/admin/datastore/store1/snapshots?ns=clusterA"
    refused = {"status": 403, "body": "permission check failed"}
    report = run(source(Answering(recorded("pbs_main") | {path: refused})).read(clock))

    problem = reading(report, "snapshots", "store1", "clusterA").problem
    assert problem is not None
    assert problem.cause == "the token may not see /datastore/store1/clusterA: Datastore.Audit is missing"
    assert "acl update /datastore/store1/clusterA DatastoreAudit" in (problem.action or "")


def test_a_datastore_that_is_being_deleted_is_not_called_maintenance() -> None:
    stores = recorded("pbs_main")["/admin/datastore"]["body"]["data"]
    rows = [{**row, "maintenance": "delete"} if row["store"] == "store3" else row for row in stores]
    report = run(source(Answering(recorded("pbs_main") | {"/admin/datastore": rows})).read(clock))

    assert cause(report, "snapshots", "store3", "") == "datastore store3 is being deleted"


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
    assert len(texts(report.limits)) == 3


def test_an_acl_entry_below_that_replaces_the_audit_closes_only_its_namespaces() -> None:
    report = read("pbs_main", "pbs_main_deeper_acl_replaces")
    closed = {
        reading.scope[2]
        for reading in report.within("snapshots", "store1")
        if reading.problem and reading.problem.denied
    }
    assert closed == {"clusterA", "clusterA/sub"}
    assert len(reading(report, "snapshots", "store1", "").facts) == 6


def test_what_the_token_can_do_without_is_a_limit_with_its_grant() -> None:
    report = read("pbs_main", "pbs_main_datastore_without_remote_and_sys")
    assert report.problem is None
    assert report.reading("tasks") is None
    remote, tasks = texts(report.limits)
    assert "Remote.Audit" in remote
    assert "acl update /remote RemoteAudit" in remote
    assert "Sys.Audit" in tasks
    assert "acl update /system/tasks Audit" in tasks
    assert [(limit.kind, limit.culprit) for limit in report.limits] == [
        (LimitKind.NOT_VISIBLE, "/remote"),
        (LimitKind.NOT_VISIBLE, "/system/tasks"),
    ]


def test_a_datastore_that_looks_empty_beside_counted_archives_is_a_lost_mount_and_not_empty() -> None:
    report = read("pbs_main", "pbs_lost_mount")
    for scope in (("namespaces", "store4"), ("snapshots", "store4", "")):
        assert cause(report, *scope) == (
            "datastore store4 looks empty, but its last garbage collection counted 8 archives"
        )
        problem = reading(report, *scope).problem
        assert problem is not None
        assert (problem.kind, problem.culprit) == (ProblemKind.LOOKS_EMPTY, "store4")
    assert not [scope for scope in broken(report) if scope[1] == "store1"]


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"maintenance": "offline,message=disk"}, ProblemKind.MAINTENANCE),
        ({"mount-status": "notmounted"}, ProblemKind.NOT_MOUNTED),
    ],
)
def test_a_datastore_that_is_closed_says_why_in_all_its_scopes(changes: dict[str, str], kind: ProblemKind) -> None:
    report = read("pbs_main", admin__datastore=[{"store": "store1", **changes}])
    problems = [
        reading.problem
        for reading in report.readings
        if reading.scope[:2] in (("namespaces", "store1"), ("snapshots", "store1"))
    ]
    assert problems
    assert all(problem and (problem.kind, problem.culprit) == (kind, "store1") for problem in problems)


def test_a_datastore_that_never_held_an_archive_is_empty() -> None:
    report = read("pbs_main", "pbs_lost_mount", admin__gc=[])
    assert reading(report, "snapshots", "store4", "").problem is None


def test_an_empty_namespace_is_no_lost_mount_to_a_token_that_sees_nothing_else() -> None:
    answers = recorded("pbs_main", "pbs_main_ns_clustera_only")
    answers |= {f"/admin/datastore/store1/snapshots?ns={name}": [] for name in ("clusterA", "clusterA/sub")}
    report = run(source(Answering(answers)).read(clock))
    assert reading(report, "snapshots", "store1", "clusterA").problem is None


def test_a_lost_mount_also_spoils_the_namespaces_that_were_seen_before() -> None:
    transport = Answering(recorded("pbs_main", "pbs_lost_mount"))
    server = source(transport)
    lost = recorded("pbs_lost_mount")
    transport.answers["/admin/datastore/store4/namespace"] = [{"ns": ""}, {"ns": "critical"}]
    group = {"backup-type": "ct", "backup-id": "101", "backup-time": 1795402802, "size": 5}
    transport.answers["/admin/datastore/store4/snapshots?ns=critical"] = [group]
    assert reading(run(server.read(clock)), "snapshots", "store4", "critical").facts
    transport.answers |= lost
    assert "looks empty" in cause(run(server.read(clock)), "snapshots", "store4", "critical")


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
    assert [text for text in texts(report.limits) if limit and text.startswith(limit)] == list(texts(report.limits))


def test_an_unreadable_version_is_a_limit_and_hides_nothing() -> None:
    report = read("pbs_main", version={"status": 500, "body": "no"})
    assert report.version is None
    assert texts(report.limits) == ("its version could not be read: HTTP 500: no",)
    assert reading(report, "snapshots", "store1", "").facts


# --- rows and scopes that fail ---


def test_rows_that_cannot_be_read_are_left_out_and_counted() -> None:
    rows = [{"backup-type": "ct", "backup-id": "101", "backup-time": 1795402802, "size": 5}, "?", {"backup-type": 7}]
    report = read("pbs_main", admin__datastore__store1__snapshots=rows)
    assert len(reading(report, "snapshots", "store1", "").facts) == 1
    assert report.limits == (
        Limit(
            text="2 of 3 rows of the snapshots of store1 could not be read",
            kind=LimitKind.UNREADABLE_ROWS,
            culprit="rows of the snapshots of store1",
            count=2,
            total=3,
        ),
    )


def test_a_list_without_a_readable_row_is_a_problem_and_not_empty() -> None:
    report = read("pbs_main", admin__datastore__store1__snapshots=["?", {}])
    assert cause(report, "snapshots", "store1", "") == "none of the 2 rows of its answer could be read"


def test_without_the_usage_the_datastores_are_there_and_their_room_is_not() -> None:
    report = read("pbs_main", **{"status__datastore-usage": {"status": 400, "body": "ENOENT"}})
    assert all(store.total is None for store in reading(report, "datastores").of(Datastore))
    assert texts(report.limits) == ("the usage of the datastores could not be read: HTTP 400: ENOENT",)


def test_while_namespaces_cannot_be_listed_those_that_were_seen_are_read() -> None:
    transport = Answering(recorded("pbs_main"))
    server = source(transport)
    run(server.read(clock))
    transport.answers["/admin/datastore/store1/namespace"] = {"status": 500, "body": "no"}
    report = run(server.read(clock))
    assert cause(report, "namespaces", "store1") == "HTTP 500: no"
    assert reading(report, "snapshots", "store1", "clusterA").facts


def test_while_datastores_cannot_be_listed_all_scopes_that_were_seen_have_that_problem() -> None:
    transport = Answering(recorded("pbs_main"))
    server = source(transport)
    run(server.read(clock))
    transport.answers["/admin/datastore"] = {"status": 500, "body": "no"}
    report = run(server.read(clock))
    assert cause(report, "snapshots", "store1", "clusterA") == "HTTP 500: no"


def test_a_datastore_that_was_removed_is_forgotten() -> None:
    transport = Answering(recorded("pbs_main"))
    server = source(transport)
    run(server.read(clock))
    transport.answers["/admin/datastore"] = [{"store": "store4"}]
    assert not run(server.read(clock)).within("snapshots", "store1")
    transport.answers["/admin/datastore"] = {"status": 500, "body": "no"}
    assert not run(server.read(clock)).within("snapshots", "store1")


def test_a_listing_of_namespaces_that_timed_out_is_left_alone_for_an_hour() -> None:
    path = "/admin/datastore/store1/namespace"
    transport = Answering(recorded("pbs_main") | {path: httpx.ReadTimeout("slow")})
    server, times = source(transport), []
    for now in (NOW, NOW + timedelta(minutes=59), NOW + timedelta(minutes=61)):
        report = run(server.read(partial(_the_time, now)))
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
