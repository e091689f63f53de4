"""What is passed on of each source: enough for our own parsers to read the same, and nothing that names hosts and users."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.reports.facts import Dump, Storage, Task
from sidecar.proxy import shape
from sidecar.proxy.passed_on import Asked, PassedOn, find
from sidecar.sources import databasement as databasement_source
from sidecar.sources import databasement_parse as databasement
from sidecar.sources import databasement_passed_on, pbs_parse, pbs_passed_on, pve_parse, pve_passed_on
from sidecar.sources import pbs as pbs_source
from sidecar.sources import pve as pve_source
from sidecar.sources.pbs_content import SNAPSHOTS
from sidecar.sources.proxmox import PERMISSIONS, VERSION
from sidecar.sources.pve_content import CONTENT, PRUNE_PREVIEW
from sidecar.upstream.calls import Call

TESTS = Path(__file__).parent.parent
STORAGE = Storage(name="pbs-main", type="pbs", enabled=True, datastore="main")

#: How our own parsers read an answer of each call.
Read = Callable[[Any], Any]


def each(parse: Read) -> Read:
    return lambda document: [parse(row) for row in document["data"]]


def whole(parse: Read) -> Read:
    return lambda document: parse(document["data"])


def task(parsed: Task | None) -> Task | None:
    """Without the name of who started it."""
    return parsed and replace(parsed, upid=shape._without_user(parsed.upid))


def dump(parsed: Dump | None) -> Dump | None:
    """Without the text of its error, which names hosts, and without who began it."""
    return parsed and replace(parsed, run=replace(parsed.run, text=None), scheduled=None)


def place(parsed: pve_parse.Place | None) -> pve_parse.Place | None:
    """Without the way to its server."""
    return parsed and replace(parsed, storage=replace(parsed.storage, server=None, port=None, fingerprint=None))


PBS: dict[Call, Read] = {
    VERSION: whole(pbs_parse.parse_version),
    pbs_source.TIME: whole(pbs_parse.parse_zone),
    pbs_source.TASKS: each(lambda row: task(pbs_parse.parse_any_task(row))),
    pbs_source.DATASTORES: each(pbs_parse.parse_datastore),
    pbs_source.USAGE: each(pbs_parse.parse_usage),
    pbs_source.PRUNE: each(lambda row: pbs_parse.parse_job(row, "prune")),
    pbs_source.VERIFY: each(lambda row: pbs_parse.parse_job(row, "verify")),
    pbs_source.SYNC: each(lambda row: pbs_parse.parse_job(row, "sync")),
    pbs_source.GC: each(pbs_parse.parse_gc),
    pbs_source.NAMESPACES: each(pbs_parse.parse_namespace),
    SNAPSHOTS: each(lambda row: pbs_parse.parse_snapshot(row, "store1")),
}
PVE: dict[Call, Read] = {
    VERSION: whole(pve_parse.parse_version),
    pve_source.TIME: whole(lambda data: pve_parse.parse_zone(data, "pve1")),
    pve_source.TASKS: each(lambda row: task(pve_parse.parse_task(row, "pve1"))),
    pve_source.GUESTS: each(pve_parse.parse_guest),
    pve_source.JOBS: each(pve_parse.parse_job),
    pve_source.MEMBERS: whole(pve_parse.parse_members),
    pve_source.STORAGES: each(lambda row: place(pve_parse.parse_storage(row))),
    pve_source.NODES: each(pve_parse.parse_node),
    CONTENT: each(lambda row: (pve_parse.parse_archive(row, "nas"), pve_parse.parse_snapshot(row, STORAGE))),
    PRUNE_PREVIEW: each(lambda row: pve_parse.parse_archive(row, "nas")),
}
DATABASEMENT: dict[Call, Read] = {
    databasement_source.HEALTH: lambda document: document,
    databasement_source.SERVERS: each(databasement.parse_server),
    databasement_source.VOLUMES: each(databasement.parse_volume),
    databasement_source.JOBS: each(lambda row: dump(databasement.parse_job(row, {}))),
    databasement_source.SNAPSHOTS: each(databasement.parse_snapshot),
}

#: Samples of PVE and Databasement by call; those of PBS are named by their paths.
OF_PVE = {
    "version": VERSION,
    "node_time": pve_source.TIME,
    "tasks": pve_source.TASKS,
    "resources": pve_source.GUESTS,
    "jobs": pve_source.JOBS,
    "included_volumes": pve_source.MEMBERS,
    "storages": pve_source.STORAGES,
    "nodes": pve_source.NODES,
    "content": CONTENT,
    "prune_preview": PRUNE_PREVIEW,
}
OF_DATABASEMENT = {
    "database_server": databasement_source.SERVERS,
    "volumes": databasement_source.VOLUMES,
    "jobs": databasement_source.JOBS,
    "snapshots": databasement_source.SNAPSHOTS,
}


def samples() -> Iterator[Any]:
    """Recorded answers: how they are read, what is passed on, and the answer."""
    for file in sorted((TESTS / "sources" / "samples").glob("pbs_*.json")):
        for path, answer in json.loads(file.read_text()).items():
            steps = ["api2", "json", *path.partition("?")[0].removeprefix("/").split("/")]
            asked = find(pbs_passed_on.PASSED_ON, steps)
            if asked is not None and answer.get("status") == 200 and answer["body"].get("data") is not None:
                yield pytest.param(PBS, asked.passed_on, answer["body"], id=f"{file.stem} {path}")
    pve = json.loads((TESTS / "simulators" / "samples" / "pve.json").read_text())
    for name, call in OF_PVE.items():
        for body in pve[name]:
            yield pytest.param(PVE, listed(pve_passed_on.PASSED_ON, call), body, id=f"pve {name}")
    for file in sorted((TESTS / "sources" / "samples_databasement").glob("*.json")):
        for name, call in OF_DATABASEMENT.items():
            body = json.loads(file.read_text())
            if file.stem.startswith(name):
                rows = body["data"] if isinstance(body["data"], list) else [body["data"]]
                passed_on = listed(databasement_passed_on.PASSED_ON, call)
                yield pytest.param(DATABASEMENT, passed_on, {**body, "data": rows}, id=file.stem)


def listed(every: tuple[PassedOn, ...], call: Call) -> PassedOn:
    return next(passed_on for passed_on in every if passed_on.call == call)


def passed(passed_on: PassedOn, body: Any) -> Any:
    return json.loads(shape.written(body, passed_on.shape, 4 * 2**20))


SAMPLES = list(samples())


@pytest.mark.parametrize(("readers", "passed_on", "body"), SAMPLES)
def test_our_own_parsers_read_the_same_from_what_is_passed_on(
    readers: dict[Call, Read], passed_on: PassedOn, body: Any
) -> None:
    read = readers[passed_on.call]

    assert read(passed(passed_on, body)) == read(without_addresses(body))


def without_addresses(value: Any, key: str = "") -> Any:
    """What errors say, as it is passed on: they name the host that could not be reached."""
    if isinstance(value, dict):
        return {inner: without_addresses(item, inner) for inner, item in value.items()}
    if isinstance(value, list):
        return [without_addresses(item) for item in value]
    return shape.words(value) if key in ("status", "last-run-state") and isinstance(value, str) else value


@pytest.mark.parametrize(("readers", "passed_on", "body"), SAMPLES)
def test_nothing_is_passed_on_that_leads_to_a_host_or_a_login(
    readers: dict[Call, Read], passed_on: PassedOn, body: Any
) -> None:
    text = json.dumps(passed(passed_on, body))
    keys = set(_keys(passed(passed_on, body)))

    assert keys.isdisjoint(
        {
            "metadata",
            "host",
            "hostname",
            "server_host",
            "port",
            "username",
            "user",
            "tokenid",
            "password",
            "config",
            "path",
        }
        | {"triggered_by", "fingerprint", "remote", "remote-store", "links", "error_message", "ssh_config_id", "digest"}
    )
    assert not any(word in text for word in ("10.0.", "root@pam:", "SAMPLE-NOT-A-KEY", "Sample Admin", "example.test"))


def _keys(value: Any) -> Iterator[str]:
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keys(inner)
    if isinstance(value, dict):
        yield from value


def test_each_sample_is_looked_at_and_each_call_has_one() -> None:
    seen = {sample.values[1].call for sample in SAMPLES} | {databasement_source.HEALTH}

    assert seen == {*PBS, *PVE, *DATABASEMENT}


@pytest.mark.parametrize(
    ("every", "allowed", "left_out"),
    [
        (pbs_passed_on.PASSED_ON, pbs_source.ALLOWED, {PERMISSIONS, pbs_source.LOG}),
        (pve_passed_on.PASSED_ON, pve_source.ALLOWED, {PERMISSIONS, pve_source.LOG}),
        (databasement_passed_on.PASSED_ON, databasement_source.ALLOWED, set()),
    ],
    ids=["pbs", "pve", "databasement"],
)
def test_all_but_permissions_and_logs_are_passed_on(
    every: tuple[PassedOn, ...], allowed: tuple[Call, ...], left_out: set[Call]
) -> None:
    calls = [passed_on.call for passed_on in every]

    assert set(calls) == set(allowed) - left_out
    assert len(set(calls)) == len(calls)
    assert {call.method for call in calls} == {"GET"}
    assert not any(call.gives_secret for call in calls)


def test_a_path_finds_its_call_with_the_names_in_it() -> None:
    asked = find(pbs_passed_on.PASSED_ON, ["api2", "json", "admin", "datastore", "tank-1", "snapshots"])

    assert asked == Asked(listed(pbs_passed_on.PASSED_ON, SNAPSHOTS), (("store", "tank-1"),))
