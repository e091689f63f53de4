"""Reading Proxmox VE: rows as facts, and a simulated cluster with everything that can go wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.core.report import Archive, BackupJob, Guest, Node, Reading, Report, Storage, Task, Zone
from sidecar.fetch import Headers
from sidecar.sources import pve_parse as parse
from sidecar.sources.fields import UnreadableError
from sidecar.sources.pve import ALLOWED, PveOptions, PveSource
from sidecar.tls import Trust
from tests.sources.recorded import NOW, Answering, any_secret, clock, no_headers, run, upstream
from tests.upstreams import HOMELAB, Rack
from tests.upstreams.acl import PVE_AUDITOR, PVE_FULL, Acl, Grant, grants
from tests.upstreams.faults import NodeDown
from tests.upstreams.wire import How

MONDAY = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
_EXAMPLES = json.loads(
    (Path(__file__).parents[1] / "upstream_samples" / "pve.json").read_text(encoding="utf-8")
)  # fmt: skip


def example(call: str) -> Any:
    """The data of a call as the API's description has it."""
    return _EXAMPLES[call][0]["data"]


def epoch(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


# --- rows ---


def test_guests_have_their_node_tags_pool_and_lock() -> None:
    assert [parse.parse_guest(row) for row in example("resources")] == [
        Guest(100, "qemu", "web-frontend", "pve1", pool="prod", tags=("prod", "web")),
        Guest(200, "lxc", None, "pve2", locked_for_backup=True),
    ]


def test_numbers_and_booleans_may_be_strings() -> None:
    row = {"type": "lxc", "vmid": "9000", "name": "debian", "node": "pve1", "template": "1", "tags": "a, b;c"}
    assert parse.parse_guest(row) == Guest(9000, "lxc", "debian", "pve1", template=True, tags=("a", "b", "c"))
    assert not parse.parse_job({"id": "b", "schedule": "daily", "enabled": "0"}).enabled


def test_jobs_are_enabled_unless_they_say_otherwise() -> None:
    nightly, few, _ = (parse.parse_job(row) for row in example("jobs"))
    assert nightly == BackupJob("backup-7a2b3c", "mon..fri 01:00", True, "pbs-main", None, None, "nightly")
    assert (few.enabled, few.node, few.storage) == (True, "pve1", None)


def test_the_guests_of_a_job_leave_out_those_that_are_gone() -> None:
    children = [{"id": "101", "type": "lxc"}, {"id": 100, "type": "qemu"}, {"id": 99, "type": "unknown"}]
    assert parse.parse_members({"children": children}) == (100, 101)


def test_storages_that_hold_no_backups_are_left_out() -> None:
    pbs, lvm = (parse.parse_storage(row) for row in example("storages"))
    assert lvm is None
    assert pbs is not None
    assert pbs.storage == Storage("pbs-main", "pbs", True, "10.0.0.5", 8007, "store1", "a/b", "aa:bb")
    assert pbs.nodes == {"pve1", "pve2"}


def test_a_fingerprint_is_written_small() -> None:
    place = parse.parse_storage({"storage": "p", "type": "pbs", "fingerprint": "AA:Bb", "disable": 1})
    assert place is not None
    assert (place.storage.fingerprint, place.storage.enabled) == ("aa:bb", False)


@pytest.mark.parametrize(
    ("row", "shared"),
    [({"type": "nfs"}, True), ({"type": "dir"}, False), ({"type": "dir", "shared": 1}, True)],
)
def test_a_storage_is_shared_by_its_type_or_by_its_own_word(row: dict[str, Any], shared: bool) -> None:
    place = parse.parse_storage({"storage": "s", "content": "iso,backup", **row})
    assert place is not None
    assert place.shared is shared


def test_a_running_task_has_neither_end_nor_status() -> None:
    ended, running = (parse.parse_task(row, "pve1") for row in example("tasks"))
    assert (ended.id, ended.status, ended.end) == ("", "job errors", epoch(1789437600))
    assert (running.id, running.status, running.end) == ("100", None, None)


def test_a_task_that_stands_twice_counts_once_and_as_ended() -> None:
    running = Task("pve1", "vzdump", "", NOW, None, None, "UPID:1")
    ended = Task("pve1", "vzdump", "", NOW, NOW + timedelta(minutes=3), "OK", "UPID:1")
    older = Task("pve1", "vzdump", "", NOW - timedelta(days=1), NOW, "OK", "UPID:0")
    assert parse.once_each([older, running, ended]) == (ended, older)
    assert parse.once_each([ended, running]) == (ended,)


def test_archives_come_from_the_content_or_from_the_prune_preview() -> None:
    (listed, _) = (parse.parse_archive(row, "nfs") for row in example("content"))
    (previewed,) = (parse.parse_archive(row, "nfs") for row in example("prune_preview"))
    assert listed == Archive("nfs", 200, epoch(1790650802), 3000855)
    assert previewed == Archive("nfs", 100, epoch(1790650805), None)
    assert parse.parse_archive({"volid": "nfs:backup/odd.tar", "ctime": 1790650805}, "nfs") is None


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_JSON = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner))
_KEYS = ("vmid", "type", "node", "name", "template", "tags", "id", "schedule", "enabled", "storage", "content", "status",
         "starttime", "endtime", "upid", "ctime", "size", "children", "timezone", "version", "disable", "nodes")  # fmt: skip
