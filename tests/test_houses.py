"""Houses of which only the PBS is known, or only the cluster: over real HTTPS, from the upstream's answers to page and JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial, reduce
from pathlib import Path
from typing import Any

import pytest

from sidecar.config import load
from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.record import record
from sidecar.core.model import Board
from sidecar.core.timeline.timeline import Timeline, timeline
from sidecar.credentials import Credentials
from sidecar.web import views
from sidecar.web.app import create_app
from sidecar.wiring import make_sources
from tests.simulators import PBS_ONLY, PVE_ONLY, Rack
from tests.simulators.acl import PVE_FULL, PVE_LISTING
from tests.simulators.homelab import Homelab
from tests.web.asking import KEY, SECOND_KEY, ask

NOW = datetime.fromisoformat("2026-11-25T11:00:00+01:00")


class House:
    """A rack, and what the product makes of it with a configuration of the house's own."""

    def __init__(self, rack: Rack, directory: Path) -> None:
        self.rack = rack
        self._config = directory / "config.yaml"

    def look(self, **changed: Any) -> tuple[Board, Timeline]:
        """Board and calendar; ``changed`` are sections of the configuration."""
        config = load.load(self.rack.write_config(self._config, changed))
        settings = config.to_settings()

        async def read() -> History:
            async with make_sources(config, Credentials(None)) as sources:
                for source in sources:
                    reports[source.name] = await source.read(lambda: NOW)
            return reduce(partial(record, every_group="pve" not in reports), reports.values(), EMPTY)

        reports: dict[str, Any] = {}
        history = asyncio.run(read())
        return board(reports, history, settings, NOW), timeline(reports, history, settings, NOW)

    def json(self, **changed: Any) -> dict[str, Any]:
        """The board as programs get it."""
        return views.status(self.look(**changed)[0])


@contextmanager
def opened(homelab: Homelab, directory: Path) -> Iterator[House]:
    with Rack(homelab, lambda: NOW, directory) as rack:
        yield House(rack, directory)


@pytest.fixture(scope="module")
def pbs_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with opened(PBS_ONLY, tmp_path_factory.mktemp("pbs-only")) as house:
        yield house


@pytest.fixture(scope="module")
def pve_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with opened(PVE_ONLY, tmp_path_factory.mktemp("pve-only")) as house:
        yield house


def services(status: dict[str, Any]) -> dict[str, Any]:
    return {service["name"]: service for service in status["services"]}


def test_of_a_pbs_alone_every_group_is_a_row_with_all_that_is_known(pbs_only: House) -> None:
    status = pbs_only.json()
    rows = services(status)

    assert status["overall"] == {"state": "ok", "headline": "All 6 backed up", "counts": {"ok": 6, "disabled": 1}}
    assert {name: row["state"] for name, row in rows.items()} == {
        "nas": "ok",
        "host/web01": "ok",
        "router": "ok",
        "vaultwarden": "ok",
        "home-assistant": "ok",
        "grafana": "ok",
        "old-wiki": "disabled",
    }
    assert rows["nas"]["reason"] == "Comes about every day; newest backup today 01:30."
    assert rows["router"]["reason"] == "Comes about every week; newest backup Sun 22 Nov 12:00."
    told = {
        name: tuple(row["parts"][0][key] for key in ("owner", "encrypted", "protected")) for name, row in rows.items()
    }
    assert told["nas"] == ("backup@pbs!hosts", True, 1)
    assert told["router"] == ("root@pam", False, 0)
    assert {job["name"] for job in status["jobs"]} == {"pbs/prune/prune-main", "pbs/gc/main"}
    assert status["notes"] == [
        "There is no verification job for pbs/main: nothing shows that its backups can be restored."
    ]


def test_what_the_owner_expects_of_hosts_stands_in_the_calendar_under_the_services_name(pbs_only: House) -> None:
    expect = {"schedule": "01:30", "timezone": "Europe/Berlin"}
    mapped = [
        {"name": "Storage", "guests": [{"ref": "pbs:main/host/nas", "expect": expect}]},
        {"name": "Network", "guests": ["pbs:main/host/*"]},
    ]
    made, shown = pbs_only.look(services=mapped)
    start = NOW.replace(hour=0)
    found = {(each.title, each.kind.value, str(each.state)) for each in shown.occurrences(start, NOW)}
    parts = {service["name"]: [part["ref"] for part in service["parts"]] for service in views.status(made)["services"]}

    assert ("Storage", "backup", "ok") in found
    assert not any("guest" in title for title, _, _ in found)
    assert parts["Network"] == ["main/host/nas", "main/host/router", "main/host/web01"]
    assert made.overall.headline == "All 5 backed up"


def test_its_page_calls_hosts_hosts_and_says_whose_backups_they_are(pbs_only: House) -> None:
    hosts = [{"name": "Hosts", "guests": ["pbs:main/host/*"]}]
    ignore = {"groups": ["*/vm/*", "*/ct/*"]}
    made, shown = pbs_only.look(services=hosts, ignore=ignore)
    app = create_app(
        board=lambda: made,
        timeline=lambda: shown,
        ready=lambda: True,
        keys=(KEY, SECOND_KEY),
        clock=lambda: NOW,
    )
    page, fragment = (ask(app, path).text for path in ("/widget?view=all", "/extension"))

    for text in (page, fragment):
        assert "3 hosts" in text
        assert "owner backup@pbs!hosts, encrypted, 1 protected" in text
        assert "owner root@pam, not encrypted" in text
        assert "guest" not in text.replace("bg-guest", "")


def test_without_backup_server_the_cluster_tells_what_lies_there(pve_only: House) -> None:
    status = pve_only.json()
    rows = services(status)
    (part,) = rows["nextcloud"]["parts"]

    assert status["overall"]["headline"] == "All 4 backed up"
    assert {row["state"] for row in rows.values()} == {"ok"}
    assert (part["job"], part["count"], part["encrypted"], part["protected"]) == (
        "pve/backup/backup-critical",
        28,
        False,
        0,
    )
    assert [source["limits"] for source in status["sources"]] == [[]]


def test_to_a_token_that_may_only_audit_the_cluster_shows_nothing_and_nothing_is_green(pve_only: House) -> None:
    pve_only.rack.set_permissions("pve", PVE_FULL)
    try:
        rows = services(pve_only.json())
    finally:
        pve_only.rack.set_permissions("pve", PVE_LISTING)

    assert {row["state"] for row in rows.values()} == {"unknown"}
    assert "Datastore.Allocate is missing on /storage/pbs-main" in rows["grafana"]["reason"]
    assert rows["grafana"]["action"].startswith("Add that server to sources; or grant PVEDatastoreAdmin")


def test_the_cluster_is_only_asked_for_what_the_backup_server_would_tell(pbs_only: House, pve_only: House) -> None:
    pbs_only.look()
    pve_only.look()
    asked = {(request.source, request.path.rpartition("/")[2]) for request in pve_only.rack.requests}

    assert ("pve", "content") in asked
    assert {request.source for request in pbs_only.rack.requests} == {"pbs"}
    assert {request.source for request in pve_only.rack.requests} == {"pve"}
