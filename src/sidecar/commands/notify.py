"""``backup-glance notify --test``: sends one message to each receiver, and says of each whether it went out."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys

from sidecar import credentials as secret_files
from sidecar import logs, runtime
from sidecar.alerting import places_of
from sidecar.config import load
from sidecar.config.model import Config
from sidecar.core.alerts.message import Kind, Message
from sidecar.credentials import Credentials
from sidecar.errors import ConfigError
from sidecar.notify.delivery import Delivery, why
from sidecar.notify.job import Sent
from sidecar.wiring import make_vault

from .defaults import DEFAULT_CREDENTIALS
from .file_options import add_config, add_credentials

#: Exit code when a message did not go out. An unusable configuration has 2, as everywhere.
NOT_SENT = 1


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "notify",
        help="send a test message to the receivers of alerts",
        description="Sends one test message to each receiver of alerts:, and says of each whether it went out. Run it as a user "
        "who may read the credentials. Exit code 0: all went out, 1: one did not, 2: the configuration can't be used.",
    )
    command.add_argument("--test", action="store_true", required=True, help="needed: nothing else can be sent by hand")
    command.add_argument("receiver", nargs="?", metavar="RECEIVER", help="only this one (default: all)")
    add_config(command)
    add_credentials(command)
    command.set_defaults(run=_notify)


def _notify(options: argparse.Namespace) -> int:
    config = load.load(options.config)
    names = _names(config, options.receiver)
    formatter = logs.set_up()
    directory = secret_files.directory(options.credentials) or DEFAULT_CREDENTIALS
    results = asyncio.run(_sent(config, Credentials(directory, known=formatter.known), names))
    for name, sent in zip(names, results, strict=True):
        line = f"{name}: sent" if sent.failure is None else f"{name}: not sent: {why(sent)}"
        print(formatter.known.withheld(line), file=sys.stdout if sent.failure is None else sys.stderr)
    return NOT_SENT if any(sent.failure for sent in results) else 0


def _names(config: Config, wanted: str | None) -> list[str]:
    names = [receiver.name for receiver in config.alerts.receivers]
    if not names:
        raise ConfigError(["notify: there are no receivers; add them under alerts: in the configuration file"])
    if wanted is None:
        return names
    if wanted not in names:
        raise ConfigError([f"notify: there is no receiver {wanted!r}; use one of {', '.join(names)}"])
    return [wanted]


async def _sent(config: Config, credentials: Credentials, names: list[str]) -> list[Sent]:
    vault = make_vault(config.vault, credentials) if config.vault else None
    known = credentials.with_vault(vault) if vault else credentials
    places = {receiver.name: place for receiver, place in places_of(config, known).items()}
    delivery = Delivery(known.known)
    try:
        return [await delivery.send(_message(name), places[name]) for name in names]
    finally:
        if vault is not None:
            await vault.log_out()


def _message(receiver: str) -> Message:
    return Message(
        receiver=receiver,
        kind=Kind.TEST,
        incident=secrets.token_hex(8),
        title="Test of backup-glance",
        body=f"Messages reach the receiver {receiver}. Nothing is wrong.",
        at=runtime.utc_now(),
    )
