"""Logs: one line per event, with the values of known secrets replaced wherever they appear."""

from __future__ import annotations

import logging
import sys

from .texts.hidden_characters import displayed
from .texts.known_secrets import KnownSecrets


class Redacting(logging.Formatter):
    """Formats as usual, then replaces every known secret, in arguments and in tracebacks, and shows hidden characters."""

    def __init__(self, known: KnownSecrets | None = None) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self.known = KnownSecrets() if known is None else known

    def hide(self, secret: str) -> None:
        """From now on this value never appears in a log."""
        self.known.add(secret)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the name is that of the standard library)
        """One line, whatever it contains: a line break in it could begin a line that looks like another event."""
        record.message = displayed(record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """The whole entry, with the lines of a traceback."""
        return displayed(self.known.withheld(super().format(record)), kept="\t\n")


def set_up() -> Redacting:
    """Sends all logs to standard error, for journald or a terminal. Returns the formatter, which secrets are registered with."""
    formatter = Redacting()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for verbose in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(verbose).setLevel(logging.WARNING)
    return formatter
