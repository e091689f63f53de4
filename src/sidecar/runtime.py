"""Puts everything together (sources → reports → ledger → board → web) and runs the loops that keep it going."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp

from . import service_manager
from .alerting import Alerting
from .board_keeper import BoardKeeper, Clock
from .change_history import ChangeHistory
from .config.model import Config
from .core.reports.bounds import within_bounds
from .core.reports.report import Problem, Report
from .credentials import Credentials
from .ledger.ledger import Ledger
from .poller import Polled, Sleep, pause_after, poll
from .proxy.proxy import Proxy
from .renewal import Renewal, known_of
from .sources import Source
from .sources.counted import CountedSource
from .sources.rounds import Round, Rounds
from .tokens.reading import Tokens
from .turn_taking import TurnTaking
from .upstream.traffic import Traffic
from .web.app import Handlers, WidgetOptions, app_of
from .web.counts import Counts
from .web.query import parse_theme
from .wiring import make_proxy, make_sources, make_vault, pace
from .worker import Worker

log = logging.getLogger(__name__)

#: Seconds that requests under way may take at the end. With the ledger's it is less than a service manager waits.
_GRACE_FOR_READERS = 2

#: The board is judged again at least this often: ok turns into late without any call.
REJUDGE_EVERY = timedelta(minutes=1)


def utc_now() -> datetime:
    """The system's clock. Only the commands read it; everything below gets ``now`` as an argument."""
    return datetime.now(UTC)


@contextlib.contextmanager
def _ledger_in(state: Path | None, clock: Clock, kept_for: timedelta) -> Iterator[Ledger | None]:
    if state is None:
        log.warning(
            "no state directory: nothing survives a restart; set one with --state, or StateDirectory= in the unit"
        )
        yield None
        return
    ledger = Ledger(state, clock(), kept_for)
    try:
        yield ledger
    finally:
        ledger.close()


async def serve(
    config: Config,
    credentials: Credentials,
    keys: Sequence[str],
    sock: socket.socket,
    clock: Clock,
    state: Path | None = None,
    sleep: Sleep = asyncio.sleep,
    *,
    alerts: bool = False,
) -> None:
    """Polls, judges and answers on ``sock`` until SIGINT or SIGTERM.

    Args:
        state: where the ledger is kept, if anywhere.
        sleep: how the loops wait, by the same clock.
        alerts: tell the receivers and call the heartbeat, as configured. Only the real service does.
    """
    with _Signals() as signals, _ledger_in(state, clock, config.remember_for) as ledger:
        changes = ChangeHistory(ledger, clock())
        keeper = BoardKeeper(config.to_settings(), clock, ledger, changes)
        alerting = partial(Alerting, config, clock, state, ledger) if alerts else None
        await _serve(config, credentials, keys, sock, clock, keeper, changes, sleep, signals, alerting)


async def _serve(
    config: Config,
    credentials: Credentials,
    keys: Sequence[str],
    sock: socket.socket,
    clock: Clock,
    keeper: BoardKeeper,
    changes: ChangeHistory,
    sleep: Sleep,
    signals: _Signals,
    make_alerting: Callable[[Credentials], Alerting] | None,
) -> None:
    worker = Worker()
    traffic = {name: Traffic() for name in config.sources}
    vault = make_vault(config.vault, credentials) if config.vault else None
    known = credentials.with_vault(vault) if vault else credentials
    proxy, tokens = make_proxy(config, known), Tokens(config.tokens, known, keys)
    keeper.note_also(lambda: tokens.notes)
    # Compiling the templates takes longer than a step of the loop may.
    handlers = await asyncio.get_running_loop().run_in_executor(
        worker, lambda: _handlers(config, clock, keeper, changes, worker, traffic, proxy)
    )
    alerting = make_alerting(known) if make_alerting else None
    renewal = Renewal(keeper, handlers.answers, worker, *([alerting.join(keeper)] if alerting else []))
    server = _Server(_plain_http(app_of(handlers, keys, lambda: tokens.accepted)), signals)
    async with make_sources(config, known) as sources, contextlib.aclosing(proxy):
        turns = TurnTaking(renewal)
        loops = _loops(config, sources, keeper, turns, clock, sleep, traffic)
        loops.append(asyncio.create_task(tokens.keep_reading(sleep, turns.rejudge)))
        if vault:
            loops.append(asyncio.create_task(vault.keep_alive()))
        if alerting:
            loops += alerting.start()
        with _ended(worker):
            async with _running(loops):
                await server.serve(sockets=[sock])


def _handlers(
    config: Config,
    clock: Clock,
    keeper: BoardKeeper,
    changes: ChangeHistory,
    worker: Worker,
    traffic: Mapping[str, Traffic],
    proxy: Proxy,
) -> Handlers:
    """Whoever answers requests, from what is shown and remembered."""
    return Handlers(
        known=lambda: known_of(keeper.shown),
        ready=keeper.ready,
        clock=clock,
        options=_widget_options(config),
        worker=worker,
        counts=Counts(lambda: keeper.run_counts, lambda: traffic),
        changes=changes,
        past=keeper.past,
        records=keeper.records,
        pass_on=proxy.answer,
    )


