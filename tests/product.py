"""A rack of simulated upstreams with its clock, and the board that the product's own sources and judgement make of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import reduce
from pathlib import Path
from typing import Any

import yaml

from sidecar.config import load
from sidecar.core.board.board import board
from sidecar.core.history.history import EMPTY, History
from sidecar.core.history.record import record
from sidecar.core.model import Board
from sidecar.core.reports.report import Report
from sidecar.core.timeline.timeline import Timeline, timeline
from sidecar.credentials import Credentials
from sidecar.wiring import make_sources
from tests.evening_before import EARLIER, remembered
from tests.simulators import HOMELAB, Rack, demo_homelab
from tests.simulators.homelab import Homelab

MORNING = datetime.fromisoformat("2026-11-23T07:30:00+01:00")


class Product:
    """A rack with its clock, and the board that the product makes of it."""

    def __init__(self, rack: Rack, directory: Path, now: datetime) -> None:
        self.rack = rack
        self.config = directory / "config.yaml"
        self.now = now
        self.history = EMPTY

    def remember_the_evening_before(self) -> None:
        """From now on it remembers what it read twelve hours ago."""
        self.rack.write_config(self.config)
        now, self.now = self.now, self.now - EARLIER
        self.rack.settle()
        self.history = asyncio.run(remembered(load.load(self.config), Credentials(None), self.now))
        self.now = now
        self.rack.settle()

    def board(
        self, *, services: bool = True, changed: Mapping[str, Any] | None = None, **source_changes: dict[str, Any]
    ) -> Board:
        """The board of this moment.

        Args:
            services: False: without the map.
            changed: sections of the configuration that shall be otherwise.
            source_changes: keys of sources that shall be otherwise.
        """
        self.rack.write_config(self.config, changed, services=services)
        document = yaml.safe_load(self.config.read_text())
        for name, changes in source_changes.items():
            document["sources"][name] = {
                key: value for key, value in {**document["sources"][name], **changes}.items() if value is not None
            }
        self.config.write_text(yaml.safe_dump(document))
        reports = self._reports()
        return board(reports, self._remembering(reports), load.load(self.config).to_settings(), self.now)

    def board_and_timeline(self) -> tuple[Board, Timeline]:
        """Both views of one reading."""
        self.rack.write_config(self.config)
        reports, settings = self._reports(), load.load(self.config).to_settings()
        history = self._remembering(reports)
        return board(reports, history, settings, self.now), timeline(reports, history, settings, self.now)

    def _remembering(self, reports: dict[str, Report]) -> History:
        return reduce(record, reports.values(), self.history)

    def _reports(self) -> dict[str, Report]:
        async def read() -> dict[str, Report]:
            async with make_sources(load.load(self.config), Credentials(None)) as sources:
                return {source.name: await source.read(lambda: self.now) for source in sources}

        return asyncio.run(read())

    def as_good_as_new(self) -> None:
        """The clock back to the morning, and everything repaired."""
        self.now = MORNING
        self.history = EMPTY
        self.rack.as_good_as_new()
        self.rack.settle()


@contextmanager
def opened(directory: Path, now: datetime = MORNING, homelab: Homelab | None = None) -> Iterator[Product]:
    """A homelab in which nothing is wrong, open until the end. The demo's has its jobs since October only."""
    shown = homelab or (demo_homelab() if now == MORNING else HOMELAB)
    product: list[Product] = []
    with Rack(shown, lambda: product[0].now if product else now, directory, faults=()) as rack:
        product.append(Product(rack, directory, now))
        yield product[0]


def states(board: Board) -> dict[str, str]:
    """The services and their states."""
    return {service.name: str(service.verdict.state) for service in board.services}
