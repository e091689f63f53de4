"""What a long list says again is the same objects as before: with the report that a board keeps, it is in memory once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from sidecar.core.reports.facts import BackupGroup, Dump, Fact, Task
from sidecar.core.reports.report import Report
from sidecar.ledger.facts_json import facts_from_text, facts_to_text
from sidecar.sources import Source
from sidecar.sources.proxmox import ProxmoxOptions
from sidecar.sources.pve import ALLOWED as PVE_CALLS
from sidecar.sources.pve import PveSource
from sidecar.sources.pve_content import BackupServers
from sidecar.upstream.tls import Trust
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
