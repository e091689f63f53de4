"""The options of commands that ask the running sidecar: where it listens, and with which key."""

from __future__ import annotations

import argparse
from pathlib import Path

from .defaults import DEFAULT_CREDENTIALS, DEFAULT_SOCKET


def add_where_it_runs(command: argparse.ArgumentParser) -> None:
    """Adds ``--socket`` and ``--key-file``."""
    command.add_argument(
        "--socket",
        type=Path,
        default=DEFAULT_SOCKET,
        metavar="PATH",
        help="the sidecar's socket (default: %(default)s)",
    )
    command.add_argument(
        "--key-file",
        type=Path,
        default=DEFAULT_CREDENTIALS / "sidecar_keys",
        metavar="FILE",
        help="file with a key of the sidecar (default: %(default)s)",
    )
