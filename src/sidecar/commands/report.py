"""``backup-glance report``: the report of a month from the running sidecar, for a file, a mail or another program."""

from __future__ import annotations

import argparse
import sys
from urllib.parse import urlencode

from sidecar import credentials, running_sidecar
from sidecar.errors import ConfigError, SecretError
from sidecar.running_sidecar import NoAnswerError, RefusedError
from sidecar.terminal.text import safe

from .where_it_runs import add_where_it_runs

#: Exit code where there is no report: as of ``status`` where there is no board.
NO_REPORT = 3

#: Where the sidecar gives each format. HTML comes as one file.
_ASKED = {
    "html": ("/report", {"download": "true"}),
    "csv": ("/api/v1/report", {"format": "csv"}),
    "json": ("/api/v1/report", {"format": "json"}),
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "report",
        help="print the report of a month",
        description="Prints what became of everything that was due in a month, as the running sidecar remembers it: "
        "which backups were kept, late, missed or failed, what was not observed, and every incident. It asks the sidecar "
        "over its socket. Exit code: 0 printed; 2 the command line is wrong, or the month has not begun; 3 there is no "
        "report, because the sidecar does not answer or remembers nothing.",
    )
    command.add_argument(
        "--month", metavar="YYYY-MM", help="for example 2026-11 (default: the last month that is over)"
    )
    command.add_argument(
        "--format",
        choices=sorted(_ASKED),
        default="html",
        help="html: one file, to be printed; csv: the numbers; json: everything (default: %(default)s)",
    )
    add_where_it_runs(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints it to standard output; returns the exit code. Raises ConfigError where the sidecar refuses what was asked."""
    try:
        body = running_sidecar.document(options.socket, credentials.keys_in(options.key_file), _asked(options))
    except SecretError as error:
        return _without(f"{error}; give the file of the sidecar's keys with --key-file, and run it as root")
    except RefusedError as error:
        raise ConfigError([f"report: {safe(str(error))}"]) from None
    except NoAnswerError as error:
        return _without(safe(str(error)))
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()
    return 0


def _asked(options: argparse.Namespace) -> str:
    path, parameters = _ASKED[options.format]
    month = {} if options.month is None else {"month": options.month}
    return f"{path}?{urlencode({**month, **parameters}, errors='replace')}"


def _without(why: str) -> int:
    print(f"report: {why}", file=sys.stderr)
    return NO_REPORT
