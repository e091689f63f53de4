"""Rows of Proxmox VE as facts: examples from its API description, and rows nobody should send."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.core.reports.facts import Archive, BackupJob, Guest, LeftOutVolume, Storage, Task
from sidecar.sources import pve_parse as parse
from sidecar.sources.fields import UnreadableError
from tests.sources.recorded import NOW

_EXAMPLES = json.loads((Path(__file__).parents[1] / "simulators" / "samples" / "pve.json").read_text(encoding="utf-8"))


def example(call: str) -> Any:
    """The data of a call as the API's description has it."""
    return _EXAMPLES[call][0]["data"]


def epoch(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_guests_have_their_node_tags_pool_and_lock() -> None:
    assert [parse.parse_guest(row) for row in example("resources")] == [
        Guest(vmid=100, type="qemu", name="web-frontend", node="pve1", pool="prod", tags=("prod", "web")),
        Guest(vmid=200, type="lxc", name=None, node="pve2", locked_for_backup=True),
    ]


def test_a_guest_of_an_unknown_type_is_unreadable_and_not_gone() -> None:
    assert parse.parse_guest({"type": "storage", "storage": "local"}) is None
    with pytest.raises(UnreadableError):
        parse.parse_guest({"type": "oci", "vmid": 300, "node": "pve1"})


def test_numbers_and_booleans_may_be_strings() -> None:
    row = {"type": "lxc", "vmid": "9000", "name": "debian", "node": "pve1", "template": "1", "tags": "a, b;c"}
    assert parse.parse_guest(row) == Guest(
        vmid=9000, type="lxc", name="debian", node="pve1", template=True, tags=("a", "b", "c")
    )
    assert not parse.parse_job({"id": "b", "schedule": "daily", "enabled": "0"}).enabled


def test_jobs_are_enabled_unless_they_say_otherwise() -> None:
    nightly, few, _ = (parse.parse_job(row) for row in example("jobs"))
    assert nightly == BackupJob(
        id="backup-7a2b3c",
        schedule="mon..fri 01:00",
        enabled=True,
        storage="pbs-main",
        node=None,
        guests=None,
        comment="nightly",
    )
    assert (few.enabled, few.node, few.storage) == (True, "pve1", None)


def test_the_guests_of_a_job_leave_out_those_that_are_gone() -> None:
    children = [{"id": "101", "type": "lxc"}, {"id": 100, "type": "qemu"}, {"id": 99, "type": "unknown"}]
    assert parse.parse_members({"children": children}).guests == (100, 101)


def test_volumes_that_a_job_leaves_out_are_told_and_bounded() -> None:
    left_out = [{"id": f"mp{number}", "included": "0", "reason": "disabled"} for number in range(parse.MOST_LEFT_OUT)]
    bind = {"id": "mp999", "included": 0, "name": "/mnt/media", "reason": "not a\nvolume"}
    saved = [{"id": "rootfs", "included": 1, "reason": "rootfs"}, {"id": "mp1000"}]
    odd = [{"included": 0}, "text", {"id": "mp7", "included": "maybe"}]
    children = [{"id": 101, "type": "lxc", "children": [bind, *saved, *odd]}, {"id": 102, "children": left_out}]
    members = parse.parse_members({"children": children})

    assert members.guests == (101, 102)
    assert members.left_out[0] == LeftOutVolume(101, "mp999", "/mnt/media", "not a volume")
    assert len(members.left_out) == parse.MOST_LEFT_OUT
    assert members.untold == len(odd) + 1


def test_storages_that_hold_no_backups_are_left_out() -> None:
    pbs, lvm = (parse.parse_storage(row) for row in example("storages"))
    assert lvm is None
    assert pbs is not None
    assert pbs.storage == Storage(
        name="pbs-main",
        type="pbs",
        enabled=True,
        server="10.0.0.5",
        port=8007,
        datastore="store1",
        namespace="a/b",
        fingerprint="aa:bb",
        shared=True,
    )
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
    assert place.storage.shared is shared


def test_a_running_task_has_neither_end_nor_status() -> None:
    ended, running = (parse.parse_task(row, "pve1") for row in example("tasks"))
    assert (ended.id, ended.status, ended.end) == ("", "job errors", epoch(1789437600))
    assert (running.id, running.status, running.end) == ("100", None, None)


def test_a_task_that_stands_twice_counts_once_and_as_ended() -> None:
    running = Task(node="pve1", type="vzdump", id="", start=NOW, end=None, status=None, upid="UPID:1")
    ended = Task(
        node="pve1", type="vzdump", id="", start=NOW, end=NOW + timedelta(minutes=3), status="OK", upid="UPID:1"
    )
    older = Task(node="pve1", type="vzdump", id="", start=NOW - timedelta(days=1), end=NOW, status="OK", upid="UPID:0")
    assert parse.once_each([older, running, ended]) == (ended, older)
    assert parse.once_each([ended, running]) == (ended,)


def test_archives_come_from_the_content_or_from_the_prune_preview() -> None:
    (listed, _) = (parse.parse_archive(row, "nfs") for row in example("content"))
    (previewed,) = (parse.parse_archive(row, "nfs") for row in example("prune_preview"))
    assert listed == Archive(
        storage="nfs", vmid=200, time=epoch(1790650802), size=3000855, protected=True, guest_type="lxc"
    )
    assert previewed == Archive(storage="nfs", vmid=100, time=epoch(1790650805), size=None, guest_type="qemu")
    assert parse.parse_archive({"volid": "nfs:backup/odd.tar", "ctime": 1790650805}, "nfs") is None


def test_what_pve_tells_of_a_backup_server_becomes_groups() -> None:
    storage = parse.parse_storage(example("storages")[0]).storage  # type: ignore[union-attr]
    content = [
        *example("content"),
        {"subtype": "lxc", "vmid": 200, "ctime": 1790651000, "size": 1, "format": "pbs-ct"},
        {
            "subtype": "lxc",
            "vmid": 200,
            "ctime": 1790640000,
            "size": 9,
            "verification": {"state": "pending", "upid": "x"},
        },
        {"subtype": "lxc", "ctime": 1790640000, "size": 9},
    ]
    own = "UPID:pbs:00000025:000023D8:00000009:6ABA2CB6:verify:store1:root@pam:"
    elsewhere = own.replace("store1", "store2")
    content += [
        {
            "subtype": "qemu",
            "vmid": 9,
            "ctime": 1790640000 + n,
            "size": 9,
            "verification": {"state": "failed", "upid": upid},
        }
        for n, upid in enumerate((own, elsewhere))
    ]
    rows = [row for each in content if (row := parse.parse_snapshot(each, storage))]
    container, machine, verified = parse.groups_of(rows, storage)

    assert (container.path, machine.path, container.owner) == ("store1/a/b/ct/200", "store1/a/b/vm/9", None)
    assert verified.path == "store1/a/b/vm/931"
    assert [snapshot.size for snapshot in container.snapshots] == [None, 3000855, 9]
    _, newest, pending = container.snapshots
    assert (newest.comment, newest.protected, newest.encrypted) == ("dns1", True, True)
    assert (pending.verification, pending.protected, pending.encrypted) == (None, False, False)
    assert [snapshot.verification and snapshot.verification.own for snapshot in machine.snapshots] == [False, True]


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_JSON = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner))
_KEYS = (
    "vmid",
    "type",
    "node",
    "name",
    "template",
    "tags",
    "id",
    "schedule",
    "enabled",
    "storage",
    "content",
    "status",
    "starttime",
    "endtime",
    "upid",
    "ctime",
    "size",
    "children",
    "timezone",
    "version",
    "disable",
    "nodes",
)
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
@settings(max_examples=40, deadline=None)
@given(row=_JSON | _ROWS)
def test_any_json_is_a_fact_or_unreadable(parser: Any, row: Any) -> None:
    if parser is parse.major_of and not isinstance(row, str):
        return
    with suppress(UnreadableError):
        parser(row)
