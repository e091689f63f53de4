"""Runs the demo until Ctrl-C. See ``python -m tests.demo --help``."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from datetime import datetime

from tests.demo.night import EVENING
from tests.demo.show import DemoError, Show
from tests.processes import NotStartedError

#: The morning of the demo: the Monday after a night in which something failed, was missed, and never ran.
MONDAY_MORNING = "2026-11-23T07:30:00+01:00"


def main() -> int:
    """Runs the demo; returns an exit code."""
    options = _options()
    # SIGTERM is handled like Ctrl-C, so that everything is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Show(_begin(options), options.port, night=options.night, glance=options.glance) as show:
            asyncio.run(show.run())
    except (DemoError, NotStartedError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        pass
    sys.stdout.write("\nEverything is stopped.\n")
    return 0


def _begin(options: argparse.Namespace) -> datetime:
    return options.now or datetime.fromisoformat(EVENING if options.night else MONDAY_MORNING)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8480, help="port of the page (default: %(default)s)")
    parser.add_argument(
        "--now",
        type=datetime.fromisoformat,
        metavar="TIME",
        help=f"start of the demo's clock, with its offset from UTC (default: {MONDAY_MORNING}, with --night: {EVENING})",
    )
    parser.add_argument("--night", action="store_true", help="play the twelve hours after that in three minutes")
    parser.add_argument("--glance", action="store_true", help="also show it in a real Glance, on the next port")
    return parser.parse_args()


sys.exit(main())
