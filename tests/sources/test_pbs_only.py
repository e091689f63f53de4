"""What a house concludes that has only the PBS 3.2.4 whose answers were recorded: names, rhythms, owners, encryption."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY
from sidecar.core.history.record import record
from sidecar.core.model import Board, SourceKind
from sidecar.core.settings import ServiceSetting
from sidecar.sources.pbs import ALLOWED, PbsSource
from sidecar.sources.proxmox import ProxmoxOptions
from sidecar.upstream.tls import Trust
from tests.core.sample_reports import service, settings, source
from tests.sources.recorded import NOW, Answering, any_secret, clock, recorded, run, upstream

PBS = source("pbs", SourceKind.PBS)


def house(*states: str, services: tuple[ServiceSetting, ...] = (), **changed: Any) -> Board:
    """The board a minute after the recorded answers were read."""
    options = ProxmoxOptions("pbs", "https://lab.invalid", Trust(), any_secret, any_secret)
    server = PbsSource(options, upstream=upstream(Answering(recorded(*states) | changed), ALLOWED))
    report = run(server.read(clock))
    history = record(EMPTY, report, every_group=True)
    return board({"pbs": report}, history, settings(PBS, services=services), NOW + timedelta(minutes=1))


EVERY = house("pbs_main")


@pytest.mark.parametrize(
    ("name", "state", "reason", "told"),
    [
        ("dns1 (pbs:store1/clusterA/ct/200)", "ok", "Comes about every day; newest", ("pve@pbs!pve1", False, 0)),
        ("dns1 (pbs:store2/fromA/ct/200)", "ok", "Comes about every day; newest", ("root@pam", False, 0)),
        ("web-frontend (pbs:store1/clusterA/vm/100)", "failed", "The run that ended", ("pve@pbs!pve1", False, 1)),
        ("win11-desktop (pbs:store1/clusterA/vm/101)", "warning", "Usually every day; the newest is 5 days", None),
        ("vm/104", "running", "Running since today 19:28", ("pve@pbs!pve1", None, 0)),
        ("vault (pbs:store1/clusterA/ct/201)", "disabled", "Nothing is expected", ("pve@pbs!pve1", True, 0)),
        ("host/web01", "disabled", "Nothing is expected: too few", ("ops@pbs!hosts", True, 0)),
        ("nightly dump", "disabled", "Nothing is expected: too few", ("ops@pbs!hosts", False, 0)),
        ("host/nas.example_1-x", "disabled", "Nothing is expected", ("ops@pbs!hosts", False, 0)),
        ("mailäü ✉", "disabled", "Nothing is expected", ("root@pam!admin", False, 0)),
        ("other-cluster-100", "warning", "The run of today 02:30 failed: its snapshot failed verification", None),
        ("host/orphan", "warning", "The run of today 19:25 failed: its upload broke off", ("ops@pbs!hosts", None, 0)),
        ("vm/not-a-number", "disabled", "Nothing is expected", None),
    ],
)
def test_every_group_of_the_server_is_a_row(
    name: str, state: str, reason: str, told: tuple[str, bool | None, int] | None
) -> None:
    (row,) = [each for each in EVERY.services if each.name == name]
    (part,) = row.parts

    assert (row.verdict.state, str(row.verdict.reason)[: len(reason)]) == (state, reason)
    assert told is None or (part.owner, part.encrypted, part.protected) == told


def test_the_headline_counts_those_of_which_something_is_expected() -> None:
    assert len(EVERY.services) == 24
    assert EVERY.overall.headline.startswith("1 of 11 need you: web-frontend")


def test_a_token_for_one_namespace_shows_its_groups_and_nothing_else_is_green() -> None:
    named = (
        service("hosts", "pbs:store1/host/*"),
        service("all", "pbs:store1/clusterA/*/*"),
        service("vms", "pbs:store1/clusterA/vm/1*"),
    )
    made = house("pbs_main", "pbs_main_ns_clustera_only", services=named)
    rows = {row.name: row.verdict for row in made.services}

    assert {name: str(verdict.state) for name, verdict in rows.items()} == {
        "hosts": "unknown",
        "all": "unknown",
        "vms": "warning",
    }
    for name in ("hosts", "all"):
        assert "Datastore.Audit is missing on /datastore/store1" in str(rows[name].reason)
        assert "acl update /datastore/store1 DatastoreAudit" in str(rows[name].action)


def test_a_token_that_may_see_nothing_makes_no_empty_house() -> None:
    made = house("pbs_main", "pbs_main_noacl")

    assert (made.overall.state, made.overall.headline) == ("unknown", "Can't tell: pbs can't be read")
