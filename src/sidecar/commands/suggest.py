"""``backup-glance suggest``: a ready ``services:`` block for the configuration, from what every source shows now."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import replace
from importlib.metadata import version

from sidecar import one_round, runtime
from sidecar.board_keeper import Clock
from sidecar.config import load
from sidecar.config.model import Config
from sidecar.credentials import Credentials
from sidecar.suggestion import Suggestion, suggestion
from sidecar.terminal import style

from .file_options import add_config, add_credentials
from .status import directory, quiet

#: Exit code where a source could not be read, so that its parts are missing.
INCOMPLETE = 1


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "suggest",
        help="print a services: block from what is seen",
        description="Reads every source once and prints a services: block for the configuration. Guests, databases, Backrest "
        "plans and backup groups with equal names become one service. What has no backup, and what is called alike without "
        "being surely the same, is a comment. A services: block that is there is not looked at. Nothing is changed. "
        f"Exit code {INCOMPLETE}: a source could not be read.",
    )
    add_config(command)
    add_credentials(command)
    command.set_defaults(run=lambda options: run(options, runtime.utc_now))


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Prints the block; returns the exit code."""
    config = load.load(options.config)
    with quiet() as log:
        made = asyncio.run(_suggested(config, Credentials(directory(options.credentials), known=log.known), clock))
    print(made.text, end="", file=style.standard_output(), flush=True)
    for name in made.unreadable:
        print(f"suggest: {name} could not be read; backup-glance doctor says why", file=sys.stderr)
    return INCOMPLETE if made.unreadable else 0


async def _suggested(config: Config, credentials: Credentials, clock: Clock) -> Suggestion:
    async with one_round.opened(config, credentials) as every:
        reports = await one_round.read(every.sources, clock)
    settings = replace(config.to_settings(), services=())
    shown = one_round.judge(reports, settings, clock)
    seen = clock().astimezone(settings.timezone)
    intro = f"Suggested by backup-glance {version('backup-glance')} from what was seen on {seen:%Y-%m-%d at %H:%M}."
    return suggestion(shown.judged, intro)
