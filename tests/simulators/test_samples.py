"""The simulated upstreams answer with the keys and JSON types of the recorded and sampled answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.simulators import Rack, demo_faults, demo_homelab
from tests.simulators.faults import BackupCorrupt, SourceAway
from tests.simulators.visitor import ask, tell

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    """The demo's Monday with Backrest reachable and a backup that failed verification."""
    faults = [fault for fault in demo_faults() if not isinstance(fault, SourceAway)]
    corrupt = BackupCorrupt(107, date(2026, 11, 20), datetime(2026, 11, 21, 9, tzinfo=UTC))
    now = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
    with Rack(demo_homelab(), lambda: now, tmp_path_factory.mktemp("demo"), [*faults, corrupt]) as running:
        yield running


PROXMOX = [
    ("pbs", "/ping", "ping"),
    ("pbs", "/version", "version"),
    ("pbs", "/access/permissions", "access_permissions"),
    ("pbs", "/admin/datastore", "admin_datastore"),
    ("pbs", "/admin/datastore/main/namespace", "namespace"),
    ("pbs", "/admin/datastore/main/groups", "groups"),
    ("pbs", "/admin/datastore/main/snapshots", "snapshots"),
    ("pbs", "/admin/datastore/main/snapshots?ns=archive", "snapshots"),
    ("pbs", "/admin/datastore/main/status", "status"),
    ("pbs", "/admin/datastore/main/gc", "gc"),
    ("pbs", "/admin/gc", "admin_gc"),
    ("pbs", "/admin/prune", "admin_prune"),
    ("pbs", "/admin/verify", "admin_verify"),
    ("pbs", "/admin/sync", "admin_sync"),
    ("pbs", "/status/datastore-usage", "datastore_usage"),
    ("pbs", "/nodes/localhost/time", "node_time"),
    ("pbs", "/nodes/localhost/tasks?limit=0", "tasks"),
    ("pve", "/version", "version"),
    ("pve", "/access/permissions", "access_permissions"),
    ("pve", "/nodes", "nodes"),
    ("pve", "/nodes/pve1/time", "node_time"),
    ("pve", "/nodes/pve1/tasks?typefilter=vzdump&source=all", "tasks"),
    ("pve", "/cluster/resources?type=vm", "resources"),
    ("pve", "/cluster/backup", "jobs"),
    ("pve", "/cluster/backup/backup-critical/included_volumes", "included_volumes"),
    ("pve", "/cluster/backup-info/not-backed-up", "not_backed_up"),
    ("pve", "/cluster/replication", "replication"),
    ("pve", "/storage?type=pbs", "storages"),
    ("pve", "/nodes/pve1/storage/pbs-main/content?content=backup", "content"),
    ("pve", "/nodes/pve1/storage/pbs-main/prunebackups?prune-backups=keep-all%3D1", "prune_preview"),
]


@pytest.mark.parametrize(("source", "path", "sample"), PROXMOX)
def test_proxmox_answers_have_the_keys_and_types_of_the_samples(
    demo: Rack, source: str, path: str, sample: str
) -> None:
    answer = ask(demo, source, f"/api2/json{path}")

    assert answer.status_code == 200
    assert differences(answer.json(), samples(source, sample)) == []


@pytest.mark.parametrize(
    "name",
    [
        "database-servers",
        "jobs",
        "snapshots",
        "volumes",
        "backup-schedules",
        "user/organizations",
        "scheduled-restores",
    ],
)
@pytest.mark.parametrize("page", [1, 2])
def test_databasement_answers_have_the_keys_and_types_of_the_samples(demo: Rack, name: str, page: int) -> None:
    answer = ask(demo, "databasement", f"/api/v1/{name}?per_page=100&page={page}")

    assert answer.status_code == 200
    envelopes = samples("databasement", "envelope") if "links" in answer.json() else [{}]
    known = [{**body, **envelope} for body in samples("databasement", name) for envelope in envelopes]
    assert differences(answer.json(), known) == []


@pytest.mark.parametrize(
    ("method", "body", "sample"),
    [
        ("Backrest/GetSummaryDashboard", {}, "dashboard"),
        ("Backrest/GetOperations", {"selector": {}}, "operations"),
        ("Backrest/GetOperations", {"selector": {"planId": "_system_"}, "lastN": "20"}, "operations"),
    ],
)
def test_backrest_answers_have_the_keys_and_types_of_the_samples(
    demo: Rack, method: str, body: object, sample: str
) -> None:
    answer = tell(demo, method, body)

    assert answer.status_code == 200
    # Protobuf leaves out whatever is zero or empty, so no key is demanded.
    assert [text for text in differences(answer.json(), samples("backrest", sample)) if "lacks" not in text] == []


def test_the_comparison_finds_a_wrong_type_a_strange_key_and_a_missing_one() -> None:
    known: list[Any] = [{"data": [{"id": "a", "size": 1}, {"id": "b"}]}]

    assert differences({"data": [{"id": "c"}, {"id": "d", "size": 2}]}, known) == []
    assert differences({"data": [{"id": 1}]}, known) == ["data[].id is integer, not string"]
    assert differences({"data": [{"id": "c", "age": 1}]}, known) == ["data[] has a strange age"]
    assert differences({"data": [{"size": 1}]}, known) == ["data[] lacks id"]


def samples(source: str, name: str) -> list[Any]:
    known: list[Any] = json.loads((SAMPLES / f"{source}.json").read_text(encoding="utf-8"))[name]
    return known


def differences(answer: object, known: list[Any], at: str = "") -> list[str]:
    """Where an answer leaves the samples: another type, a key no sample has, a key that every sample has."""
    if _kind(answer) not in _kinds(known):
        return [f"{at} is {_kind(answer)}, not {' or '.join(sorted(_kinds(known)))}"]
    if isinstance(answer, list):
        members = [member for sample in known if isinstance(sample, list) for member in sample]
        return (
            sorted({text for member in answer for text in differences(member, members, f"{at}[]")}) if members else []
        )
    if not isinstance(answer, dict):
        return []
    objects = [sample for sample in known if isinstance(sample, dict)]
    if at == "data" and all(key.startswith("/") for sample in objects for key in sample):
        # Permissions: path → privileges, so the keys are data.
        return [text for key in answer for text in _members(answer, key, objects, at, any_key=True)]
    lacking = [f"{at} lacks {key}" for key in objects[0] if all(key in o for o in objects) and key not in answer]
    return lacking + [text for key in answer for text in _members(answer, key, objects, at)]


def _members(
    answer: dict[str, Any], key: str, objects: list[dict[str, Any]], at: str, *, any_key: bool = False
) -> list[str]:
    if any_key:
        flags = [flag for o in objects for privileges in o.values() for flag in privileges.values()]
        return [text for flag in answer[key].values() for text in differences(flag, flags, f"{at}.*.*")]
    known = [sample[key] for sample in objects if key in sample]
    if not known:
        return [f"{at} has a strange {key}"]
    return differences(answer[key], known, f"{at}.{key}".strip("."))


def _kinds(known: list[Any]) -> set[str]:
    kinds = {_kind(sample) for sample in known}
    return kinds | {"integer"} if "number" in kinds else kinds


def _kind(value: object) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")
