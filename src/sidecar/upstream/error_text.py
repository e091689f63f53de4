"""What an upstream says when it refuses a call: its words, fit to be shown, and how long it wants to be left alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")

#: Characters that are worth repeating.
_QUOTED = 200

#: A secret shorter than this is not looked for: it would be found in ordinary words.
_SHORTEST_SECRET = 6

#: Seconds that an upstream is left alone when it doesn't say how long, and at most.
_REST, _LONGEST_REST = 30.0, 600.0


def said(body: bytes, secrets: Iterable[str]) -> str:
    """The words of an error body: plain text (PBS, in spite of its Content-Type), or the message in JSON; "" for a page.

    Should an upstream repeat one of the ``secrets``, it is left out.
    """
    text = body.decode("utf-8", "replace")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        words = "" if text.lstrip().startswith("<") else text
    else:
        message = document.get("message") if isinstance(document, dict) else document
        words = message if isinstance(message, str) else ""
    for secret in sorted(set(secrets), key=len, reverse=True):
        words = words.replace(secret, "…")
    return clean(words)


def secrets_in(authorization: str, body: bytes) -> Iterator[str]:
    """What proves who asks: in the header "PBSAPIToken=ID:SECRET", "PVEAPIToken=ID=SECRET" or "Bearer TOKEN", or in a login."""
    parts = [authorization.partition(" ")[2], authorization.rpartition(":")[2], authorization.rpartition("=")[2]]
    login = json.loads(body) if body else None
    if isinstance(login, dict):
        parts += [value for value in login.values() if isinstance(value, str)]
    for part in parts:
        yield from (secret for secret in (part, unquote(part)) if len(secret) >= _SHORTEST_SECRET)


def clean(text: str) -> str:
    """A text of an upstream in one line, without control characters, and not too long."""
    text = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def rest(retry_after: str | None, now: datetime) -> float:
    """The seconds of a Retry-After header: a number of them or a date."""
    text = retry_after or ""
    try:
        left = float(text) if text.isdecimal() else (parsedate_to_datetime(text) - now).total_seconds()
    except (TypeError, ValueError):
        left = _REST
    return min(max(left, 0.0), _LONGEST_REST)
