"""``backup-glance serve``: configuration, keys and a socket; then the sidecar runs until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
from pathlib import Path

from sidecar import credentials, logs, runtime
from sidecar.config import load
from sidecar.config.model import Config
from sidecar.credentials import Credentials
from sidecar.errors import ConfigError, SecretError

from .defaults import DEFAULT_CONFIG

#: The first file descriptor that systemd hands over (sd_listen_fds).
SYSTEMD_FD = 3


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    serve = commands.add_parser(
        "serve",
        help="poll the sources and answer over HTTP",
        description="Polls the sources and answers over HTTP: on a socket that systemd hands over, "
        "unless --fd or --listen says otherwise. Put a proxy in front that adds the key.",
    )
    serve.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="configuration file (default: %(default)s)"
    )
    serve.add_argument(
        "--credentials",
        type=Path,
        metavar="DIR",
        help="directory with the credentials (sidecar_keys and what the configuration names), "
        "where systemd's $CREDENTIALS_DIRECTORY is absent",
    )
    serve.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="directory for what must survive a restart, where systemd's $STATE_DIRECTORY is absent "
        "(neither: it is kept in memory only)",
    )
    serve.add_argument(
        "--check", action="store_true", help="only look whether configuration and keys can be used, and say so"
    )
    where = serve.add_mutually_exclusive_group()
    where.add_argument(
        "--fd", type=int, metavar="N", help="number of an open file descriptor that is a listening socket"
    )
    where.add_argument("--listen", metavar="HOST:PORT", help="address to listen on by itself, as in 127.0.0.1:8481")
    serve.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    formatter = logs.set_up()
    found = Credentials(credentials.directory(options.credentials), on_secret=formatter.hide)
    config, keys = _usable(options.config, found)
    if options.check:
        print(f"{options.config}: can be used")
        return 0
    with _listening(options) as sock:
        asyncio.run(runtime.serve(config, found, keys, sock, runtime.utc_now, _state(options.state)))
    return 0


def _usable(path: Path, found: Credentials) -> tuple[Config, tuple[str, ...]]:
    """Configuration and keys, or everything that is wrong with both at once."""
    findings: list[str] = []
    config, keys = None, None
    try:
        config = load.load(path)
    except ConfigError as error:
        findings += error.findings
    try:
        keys = credentials.sidecar_keys(found)
    except SecretError as error:
        findings.append(f"{error}; callers need a key: write one of at least 32 random characters there")
    if config is None or keys is None:
        raise ConfigError(findings)
    return config, keys


def _state(told: Path | None) -> Path | None:
    """Where the ledger is kept. systemd lists several directories with colons between them; the first is ours."""
    first = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return told or (Path(first) if first else None)


def _listening(options: argparse.Namespace) -> socket.socket:
    if options.listen:
        return _bound(options.listen)
    number = SYSTEMD_FD if options.fd is None else options.fd
    if options.fd is None and os.environ.get("LISTEN_PID") != str(os.getpid()):
        raise ConfigError(
            ["serve: systemd handed over no socket; start backup-glance.socket, or give --fd or --listen"]
        )
    try:
        return socket.socket(fileno=number)
    except OSError:
        raise ConfigError([f"serve: file descriptor {number} is no socket; hand over a listening one"]) from None


def _bound(address: str) -> socket.socket:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise ConfigError([f"serve: --listen {address}: is no address; write HOST:PORT, as in 127.0.0.1:8481"])
    try:
        return socket.create_server(
            (host.strip("[]"), int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the port is too high"
        raise ConfigError([f"serve: --listen {address}: {reason}; choose another address"]) from None
