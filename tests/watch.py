"""The sidecar at work over simulated time: its own sources, memory and judgement, minute by minute, in one process.

Each source has a round every minute, a light one or a full one, as the product itself decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from sidecar.board_keeper import BoardKeeper
from sidecar.config.model import Config
from sidecar.core.model import HARMLESS, Board, State, Verdict
from sidecar.core.settings import Settings
from sidecar.sources import Secret, Source
from sidecar.sources import pbs as pbs_source
from sidecar.sources import pve as pve_source
from sidecar.sources.backrest import BackrestOptions, BackrestSource
from sidecar.sources.databasement import DatabasementOptions, DatabasementSource
from sidecar.sources.pbs import PbsSource
from sidecar.sources.proxmox import ProxmoxOptions
from sidecar.sources.pve import PveSource
from sidecar.sources.pve_content import BackupServers
from sidecar.sources.rounds import Round, Rounds
from sidecar.upstream.tls import Trust
from sidecar.upstream.upstream import Upstream
from sidecar.wiring import pace
from tests.simulators import Rack
from tests.simulators.faults import Fault
from tests.simulators.homelab import Homelab

MINUTE = timedelta(minutes=1)
POLL = timedelta(minutes=5)

#: What a sparing watch has in its configuration.
_SPARING = {"poll_interval": "1h", "stale_after": "2h"}
_QUIET_POLL = timedelta(minutes=55)
_KEPT = 12

_URLS = {
    "pbs": "https://pbs.lan:8007",
    "pve": "https://pve.lan:8006",
    "databasement": "https://databasement.lan",
    "backrest": "https://backrest.lan",
}


class Watch:
    """A homelab and the sidecar that watches it, from ``now`` on. A context manager.

    Everything is kept for twelve days instead of four weeks, so that there is less to read; without ``lean`` as the homelab says.
    ``options``: more of the configuration. ``sparing``: a reading counts for two hours, and a source is polled once an hour
    and when something has happened in the homelab.
    """

    def __init__(
        self,
        homelab: Homelab,
        now: datetime,
        faults: Iterable[Fault] = (),
        *,
        sparing: bool = False,
        lean: bool = True,
        options: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.now = now.astimezone(UTC)
        self.rack = Rack(_lean(homelab) if lean else homelab, self.clock, Path("unused"), faults)
        self._sparing = sparing
        self._polled: dict[str, datetime] = {}
        self._due: dict[str, datetime] = {}
        own = {**(_SPARING if sparing else {}), **options}
        self._config = Config.model_validate({"sources": _described(homelab), **self.rack.expectations(), **own})

    def __enter__(self) -> Self:
        self._runner = asyncio.Runner()
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._runner.close()

    def restart(self) -> None:
        """End the sidecar and start it again, without a memory."""
        self._stop()
        self._start()

    def _start(self) -> None:
        self._keeper = BoardKeeper(self._config.to_settings(), self.clock)
        self._sources = _sources(self.rack)
        self._rounds = {
            name: Rounds(source, self.clock, pace(self._config, name), self._keeper, lambda: 0.0)
            for name, source in self._sources.items()
        }
        self._read_all()

    def _stop(self) -> None:
        for source in self._sources.values():
            self._runner.run(source.close())

    def clock(self) -> datetime:
        """The time in the homelab and in the sidecar."""
        return self.now

    @property
    def settings(self) -> Settings:
        """What the judgement reads of the configuration."""
        return self._config.to_settings()

    @property
    def board(self) -> Board:
        """The board of this minute."""
        return self._keeper.board

    def walk(self, until: datetime, quiet: timedelta = MINUTE) -> Iterator[Board]:
        """The board of every minute after this one, up to ``until``.

        ``quiet``: so long a step is where nothing is due or under way in the homelab, up to the minute in which something is.
        """
        while self.now < until:
            before = self.now
            self.now += MINUTE
            while self.now < min(before + quiet, until) and not self.is_busy:
                self.now += MINUTE
            happened = not self._sparing or self.rack.site.has_changed(before)
            due = [name for name in self._sources if self._is_due(name, happened=happened)]
            news = [self.round(name).is_news for name in due]
            if not any(news):
                self._keeper.rejudge()
            yield self.board

    @property
    def is_busy(self) -> bool:
        """Whether anything is due or under way, or was before the last two polls."""
        return self.rack.site.is_busy(self.now - 2 * POLL, self.now + MINUTE)

    def round(self, name: str) -> Round:
        """The next round of one source, delivered as the product does it."""
        self._polled[name] = self.now
        # Without the signal handler that Runner.run sets each time.
        brought = self._runner.get_loop().run_until_complete(self._rounds[name].next())
        self._due[name] = self.now + brought.pause
        if brought.report is not None and brought.is_news:
            self._keeper.record(brought.report)
        elif brought.report is not None:
            self._keeper.confirm(brought.report)
        return brought

    def _is_due(self, name: str, *, happened: bool) -> bool:
        if self.now < self._due[name]:
            return False
        return happened or self.now - self._polled[name] >= _QUIET_POLL

    def leap(self, until: datetime) -> None:
        """On to a later moment; in between every source is polled twice a day, and nobody looks."""
        while self.now < until:
            self.now = min(self.now + timedelta(hours=12), until)
            self._read_all()

    def _read_all(self) -> None:
        for name in self._sources:
            self.round(name)


def not_well(board: Board) -> Mapping[str, Verdict]:
    """Everything red or amber, by what it is and its name: "service immich", "job pbs/gc/main", "datastore pbs/main"."""
    rows = {
        **{f"service {service.name}": service.verdict for service in board.services},
        **{f"job {job.name}": job.verdict for job in board.jobs},
        **{f"source {source.name}": source.verdict for source in board.sources},
        **{f"datastore {datastore.source}/{datastore.name}": datastore.verdict for datastore in board.datastores},
    }
    return {name: verdict for name, verdict in rows.items() if verdict.state not in HARMLESS}


def not_ok(board: Board) -> Mapping[str, State]:
    """Every row that isn't ``ok``, in whatever way."""
    states = {row.name: row.verdict.state for row in board.services}
    states |= {row.name: row.verdict.state for row in board.jobs}
    states |= {row.name: row.verdict.state for row in board.sources}
    return {name: state for name, state in states.items() if state is not State.OK}