_ROWS = st.dictionaries(st.sampled_from(_KEYS), _JSON | st.sampled_from(["lxc", "pve1", 1795402802, "101", 1]))


@pytest.mark.parametrize(
    "parser",
    [
        parse.parse_version,
        parse.major_of,
        parse.parse_guest,
        parse.parse_job,
        parse.parse_members,
        parse.parse_storage,
        parse.parse_node,
        partial(parse.parse_archive, storage="s"),
        partial(parse.parse_zone, node="pve1"),
        partial(parse.parse_task, node="pve1"),
    ],
)
@settings(max_examples=40)
@given(row=_JSON | _ROWS)
def test_any_json_is_a_fact_or_unreadable(parser: Any, row: Any) -> None:
    if parser is parse.major_of and not isinstance(row, str):
        return
    with suppress(UnreadableError):
        parser(row)


# --- archives beside PBS ---

ARCHIVES = [{"vmid": 100, "ctime": 1790650805, "size": 7}, {"vmid": 100, "ctime": 1790737205, "size": 8}]
AUDITOR = {"/": dict.fromkeys(("Sys.Audit", "VM.Audit", "Datastore.Audit"), 1)}
AUDITOR |= dict.fromkeys(("/vms", "/storage", "/nodes"), AUDITOR["/"])


