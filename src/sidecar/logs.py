"""Logs: one line per event, with the values of known secrets blotted out wherever they appear."""

from __future__ import annotations

import logging
import sys

_BLOT = "[secret]"
_SHORTEST = 8

#: Values that are used again are registered again, so only those drop out that are no longer used.
_MOST = 1000


class Redacting(logging.Formatter):
    """Formats as usual, then blots out every secret that was registered, in arguments and tracebacks alike."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._secrets: dict[str, None] = {}

    def hide(self, secret: str) -> None:
        """From now on this value never appears in a log. Very short values would blot out ordinary words: ignored."""
        if len(secret) < _SHORTEST:
            return
        self._secrets.pop(secret, None)
        self._secrets[secret] = None
        if len(self._secrets) > _MOST:
            self._secrets.pop(next(iter(self._secrets)), None)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        # A copy, for worker threads register secrets too; longest first, for one may be part of another.
        for secret in sorted(self._secrets.copy(), key=len, reverse=True):
            text = text.replace(secret, _BLOT)
        return text


def set_up() -> Redacting:
    """Sends all logs to standard error, where journald or the terminal takes them. Returns the formatter to register secrets."""
    formatter = Redacting()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return formatter
