"""Ledgers for tests: one as a sidecar leaves it, and a look into its file."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from sidecar.board_keeper import BoardKeeper
from sidecar.core.reports.facts import Guest
from sidecar.ledger.ledger import FILE, Ledger
from tests.core.factories import at
from tests.core.sample_reports import group, pbs, pve, settings, vzdump

NOW = at("22 12:00")
GUESTS = (Guest(vmid=101, type="lxc", name="vaultwarden", node="pve1"),)
VZDUMP = vzdump("22 04:00", "22 04:10")


def keeper_and_ledger(directory: Path, now: str = "22 12:00") -> tuple[BoardKeeper, Ledger]:
    ledger = Ledger(directory, at(now))
    return BoardKeeper(settings(), lambda: at(now), ledger), ledger


def filled(directory: Path) -> None:
    """A ledger as a sidecar leaves it that has read everything once."""
    keeper, ledger = keeper_and_ledger(directory)
    for report in (pbs("22 11:58", group("21 04:05", "22 04:05")), pve("22 11:58", VZDUMP)):
        keeper.record(report)
    ledger.close()


def rows(directory: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(directory / FILE)) as connection:
        return connection.execute(query).fetchall()


def written(ledger: Ledger) -> None:
    """Waits until everything that was handed over was written, or could not be."""
    deadline = time.monotonic() + 10
    while not ledger.idle:
        assert time.monotonic() < deadline
        time.sleep(0.01)
