"""The one place where everything is put together: sources → reports → ledger → board → web, and the loops that keep it going."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn

from . import service_manager
from .config.model import Config
from .core.board.board import board_of
from .core.history.record import record
from .core.judgement.judged import Judged, judged
from .core.model import Board
from .core.reports.report import Problem, Report, keep_what_failed
from .core.settings import Settings
from .core.timeline.timeline import Timeline, timeline_of
from .credentials import Credentials
from .ledger.ledger import Ledger, Remembered
from .poller import Polled, Sleep, poll
from .sources import Source
from .web.app import WidgetOptions, create_app
from .web.query import parse_theme
from .wiring import make_sources, make_vault

Clock = Callable[[], datetime]

log = logging.getLogger(__name__)

#: The board is judged again at least this often: ok turns into late without any call.
REJUDGE_EVERY = timedelta(minutes=1)


def utc_now() -> datetime:
    """The clock on the wall. Only the edge reads it; everything below gets ``now``."""
    return datetime.now(UTC)


class BoardKeeper:
    """The newest report of each source, what is remembered, and the board that was judged from them. One thread, no locks.

    With a ledger it begins with what was known before the restart: the readings keep their age, and nothing old is green.
    """

    def __init__(self, settings: Settings, clock: Clock, ledger: Ledger | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._ledger = ledger
        remembered = ledger.remembered if ledger else Remembered()
        self._reports = dict(_still_configured(remembered.reports, settings))
        self._history = remembered.history
        self._tried: set[str] = set()
        self._timeline: Timeline | None = None
        self.rejudge()

    def record(self, report: Report) -> None:
        """Takes a source's report; scopes that failed keep what they said before."""
        before = self._reports.get(report.source)
        merged = keep_what_failed(report, before)
        self._reports[report.source] = merged
        self._tried.add(report.source)
        _log_change(before, report)
        self._history = record(self._history, merged)
        self.rejudge()
        if self._ledger is not None:
            self._ledger.record(merged, self._history, self.board)

    def rejudge(self) -> None:
        """Judges everything for the present moment and swaps the board. If that fails, all stays as it was."""
        made = judged(dict(self._reports), self._history, self._settings, self._clock())
        self.board, self._judged, self._timeline = self._board(made), made, None

    def timeline(self) -> Timeline:
        """What is due at any time, as it was known when the present board was made: made once, when first asked for."""
        if self._timeline is None:
            self._timeline = timeline_of(self._judged)
        return self._timeline

    def ready(self) -> bool:
        """Every source was tried since start."""
        return all(source.name in self._tried for source in self._settings.sources)

    def _board(self, made: Judged) -> Board:
        board = board_of(made)
        return replace(board, notes=(*board.notes, *self._ledger.notes)) if self._ledger else board


def _still_configured(reports: dict[str, Report], settings: Settings) -> Iterator[tuple[str, Report]]:
    for name, report in reports.items():
        source = settings.source(name)
        if source is not None and source.kind is report.kind:
            yield name, report


@contextlib.contextmanager
def _ledger_in(state: Path | None, clock: Clock, kept_for: timedelta) -> Iterator[Ledger | None]:
    if state is None:
        log.warning(
            "no state directory: nothing survives a restart; give one with --state, or StateDirectory= in the unit"
        )
        yield None
        return
    ledger = Ledger(state, clock(), kept_for)
    try:
        yield ledger
    finally:
        ledger.close()


def _log_change(before: Report | None, report: Report) -> None:
    """Once when a source begins to fail and once when it is back, never on every poll."""
    was = before.problem.cause if before and before.problem else None
    now = report.problem.cause if report.problem else None
    if now != was and now is not None:
        log.warning("source %s can't be read: %s", report.source, now)
    elif now is None and was is not None:
        log.info("source %s is read again", report.source)


async def serve(
    config: Config,
    credentials: Credentials,
    keys: Sequence[str],
    sock: socket.socket,
    clock: Clock,
    state: Path | None = None,
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Polls, judges and answers on ``sock`` until SIGINT or SIGTERM.

    Args:
        state: where the ledger is kept, if anywhere.
        sleep: how the loops wait, by the same clock.
    """
    with _ledger_in(state, clock, config.remember_for) as ledger:
        await _serve(config, credentials, keys, sock, clock, BoardKeeper(config.to_settings(), clock, ledger), sleep)


async def _serve(
    config: Config,
    credentials: Credentials,
    keys: Sequence[str],
    sock: socket.socket,
    clock: Clock,
    desk: BoardKeeper,
    sleep: Sleep,
) -> None:
    app = create_app(
        board=lambda: desk.board,
        timeline=desk.timeline,
        ready=desk.ready,
        keys=keys,
        clock=clock,
        options=_widget_options(config),
    )
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
    )
    vault = make_vault(config.vault, credentials) if config.vault else None
    known = credentials.with_vault(vault) if vault else credentials
    async with make_sources(config, known) as sources:
        loops = _loops(config, sources, desk, clock, sleep)
        if vault:
            loops.append(asyncio.create_task(vault.keep_alive()))
        async with _running(loops):
            await server.serve(sockets=[sock])


class _Server(uvicorn.Server):
    """Tells systemd when it begins and ceases to answer. The first board exists before it: no poll is waited for."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        service_manager.tell(service_manager.READY)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        service_manager.tell(service_manager.STOPPING)
        await super().shutdown(sockets)


def _widget_options(config: Config) -> WidgetOptions:
    theme = parse_theme({key: _written(value) for key, value in config.widget.theme.items()})
    options = WidgetOptions(
        theme=theme,
        refresh=config.widget.refresh,
        stale_after=config.stale_after,
        week_start=config.week_start,
    )
    ancestors = config.widget.frame_ancestors
    return replace(options, frame_ancestors=ancestors) if ancestors else options


def _written(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _loops(
    config: Config, sources: Sequence[Source], desk: BoardKeeper, clock: Clock, sleep: Sleep
) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(_rejudge(desk, sleep))]
    for source in sources:
        interval = config.sources[source.name].poll_interval or config.poll_interval
        polled = Polled(source.name, interval, _reading(source, clock), _stumbled(source, clock))
        tasks.append(asyncio.create_task(poll(polled, desk.record, sleep)))
    return tasks


def _reading(source: Source, clock: Clock) -> Callable[[], Awaitable[Report]]:
    return lambda: source.read(clock)


def _stumbled(source: Source, clock: Clock) -> Callable[[Exception], Report]:
    problem = Problem("backup-glance stumbled over its answer", action="Read backup-glance's log and report it.")
    return lambda _error: Report(source.name, source.kind, clock(), problem=problem)


async def _rejudge(desk: BoardKeeper, sleep: Sleep) -> None:
    while True:
        await sleep(REJUDGE_EVERY.total_seconds())
        try:
            desk.rejudge()
        except Exception:
            # The old board stays; once it is minutes old the web side says that nothing on it can be believed.
            log.exception("judging failed for a reason of our own")


@contextlib.asynccontextmanager
async def _running(tasks: Sequence[asyncio.Task[None]]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
