"""The errors of upstreams: their text, made safe to show, and how long to wait after rate limiting."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

#: Characters of a text that are shown.
_QUOTED = 200

#: What stands for a secret.
HIDDEN = "…"

#: Shorter secrets are not removed: they would match parts of ordinary words.
_SHORTEST_SECRET = 6

#: Seconds to wait when the upstream does not send a time, and at most.
_PAUSE, _LONGEST_PAUSE = 30.0, 600.0


def error_text(body: bytes, secrets: Iterable[str]) -> str:
    """The text of an error body: plain text (PBS, despite its Content-Type), or the message in JSON; "" for an HTML page.

    If an upstream repeats one of the ``secrets``, it is replaced.
    """
    text = body.decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        words = "" if text.lstrip().startswith("<") else text
    else:
        message = document.get("message") if isinstance(document, dict) else document
        words = message if isinstance(message, str) else ""
    return clean(without(words, secrets))


def without(text: str, secrets: Iterable[str]) -> str:
    """The text with HIDDEN in place of our own secrets, wherever they stand; the longest go first."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    return text


def secrets_in(authorization: str, body: bytes) -> Iterator[str]:
    """The secrets of a request.

    In a header "PBSAPIToken=ID:SECRET", "PVEAPIToken=ID=SECRET", "Bearer TOKEN" or "Basic BASE64", or in a login.
    """
    parts = [authorization.partition(" ")[2], authorization.rpartition(":")[2], authorization.rpartition("=")[2]]
    if authorization.startswith("Basic "):
        login_in_front = base64.b64decode(parts[0]).decode("utf-8", "replace")
        parts += [login_in_front, login_in_front.partition(":")[2]]
    login = json.loads(body) if body else None
    if isinstance(login, dict):
        parts += [value for value in login.values() if isinstance(value, str)]
    for part in parts:
        yield from (part, unquote(part))


def one_line(text: str) -> str:
    """An upstream's text as one line without control characters, and without those that nobody sees or that turn text around."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(text.split())


def clean(text: str) -> str:
    """The same, shortened to a limit."""
    text = one_line(text)
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def retry_after(header: str | None, now: datetime) -> float:
    """Seconds to wait, from a Retry-After header: a number of seconds or a date."""
    text = header or ""
    try:
        left = float(text) if text.isdecimal() else (parsedate_to_datetime(text) - now).total_seconds()
    except (TypeError, ValueError):
        left = _PAUSE
    return min(max(left, 0.0), _LONGEST_PAUSE)
