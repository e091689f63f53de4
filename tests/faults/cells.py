"""Measures the cells of the table: the product's own sources, memory and judgement, by a clock that a test sets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from sidecar.board_keeper import BoardKeeper
from sidecar.config import load
from sidecar.core.model import Board, PartKind, Verdict
from sidecar.core.reports.report import Report
from sidecar.credentials import Credentials
from sidecar.runtime import reading
from sidecar.sources import Source
from sidecar.upstream.upstream import Limits
from sidecar.web import views
from sidecar.wiring import make_sources
from tests.product import MORNING
from tests.simulators import Rack, demo_homelab
from tests.simulators.homelab import Homelab
from tests.simulators.outages import Outage

#: A quiet Sunday: everything is ok, and nothing is due before the last moment at which anybody looks.
_GOOD = MORNING - timedelta(hours=23)
_SOON, _LATER = _GOOD + timedelta(minutes=5), _GOOD + timedelta(minutes=40)

_INTERVAL = timedelta(minutes=5)

#: Nobody waits a minute for an upstream that does not answer, or two for one that never comes to an end. A client that is
#: connected already keeps its time between two pieces: the time for a whole call ends its silence.
_HURRIED = {"silent": Limits(read=0.2, total=2), "slow": Limits(total=0.5)}

#: What is known of each kind of part depends on these sources.
_TOLD_BY = {
    PartKind.GUEST: ("pbs", "pve"),
    PartKind.DATABASE: ("databasement",),
    PartKind.PLAN: ("backrest",),
}

#: The service and the kind of its part whose words stand in the table.
_WATCHED = {
    "pbs": ("nextcloud", PartKind.GUEST),
    "pve": ("nextcloud", PartKind.GUEST),
    "databasement": ("n8n", PartKind.DATABASE),
    "backrest": ("vault", PartKind.PLAN),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a board shows at one moment.

    Attributes:
        source: the row of the source.
        parts: the states of the parts of services that it tells of.
        watched: the verdict of one of them; None where there is no such part any more.
        rest: the states of everything that it has no part in.
        text: the whole board.
    """

    source: Verdict
    parts: frozenset[str]
    watched: Verdict | None
    rest: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One outage of one source: when it was there at the start; and after good data: before, soon, later, and after its end."""

    at_start: Seen
    before: Seen
    soon: Seen
    later: Seen
    healed: Seen


class Laboratory:
    """A homelab that answers by a clock. A context manager, in which ``cell`` measures."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._now = _GOOD
        self._good: dict[datetime, dict[str, Report]] = {}

    def __enter__(self) -> Self:
        self.rack = Rack(_small(demo_homelab()), lambda: self._now, self._folder / "rack")
        self.rack.__enter__()
        self._runner = asyncio.Runner()
        for moment in (_GOOD, _LATER):
            self._good[moment] = self._runner.run(self._read_all(moment))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.close()
        self.rack.__exit__(kind, error, trace)

    def cell(self, name: str, outage: Outage) -> Cell:
        """What becomes of one outage of one source."""
        return self._runner.run(self._cell(name, outage))

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must stand nowhere."""
        return tuple(self.rack.site.access[name].secret for name in self.rack.site.homelab.sources)

    # --- inside ---

    def _configure(self) -> None:
        changed = {"poll_interval": f"{_INTERVAL.total_seconds():.0f}s"}
        self._config = load.load(self.rack.write_config(self._folder / "config.yaml", changed))

    async def _read_all(self, moment: datetime) -> dict[str, Report]:
        self._now = moment
        self._configure()
        async with make_sources(self._config, Credentials(None)) as sources:
            return {source.name: await self._read(source) for source in sources}

    async def _read(self, source: Source) -> Report:
        return await reading(source, lambda: self._now, _INTERVAL, lambda: 0.0)()

    async def _cell(self, name: str, outage: Outage) -> Cell:
        self._configure()
        async with make_sources(self._config, Credentials(None)) as sources:
            source = next(source for source in sources if source.name == name)
            keeper = self._keeper(name, _GOOD)
            before = await self._look(keeper, source)
            _hurry(source, outage)
            await self._turn(outage.begins, name)
            try:
                self._now = _SOON
                soon = await self._look(keeper, source)
                self._let_it_ask_again(source)
                self._tell_the_others(keeper, name, _LATER)
                later = await self._look(keeper, source)
                at_start = await self._at_start(name, outage)
            finally:
                await self._turn(outage.ends, name)
            self._let_it_ask_again(source)
            source._upstream._limits = Limits()  # type: ignore[attr-defined]
            healed = await self._look(keeper, source)
        return Cell(at_start=at_start, before=before, soon=soon, later=later, healed=healed)

    async def _at_start(self, name: str, outage: Outage) -> Seen:
        """The same while nothing was read before: another product, with the same configuration."""
        async with make_sources(self._config, Credentials(None)) as sources:
            source = next(source for source in sources if source.name == name)
            _hurry(source, outage)
            return await self._look(self._keeper(name, _LATER), source)

    async def _turn(self, turn: object, name: str) -> None:
        """In a thread: it waits for the servers' own thread."""
        await asyncio.to_thread(turn, self.rack, name)  # type: ignore[arg-type]

    def _let_it_ask_again(self, source: Source) -> None:
        """The time passes for which an upstream asked to be left alone."""
        source._upstream._retry_at = 0.0  # type: ignore[attr-defined]

    def _keeper(self, name: str, moment: datetime) -> BoardKeeper:
        self._now = moment
        keeper = BoardKeeper(self._config.to_settings(), lambda: self._now)
        self._tell_the_others(keeper, name, moment)
        return keeper

    def _tell_the_others(self, keeper: BoardKeeper, name: str, moment: datetime) -> None:
        self._now = moment
        for other, report in self._good[moment].items():
            if other != name:
                keeper.record(report)

    async def _look(self, keeper: BoardKeeper, source: Source) -> Seen:
        keeper.record(await self._read(source))
        return _seen(keeper.board, source.name)


def _hurry(source: Source, outage: Outage) -> None:
    """Nobody waits for what never ends. All else has its time: the machine may be busy."""
    if outage.never_ends is not None:
        source._upstream._limits = _HURRIED[outage.never_ends]  # type: ignore[attr-defined]


def _seen(board: Board, name: str) -> Seen:
    together = next(sources for sources in _TOLD_BY.values() if name in sources)
    parts = {(service.name, part.kind, part.ref): part for service in board.services for part in service.parts}
    mine = {place: part.verdict for place, part in parts.items() if name in _TOLD_BY[part.kind]}
    rest = {f"{place[0]} {part.ref}": part.verdict for place, part in parts.items() if place not in mine}
    rest |= {f"job {row.name}": row.verdict for row in board.jobs if row.source not in together}
    rest |= {f"source {row.name}": row.verdict for row in board.sources if row.name != name}
    return Seen(
        source=next(row.verdict for row in board.sources if row.name == name),
        parts=frozenset(str(verdict.state) for verdict in mine.values()),
        watched=next((verdict for place, verdict in mine.items() if place[:2] == _WATCHED[name]), None),
        rest={row: str(verdict.state) for row, verdict in rest.items()},
        text=json.dumps(views.status(board), default=str),
    )


def _small(homelab: Homelab) -> Homelab:
    """What lies there of a few days only: there is less to read."""
    return replace(
        homelab,
        datastore=replace(homelab.datastore, keep_last=6),
        dumps=replace(homelab.dumps, keep_days=6),
        repository=replace(homelab.repository, keep_daily=6),
    )
