"""A ledger with something in every table, and what may become of its file: the tables of damage that tests go through.

``make check`` takes a sample of the flipped bytes, ``make soak`` all pages.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from sidecar.board_keeper import BoardKeeper
from sidecar.config import load
from sidecar.config.model import Config
from sidecar.core.reports.report import Report
from sidecar.core.settings import Settings
from sidecar.credentials import Credentials
from sidecar.ledger.ledger import FILE, Ledger
from sidecar.ledger.opened import Condition
from sidecar.wiring import make_sources
from tests.alert_memory import FULL
from tests.simulators import Rack, demo_homelab
from tests.simulators.faults import SourceAway

MORNING = datetime.fromisoformat("2026-11-23T07:30:00+01:00")
PAGE = 4096


@dataclass(frozen=True, slots=True)
class House:
    """A homelab's ledger as a sidecar left it that was killed or stopped, with what is needed to go on from there."""

    directory: Path
    settings: Settings
    reports: tuple[Report, ...]
    now: datetime

    def keeper(self, ledger: Ledger) -> BoardKeeper:
        return BoardKeeper(self.settings, lambda: self.now, ledger)


def house(directory: Path) -> House:
    """Three readings of the simulated homelab, twelve hours apart, one of them while a source was away."""
    clock = [MORNING - timedelta(hours=24)]
    directory.mkdir(parents=True, exist_ok=True)
    with Rack(demo_homelab(), lambda: clock[0], directory / "rack") as rack:
        config = load.load(rack.write_config(directory / "config.yaml"))
        with closing(Ledger(directory, clock[0])) as ledger:
            keeper = BoardKeeper(config.to_settings(), lambda: clock[0], ledger)
            reports: list[Report] = []
            for hours in (24, 12, 0):
                clock[0] = MORNING - timedelta(hours=hours)
                rack.faults = (SourceAway("backrest", clock[0]),) if hours == 12 else ()
                reports = asyncio.run(_read(config, clock[0]))
                for report in reports:
                    keeper.record(report)
            ledger.record_alerts(FULL)
    return House(directory, config.to_settings(), tuple(reports), clock[0])


async def _read(config: Config, now: datetime) -> list[Report]:
    async with make_sources(config, Credentials(None)) as sources:
        return [await source.read(lambda: now) for source in sources]


@dataclass(slots=True)
class Tally:
    """What became of so many mutations."""

    tried: int = 0
    conditions: Counter[str] = field(default_factory=Counter)
    stopped: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        became = ", ".join(f"{condition} {number}" for condition, number in sorted(self.conditions.items()))
        return f"{self.tried} mutations tried: {became}; {len(self.stopped)} stopped the service"


def flipped(there: House, places: Iterator[tuple[int, int]]) -> Tally:
    """Each (offset, bits) is flipped in a copy of the ledger, with which the service then starts and goes on."""
    tally = Tally()
    content = (there.directory / FILE).read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        for offset, bits in places:
            changed = bytearray(content)
            changed[offset] ^= bits
            directory = Path(folder) / "state"
            directory.mkdir()
            (directory / FILE).write_bytes(changed)
            _try(there, directory, tally, f"byte {offset} (page {offset // PAGE + 1}) ^ {bits:#x}")
            shutil.rmtree(directory)
    return tally


def _try(there: House, directory: Path, tally: Tally, what: str) -> None:
    tally.tried += 1
    try:
        tally.conditions[goes_on(there, directory)] += 1
    except Exception as error:  # noqa: BLE001 (what is counted here)
        tally.stopped.append(f"{what}: {type(error).__name__}: {error}")


def goes_on(there: House, directory: Path) -> Condition:
    """Starts with the ledger in ``directory``, reads every source once, and starts again. Raises what would stop it."""
    with closing(Ledger(directory, there.now)) as ledger:
        keeper = there.keeper(ledger)
        for report in there.reports:
            keeper.record(replace(report, at=there.now))
        keeper.timeline()
        _read_all(ledger)
    condition = ledger.condition
    aside = [path for path in directory.iterdir() if path.name.startswith((f"{FILE}.broken-", f"{FILE}.newer-"))]
    assert bool(aside) == (condition in (Condition.BROKEN, Condition.NEWER)), (condition, aside)
    assert (condition is Condition.OK) == (ledger.notes == ()), ledger.notes
    assert sorted(path.name for path in directory.glob("*-wal")) == []
    with closing(Ledger(directory, there.now)) as again:
        assert again.notes == ()
        assert again.remembered.reports.keys() == {report.source for report in there.reports}
    return condition


def _read_all(ledger: Ledger) -> None:
    ever = datetime.fromisoformat("1900-01-01T00:00+00:00"), datetime.fromisoformat("9000-01-01T00:00+00:00")
    ledger.runs(*ever)
    ledger.verdict_changes(*ever)
    ledger.finals(*ever)
    ledger.observation_gaps(*ever)
    ledger.service_days(date.min, date.max)


def every_page(path: Path, chance: random.Random, each: int) -> Iterator[tuple[int, int]]:
    """So many places of each page: its header byte by byte, as far as they go, and then places by chance."""
    size = path.stat().st_size
    for page in range(0, size, PAGE):
        header = 112 if page == 0 else 16
        for place in range(each):
            offset = place if place < min(header, each // 2) else chance.randrange(PAGE)
            yield page + offset, chance.choice((0xFF, 1 << chance.randrange(8)))


def tables(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
