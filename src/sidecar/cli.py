"""The command ``backup-glance``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sys
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from . import config_file, credentials, enrol, logs, runtime
from .config import Config
from .core import schedule
from .core.dialect import ScheduleError
from .credentials import Credentials
from .errors import ConfigError, SecretError
from .vault import Server
from .web import openapi

DEFAULT_CONFIG = Path("/etc/backup-glance/config.yaml")

#: Where the role keeps what systemd hands over as credentials.
DEFAULT_CREDENTIALS = Path("/etc/backup-glance/credentials")

#: Exit codes: something did not work; a configuration that can't be used (systemd does not restart on it); enrol's alarm.
FAILED, UNUSABLE, ALARM = 1, 2, 3

#: A wrapping token is far shorter.
LONGEST_TOKEN = 8192

#: ``next`` prints no more than this.
MOST_DUE_TIMES = 1000

#: The first file descriptor that systemd hands over (sd_listen_fds).
SYSTEMD_FD = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except ConfigError as error:
        for finding in error.findings:
            print(finding, file=sys.stderr)
        return UNUSABLE
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="backup-glance",
        description="Does every service have the backup it should have, and when is the next one?",
    )
    parser.add_argument("--version", action="version", version=f"backup-glance {version('backup-glance')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_enrol(commands)
    _add_next(commands)
    schema = commands.add_parser("schema", help="print the JSON schema of the configuration file")
    schema.set_defaults(run=lambda _: _print_json(Config.model_json_schema()))
    described = commands.add_parser("openapi", help="print the OpenAPI document of the HTTP interface")
    described.set_defaults(run=lambda _: _print_json(openapi.document()))
    return parser


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
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


def _add_enrol(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser(
        "enrol",
        help="unwrap a secret_id for the AppRole and put it in place",
        description="Reads a wrapping token from standard input, checks that it was made for this AppRole, unwraps it, proves "
        "a login at Vault and writes the secret_id as a credential. Prints its accessor as JSON. Run it as root. "
        f"Exit code {ALARM}: the token was made elsewhere; somebody may stand in between.",
    )
    command.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="configuration file (default: %(default)s)"
    )
    command.add_argument(
        "--credential",
        type=Path,
        default=DEFAULT_CREDENTIALS / "secret_id",
        metavar="PATH",
        help="the credential to write (default: %(default)s)",
    )
    command.add_argument(
        "--credentials", type=Path, metavar="DIR", help="directory with the role_id (default: where the credential is)"
    )
    command.add_argument(
        "--role", default="backup-glance", metavar="NAME", help="name of the AppRole (default: %(default)s)"
    )
    command.set_defaults(run=_enrol)


def _enrol(options: argparse.Namespace) -> int:
    vault = config_file.load(options.config).vault
    if vault is None:
        raise ConfigError([f"{options.config}: vault: is missing; enrol needs to know where Vault is"])
    found = Credentials(options.credentials or options.credential.parent)
    server = Server(vault.address, vault.ca_file, vault.namespace)
    try:
        role = enrol.Role(vault.approle.mount.strip("/"), options.role, found.local(vault.approle.role_id))
        enrolled = enrol.enrol(server, role, _first_line(), options.credential)
    except SecretError as error:
        print(f"enrol: {error}", file=sys.stderr)
        return ALARM if isinstance(error, enrol.WrongOriginError) else FAILED
    ends = enrolled.expires_at
    return _print_json({"secret_id_accessor": enrolled.accessor, "expires_at": ends and _rfc3339(ends)})


def _first_line() -> str:
    return sys.stdin.buffer.readline(LONGEST_TOKEN).decode("ascii", "replace").strip()


def _rfc3339(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def _add_next(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    following = commands.add_parser(
        "next",
        help="print when a schedule is due next",
        description="Prints the next due times of a schedule, one a line, in its zone with the offset from UTC; "
        '"never" when none is left. Five fields or a leading @ are cron, anything else is a Proxmox calendar event.',
    )
    following.add_argument("schedule", metavar="SCHEDULE", help='as in "mon..fri 22:00" or "0 7 1 * *"')
    following.add_argument("--tz", default="UTC", metavar="ZONE", help="the zone it is meant in (default: %(default)s)")
    following.add_argument("--count", type=int, default=5, metavar="N", help="how many (default: %(default)s)")
    following.add_argument(
        "--after", metavar="TIME", help="due times after this one, as in 2026-11-23T07:30:00+01:00 (default: now)"
    )
    following.set_defaults(run=_next)


def _next(options: argparse.Namespace) -> int:
    try:
        zone = ZoneInfo(options.tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError([f"next: there is no time zone {options.tz!r}; write one as in Europe/Berlin"]) from None
    if not 1 <= options.count <= MOST_DUE_TIMES:
        raise ConfigError([f"next: --count {options.count}: is not from 1 to {MOST_DUE_TIMES}"])
    after = _moment(options.after, zone) if options.after else runtime.utc_now()
    try:
        due = list(islice(schedule.parse(options.schedule, zone).after(after), options.count))
    except ScheduleError as error:
        raise ConfigError([f"next: {error}"]) from None
    for moment in due:
        print(moment.astimezone(zone).isoformat(timespec="seconds"))
    if len(due) < options.count:
        print("never" if not due else "never again")
    return 0


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """A time as it was typed; without an offset it is meant in ``zone``."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError([f"next: --after {text}: is no time; write it as in 2026-11-23T07:30:00+01:00"]) from None
    return found if found.tzinfo else found.replace(tzinfo=zone)


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


def _state(told: Path | None) -> Path | None:
    """Where the ledger is kept. systemd lists several directories with colons between them; the first is ours."""
    first = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return told or (Path(first) if first else None)


def _usable(path: Path, found: Credentials) -> tuple[Config, tuple[str, ...]]:
    """Configuration and keys, or everything that is wrong with both at once."""
    findings: list[str] = []
    config, keys = None, None
    try:
        config = config_file.load(path)
    except ConfigError as error:
        findings += error.findings
    try:
        keys = credentials.sidecar_keys(found)
    except SecretError as error:
        findings.append(f"{error}; callers need a key: write one of at least 32 random characters there")
    if config is None or keys is None:
        raise ConfigError(findings)
    return config, keys


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


def _print_json(document: object) -> int:
    print(json.dumps(document, indent=2))
    return 0
