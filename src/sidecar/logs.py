"""Logs: one line per event, with the values of known secrets replaced wherever they appear."""

from __future__ import annotations

import logging
import sys

_MASK = "[secret]"
_SHORTEST = 8

#: A value is registered each time it is read, so the oldest entries are no longer used and can be dropped.
_MOST = 1000


class Redacting(logging.Formatter):
    """Formats as usual, then replaces every registered secret, in arguments and in tracebacks."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._secrets: dict[str, None] = {}

    def hide(self, secret: str) -> None:
        """From now on this value never appears in a log. Very short values are ignored: they are parts of ordinary words."""
        if len(secret) < _SHORTEST:
            return
        self._secrets.pop(secret, None)
        self._secrets[secret] = None
        if len(self._secrets) > _MOST:
            self._secrets.pop(next(iter(self._secrets)), None)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        # A copy, because worker threads register secrets too; longest first, because one may be part of another.
        for secret in sorted(self._secrets.copy(), key=len, reverse=True):
            text = text.replace(secret, _MASK)
        return text


def set_up() -> Redacting:
    """Sends all logs to standard error, for journald or a terminal. Returns the formatter, which secrets are registered with."""
    formatter = Redacting()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for verbose in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(verbose).setLevel(logging.WARNING)
    return formatter
