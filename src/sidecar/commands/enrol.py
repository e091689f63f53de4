"""``backup-glance enrol``: turns a wrapping token on standard input into the AppRole's secret_id, tested and installed."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path

from sidecar.config import load
from sidecar.credentials import Credentials
from sidecar.errors import ConfigError, SecretError

from .defaults import DEFAULT_CREDENTIALS, RECORD
from .file_options import add_config

#: Exit codes: enrolment failed; the token was created elsewhere.
FAILED, ALARM = 1, 3

#: Bytes of standard input that are read; a wrapping token is much shorter.
LONGEST_TOKEN = 8192


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "enrol",
        help="unwrap a secret_id for the AppRole and install it",
        description="Reads a wrapping token from standard input, checks that it was created for this AppRole, unwraps it, tests "
        "a login at Vault and writes the secret_id as a credential. Prints its accessor and when it expires as JSON, and records "
        f"both in {RECORD} beside the directory of the credential, for backup-glance doctor. Run it as root. "
        f"Exit code {ALARM}: the token was created elsewhere; somebody may have intercepted it.",
    )
    add_config(command)
    command.add_argument(
        "--credential",
        type=Path,
        default=DEFAULT_CREDENTIALS / "secret_id",
        metavar="PATH",
        help="the credential to write (default: %(default)s)",
    )
    command.add_argument(
        "--credentials", type=Path, metavar="DIR", help="directory with the role_id (default: that of the credential)"
    )
    command.add_argument(
        "--role", default="backup-glance", metavar="NAME", help="name of the AppRole (default: %(default)s)"
    )
    command.set_defaults(run=_enrol)


def _enrol(options: argparse.Namespace) -> int:
    # Vault's client takes 8 MB, which ``serve`` needs only where there is a Vault.
    from sidecar.vault import enrol
    from sidecar.vault.client import Server

    vault = load.load(options.config).vault
    if vault is None:
        raise ConfigError([f"{options.config}: vault: is missing; add it: enrol needs the address of Vault"])
    credentials = Credentials(options.credentials or options.credential.parent)
    server = Server(vault.address, vault.ca_file, vault.namespace)
    try:
        role_id = credentials.local(vault.approle.role_id)
        role = enrol.Role(vault.approle.mount.strip("/"), options.role, role_id, vault.kv_mount)
        enrolled = enrol.enrol(server, role, _first_line(), options.credential)
    except SecretError as error:
        print(f"enrol: {error}", file=sys.stderr)
        return ALARM if isinstance(error, enrol.WrongOriginError) else FAILED
    ends = enrolled.expires_at
    record = json.dumps({"secret_id_accessor": enrolled.accessor, "expires_at": ends and _rfc3339(ends)}, indent=2)
    print(record)
    try:
        with enrol.replacing(options.credential.parent.parent / RECORD, 0o600) as file:
            file.write(f"{record}\n".encode())
    except SecretError as error:
        # The secret_id is installed; only doctor can't tell when it expires.
        print(f"enrol: {error}", file=sys.stderr)
    return 0


def _first_line() -> str:
    return sys.stdin.buffer.readline(LONGEST_TOKEN).decode("ascii", "replace").strip()


def _rfc3339(time: datetime) -> str:
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")
