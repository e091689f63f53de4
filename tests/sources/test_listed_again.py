"""What a long list says again is the same objects as before: with the report that a board keeps, it is in memory once."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from sidecar.core.reports.facts import BackupGroup, Dump, DumpCopy, Fact, Task
from sidecar.core.reports.report import Report
from sidecar.ledger.facts_json import facts_from_text, facts_to_text
from sidecar.sources import Source
from sidecar.sources.proxmox import ProxmoxOptions
from sidecar.sources.pve import ALLOWED as PVE_CALLS
from sidecar.sources.pve import PveSource
from sidecar.sources.pve_content import BackupServers
from sidecar.upstream.tls import Trust
from tests.replies import arriving
from tests.sources.recorded import Answering, any_secret, clock, reading, recorded, run, upstream
from tests.sources.test_databasement import NOW, answering, source_for
from tests.sources.test_pbs import source as pbs_source
from tests.sources.test_pve import ARCHIVES, CONTENT, LISTING, NO_SERVER, ON_PBS, PREVIEW, SNAPSHOTS, cluster

CLUSTER_A = "/admin/datastore/store1/snapshots?ns=clusterA"


def new(report: Report, *before: Report) -> list[Fact]:
    """The facts of snapshots, archives, tasks and dumps that are not objects of the reports before."""
    known = {id(fact) for each in before for reading in each.readings for fact in reading.facts}
    lists = (reading for name in ("snapshots", "archives", "tasks", "dumps") for reading in report.within(name))
    return [fact for reading in lists for fact in reading.facts if id(fact) not in known]


def test_a_backup_server_that_lists_everything_again_brings_no_new_objects() -> None:
    server = pbs_source(Answering(recorded("pbs_main")))
    first, second = run(server.read(clock)), run(server.read(clock))

    assert list(second.facts(BackupGroup))
    assert list(second.facts(Task))
    assert new(second, first) == []
    assert all(each.facts is reading(first, *each.scope).facts for each in second.within("snapshots"))


def test_what_could_not_be_listed_for_a_while_is_the_same_objects_as_before() -> None:
    """The board has kept them meanwhile: a source with new ones would keep these beside them for ever."""
    transport = Answering(recorded("pbs_main"))
    server, fine = pbs_source(transport), dict(transport.answers)
    first = run(server.read(clock))
    for path in (CLUSTER_A, "/nodes/localhost/tasks"):
        transport.answers[path] = {"status": 500, "body": "no"}
    failed = run(server.read(clock))
    transport.answers = fine

    assert reading(failed, "snapshots", "store1", "clusterA").problem
    assert reading(failed, "tasks").problem
    assert new(run(server.read(clock)), first) == []


def test_of_a_group_that_changed_only_what_changed_is_new() -> None:
    transport = Answering(recorded("pbs_main"))
    rows: list[dict[str, Any]] = transport.answers[CLUSTER_A]["body"]["data"]
    server = pbs_source(transport)
    first = run(server.read(clock))
    grown = {**rows[0], "backup-time": rows[0]["backup-time"] + 60}
    transport.answers[CLUSTER_A] = [*rows, grown]
    second = run(server.read(clock))

    (group,) = new(second, first)
    assert isinstance(group, BackupGroup)
    known = {id(snapshot) for before in first.facts(BackupGroup) for snapshot in before.snapshots}
    assert [snapshot.time.timestamp() for snapshot in group.snapshots if id(snapshot) not in known] == [
        grown["backup-time"]
    ]


def pve(answers: dict[str, Any], servers: BackupServers) -> PveSource:
    options = ProxmoxOptions("pve", "https://lab.invalid", Trust(), any_secret, any_secret)
    return PveSource(options, backup_servers=servers, upstream=upstream(Answering(answers), PVE_CALLS))


def test_storages_that_are_listed_again_bring_no_new_objects() -> None:
    disk = cluster({"storage": "nas", "type": "nfs"}, **{PREVIEW: ARCHIVES})
    server = cluster(ON_PBS, **{CONTENT: SNAPSHOTS, "/access/permissions": LISTING})
    for source in (pve(disk, BackupServers(any=True)), pve(server, NO_SERVER)):
        first, second = run(source.read(clock)), run(source.read(clock))

        assert reading(second, "archives", "shared", "nas").facts is reading(first, "archives", "shared", "nas").facts
        assert new(first) != new(second, first) == []


def test_the_tasks_of_a_cluster_are_the_same_objects_while_nothing_new_is_known_of_their_logs() -> None:
    start = int(clock().timestamp()) - 600
    task = {"upid": f"UPID:pve1:1:1:{start:08X}:vzdump::a@pam:", "type": "vzdump", "starttime": start}
    ended = {**task, "endtime": start + 60, "status": "OK"}
    answers = cluster({"storage": "nas", "type": "nfs"}, **{PREVIEW: ARCHIVES, "/nodes/pve1/tasks": [ended]})
    source = pve(answers, BackupServers(any=True))
    first, second = run(source.read(clock)), run(source.read(clock, whole=False))
    look = run(source.look(clock))

    assert list(second.facts(Task))
    assert look.report is not None
    assert new(second, first) == []
    assert new(look.report, first) == []


def test_the_copies_of_dumps_are_once_in_memory() -> None:
    source = source_for(answering())

    def copies_after_a_round() -> int:
        report = run(source.read(lambda: NOW))
        gc.collect()
        assert list(report.facts(Dump))
        return sum(isinstance(each, DumpCopy) for each in gc.get_objects())

    assert copies_after_a_round() == copies_after_a_round() > 0


def test_dumps_that_are_read_again_bring_no_new_objects_whether_page_by_page_or_the_newest_only() -> None:
    source, now = source_for(answering()), NOW

    def moment() -> datetime:
        return now

    first = run(source.read(moment))
    for whole in (True, False):
        now += timedelta(minutes=5)
        again = run(source.read(moment, whole=whole))
        assert list(again.facts(Dump))
        assert new(again, first) == []
    look = run(source.look(moment, wide=True))
    assert look.report is not None
    assert new(look.report, first) == []


def remembered(report: Report) -> Report:
    """The same report as it comes back from the ledger after a restart."""
    readings = (replace(each, facts=facts_from_text(facts_to_text(each.facts))) for each in report.readings)
    return replace(report, readings=tuple(readings))


SOURCES: dict[str, tuple[Callable[[], Source], datetime]] = {
    "pbs": (lambda: pbs_source(Answering(recorded("pbs_main"))), clock()),
    "pve": (
        lambda: pve(cluster({"storage": "nas", "type": "nfs"}, **{PREVIEW: ARCHIVES}), BackupServers(any=True)),
        clock(),
    ),
    "pve with a backup server": (
        lambda: pve(cluster(ON_PBS, **{CONTENT: SNAPSHOTS, "/access/permissions": LISTING}), NO_SERVER),
        clock(),
    ),
    "databasement": (lambda: source_for(answering()), NOW),
}


@pytest.mark.parametrize("name", SOURCES)
def test_after_a_restart_what_is_listed_again_is_the_objects_of_the_ledger(name: str) -> None:
    make, now = SOURCES[name]
    before = remembered(run(make().read(lambda: now)))
    source, stranger = make(), make()
    source.adopt(before)
    first = run(source.read(lambda: now))

    assert new(first, before) == []
    assert new(run(source.read(lambda: now)), before) == []
    assert new(run(stranger.read(lambda: now)), before) != []


def test_what_the_ledger_held_proves_nothing() -> None:
    """It is read again as if nothing were known, and what is gone is not there any more."""
    transport = Answering(recorded("pbs_main"))
    before = remembered(run(pbs_source(transport).read(clock)))
    transport.answers[CLUSTER_A] = []
    transport.asked.clear()
    server = pbs_source(transport)
    server.adopt(before)
    report = run(server.read(clock, whole=False))

    assert CLUSTER_A in transport.asked
    assert reading(before, "snapshots", "store1", "clusterA").facts
    assert reading(report, "snapshots", "store1", "clusterA").facts == ()


class InPieces(Answering):
    """The recorded backup server with long lists, which arrive a row at a time and are in memory nowhere."""

    def __init__(self, lists: Mapping[str, Callable[[], Iterator[dict[str, Any]]]]) -> None:
        super().__init__(recorded("pbs_main"))
        self._lists = lists

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for ending, rows in self._lists.items():
            if str(request.url).partition("&since")[0].endswith(ending) or request.url.path.endswith(ending):
                return arriving(httpx.Response(200, content=_pieces(rows())))
        return await super().handle_async_request(request)


async def _pieces(rows: Iterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    yield b'{"data":['
    for place, row in enumerate(rows):
        yield (b"," if place else b"") + json.dumps(row).encode()
    yield b"]}"


BEGAN = int(clock().timestamp()) - 3 * 86_400


def many_snapshots() -> Iterator[dict[str, Any]]:
    for row in range(2_000):
        yield {"backup-type": "vm", "backup-id": f"{row % 20}", "backup-time": BEGAN - row, "size": 2**40 + row}


def many_tasks() -> Iterator[dict[str, Any]]:
    """One in eight is an upload."""
    for row in range(5_000):
        kind, start = "prunegroup" if row % 8 else "backup", BEGAN - 60 * row
        upid = f"UPID:pbs:00000001:00000002:{row:08X}:{start:08X}:{kind}:main\\x3avm:a@pbs:"
        times = {"starttime": start, "endtime": start + 3}
        yield {"upid": upid, "worker_type": kind, "worker_id": "main:vm/1", "status": "OK", **times}


def test_a_long_list_that_is_read_again_takes_little_beside_what_is_kept_of_it() -> None:
    """What is freed of a copy later leaves holes between what stays: the process does not get smaller by it."""
    server = pbs_source(InPieces({CLUSTER_A: many_snapshots, "/tasks": many_tasks}))

    async def read_twice() -> tuple[int, int]:
        """What the first round leaves in memory, and what the second takes beside that."""
        taken = []
        for _ in range(2):
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            report = await server.read(clock)
            assert sum(1 for _ in report.facts(Task)) >= 600
            now, most = tracemalloc.get_traced_memory()
            taken.append((now - before, most - before))
        return taken[0][0], taken[1][1]

    tracemalloc.start()
    try:
        kept, beside = run(read_twice())
    finally:
        tracemalloc.stop()
    assert beside < kept
