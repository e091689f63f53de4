"""The errors of upstreams: their text, made safe to show, and how long to wait after rate limiting."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from sidecar.texts.hidden_characters import displayed
from sidecar.texts.known_secrets import KnownSecrets

#: Characters of a text that are shown.
_QUOTED = 200

#: Characters of a text that are looked at.
_LOOKED_AT = 16_000

#: Seconds to wait when the upstream does not send a time, and at most.
_PAUSE, _LONGEST_PAUSE = 30.0, 600.0

_PROXMOX = re.compile(r"P(?:BS|VE)APIToken=")


def error_text(body: bytes, secrets: Iterable[str] | KnownSecrets) -> str:
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
    return clean(KnownSecrets.of(secrets).withheld(words))


def note_secrets(known: KnownSecrets, authorization: str, body: bytes) -> None:
    """Adds the secrets of a request.

    In a header "PBSAPIToken=ID:SECRET", "PVEAPIToken=ID=SECRET", "Bearer TOKEN" or "Basic BASE64", or in a login.
    """
    scheme, separator, value = authorization.partition("=" if _PROXMOX.match(authorization) else " ")
    if separator == "=":
        token_id, _, secret = value.partition(":" if scheme.startswith("PBS") else "=")
        if token_id in known:
            # It is a reference to a secret in the configuration. Its parts are names: of a user, or of what the token is for.
            known.add(token_id, whole=True)
        known.add(unquote(secret))
        known.add(secret)
    elif scheme == "Basic":
        known.add(value)
        _note_login(known, *base64.b64decode(value).decode("utf-8", "replace").partition(":")[::2])
    elif value:
        known.add(value)
    login = json.loads(body) if body else None
    if isinstance(login, dict) and isinstance(login.get("password"), str):
        _note_login(known, str(login.get("username") or ""), login["password"])


def _note_login(known: KnownSecrets, username: str, password: str) -> None:
    """Of both together no part is looked for but the password: a user may be called like a guest."""
    known.add(password)
    if username and password:
        known.add(f"{username}:{password}", whole=True)


def one_line(text: str) -> str:
    """An upstream's text as one line, with escapes for the characters that nobody sees or that turn text around."""
    return displayed(" ".join(text.split()))


def clean(text: str) -> str:
    """The same, shortened to a limit."""
    text = one_line(text[:_LOOKED_AT])
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"


def retry_after(header: str | None, now: datetime) -> float:
    """Seconds to wait, from a Retry-After header: a number of seconds or a date."""
    text = header or ""
    try:
        left = float(text) if text.isdecimal() else (parsedate_to_datetime(text) - now).total_seconds()
    except (TypeError, ValueError):
        left = _PAUSE
    return min(max(left, 0.0), _LONGEST_PAUSE)