def _lean(homelab: Homelab) -> Homelab:
    return replace(
        homelab,
        datastore=replace(homelab.datastore, keep_last=_KEPT),
        dumps=replace(homelab.dumps, keep_days=_KEPT),
        repository=replace(homelab.repository, keep_daily=_KEPT),
    )


def _described(homelab: Homelab) -> dict[str, dict[str, str | dict[str, str]]]:
    """The sources as configured. Their secrets are never read: the sources below have their own."""
    unread = {"file": "/unused"}
    own: dict[str, dict[str, str | dict[str, str]]] = {
        "pbs": {"token_id": "monitor@pbs!glance", "secret": unread, "fingerprint": ":".join(["00"] * 32)},
        "pve": {"token_id": "monitor@pve!glance", "secret": unread},
        "databasement": {"token": unread, "timezone": str(homelab.zone)},
        "backrest": {"username": "glance", "password": unread},
    }
    return {name: {"kind": name, "url": _URLS[name], **own[name]} for name in homelab.sources}


def _sources(rack: Rack) -> dict[str, Source]:
    """The product's own sources, talking to the rack in process."""

    async def pbs_headers(fresh: bool) -> dict[str, str]:
        return {"Authorization": f"PBSAPIToken={rack.token_id('pbs')}:{rack.token('pbs')}"}

    async def pve_headers(fresh: bool) -> dict[str, str]:
        return {"Authorization": f"PVEAPIToken={rack.token_id('pve')}={rack.token('pve')}"}

    def connect(name: str) -> Callable[..., Upstream]:
        return partial(Upstream, transport=rack.transport(name))

    def own(name: str) -> tuple[str, str, Trust]:
        return name, _URLS[name], Trust()

    def secret(name: str) -> Secret:
        async def read(fresh: bool) -> str:
            return rack.token(name)

        return read

    pbs = connect("pbs")(*own("pbs"), pbs_source.ALLOWED, pbs_headers)
    pve = connect("pve")(*own("pve"), pve_source.ALLOWED, pve_headers)
    beside = "pbs" in rack.site.homelab.sources
    servers = BackupServers(any=beside, hosts=frozenset({"pbs.lan"} if beside else ()))
    every: dict[str, Source] = {
        "pbs": PbsSource(ProxmoxOptions(*own("pbs"), secret("pbs"), secret("pbs")), upstream=pbs),
        "pve": PveSource(
            ProxmoxOptions(*own("pve"), secret("pve"), secret("pve")), backup_servers=servers, upstream=pve
        ),
        "databasement": DatabasementSource(
            DatabasementOptions(*own("databasement"), secret("databasement")), connect=connect("databasement")
        ),
        "backrest": BackrestSource(
            BackrestOptions(
                name="backrest",
                url=_URLS["backrest"],
                trust=Trust(),
                username=rack.token_id("backrest"),
                password=secret("backrest"),
            ),
            connect=connect("backrest"),
        ),
    }
    return {name: every[name] for name in rack.site.homelab.sources}
