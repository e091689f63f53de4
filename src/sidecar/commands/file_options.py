"""The options that several commands have: which configuration they read, and which credentials."""

from __future__ import annotations

import argparse
from pathlib import Path

from .defaults import DEFAULT_CONFIG, DEFAULT_CREDENTIALS


def add_config(command: argparse.ArgumentParser, what: str = "configuration file") -> None:
    """The option of every command that reads the configuration; ``what`` it is, or is read for."""
    command.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help=f"{what} (default: %(default)s)"
    )


def add_credentials(command: argparse.ArgumentParser) -> None:
    """The option of every command that asks the sources or receivers itself."""
    command.add_argument(
        "--credentials",
        type=Path,
        metavar="DIR",
        help=f"directory with the credentials (default: systemd's $CREDENTIALS_DIRECTORY, else {DEFAULT_CREDENTIALS})",
    )
