"""Logs: one line per event, with the values of known secrets blotted out wherever they appear."""

from __future__ import annotations

import logging
import sys

_BLOT = "[secret]"
_SHORTEST = 8


class Redacting(logging.Formatter):
    """Formats as usual, then blots out every secret that was registered, in arguments and tracebacks alike."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._secrets: set[str] = set()

    def hide(self, secret: str) -> None:
        """From now on this value never appears in a log. Very short values would blot out ordinary words: ignored."""
        if len(secret) >= _SHORTEST:
            self._secrets.add(secret)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, _BLOT)
        return text


def set_up(level: int = logging.INFO) -> Redacting:
    """Sends all logs to standard error, where journald or the terminal takes them. Returns the formatter to register secrets."""
    formatter = Redacting()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    return formatter
