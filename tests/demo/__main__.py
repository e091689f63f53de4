"""Runs the demo until Ctrl-C. See ``python -m tests.demo --help``."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from types import FrameType

from tests.demo.options import DemoError, parse
from tests.demo.show import Show
from tests.processes import NotStartedError
from tests.simulators import demo_homelab


def main() -> int:
    """Runs the demo; returns an exit code."""
    # SIGTERM is handled like Ctrl-C, so that everything is removed; so is the end of the terminal.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, _like_sigterm)
    try:
        with Show(parse(None, demo_homelab().zone)) as show:
            asyncio.run(show.run())
    except (DemoError, NotStartedError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        pass
    # There may be no terminal any more.
    with contextlib.suppress(OSError):
        sys.stdout.write("\nEverything is stopped.\n")
        sys.stdout.flush()
    return 0


def _like_sigterm(_number: int, _frame: FrameType | None) -> None:
    """Whoever handles SIGTERM at this moment handles this too."""
    signal.raise_signal(signal.SIGTERM)


sys.exit(main())