def cluster(*storages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The answers of two nodes, pve2 off, with a job that writes to the first of these storages."""
    job = {"id": "nightly", "schedule": "daily", "storage": storages[0]["storage"]}
    return {
        "/access/permissions": AUDITOR,
        "/version": {"version": "9.2.11"},
        "/cluster/resources?type=vm": [{"type": "qemu", "vmid": 100, "node": "pve1"}],
        "/cluster/backup": [job],
        "/cluster/backup/nightly/included_volumes": {"children": [{"id": 100, "type": "qemu"}]},
        "/storage": [{"content": "backup", **storage} for storage in storages],
        "/nodes": [{"node": "pve2", "status": "offline"}, {"node": "pve1", "status": "online"}],
        "/nodes/pve1/time": {"timezone": "Europe/Berlin"},
        "/nodes/pve1/tasks": [],
        **more,
    }


def source(transport: httpx.AsyncBaseTransport, headers: Headers = no_headers) -> PveSource:
    options = PveOptions("pve", "https://lab.invalid", Trust(), any_secret, any_secret)
    return PveSource(options, upstream=upstream(transport, ALLOWED, headers))


def read(answers: dict[str, Any]) -> tuple[Report, list[str]]:
    transport = Answering(answers)
    return run(source(transport).read(clock)), transport.asked


def reading(report: Report, *scope: str) -> Reading:
    found = report.reading(*scope)
    assert found is not None, scope
    return found


def cause(report: Report, *scope: str) -> str:
    problem = reading(report, *scope).problem
    return problem.cause if problem else ""


PREVIEW = "/nodes/pve1/storage/nas/prunebackups?prune-backups=keep-all=1"
CONTENT = "/nodes/pve1/storage/nas/content?content=backup"


def test_an_auditor_reads_archives_from_the_prune_preview() -> None:
    report, asked = read(cluster({"storage": "nas", "type": "nfs"}, **{PREVIEW: ARCHIVES}))
    assert [archive.time for archive in reading(report, "archives", "shared", "nas").of(Archive)] == [
        epoch(1790737205), epoch(1790650805),
    ]  # fmt: skip
    assert CONTENT not in asked


@pytest.mark.parametrize(
    ("storage", "vms", "full"),
    [
        ({"Datastore.Allocate": 1}, {}, True),
        ({"Datastore.AllocateSpace": 1}, {"VM.Backup": 1}, True),
        ({"Datastore.AllocateSpace": 1}, {}, False),
        ({"Datastore.Audit": 1}, {"VM.Backup": 1}, False),
    ],
)
def test_the_content_is_asked_only_where_it_can_show_backups(
    storage: dict[str, int], vms: dict[str, int], full: bool
) -> None:
    permissions = {**AUDITOR, "/storage": storage, "/vms": {"VM.Audit": 1, **vms}}
    answers = cluster({"storage": "nas", "type": "nfs"}, **{PREVIEW: ARCHIVES, CONTENT: ARCHIVES})
    _, asked = read(answers | {"/access/permissions": permissions})
    assert (CONTENT in asked, PREVIEW in asked) == (full, not full)


def test_a_local_storage_is_asked_on_each_node_and_an_offline_one_is_a_problem() -> None:
    report, _ = read(cluster({"storage": "nas", "type": "dir"}, **{PREVIEW: ARCHIVES}))
    assert len(reading(report, "archives", "pve1", "nas").facts) == 2
    assert cause(report, "archives", "pve2", "nas") == "node pve2 is offline"


def test_a_storage_limited_to_nodes_that_are_off_cannot_be_read() -> None:
    report, _ = read(cluster({"storage": "nas", "type": "nfs", "nodes": "pve2"}))
    assert cause(report, "archives", "shared", "nas") == "no node that reaches storage nas is online"


def test_storages_of_type_pbs_and_those_of_no_job_are_not_asked_for_archives() -> None:
    report, _ = read(cluster({"storage": "pbs", "type": "pbs"}, {"storage": "nas", "type": "nfs"}))
    assert report.within("archives") == ()


def test_while_the_jobs_cannot_be_read_their_archives_are() -> None:
    transport = Answering(cluster({"storage": "nas", "type": "nfs"}, **{PREVIEW: ARCHIVES}))
    lab = source(transport)
    run(lab.read(clock))
    transport.answers["/cluster/backup"] = {"status": 500, "body": "no"}
    report = run(lab.read(clock))
    assert cause(report, "jobs") == "HTTP 500: no"
    assert reading(report, "archives", "shared", "nas").facts


def test_a_job_whose_guests_cannot_be_read_is_kept_without_them() -> None:
    answers = cluster({"storage": "pbs", "type": "pbs"})
    del answers["/cluster/backup/nightly/included_volumes"]
    report, _ = read(answers)
    (job,) = reading(report, "jobs").of(BackupJob)
    assert job.guests is None
    assert report.limits[0].startswith("which guests job nightly covers could not be read: HTTP 404")


def test_a_full_page_of_tasks_is_a_limit() -> None:
    task = {"upid": "UPID:x", "type": "vzdump", "starttime": 1790650805, "endtime": 1790650905, "status": "OK"}
    report, _ = read(cluster({"storage": "p", "type": "pbs"}, **{"/nodes/pve1/tasks": [task] * 500}))
    assert report.limits == ("of the backup tasks of pve1 only the newest 500 were read",)


def test_an_old_version_says_so() -> None:
    report, _ = read(cluster({"storage": "p", "type": "pbs"}, **{"/version": {"version": "7.4-17"}}))
    assert report.limits == ("version 7.4-17 is older than 8, the first that backup-glance supports: update it",)


# --- the simulated cluster ---


@pytest.fixture(scope="module")
def open_rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    with Rack(HOMELAB, lambda: MONDAY, tmp_path_factory.mktemp("rack")) as opened:
        yield opened


@pytest.fixture
def rack(open_rack: Rack) -> Iterator[Rack]:
    yield open_rack
    open_rack.mend("pve")
    open_rack.refuse_token("pve", refused=False)
    open_rack.set_permissions("pve", PVE_FULL)
    open_rack.faults = ()
    open_rack.requests.clear()


def read_over_tls(rack: Rack) -> Report:
    async def token_id(fresh: bool) -> str:
        return rack.token_id("pve")

    async def token(fresh: bool) -> str:
        return rack.token("pve")

    async def work() -> Report:
        trust = Trust(ca_file=rack.ca_file("pve"))
        opened = PveSource(PveOptions("pve", rack.url("pve"), trust, token_id, token))
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


def broken(report: Report) -> set[tuple[str, ...]]:
    return {one.scope for one in report.readings if one.problem}


def test_a_cluster_is_read_into_one_reading_per_scope(rack: Rack) -> None:
    report = read_over_tls(rack)
    assert (report.version, report.problem, report.limits, broken(report)) == ("9.2.11", None, (), set())
    assert {guest.vmid for guest in report.facts(Guest)} == {guest.vmid for guest in HOMELAB.guests}
    assert [job.guests for job in report.facts(BackupJob)] == [job.guests for job in HOMELAB.jobs]
    assert reading(report, "nodes").of(Node) == (Node("pve1", online=True), Node("pve2", online=True))
    assert reading(report, "zone", "pve2").facts == (Zone("pve2", "Europe/Berlin"),)
    (storage,) = report.facts(Storage)
    assert storage.fingerprint == rack.pbs_fingerprint.lower()
    assert reading(report, "tasks", "pve1").of(Task)
    assert len(rack.requests) == 6 + len(HOMELAB.jobs) + 2 * len(HOMELAB.nodes)
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


def test_a_token_without_any_permission_is_denied_and_told_which_grant_cures_it(rack: Rack) -> None:
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
    assert report.limits == (
        "only some guests are seen: the token needs VM.Audit on all of /vms "
        "(pveum acl modify /vms --roles PVEAuditor --tokens 'USER@REALM!TOKEN')",
    )


def test_an_empty_list_of_guests_is_no_proof_for_a_token_that_sees_only_some(rack: Rack) -> None:
    rack.set_permissions("pve", Acl({"/vms/99999": Grant(PVE_AUDITOR)}))
    assert cause(read_rack(rack), "guests") == "the token may not see guests: VM.Audit is missing on /vms"


def test_guests_seen_through_their_pool_are_asked_for(rack: Rack) -> None:
    rack.set_permissions("pve", grants(pool=PVE_AUDITOR))
    assert "/api2/json/cluster/resources" in {
        request.path for report in [read_rack(rack)] if report for request in rack.requests
    }


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
