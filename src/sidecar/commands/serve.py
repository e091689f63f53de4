"""``backup-glance serve``: reads configuration and keys, takes a socket, and runs the sidecar until it is stopped."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import socket
import sys
from pathlib import Path

from sidecar import credentials, logs, memory, runtime
from sidecar.config import load
from sidecar.config.model import Config
from sidecar.credentials import Credentials
from sidecar.errors import ConfigError, SecretError

from .file_options import add_config

#: Seconds after which the thread that judges lets the one that answers have a turn; each answer needs a few of them.
_TURN = 0.0002

#: Set for a release that is proved beside the running one.
_CANDIDATE = "BACKUP_GLANCE_CANDIDATE"

#: The first file descriptor that systemd passes on (sd_listen_fds).
SYSTEMD_FD = 3


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    serve = commands.add_parser(
        "serve",
        help="poll the sources and answer over HTTP",
        description="Polls the sources and answers over HTTP: on the socket that systemd passes on, "
        "unless --fd or --listen is given. Put a proxy in front that adds the key.",
    )
    add_config(serve)
    serve.add_argument(
        "--credentials",
        type=Path,
        metavar="DIR",
        help="directory with the credentials: sidecar_keys, and those that the configuration names "
        "(default: systemd's $CREDENTIALS_DIRECTORY)",
    )
    serve.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="directory for what must survive a restart (default: systemd's $STATE_DIRECTORY; "
        "without both it is kept in memory only)",
    )
    serve.add_argument(
        "--check",
        action="store_true",
        help="only check configuration, keys, secret files and the ledger in the state directory, without using the "
        "network or changing anything; exit code 0: usable, 2: not",
    )
    serve.add_argument("--json", action="store_true", help="with --check: print the result as JSON")
    serve.add_argument(
        "--candidate",
        action="store_true",
        default=bool(os.environ.get(_CANDIDATE)),
        help="run beside the real service to verify a release: no alert is sent and no heartbeat "
        f"(default where ${_CANDIDATE} is set)",
    )
    where = serve.add_mutually_exclusive_group()
    where.add_argument(
        "--fd", type=int, metavar="N", help="number of an open file descriptor that is a listening socket"
    )
    where.add_argument("--listen", metavar="HOST:PORT", help="address to listen on, for example 127.0.0.1:8481")
    serve.set_defaults(run=_serve)


def _serve(options: argparse.Namespace) -> int:
    formatter = logs.set_up()
    secrets = Credentials(credentials.directory(options.credentials), known=formatter.known)
    state = _state(options.state)
    if options.check:
        # Only this needs it: the service is smaller without.
        from . import check

        return check.run(options.config, secrets, state, runtime.utc_now, as_json=options.json)
    if options.json:
        raise ConfigError(["serve: --json is only for --check; add --check"])
    memory.keep_little()
    sys.setswitchinterval(_TURN)
    config, keys = _usable(options.config, secrets)
    _collect_seldom()
    with _listening(options) as sock:
        alerts = not options.candidate
        asyncio.run(runtime.serve(config, secrets, keys, sock, runtime.utc_now, state, alerts=alerts))
    return 0


def _collect_seldom() -> None:
    """Python's garbage collector stops everything while it goes through all that lives, as often as that grows by a quarter.

    What lives here are reports and boards: they go when the next ones come (BoardKeeper.forget_replaced). So the
    young are looked through in small steps, and all of them when a board is judged (memory.py).
    """
    gc.set_threshold(5_000, 3, 2_000)
    gc.collect()
    gc.freeze()


def _usable(path: Path, secrets: Credentials) -> tuple[Config, tuple[str, ...]]:
    """Configuration and keys, or everything that is wrong with both at once."""
    findings: list[str] = []
    config, keys = None, None
    try:
        config = load.load(path)
    except ConfigError as error:
        findings += error.findings
    try:
        keys = credentials.sidecar_keys(secrets)
    except SecretError as error:
        findings.append(f"{error}; {credentials.KEY_NEEDED}")
    if config is None or keys is None:
        raise ConfigError(findings)
    return config, keys


def _state(option: Path | None) -> Path | None:
    """Where the ledger is kept. systemd separates several directories with colons; the first is used."""
    first = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return option or (Path(first) if first else None)


def _listening(options: argparse.Namespace) -> socket.socket:
    if options.listen:
        return _bound(options.listen)
    number = SYSTEMD_FD if options.fd is None else options.fd
    if options.fd is None and os.environ.get("LISTEN_PID") != str(os.getpid()):
        raise ConfigError(["serve: systemd passed on no socket; start backup-glance.socket, or give --fd or --listen"])
    try:
        return socket.socket(fileno=number)
    except OSError:
        raise ConfigError([f"serve: file descriptor {number} is not a socket; pass on a listening one"]) from None


def _bound(address: str) -> socket.socket:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise ConfigError(
            [f"serve: --listen {address}: is not an address; write HOST:PORT, for example 127.0.0.1:8481"]
        )
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host.strip("[]"), int(port)), family=family)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the port is too high"
        raise ConfigError([f"serve: --listen {address}: {reason}; choose another address"]) from None
    # asyncio does it only for sockets that say they are TCP; without it each answer takes 40 ms longer.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
    return listener
