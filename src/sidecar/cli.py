"""The command ``backup-glance``."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version

from .commands import doctor, enrol, notify, report, serve, status, suggest
from .commands import next as next_command
from .config.model import Config
from .errors import ConfigError
from .web import openapi

#: Exit code for an unusable command line or configuration; systemd does not restart the service after it.
UNUSABLE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except ConfigError as error:
        for finding in error.findings:
            print(finding, file=sys.stderr)
        return UNUSABLE
    except BrokenPipeError:
        # Whoever read the output has enough of it (`| head`). What is left would be written at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        # Everything is closed. The shell that started this wants to see that the signal ended it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
        raise
    return code


def parser() -> argparse.ArgumentParser:
    """Of the whole command line; each command adds itself."""
    whole = argparse.ArgumentParser(
        prog="backup-glance",
        description="Shows whether every service has the backups it should have, and when the next one is due.",
    )
    whole.add_argument("--version", action="version", version=f"backup-glance {version('backup-glance')}")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")
    serve.add(commands)
    status.add(commands)
    report.add(commands)
    doctor.add(commands)
    suggest.add(commands)
    enrol.add(commands)
    next_command.add(commands)
    notify.add(commands)
    schema = commands.add_parser("schema", help="print the JSON schema of the configuration file")
    schema.set_defaults(run=lambda _: _print_json(Config.model_json_schema()))
    interface = commands.add_parser("openapi", help="print the OpenAPI document of the HTTP interface")
    interface.set_defaults(run=lambda _: _print_json(openapi.document()))
    return whole


def _print_json(document: object) -> int:
    print(json.dumps(document, indent=2))
    return 0
