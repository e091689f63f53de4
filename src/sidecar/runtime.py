"""The one place where everything is put together: sources → reports → board → web, and the loops that keep it going."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import uvicorn

from .config import Config
from .core.board import board
from .core.history import History
from .core.model import Board
from .core.report import Problem, Report, keep_what_failed
from .core.settings import Settings
from .core.timeline import Timeline, timeline
from .credentials import Credentials
from .poller import Polled, poll
from .sources import Source
from .web.app import WidgetOptions, create_app
from .web.query import parse_theme
from .wiring import make_sources

Clock = Callable[[], datetime]

log = logging.getLogger(__name__)

#: The board is judged again at least this often: ok turns into late without any call.
REJUDGE_EVERY = timedelta(minutes=1)


def utc_now() -> datetime:
    """The clock on the wall. Only the edge reads it; everything below gets ``now``."""
    return datetime.now(UTC)


class Desk:
    """The newest report of each source and the board that was judged from them. One thread, no locks."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._reports: dict[str, Report] = {}
        self._history = History()
        self._timeline: Timeline | None = None
        self.board: Board = self._judge()

    def record(self, report: Report) -> None:
        """Takes a source's report; scopes that failed keep what they said before."""
        before = self._reports.get(report.source)
        self._reports[report.source] = keep_what_failed(report, before)
        _log_change(before, report)
        if self._history.first_contact is None and report.readings:
            self._history = replace(self._history, first_contact=report.at)
        self.rejudge()

    def rejudge(self) -> None:
        """Judges everything for the present moment and swaps the board."""
        self.board = self._judge()
        self._timeline = None

    def timeline(self, now: datetime) -> Timeline:
        """What is due at any time, as it is known at ``now``; made once for each board."""
        if self._timeline is None or self._timeline.lab.now != now:
            self._timeline = timeline(dict(self._reports), self._history, self._settings, now)
        return self._timeline

    def ready(self) -> bool:
        """Every source was tried since start."""
        return all(source.name in self._reports for source in self._settings.sources)

    def _judge(self) -> Board:
        return board(self._reports, self._history, self._settings, self._clock())


def _log_change(before: Report | None, report: Report) -> None:
    """Once when a source begins to fail and once when it is back, never on every poll."""
    was = before.problem.cause if before and before.problem else None
    now = report.problem.cause if report.problem else None
    if now != was and now is not None:
        log.warning("source %s can't be read: %s", report.source, now)
    elif now is None and was is not None:
        log.info("source %s is read again", report.source)


async def serve(
    config: Config, credentials: Credentials, keys: Sequence[str], sock: socket.socket, clock: Clock
) -> None:
    """Polls, judges and answers on ``sock`` until SIGINT or SIGTERM."""
    desk = Desk(config.to_settings(), clock)
    app = create_app(
        board=lambda: desk.board,
        ready=desk.ready,
        keys=keys,
        clock=clock,
        options=_widget_options(config),
        timeline=desk.timeline,
    )
    server = uvicorn.Server(
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
    async with make_sources(config, credentials) as sources, _running(_loops(config, sources, desk, clock)):
        await server.serve(sockets=[sock])


def _widget_options(config: Config) -> WidgetOptions:
    theme = parse_theme({key: _written(value) for key, value in config.widget.theme.items()})
    ancestors = config.widget.frame_ancestors
    return WidgetOptions(frame_ancestors=ancestors, theme=theme) if ancestors else WidgetOptions(theme=theme)


def _written(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _loops(config: Config, sources: Sequence[Source], desk: Desk, clock: Clock) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(_rejudge(desk))]
    for source in sources:
        interval = config.sources[source.name].poll_interval or config.poll_interval
        polled = Polled(source.name, interval, _reading(source, clock), _stumbled(source, clock))
        tasks.append(asyncio.create_task(poll(polled, desk.record)))
    return tasks


def _reading(source: Source, clock: Clock) -> Callable[[], Awaitable[Report]]:
    return lambda: source.read(clock)


def _stumbled(source: Source, clock: Clock) -> Callable[[Exception], Report]:
    problem = Problem("backup-glance stumbled over its answer", action="Read backup-glance's log and report it.")
    return lambda _error: Report(source.name, source.kind, clock(), problem=problem)


async def _rejudge(desk: Desk) -> None:
    while True:
        await asyncio.sleep(REJUDGE_EVERY.total_seconds())
        desk.rejudge()


@contextlib.asynccontextmanager
async def _running(tasks: Sequence[asyncio.Task[None]]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
