"""``backup-glance status``: the table in a terminal, or the board as JSON; its exit code is that of a monitoring plugin."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sidecar import credentials, logs, one_round, running_sidecar, runtime
from sidecar.board_keeper import Clock
from sidecar.config import load
from sidecar.credentials import Credentials
from sidecar.errors import ConfigError, SecretError
from sidecar.running_sidecar import NoAnswerError
from sidecar.terminal import board_table, style
from sidecar.terminal.board_table import Json, NotABoardError, Shown
from sidecar.terminal.text import safe
from sidecar.web import views
from sidecar.web.stale_board import RENEWED_WITHIN

from .defaults import DEFAULT_CREDENTIALS
from .file_options import add_config, add_credentials
from .where_it_runs import add_where_it_runs

#: Exit code where there is no board that could be shown.
UNUSABLE = board_table.UNKNOWN

#: Seconds between two looks, unless --watch gives others; no fewer are taken.
_WATCH, _SHORTEST_WATCH = 10, 1

#: Clears the screen and what was scrolled away.
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"

#: Who gives a board, or raises.
Ask = Callable[[], Json]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "status",
        help="show the table in a terminal",
        description="Shows the board of the running sidecar, which it asks over its socket; nothing is read anew for it. "
        "With --fresh it reads every source once itself, and neither the sidecar nor its ledger is used. "
        "The first line says everything. Exit code as for monitoring plugins: 0 ok, late, running, new or disabled; "
        "1 warning; 2 failed, missed or never; 3 unknown, or there is no board.",
    )
    command.add_argument("--json", action="store_true", help="print the board as /api/v1/status gives it")
    command.add_argument(
        "--watch",
        type=int,
        nargs="?",
        const=_WATCH,
        metavar="SECONDS",
        help=f"show it again every so many seconds (default: {_WATCH}) until Ctrl-C",
    )
    add_where_it_runs(command)
    command.add_argument("--fresh", action="store_true", help="read every source once, instead of asking the sidecar")
    add_config(command, "configuration file: for --fresh, and for the time zone of the table")
    add_credentials(command)
    command.set_defaults(run=lambda options: run(options, runtime.utc_now))


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Shows it once, or again and again; returns the exit code of what was shown last."""
    if options.watch is not None and options.watch < _SHORTEST_WATCH:
        raise ConfigError([f"status: --watch {options.watch}: must be {_SHORTEST_WATCH} at least"])
    ask = _fresh(options, clock) if options.fresh else _of_the_sidecar(options)
    if options.watch is None:
        return _show(options, ask, clock)
    code = UNUSABLE
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            code = _show(options, ask, clock, clear=style.style_of(style.standard_output()).colour)
            time.sleep(options.watch)
    return code


def _show(options: argparse.Namespace, ask: Ask, clock: Clock, *, clear: bool = False) -> int:
    """Prints the board that there is now, or in one line why there is none."""
    out = style.standard_output()
    try:
        board = _renewed(ask(), clock())
        shown = Shown(style.style_of(out), _zone(options.config))
        lines = [json.dumps(board, indent=2)] if options.json else list(board_table.lines(board, shown))
        code = board_table.exit_code(board)
    except (NoAnswerError, NotABoardError) as error:
        code, lines = UNUSABLE, [f"unknown: {safe(str(error))}".replace("|", board_table.NO_BAR)]
        # Programs read the board there, and monitoring systems the line.
        out = style.prepared(sys.stderr) if options.json else out
    text = "\n".join(lines)
    print(f"{_CLEAR if clear else ''}{text}", file=out, flush=True)
    return code


def _renewed(board: Json, now: datetime) -> Json:
    """The board, if it was made not long ago. Raises NotABoardError."""
    made = board_table.made_at(board)
    if abs(now - made) > RENEWED_WITHIN:
        raise NotABoardError(
            f"the board is of {views.timestamp(made)}: backup-glance stopped judging, or a clock is wrong; read its log"
        )
    return board


def _of_the_sidecar(options: argparse.Namespace) -> Ask:
    def ask() -> Json:
        try:
            keys = credentials.keys_in(options.key_file)
        except SecretError as error:
            raise NoAnswerError(
                f"{error}; give the file of the sidecar's keys with --key-file, and run it as root"
            ) from None
        return running_sidecar.status(options.socket, keys)

    return ask


def _fresh(options: argparse.Namespace, clock: Clock) -> Ask:
    def ask() -> Json:
        with quiet() as secrets:
            try:
                config = load.load(options.config)
            except ConfigError as error:
                raise NoAnswerError("; ".join(error.findings)) from None
            known = Credentials(directory(options.credentials), known=secrets.known)
            judged = asyncio.run(one_round.look(config, known, clock))
        return views.status(judged.board)

    return ask


def directory(option: Path | None) -> Path:
    """Where the credentials are: as for the service, else where the role puts them."""
    return credentials.directory(option) or DEFAULT_CREDENTIALS


@contextmanager
def quiet() -> Iterator[logs.Redacting]:
    """Without the log lines that say what the result says as well; what is wrong with backup-glance itself is still logged."""
    formatter = logs.set_up()
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield formatter
    finally:
        root.setLevel(before)


def _zone(path: Path) -> ZoneInfo:
    """The zone in which people read times; without the configuration, which not everybody may read, UTC."""
    try:
        return ZoneInfo(load.load(path).timezone)
    except ConfigError:
        return ZoneInfo("UTC")