def _plain_http(app: ASGIApp) -> uvicorn.Config:
    """Serves ``app`` to the proxy in front, which adds what readers need."""
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_FOR_READERS,
    )


class _Signals:
    """SIGINT and SIGTERM end the serving, and take their usual effect only when everything is closed.

    uvicorn would raise them again as soon as it has stopped, which ends the process there: the ledger would keep its
    write-ahead log, and the sources their connections.
    """

    def __init__(self) -> None:
        self.server: uvicorn.Server | None = None
        self._received: list[int] = []
        self._handlers: dict[int, Any] = {}

    @property
    def received(self) -> bool:
        """Whether one came, maybe before there was a server."""
        return bool(self._received)

    def __enter__(self) -> Self:
        # Only the main thread is told of signals.
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.signal(number, self._receive) for number in _ENDING}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        for number in reversed(self._received):
            signal.raise_signal(number)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._received.append(number)
        if self.server is not None:
            self.server.handle_exit(number, frame)


_ENDING = (signal.SIGINT, signal.SIGTERM)


class _Server(uvicorn.Server):
    """Notifies systemd when it starts and stops answering. The first board exists before that: it waits for no poll."""

    def __init__(self, config: uvicorn.Config, signals: _Signals) -> None:
        super().__init__(config)
        signals.server = self
        self.should_exit = signals.received

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Nothing here: see _Signals."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        service_manager.notify(service_manager.READY)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        service_manager.notify(service_manager.STOPPING)
        await super().shutdown(sockets)


def _widget_options(config: Config) -> WidgetOptions:
    theme = parse_theme({key: _written(value) for key, value in config.widget.theme.items()})
    options = WidgetOptions(
        theme=theme,
        refresh=config.widget.refresh,
        stale_after=config.stale_after,
        week_start=config.week_start,
        title=config.widget.title,
        hidden=config.widget.hide,
        receivers=len(config.alerts.receivers),
    )
    ancestors = config.widget.frame_ancestors
    return replace(options, frame_ancestors=ancestors) if ancestors else options


def _written(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def _loops(
    config: Config,
    sources: Sequence[Source],
    keeper: BoardKeeper,
    turns: TurnTaking,
    clock: Clock,
    sleep: Sleep,
    traffic: Mapping[str, Traffic],
) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(_rejudge(turns, sleep))]
    for source in sources:
        if (known := keeper.known(source.name)) is not None:
            source.adopt(known)
        rounds = Rounds(CountedSource(source, traffic[source.name]), clock, pace(config, source.name), keeper)
        read = partial(turns.read, rounds.next)
        polled = Polled(source.name, rounds.after_error, read, _failed_round(source, clock, rounds), _pause)
        tasks.append(asyncio.create_task(poll(polled, partial(_deliver, turns, keeper), sleep)))
    return tasks


def _pause(brought: Round) -> timedelta:
    return brought.pause


async def _deliver(turns: TurnTaking, keeper: BoardKeeper, brought: Round) -> None:
    """What is new is judged; what only shows that all is as it was is not."""
    if brought.report is None:
        return
    if brought.is_news:
        await turns.record(await asyncio.to_thread(within_bounds, brought.report))
    else:
        keeper.confirm(brought.report)


def reading(
    source: Source, clock: Clock, interval: timedelta, seconds: Callable[[], float] = time.monotonic
) -> Callable[[], Coroutine[Any, Any, Report]]:
    """One reading of all that a source tells. Its report says when the next one begins; ``seconds`` tell how long it took."""

    async def read() -> Report:
        began = seconds()
        report = await asyncio.to_thread(within_bounds, await source.read(clock))
        return replace(report, apart=pause_after(interval, timedelta(seconds=seconds() - began)))

    return read


def _failed_round(source: Source, clock: Clock, rounds: Rounds) -> Callable[[Exception], Round]:
    problem = Problem(
        "internal error: backup-glance could not process its answer",
        action="Read backup-glance's log and report the bug.",
    )

    def failed(_error: Exception) -> Round:
        return Round(Report(source=source.name, kind=source.kind, at=clock(), problem=problem), rounds.after_error)

    return failed


async def _rejudge(turns: TurnTaking, sleep: Sleep) -> None:
    while True:
        await sleep(REJUDGE_EVERY.total_seconds())
        try:
            await turns.rejudge()
        except Exception:
            # The old board stays; once it is some minutes old the pages show that nothing on it is certain any more.
            log.exception("internal error: judging failed")


@contextlib.contextmanager
def _ended(worker: Executor) -> Iterator[None]:
    """Waits at the end for what the worker has begun, a second or two of a large house; the rest is not begun."""
    try:
        yield
    finally:
        worker.shutdown(cancel_futures=True)


@contextlib.asynccontextmanager
async def _running(tasks: Sequence[asyncio.Task[None]]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
