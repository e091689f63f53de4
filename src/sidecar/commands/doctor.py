"""``backup-glance doctor``: whether everything is set up as it should be, and the command that cures what is not."""

from __future__ import annotations

import argparse
from pathlib import Path

from sidecar import runtime
from sidecar.board_keeper import Clock

from .defaults import DEFAULT_CADDY_KEY, DEFAULT_STATE
from .file_options import add_config, add_credentials


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "doctor",
        help="find out what is wrong, and what cures it",
        description="Looks at configuration, secrets, Vault, keys and ledger, and reads every source once: the way to it, its "
        "certificate, its clock, what its token may see and what it should not be allowed. Each finding says what to do. "
        "Nothing is changed and nobody is alerted. Run it as root on the machine of the sidecar, or anywhere with --config and "
        "--credentials. Exit code: 0 all in order, 1 warnings, 2 problems, 3 something can't be told.",
    )
    command.add_argument("--json", action="store_true", help="print the findings as JSON")
    add_config(command)
    add_credentials(command)
    command.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help=f"directory of the ledger (default: {DEFAULT_STATE}, with the default configuration)",
    )
    command.add_argument(
        "--caddy-key",
        type=Path,
        metavar="FILE",
        help=f"file from which Caddy reads its key (default: {DEFAULT_CADDY_KEY}, with the default configuration)",
    )
    command.set_defaults(run=lambda options: run(options, runtime.utc_now))


def run(options: argparse.Namespace, clock: Clock) -> int:
    """Prints all findings; returns the exit code."""
    # It knows Vault's client, which takes 8 MB: nothing for ``serve`` where there is no Vault.
    from . import diagnosis

    return diagnosis.run(options, clock)
