"""Reading a Proxmox VE cluster that answers from a table: archives beside PBS, and what is remembered between refreshes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sidecar.core.reports.facts import Archive, BackupGroup, BackupJob, Guest
from sidecar.core.reports.report import Report
from sidecar.sources.proxmox import ProxmoxOptions
from sidecar.sources.pve import ALLOWED, PveSource
from sidecar.sources.pve_content import BackupServers
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Headers
from tests.sources.recorded import Answering, any_secret, cause, clock, no_headers, reading, run, texts, upstream


def epoch(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


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


def source(
    transport: httpx.AsyncBaseTransport, headers: Headers = no_headers, servers: BackupServers | None = None
) -> PveSource:
    options = ProxmoxOptions("pve", "https://lab.invalid", Trust(), any_secret, any_secret)
    calls = upstream(transport, ALLOWED, headers)
    return (
        PveSource(options, upstream=calls)
        if servers is None
        else PveSource(options, backup_servers=servers, upstream=calls)
    )


def read(answers: dict[str, Any], servers: BackupServers | None = None) -> tuple[Report, list[str]]:
    transport = Answering(answers)
    return run(source(transport, servers=servers).read(clock)), transport.asked


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
        ({"Datastore.Audit": 1, "Datastore.Allocate": 1}, {}, True),
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


ON_PBS = {"storage": "nas", "type": "pbs", "server": "PBS.lan", "datastore": "main", "fingerprint": "AA:BB"}
SNAPSHOTS = [{"vmid": 100, "ctime": 1790650805, "size": 7, "subtype": "qemu"}]
LISTING = {**AUDITOR, "/storage": {**AUDITOR["/storage"], "Datastore.Allocate": 1}}
NO_SERVER = BackupServers()


def test_without_a_backup_server_as_source_pve_tells_what_one_keeps() -> None:
    answers = cluster(ON_PBS, **{CONTENT: SNAPSHOTS, "/access/permissions": LISTING})
    report, asked = read(answers, NO_SERVER)
    (group,) = reading(report, "archives", "shared", "nas").of(BackupGroup)

    assert (group.path, len(group.snapshots), CONTENT in asked, PREVIEW in asked) == ("main/vm/100", 1, True, False)


def test_a_token_that_may_not_list_them_says_which_grant_is_missing() -> None:
    report, asked = read(cluster(ON_PBS, **{CONTENT: []}), NO_SERVER)
    problem = reading(report, "archives", "shared", "nas").problem

    assert problem is not None
    assert "the token may not list its backups: Datastore.Allocate is missing on /storage/nas" in problem.cause
    assert "Add that server to sources; or grant PVEDatastoreAdmin" in str(problem.action)
    assert "pveum acl modify /storage/nas --roles PVEDatastoreAdmin --tokens" in str(problem.action)
    assert CONTENT not in asked


@pytest.mark.parametrize(
    "servers",
    [
        BackupServers(any=True, hosts=frozenset({"pbs.lan"})),
        BackupServers(any=True, fingerprints=frozenset({"aa:bb"})),
        BackupServers(any=True, storages=frozenset({"nas"})),
    ],
)
def test_what_a_source_keeps_is_asked_of_that_source(servers: BackupServers) -> None:
    report, asked = read(cluster(ON_PBS, **{CONTENT: SNAPSHOTS, "/access/permissions": LISTING}), servers)

    assert (report.within("archives"), CONTENT in asked) == ((), False)


@pytest.mark.parametrize(("permissions", "is_asked"), [(LISTING, True), (AUDITOR, False)])
def test_beside_another_server_it_is_asked_where_the_token_may(permissions: dict[str, Any], is_asked: bool) -> None:
    servers = BackupServers(any=True, hosts=frozenset({"other.lan"}))
    report, asked = read(cluster(ON_PBS, **{CONTENT: SNAPSHOTS, "/access/permissions": permissions}), servers)

    assert (CONTENT in asked, bool(report.within("archives"))) == (is_asked, is_asked)


def test_while_the_jobs_cannot_be_read_their_archives_are() -> None:
    transport = Answering(cluster({"storage": "nas", "type": "nfs"}, **{PREVIEW: ARCHIVES}))
    server = source(transport)
    run(server.read(clock))
    transport.answers["/cluster/backup"] = {"status": 500, "body": "no"}
    report = run(server.read(clock))
    assert cause(report, "jobs") == "HTTP 500: no"
    assert reading(report, "archives", "shared", "nas").facts


def test_a_job_whose_guests_cannot_be_read_is_kept_without_them() -> None:
    answers = cluster({"storage": "pbs", "type": "pbs"})
    del answers["/cluster/backup/nightly/included_volumes"]
    report, _ = read(answers)
    (job,) = reading(report, "jobs").of(BackupJob)
    assert job.guests is None
    assert texts(report.limits)[0].startswith("the guests of job nightly could not be read: HTTP 404")


def test_a_full_page_of_tasks_is_a_limit() -> None:
    task = {"upid": "UPID:x", "type": "vzdump", "starttime": 1790650805, "endtime": 1790650905, "status": "OK"}
    report, _ = read(cluster({"storage": "p", "type": "pbs"}, **{"/nodes/pve1/tasks": [task] * 500}))
    assert texts(report.limits) == ("only the newest 500 backup tasks of pve1 were read",)


def test_a_cluster_that_lists_the_same_in_another_order_says_the_same() -> None:
    two = {"/cluster/resources?type=vm": [{"type": "qemu", "vmid": vmid, "node": "pve1"} for vmid in (1000, 101)]}
    lists = cluster({"storage": "nas", "type": "nfs"}, {"storage": "backup", "type": "dir"}, **two)
    other = {path: answer[::-1] if isinstance(answer, list) else answer for path, answer in lists.items()}
    first, second = (read(answers)[0] for answers in (lists, other))

    assert [reading.scope for reading in first.readings] == [reading.scope for reading in second.readings]
    assert [guest.vmid for guest in first.facts(Guest)] == [101, 1000]
    for scope in ("guests", "storages", "nodes"):
        assert reading(first, scope).facts == reading(second, scope).facts, scope


def test_an_old_version_says_so() -> None:
    report, _ = read(cluster({"storage": "p", "type": "pbs"}, **{"/version": {"version": "7.4-17"}}))
    assert texts(report.limits) == ("version 7.4-17 is older than 8, the first that backup-glance supports: update it",)
