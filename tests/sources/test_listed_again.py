"""What a long list says again is the same objects as before: with the report that a board keeps, it is in memory once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sidecar.core.reports.facts import BackupGroup, Dump, Fact, Task
from sidecar.core.reports.report import Report
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
