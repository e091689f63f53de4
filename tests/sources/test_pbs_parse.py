"""Rows of a Proxmox Backup Server as facts: answers of a running 3.2.4 in many states, and rows nobody should send."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.core.model import Outcome, Run
from sidecar.core.reports.facts import Push, UpkeepJob, Verification
from sidecar.sources import pbs_parse as parse
from sidecar.sources.fields import UnreadableError
from sidecar.sources.permissions import parse_permissions
from sidecar.sources.upid import parse_upid, unescaped
from tests.sources.recorded import NOW, rows

CLUSTER_A = "/admin/datastore/store1/snapshots?ns=clusterA"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def snapshots(state: str, path: str, store: str) -> list[parse.SnapshotRow]:
    return [parse.parse_snapshot(row, store) for row in rows(state, path)]


def jobs(state: str, kind: str) -> dict[str, UpkeepJob]:
    return {job.id: job for row in rows(state, f"/admin/{kind}") for job in [parse.parse_job(row, kind)]}


def gc(state: str, store: str) -> UpkeepJob:
    return next(parsed.job for parsed in map(parse.parse_gc, rows(state, "/admin/gc")) if parsed.job.id == store)


# --- snapshots ---


def test_snapshots_are_grouped_and_stand_newest_first() -> None:
    groups = parse.groups_of(snapshots("pbs_main", CLUSTER_A, "store1"), "store1", "clusterA")
    assert [f"{group.type}/{group.id}" for group in groups] == [
        "ct/200", "ct/201", "ct/203", "vm/100", "vm/101", "vm/103", "vm/104", "vm/9000",
    ]  # fmt: skip
    assert sum(len(group.snapshots) for group in groups) == len(rows("pbs_main", CLUSTER_A))
    for group in groups:
        assert list(group.snapshots) == sorted(group.snapshots, key=lambda snapshot: snapshot.time, reverse=True)
        assert (group.datastore, group.namespace) == ("store1", "clusterA")


@pytest.mark.parametrize("state", ["pbs_running", "pbs_crash"])
def test_an_upload_under_way_or_lost_has_no_size(state: str) -> None:
    (group,) = parse.groups_of(snapshots(state, CLUSTER_A, "store1"), "store1", "clusterA")
    newest, *older = group.snapshots
    assert newest.size is None
    assert newest.verification is None
    assert all(snapshot.size for snapshot in older)


def test_a_note_is_shown_by_its_first_line() -> None:
    comments = {row.snapshot.comment for row in snapshots("pbs_main", CLUSTER_A, "store1")}
    assert all(comment is None or "\n" not in comment for comment in comments)
    assert parse.parse_snapshot({**SNAPSHOT, "comment": "web\nsecond line"}, "s").snapshot.comment == "web"
    assert parse.parse_snapshot({**SNAPSHOT, "comment": ""}, "s").snapshot.comment is None


def test_a_verification_is_our_own_when_its_task_worked_on_this_datastore() -> None:
    own = [row.snapshot.verification for row in snapshots("pbs_main", CLUSTER_A, "store1")]
    synced = [
        row.snapshot.verification
        for row in snapshots("pbs_main", "/admin/datastore/store2/snapshots?ns=fromA", "store2")
    ]
    assert {verification.own for verification in own if verification} == {True}
    assert {verification.own for verification in synced if verification} == {False}


SNAPSHOT: dict[str, Any] = {"backup-type": "vm", "backup-id": "100", "backup-time": 1795402802, "size": 9}


@pytest.mark.parametrize(
    ("worker", "own"),
    [
        ("main", True),
        (r"main\x3av1", True),
        (r"main\x3avm-100-6ABA2CB6", True),
        (r"main\x2d2\x3av1", False),
        (r"main2\x3av1", False),
        ("offsite", False),
    ],
)
def test_the_worker_id_of_a_verification_must_name_exactly_this_datastore(worker: str, own: bool) -> None:
    upid = f"UPID:pbs:00000025:000023D8:00000009:6ABA2CB6:verificationjob:{worker}:root@pam:"
    row = parse.parse_snapshot({**SNAPSHOT, "verification": {"upid": upid, "state": "ok"}}, "main")
    assert row.snapshot.verification == Verification(True, datetime.fromtimestamp(0x6ABA2CB6, UTC), own)


def test_a_failed_verification_with_an_unreadable_upid_still_counts() -> None:
    row = parse.parse_snapshot({**SNAPSHOT, "verification": {"upid": "?", "state": "failed"}}, "main")
    assert row.snapshot.verification == Verification(False, None, own=True)


@pytest.mark.parametrize("changes", [{"backup-id": "a/b"}, {"backup-type": "ct/101"}, {"backup-id": ""}])
def test_a_snapshot_whose_path_could_be_that_of_another_group_is_unreadable(changes: dict[str, str]) -> None:
    with pytest.raises(UnreadableError):
        parse.parse_snapshot({**SNAPSHOT, **changes}, "main")


@pytest.mark.parametrize("namespace", ["/", "a/", "/a", "a//b"])
def test_a_namespace_with_an_empty_step_is_unreadable(namespace: str) -> None:
    with pytest.raises(UnreadableError):
        parse.parse_namespace({"ns": namespace})


# --- upkeep ---

PUSH: dict[str, Any] = {
    "id": "p-1",
    "store": "main",
    "sync-direction": "push",
    "remote": "cloud",
    "remote-store": "far",
}


def test_a_push_says_where_it_goes_and_what_it_takes() -> None:
    more = {"group-filter": ["type:vm", "exclude:group:vm/9"], "max-depth": 0, "encrypted-only": True}

    assert parse.parse_job(PUSH, "sync").push == Push(remote="cloud", store="far")
    assert parse.parse_job(PUSH | more, "sync").push == Push(
        remote="cloud", store="far", filters=("type:vm", "exclude:group:vm/9"), depth=0, picks=True
    )


@pytest.mark.parametrize("change", [{"sync-direction": "pull"}, {"sync-direction": None}, {"remote": None}])
def test_what_does_not_push_to_a_remote_says_nothing_of_it(change: dict[str, Any]) -> None:
    assert parse.parse_job(PUSH | change, "sync").push is None


@pytest.mark.parametrize("change", [{"group-filter": "type:vm"}, {"group-filter": [7]}, {"max-depth": -1}])
def test_a_push_with_other_types_is_unreadable(change: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        parse.parse_job(PUSH | change, "sync")


def test_a_finished_job_has_its_last_run() -> None:
    job = jobs("pbs_main", "prune")["prune-root"]
    assert (job.datastore, job.namespace, job.schedule, job.keeps) == ("store1", "", "daily", True)
    start, end = datetime.fromtimestamp(0x6B048471, UTC), datetime.fromtimestamp(1795458161, UTC)
    assert job.runs == (Run(start=start, end=end, outcome=Outcome.OK),)
    assert (job.running, job.disabled) == (False, False)


def test_a_job_says_its_namespace_and_whether_it_is_off_and_keeps_anything() -> None:
    prune = jobs("pbs_main", "prune")
    assert prune["prune-clusterA"].namespace == "clusterA"
    assert prune["prune-off"].disabled
    assert prune["prune-off"].next_run is None
    assert prune["prune-keepall"].keeps is False
    assert jobs("pbs_main", "verify")["verify-B"].keeps is None


def test_a_job_that_never_ran_has_no_run() -> None:
    job = jobs("pbs_main", "verify")["verify-manual"]
    assert (job.schedule, job.next_run, job.running, job.runs) == (None, None, False, ())


def test_a_job_with_a_upid_and_no_state_runs() -> None:
    job = jobs("pbs_running", "verify")["verify-s3"]
    assert job.running
    assert job.runs == (Run(start=datetime.fromtimestamp(0x6B048522, UTC), end=None, outcome=Outcome.RUNNING),)


def test_rule_10_a_job_whose_worker_died_is_a_warning_that_says_so() -> None:
    last = jobs("pbs_crash", "verify")["verify-s3"].last
    assert last is not None
    assert (last.outcome, last.text) == (Outcome.WARNING, "the server does not know how it ended")


def test_an_error_is_kept_in_the_words_of_the_server() -> None:
    last = jobs("pbs_main", "sync")["sync-nostore"].last
    assert last is not None
    assert (last.outcome, last.text) == (
        Outcome.FAILED,
        "Querying namespaces failed - HTTP error 400 Bad Request - no such datastore 'nosuchstore'",
    )


PRUNE = {"id": "p", "store": "main", "keep-last": 3}
UPID = "UPID:pbs:00000025:000023D8:0000000C:6ABA2CE0:prunejob:main:root@pam:"


def test_where_only_the_end_of_a_run_is_known_it_stands_for_the_start() -> None:
    job = parse.parse_job(
        {**PRUNE, "last-run-upid": "?", "last-run-state": "OK", "last-run-endtime": 1795458161}, "prune"
    )
    end = datetime.fromtimestamp(1795458161, UTC)
    assert job.runs == (Run(start=end, end=end, outcome=Outcome.OK),)


@pytest.mark.parametrize(
    "row",
    [
        {"last-run-state": "OK"},
        {"last-run-upid": "?", "last-run-state": "OK"},
        {"last-run-upid": "?", "last-run-endtime": 1795458161},
    ],
)
def test_a_run_of_which_no_time_is_known_makes_its_row_unreadable(row: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        parse.parse_job({**PRUNE, **row}, "prune")


def test_a_running_job_has_no_end_whatever_the_row_says() -> None:
    job = parse.parse_job({**PRUNE, "last-run-upid": UPID, "last-run-endtime": 1795458161}, "prune")
    assert job.runs == (Run(start=datetime.fromtimestamp(0x6ABA2CE0, UTC), end=None, outcome=Outcome.RUNNING),)


def test_a_garbage_collection_runs_ended_or_never_succeeded() -> None:
    assert gc("pbs_running", "store2").running
    ended = gc("pbs_main", "store1")
    assert (ended.kind, ended.id, ended.schedule) == ("gc", "store1", "daily")
    (run,) = ended.runs
    assert (run.outcome, run.text) == (Outcome.WARNING, "WARNINGS: 11")
    assert run.end is not None
    assert run.start < run.end
    never = gc("pbs_running", "store4")
    assert (never.running, never.runs) == (False, ())


def test_rule_8_after_a_failed_garbage_collection_its_end_stands_for_its_start() -> None:
    """The UPID that the row shows is still that of the last success."""
    (run,) = gc("pbs_main", "store4").runs
    assert run.outcome is Outcome.FAILED
    assert run.text is not None
    assert run.text.startswith("unable to open store")
    assert run.start == run.end


# --- datastores ---


@pytest.mark.parametrize(
    ("status", "removable", "mounted"),
    [(None, False, True), ("nonremovable", False, True), ("mounted", True, True), ("notmounted", True, False)],
)
def test_a_removable_datastore_reports_whether_its_disk_is_there(
    status: str | None, removable: bool, mounted: bool
) -> None:
    store = parse.parse_datastore({"store": "usb", "mount-status": status})
    assert (store.removable, store.mounted) == (removable, mounted)
    assert (store.error is None) is mounted


@pytest.mark.parametrize(
    ("setting", "maintenance"),
    [
        (None, None),
        ("offline", "offline"),
        ("read-only", "read-only"),
        ("offline,message=plain", "offline"),
        ('type=offline,message="disk swap tonight"', "offline"),
        ('offline,message="disk swap, tonight 20:00 \\"rack A\\" ü"', "offline"),
        ('message="x,read-only",type=delete', "delete"),
        ("s3-refresh", "s3-refresh"),
    ],
)
def test_the_maintenance_mode_is_read_whatever_its_message(setting: str | None, maintenance: str | None) -> None:
    assert parse.parse_datastore({"store": "main", "maintenance": setting}).maintenance == maintenance


@pytest.mark.parametrize(
    ("estimate", "full_at"),
    [
        (None, None),
        (0, None),
        (int(NOW.timestamp()) - 1, None),
        (int(NOW.timestamp()) + 60, NOW + timedelta(minutes=1)),
        (10**15, None),
    ],
)
def test_a_datastore_has_no_day_on_which_it_is_full_when_use_is_flat_or_falling(
    estimate: int | None, full_at: datetime | None
) -> None:
    usage = parse.parse_usage({"store": "main", "total": 10, "used": 4, "avail": 5, "estimated-full-date": estimate})
    (store,) = parse.with_usage([parse.parse_datastore({"store": "main"})], [usage], NOW)
    assert (store.total, store.used, store.avail, store.full_at) == (10, 4, 5, full_at)


# --- tasks and UPIDs ---


def test_of_finished_tasks_only_uploads_and_upkeep_are_kept() -> None:
    tasks = [task for row in rows("pbs_crash", "/nodes/localhost/tasks") if (task := parse.parse_task(row))]
    assert {task.type for task in tasks} == {"backup", "garbage_collection", "verificationjob"}
    upload = next(task for task in tasks if task.id == "store1:vm/100")
    assert (upload.node, upload.status) == ("localhost", "unknown")
    assert upload.end is not None


def test_a_running_task_of_any_kind_is_kept() -> None:
    row = {"worker_type": "verify", "worker_id": None, "starttime": 1795402802, "upid": "UPID:x", "node": "localhost"}
    task = parse.parse_task(row)
    assert task is not None
    assert (task.id, task.end, task.status) == ("", None, None)


def test_worker_ids_are_escaped_as_systemd_does() -> None:
    assert unescaped(r"Backup\x2dVms\x3avm-6002") == "Backup-Vms:vm/6002"
    assert unescaped(r"deadremote\x3astore1\x3a\x3async\x2ddead") == "deadremote:store1::sync-dead"
    assert unescaped(r"b\xc3\xbcro\xff") == "büro\ufffd"


def test_upids_of_both_products_are_understood() -> None:
    of_pbs = parse_upid("UPID:pbs:00007DFB:0003D9E5:0000006F:6B048492:garbage_collection:store1:root@pam!admin:")
    of_pve = parse_upid("UPID:pve1:00004268:002FC655:6AA8C2C0:vzdump:100:root@pam:")
    assert of_pbs is not None
    assert of_pve is not None
    assert (of_pbs.type, of_pbs.id, of_pbs.start) == (
        "garbage_collection",
        "store1",
        datetime.fromtimestamp(0x6B048492, UTC),
    )
    assert (of_pve.type, of_pve.id, of_pve.node) == ("vzdump", "100", "pve1")


# --- rows that nobody should send ---

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_JSON = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner))
_KEYS = ("backup-type", "backup-id", "backup-time", "size", "verification", "store", "id", "schedule", "next-run",
         "last-run-upid", "last-run-state", "disable", "maintenance", "total", "ns", "upid", "worker_type", "worker_id",
         "starttime", "endtime", "status", "comment", "timezone", "version", "keep-last", "owner", "state")  # fmt: skip
_ROWS = st.dictionaries(st.sampled_from(_KEYS), _JSON | st.sampled_from(["OK", "main", 1795402802, "1795402802"]))


@pytest.mark.parametrize(
    "parser",
    [
        parse.parse_version,
        parse.parse_zone,
        parse.parse_datastore,
        parse.parse_usage,
        parse.parse_namespace,
        partial(parse.parse_snapshot, store="main"),
        partial(parse.parse_job, kind="prune"),
        parse.parse_gc,
        parse.parse_task,
        parse_permissions,
    ],
)
@settings(max_examples=40, deadline=None)
@given(row=_JSON | _ROWS)
def test_any_json_is_a_fact_or_unreadable(parser: Any, row: Any) -> None:
    with suppress(UnreadableError):
        parser(row)


@given(text=st.text(max_size=60) | st.from_regex(r"UPID(:[0-9A-Fa-f\\x-]*){8,9}", fullmatch=True))
def test_any_text_is_a_upid_or_none(text: str) -> None:
    parse_upid(text)


@pytest.mark.parametrize(
    ("modes", "encrypted"),
    [
        ({"root.pxar.didx": "encrypt", "index.json.blob": "sign-only", "client.log.blob": None}, True),
        ({"root.pxar.didx": "sign-only", "index.json.blob": "sign-only"}, False),
        ({"root.pxar.didx": "none", "fw.conf.blob": "encrypt", "index.json.blob": "none"}, False),
        ({"qemu-server.conf.blob": None}, None),
        ({"root.pxar.didx": ["encrypt"]}, None),
        ({}, None),
    ],
)
def test_a_snapshot_is_encrypted_where_all_its_data_is(modes: dict[str, Any], encrypted: bool | None) -> None:
    files = [{"filename": name, **({"crypt-mode": mode} if mode else {})} for name, mode in modes.items()]
    row = {"backup-type": "host", "backup-id": "nas", "backup-time": 1795458317, "size": 9, "files": files}

    assert parse.parse_snapshot(row, "main").snapshot.encrypted is encrypted
